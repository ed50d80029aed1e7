"""A fork answers calls, and ends with all that they have started."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.run.isolation.fork import Fork
from benchmarks.run.isolation.process import Limits, NoAnswer, ProcessKilled, ProcessStopped
from tests.benchmarks.run.isolation.processes import wait_for_end

LIMITS = Limits(120.0)  # the first call waits for the server, which imports everything


def start_another(file: Path) -> int:
    """Start a process that would go on for long, and leave its number in a file."""
    started = subprocess.Popen(["sleep", "10000"])
    file.write_text(str(started.pid))
    return os.getpid()


def start_another_and(end: str, file: Path) -> None:
    start_another(file)
    if end == "exit":
        os._exit(3)
    if end == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(10_000)


def fail() -> None:
    raise ZeroDivisionError("in the fork")


def test_calls_are_answered_by_one_process_elsewhere() -> None:
    fork = Fork()
    found = [fork.call(os.getpid, limits=LIMITS) for _ in range(2)]
    assert found[0] == found[1] != os.getpid()
    with pytest.raises(ZeroDivisionError, match="in the fork"):
        fork.call(fail, limits=LIMITS)
    assert fork.call(os.getpid, limits=LIMITS) == found[0]
    del fork
    wait_for_end(found[0])


@pytest.mark.parametrize(
    ("end", "error", "message"),
    [
        ("hang", ProcessStopped, "took longer than 2 s and was stopped; allow more seconds"),
        ("exit", ProcessStopped, "ended its process with exit code 3; it must return instead"),
        ("die", ProcessKilled, "its process was killed by SIGSEGV; look for what crashes or kills it"),
    ],
)
def test_what_a_call_started_ends_with_it(tmp_path: Path, end: str, error: type[NoAnswer], message: str) -> None:
    fork = Fork()
    fork.call(os.getpid, limits=LIMITS)
    with pytest.raises(error, match=message):
        fork.call(start_another_and, end, tmp_path / "pid", limits=Limits(2.0 if end == "hang" else 120.0))
    wait_for_end(int((tmp_path / "pid").read_text()))


def test_what_calls_started_ends_when_nobody_asks_any_more(tmp_path: Path) -> None:
    fork = Fork()
    fork.call(start_another, tmp_path / "pid", limits=LIMITS)
    del fork
    wait_for_end(int((tmp_path / "pid").read_text()))


def test_memory_is_limited() -> None:
    fork = Fork()
    fork.call(os.getpid, limits=LIMITS)
    with pytest.raises(ProcessStopped, match=r"took more than 0\.1 GB of memory and was stopped; run less at once"):
        fork.call(
            time.sleep, 10_000, limits=Limits(120.0, 10**8, more_bytes="run less at once")
        )  # it has imported torch


def make_bored(calls: int) -> Callable[[], None]:
    """Raises at the last of so many calls."""
    left = iter(range(calls - 1))

    def require_wanted() -> None:
        if next(left, None) is None:
            raise TimeoutError("not wanted any more")

    return require_wanted


def test_a_call_that_nobody_waits_for_is_stopped() -> None:
    fork = Fork()
    pid = fork.call(os.getpid, limits=LIMITS)
    with pytest.raises(TimeoutError, match="not wanted any more"):
        fork.call(time.sleep, 10_000, limits=LIMITS, require_wanted=make_bored(3))
    wait_for_end(pid)
