"""A fork for each thread that asks for work: it answers calls, and is replaced when it ends.

It is forked of a server that has imported what is needed (``preload``), so that it starts at once. It ends when the
thread or the process that it works for does.
"""

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.run.isolation.process import ENVIRONMENT, Limits, NoAnswer, describe_exit, kill_session, watch

T = TypeVar("T")
GRACE: Final = 60  # seconds after which a fork that nobody has stopped ends by itself, even if Python code cannot run


@dataclass(frozen=True)
class _CallError:
    """The error that a call raised, in the place of an answer."""

    error: Exception


class Fork:
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
    def of_this_thread(cls) -> "Fork":
        """The thread's fork; a new one where it has none, or not any more."""
        mine: Fork | None = getattr(cls._of_thread, "fork", None)
        if mine is None or not mine._process.is_alive():
            mine = cls._of_thread.fork = cls()
        return mine

    def call(
        self,
        function: Callable[..., T],
        *arguments: Any,
        limits: Limits,
        require_wanted: Callable[[], None] = lambda: None,
    ) -> T:
        """The function's answer, computed there.

        Args:
            require_wanted: called now and then; it raises when nobody waits for the answer any more.

        Raises:
            ProcessStopped: when it goes beyond its limits, or ends its process.
            ProcessKilled: when its process is killed by a signal.
            Exception: what the function, or ``require_wanted``, raises.
        """

        def has_answered(patience: float) -> bool:
            require_wanted()
            return self._pipe.poll(patience)

        try:
            self._pipe.send((function, arguments, limits.seconds + GRACE))
            self._wait(limits, has_answered)
            answer: T | _CallError = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise self._describe_end() from None
        if isinstance(answer, _CallError):
            raise answer.error
        return answer

    def _wait(self, limits: Limits, has_answered: Callable[[float], bool]) -> None:
        try:
            watch(self._get_pid(), limits, has_answered)
        except BaseException:
            kill_session(self._get_pid())
            self._process.kill()  # where it has no session yet
            self._process.join()
            raise

    def _describe_end(self) -> NoAnswer:
        self._process.join()
        kill_session(self._get_pid())
        return describe_exit(self._process.exitcode or 0)

    def _get_pid(self) -> int:
        assert self._process.pid is not None  # it was started
        return self._process.pid


def start_fork_server() -> None:
    """Start the server of forks, if there is none.

    It and its forks ignore Ctrl-C, which a terminal sends to all processes: it is for this one to stop them.
    """
    multiprocessing.current_process().daemon = False  # as a Dask nanny's process it could not start others
    forkserver.set_forkserver_preload(["benchmarks.run.isolation.preload"])
    os.environ.update(ENVIRONMENT)
    if threading.current_thread() is not threading.main_thread():  # of a Dask worker, whose terminal is another
        forkserver.ensure_running()
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


# ---- in the fork -----------------------------------------------------------------------------------------------------


def _serve(pipe: Connection) -> None:
    """Answer calls until nobody asks any more, then end. Prints go to stderr, since stdout is for the leaderboard."""
    os.setsid()  # what calls start is in its session, and is killed with it
    os.dup2(2, 1)
    _offer_to_out_of_memory_killer()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code: int | None = 1
    try:
        _answer_calls(pipe)
        code = None
    except SystemExit as error:
        traceback.print_exc()
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if code is None:
            kill_session(os.getpid())  # this process is the last one that knows what calls have started
        os._exit((code or 0) & 0xFF)  # to return would be to wait for threads that a call has left


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
            answer = _CallError(error)
        faulthandler.cancel_dump_traceback_later()
        pipe.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        kill_session(os.getpid())


def _offer_to_out_of_memory_killer() -> None:
    """Where memory runs out, Linux should end this process, rather than the one that keeps what is finished."""
    file = Path("/proc/self/oom_score_adj")
    if file.exists():
        file.write_text("1000")
