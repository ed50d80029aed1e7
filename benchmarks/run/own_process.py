"""A process of its own for code that may hang, take all memory, exit or crash: it is stopped, and replaced.

Each thread that asks for work has one such process, a fork of a server that has imported what is needed, so that it
starts at once. It ends when the thread or the process that it works for does.
"""

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from distributed import Status, get_worker

from benchmarks.run.environment import ENVIRONMENT

PATIENCE = 0.2  # seconds between looks at a process that has not answered
GRACE = 60  # seconds after which a process that nobody has stopped ends by itself, even if Python code cannot run


class Stopped(RuntimeError):
    """A process did not live to give its answer; the message says why and what can be done."""


class Killed(Stopped):
    """A process was killed from outside, which may not happen again."""


class Closing(Exception):
    """The worker that waits for an answer is to end."""


@dataclass(frozen=True)
class _Raised:
    """What a call raised, in the place of an answer."""

    error: Exception


class OwnProcess:
    """A process that answers calls, one after the other."""

    _of_thread = threading.local()

    def __init__(self) -> None:
        start_fork_server()
        context = multiprocessing.get_context("forkserver")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @classmethod
    def of_this_thread(cls) -> "OwnProcess":
        """The thread's process; a new one where it has none, or not any more."""
        mine: OwnProcess | None = getattr(cls._of_thread, "process", None)
        if mine is None or not mine._process.is_alive():
            mine = cls._of_thread.process = cls()
        return mine

    def call(self, function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
        """What the function returns there, within the time and the memory of the Dask worker that this runs on.

        Raises:
            Stopped: when it takes longer, or more, or ends its process.
            Killed: when its process is killed by a signal.
            Closing: when the worker is to end.
            Exception: what the function raises.
        """
        try:
            self._pipe.send((function, arguments, seconds + GRACE))
            self._wait(seconds)
            answer = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise self._describe_end() from None
        if isinstance(answer, _Raised):
            raise answer.error
        return answer

    def _wait(self, seconds: float) -> None:
        end, worker = time.monotonic() + seconds, get_worker()
        memory = worker.memory_manager.memory_limit
        while not self._pipe.poll(PATIENCE):
            if worker.status in (Status.closing, Status.closed, Status.failed):
                self._kill()
                raise Closing
            if time.monotonic() > end:
                self._kill()
                raise Stopped(f"took longer than {seconds:g} s and was stopped; to allow more, give --cell-timeout")
            if memory and self._memory() > memory:
                self._kill()
                raise Stopped(f"took more than {memory / 1e9:.1f} GB of memory and was stopped; run with fewer workers")

    def _memory(self) -> int:
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return 0

    def _kill(self) -> None:
        self._process.kill()
        self._process.join()

    def _describe_end(self) -> Stopped:
        self._process.join()
        code = self._process.exitcode or 0
        if code >= 0:
            return Stopped(f"ended its process with exit code {code}; it must return instead")
        remedy = "is there enough memory?" if -code == signal.SIGKILL else "look for what crashes or kills it"
        return Killed(f"its process was killed by {signal.Signals(-code).name}; {remedy}")


def start_fork_server() -> None:
    """Start the server of forks, if there is none.

    It and its forks ignore Ctrl-C, which a terminal sends to all processes: it is for this one to stop them.
    """
    multiprocessing.current_process().daemon = False  # as a Dask nanny's process it could not start others
    forkserver.set_forkserver_preload(["benchmarks.run.preloaded"])
    os.environ.update(ENVIRONMENT)
    if threading.current_thread() is not threading.main_thread():  # of a Dask worker, whose terminal is another
        forkserver.ensure_running()
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection) -> None:
    """Answer calls until nobody asks any more, then end. Prints go to stderr, since stdout is for the leaderboard."""
    os.dup2(2, 1)
    _offer_to_out_of_memory_killer()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code = 1
    try:
        _answer_calls(pipe)
        code = 0
    except SystemExit as error:
        traceback.print_exc()
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)  # to return would be to wait for threads that a call has left


def _answer_calls(pipe: Connection) -> None:
    while True:
        try:
            function, arguments, seconds = pipe.recv()
        except (EOFError, ConnectionError):
            return
        faulthandler.dump_traceback_later(seconds, exit=True)
        try:
            answer = function(*arguments)
        except Exception as error:
            answer = _Raised(error)
        faulthandler.cancel_dump_traceback_later()
        pipe.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _offer_to_out_of_memory_killer() -> None:
    """Where memory runs out, Linux should end this process, rather than the one that keeps what is finished."""
    file = Path("/proc/self/oom_score_adj")
    if file.exists():
        file.write_text("1000")
