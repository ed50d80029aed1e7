"""Whether processes have ended."""

import psutil


def wait_for_end(pid: int) -> None:
    """Wait until a process is no more, or nothing but an entry that its parent has to clear away."""
    try:
        process = psutil.Process(pid)
        for _ in range(100):
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            psutil.wait_procs([process], timeout=0.05)
    except psutil.NoSuchProcess:
        return
    raise AssertionError(f"process {pid} is still running")
