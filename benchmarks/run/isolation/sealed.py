"""Attribute cells with somebody else's code, in a process that is sealed off; nothing but numbers comes back.

The process is a new one, in a temporary folder, with what ``ALLOWED`` lists of the environment and nothing else, so
that no key or token is there to be read. Memory, time on the processor and the size of files are limited by the system,
and a process that takes too long is killed with all that it started. What it gives are attributions, in files of
numbers (``benchmarks.run.attributions``): they are scored elsewhere.

It is a process, not a jail: it runs as the same user, so that it can read and write what that user can, and reach the
network. Where that matters, do it in a container, or on a machine that is thrown away.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.run.attributions import read_attribution, write_attribution
from benchmarks.run.isolation.process import ENVIRONMENT, Limits, NoAnswer, describe_exit, kill_session, watch
from benchmarks.run.records import CellSpec, Document, ProblemSpec
from benchmarks.run.storage import read, write
from benchmarks.run.worker import CellResult, Setting, run_cells
from datasets.cache import PROJECT
from sig.guard import AttributionResult

# Where programs are, the language, and the instructions that the processor is asked for, which decide the last bits.
ALLOWED: Final = ("PATH", "LANG", "LC_ALL", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR")
LIMITS: Final = Limits(1800.0, 16 * 2**30)  # unless asked otherwise
LARGEST_FILE: Final = 10**9  # bytes
TAIL: Final = 300  # characters at the end of what it wrote on stderr
JOB: Final = "job.json"


class CellRequest(Document):
    """A cell to attribute, and the problem that it is about."""

    problem: ProblemSpec
    cell: CellSpec


class CellStatus(Document):
    """The outcome of a cell, without its attribution, which is in a file of its own."""

    status: str
    reason: str


class SealedJob(Document):
    """The job of the process: a plug-in, a folder of models, cells, and its limits."""

    plugin: Path
    models: Path | None
    requests: list[CellRequest]
    limits: Limits


def attribute_apart(
    plugin: Path, models: Path | None, requests: Sequence[CellRequest], limits: Limits = LIMITS
) -> Iterator[tuple[CellStatus, AttributionResult | None]]:
    """The status of each cell, and its attribution where it has one.

    Raises:
        NoAnswer: when the process goes beyond its limits, ends early, or leaves a file that cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="contribution-") as name:
        folder = Path(name)
        job = SealedJob(plugin=plugin.resolve(), models=models, requests=list(requests), limits=limits)
        write(job, folder / JOB)
        _run(folder, limits)
        for number, request in enumerate(requests):
            yield _read_answer(folder / str(number), request.cell)


def _run(folder: Path, limits: Limits) -> None:
    """Run the process to its end."""
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)],
            cwd=folder,
            env=_make_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )

    def has_ended(patience: float) -> bool:
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        return True

    try:
        watch(process.pid, limits, has_ended)
    finally:
        kill_session(process.pid)
        code = process.wait()
    if code:
        error, tail = describe_exit(code), (folder / "stderr").read_text(errors="replace").strip()[-TAIL:]
        raise type(error)(f"{error}{f': {tail}' if tail else ''}")


def _make_environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    own = {name: str(folder) for name in ("HOME", "TMPDIR", "ATTRIBUTION_CACHE")}
    return {**kept, **ENVIRONMENT, **own, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}


def _read_answer(place: Path, cell: CellSpec) -> tuple[CellStatus, AttributionResult | None]:
    try:
        status = read(CellStatus, place.with_suffix(".json"))
        return status, read_attribution(place.with_suffix(".npz"), cell.attribution_key)
    except (ValueError, OSError) as error:
        raise NoAnswer(f"what it left cannot be read: {error}") from None


# ---- in that process -------------------------------------------------------------------------------------------------


def answer(folder: Path) -> None:
    """Do the job in a folder."""
    job = read(SealedJob, folder / JOB)
    _limit_this_process(job.limits)
    setting = Setting(plugins=(job.plugin,), models=job.models)
    for number, request in enumerate(job.requests):
        unscored = request.cell.model_copy(update={"metrics": [], "metric_keys": {}})
        (found,) = run_cells(request.problem, [unscored], setting)
        assert isinstance(found, CellResult)  # it is a cell that was asked for
        if found.attributed is not None:
            write_attribution(found.attributed, request.cell.attribution_key, folder / f"{number}.npz")
        write(CellStatus(status=found.record.status, reason=found.record.reason), folder / f"{number}.json")


def _limit_this_process(limits: Limits) -> None:
    """Have the system keep the limits; before anything of the plug-in is loaded."""
    for what, most in (
        (resource.RLIMIT_AS, limits.bytes or resource.RLIM_INFINITY),
        (resource.RLIMIT_CPU, int(limits.seconds) + 1),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    answer(Path(sys.argv[1]))
