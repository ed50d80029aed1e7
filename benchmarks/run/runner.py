"""Run a suite in a folder: reuse the records that are there, compute the others, write each as it comes in."""

import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from benchmarks.run.cells import Group, plan
from benchmarks.run.executor import execute, local_cluster
from benchmarks.run.progress import RunProgress
from benchmarks.run.provenance import now
from benchmarks.run.records import MANIFEST, CellRecord, Manifest, ProblemRecord, RecordError, read, write
from benchmarks.run.suite import Suite
from benchmarks.run.worker import Setting

R = TypeVar("R", ProblemRecord, CellRecord)


class FolderError(ValueError):
    """A folder that cannot be written to."""


def run_suite(
    suite: Suite,
    directory: Path,
    *,
    workers: int,
    console: Console,
    setting: Setting,
    fresh: bool = False,
) -> None:
    """Bring the folder to hold a record of every cell of the suite, and a manifest that lists them.

    Records of the plan that are there and did not fail are reused, unless ``fresh``. Whenever this stops, what has been
    computed is on disk, and calling it again goes on from there.

    Raises:
        FolderError: when the folder cannot be written to, before any work.
        KeyboardInterrupt: on Ctrl-C and on SIGTERM.
    """
    _require_writable(directory)
    groups = plan(suite)
    manifest = Manifest(
        suite=suite,
        problems=[group.problem.file for group in groups],
        cells=[cell.file for group in groups for cell in group.cells],
        started_at=now(),
    )
    write(manifest, directory / MANIFEST)
    with _sigterm_as_ctrl_c(), RunProgress(len(manifest.cells), console) as progress:
        left = groups if fresh else list(_left(groups, directory, progress, console))
        if left:
            with local_cluster(workers) as client:
                for record in execute(client, left, setting):
                    write(record, directory / record.file)
                    progress.finished(record)
    write(manifest.model_copy(update={"finished_at": now()}), directory / MANIFEST)
    console.print(f"{len(manifest.cells)} cells: {progress.summary()}", soft_wrap=True)


def _left(groups: Sequence[Group], directory: Path, progress: RunProgress, console: Console) -> Iterator[Group]:
    """What remains to be done: groups without a record of their problem, or with cells that have none to reuse."""
    for group in groups:
        cells = []
        for cell in group.cells:
            record = _reusable(CellRecord, directory / cell.file, cell.key, console)
            if record is None:
                cells.append(cell)
            else:
                progress.reused(record)
        if cells or _reusable(ProblemRecord, directory / group.problem.file, group.problem.key, console) is None:
            yield Group(group.problem, cells)


def _reusable(model: type[R], file: Path, key: str, console: Console) -> R | None:
    try:
        record = read(model, file)
    except FileNotFoundError:
        return None
    except (RecordError, OSError) as error:
        console.print(f"warning: {error}; it is computed again", style="yellow", soft_wrap=True, markup=False)
        return None
    return record if record.key == key and record.status != "failed" else None


def _require_writable(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise FolderError(
            f"cannot write to {str(directory)!r}: {error.strerror}; expected a folder for records, name one with --out"
        ) from None


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
