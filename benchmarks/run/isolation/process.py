"""The limits of a process that is not trusted, how its end is told, and how it is killed."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

PATIENCE: Final = 0.2  # seconds between looks at a process that has not answered

# What the environment says to a process that computes cells; libraries read it as they are loaded.
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# glibc gives large blocks back to the system as soon as they are freed, and every page of the next one then costs a
# fault: a third of the time of a convolutional network. A Dask nanny has it give back small ones too.
KEEP_MEMORY: Final = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
ENVIRONMENT: Final[Mapping[str, str]] = ONE_THREAD | KEEP_MEMORY


class NoAnswer(RuntimeError):
    """A process did not give its answer; the message says why and what can be done."""


class ProcessStopped(NoAnswer):
    """A process went beyond its limits, or ended itself."""


class ProcessKilled(NoAnswer):
    """A process was killed by a signal, which may not happen again."""


@dataclass(frozen=True)
class Limits:
    """The most that a process may take until it answers.

    Attributes:
        seconds: by the clock.
        bytes: of memory; None for as much as there is.
        more_seconds, more_bytes: how to allow more, for messages.
    """

    seconds: float
    bytes: int | None = None
    more_seconds: str = "allow more seconds"
    more_bytes: str = "allow more bytes"


def watch(pid: int, limits: Limits, has_answered: Callable[[float], bool]) -> None:
    """Wait for the answer of a process.

    Args:
        has_answered: waits up to so many seconds for it, and says whether it is there.

    Raises:
        ProcessStopped: when the process goes beyond its limits; it is still to be killed.
    """
    end = time.monotonic() + limits.seconds
    while not has_answered(PATIENCE):
        if time.monotonic() > end:
            raise ProcessStopped(f"took longer than {limits.seconds:g} s and was stopped; {limits.more_seconds}")
        if limits.bytes and _measure_memory(pid) > limits.bytes:
            gigabytes = limits.bytes / 1e9
            raise ProcessStopped(f"took more than {gigabytes:.1f} GB of memory and was stopped; {limits.more_bytes}")


def _measure_memory(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def describe_exit(code: int) -> NoAnswer:
    """The error for a process that ended with a code, or by a signal, whose number is then negative."""
    if code >= 0:
        return ProcessStopped(f"ended its process with exit code {code}; it must return instead")
    remedy = "is there enough memory?" if -code == signal.SIGKILL else "look for what crashes or kills it"
    return ProcessKilled(f"its process was killed by {signal.Signals(-code).name}; {remedy}")


def kill_session(pid: int) -> None:
    """Kill the leader of a session, if it is alive, and whatever it has started and left in its process group."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
