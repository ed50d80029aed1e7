"""Attribute cells with code that nobody vouches for, in a process of its own; nothing but numbers comes back.

The process is a new one, in a temporary folder, with what ``ALLOWED`` lists of the environment and nothing else, so
that no key or token is there to be read. Memory, time on the processor and the size of files are limited by the system,
and a process that takes too long is killed with all that it started. What it gives are attributions, in files of
numbers (``benchmarks.run.attributions``): they are scored elsewhere.

It is a process, not a jail: it runs as the same user, so that it can read and write what that user can, and reach the
network. Where that matters, do it in a container, or on a machine that is thrown away.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.run.attributions import read_attribution, write_attribution
from benchmarks.run.environment import ENVIRONMENT
from benchmarks.run.records import CellSpec, Document, ProblemSpec
from benchmarks.run.storage import read, write
from benchmarks.run.worker import CellResult, Setting, run_cells
from datasets.cache import PROJECT
from sig.guard import AttributionResult

# Where programs are, the language, and the instructions that the processor is asked for, which decide the last bits.
ALLOWED: Final = ("PATH", "LANG", "LC_ALL", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR")
LARGEST_FILE: Final = 10**9  # bytes
SAID: Final = 300  # characters at the end of what it wrote on stderr
JOB: Final = "job.json"


class NotAnswered(RuntimeError):
    """The process did not give what it was asked for; the message says why."""


@dataclass(frozen=True)
class Limits:
    """Of a process: ``seconds`` in all, and ``bytes`` of address space."""

    seconds: float = 1800.0
    bytes: int = 16 * 2**30


class Asked(Document):
    """A cell, and the problem that it is about."""

    problem: ProblemSpec
    cell: CellSpec


class Job(Document):
    """What the process is given: a plug-in, a folder of models, cells, and its limits."""

    plugin: Path
    models: Path | None
    asked: list[Asked]
    seconds: float
    bytes: int


class Outcome(Document):
    """What became of a cell, but for its attribution."""

    status: str
    reason: str


def attribute_apart(
    plugin: Path, models: Path | None, asked: Sequence[Asked], limits: Limits
) -> Iterator[tuple[Outcome, AttributionResult | None]]:
    """The outcome of each cell, and its attribution where it has one.

    Raises:
        NotAnswered: when the process takes too long, ends early, or leaves a file that cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="contribution-") as name:
        folder = Path(name)
        job = Job(plugin=plugin.resolve(), models=models, asked=list(asked), **vars(limits))
        write(job, folder / JOB)
        _run(folder, limits)
        for number, one in enumerate(asked):
            yield _read_answer(folder / str(number), one.cell)


def _run(folder: Path, limits: Limits) -> None:
    """Run the process to its end."""
    with (folder / "stderr").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)],
            cwd=folder,
            env=_make_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            raise NotAnswered(f"it took longer than {limits.seconds:g} s and was stopped") from None
        finally:
            _kill_group(process)
    if code:
        tail = (folder / "stderr").read_text(errors="replace").strip()[-SAID:]
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        raise NotAnswered(f"its process {how}{f': {tail}' if tail else ''}")


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process, if it is alive, and whatever it has left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _make_environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    own = {name: str(folder) for name in ("HOME", "TMPDIR", "ATTRIBUTION_CACHE")}
    return {**kept, **ENVIRONMENT, **own, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}


def _read_answer(place: Path, cell: CellSpec) -> tuple[Outcome, AttributionResult | None]:
    try:
        outcome = read(Outcome, place.with_suffix(".json"))
        return outcome, read_attribution(place.with_suffix(".npz"), cell.attribution_key)
    except (ValueError, OSError) as error:
        raise NotAnswered(f"what it left cannot be read: {error}") from None


# ---- in that process ---------------------------------------------------------------------------------------------


def answer(folder: Path) -> None:
    """Do the job in a folder."""
    job = read(Job, folder / JOB)
    _limit(job)
    setting = Setting(plugins=(job.plugin,), models=job.models)
    for number, one in enumerate(job.asked):
        unscored = one.cell.model_copy(update={"metrics": [], "metric_keys": {}})
        (found,) = run_cells(one.problem, [unscored], setting)
        if isinstance(found, CellResult):
            if found.attributed is not None:
                write_attribution(found.attributed, one.cell.attribution_key, folder / f"{number}.npz")
            outcome = Outcome(status=found.record.status, reason=found.record.reason)
            write(outcome, folder / f"{number}.json")


def _limit(job: Job) -> None:
    """Before anything of the plug-in is loaded."""
    seconds = int(job.seconds) + 1
    for what, most in (
        (resource.RLIMIT_AS, job.bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    answer(Path(sys.argv[1]))
