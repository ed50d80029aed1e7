"""Run a suite in a folder: find how budgets are allocated, then run the cells.

Records that are there are reused, the others are computed, and each is written as it comes in.
"""

import errno
import os
import platform
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from distributed import Client
from filelock import FileLock, Timeout
from rich.console import Console

from benchmarks.run.attributions import read_attribution, write_attribution
from benchmarks.run.cells import Group, plan, plan_allocations
from benchmarks.run.cluster import connect, start_jobqueue, start_local_cluster
from benchmarks.run.executor import Finished, execute
from benchmarks.run.parcel import Parcel
from benchmarks.run.progress import RunProgress
from benchmarks.run.provenance import get_now
from benchmarks.run.records import AllocationRecord, CellRecord, CellSpec, Manifest, ProblemRecord
from benchmarks.run.scoring import EarlierResult, carry_over
from benchmarks.run.storage import ARCHIVE, RUN_MANIFEST, RecordError, read, write
from benchmarks.run.suite import Suite
from benchmarks.run.worker import CellResult, Setting
from training.store.published import PublishedModels

Record = ProblemRecord | AllocationRecord | CellRecord
R = TypeVar("R", ProblemRecord, AllocationRecord, CellRecord)


LOCK, OWNER = ".lock", ".lock-owner"


class FolderError(ValueError):
    """A folder that cannot be written to, or that another run writes to."""


def run_suite(
    suite: Suite,
    directory: Path,
    *,
    workers: int,
    console: Console,
    setting: Setting,
    fresh: bool = False,
    scheduler: str = "",
    jobqueue: str = "",
) -> None:
    """Bring the folder to hold a record of every cell of the suite, and a manifest that lists them.

    Records of the plan that are there and did not fail are reused, unless ``fresh``; so are attributions that a changed
    or new metric has to score, and columns of metrics that did not change. Whenever this stops, what has been
    computed is on disk, and calling it again goes on from there. Workers are those of the Dask ``scheduler``, or are
    started by a ``jobqueue``, where one is named; otherwise on this machine.

    Raises:
        FolderError: when the folder cannot be written to, or another run is at work in it, before any work; when the
            disk is full or fails, with what is finished until then kept.
        ClusterError, DifferentWorker: when a cluster cannot be used.
        KeyboardInterrupt: on Ctrl-C and on SIGTERM.
    """
    _require_writable(directory)
    with _only_run(directory), _explain_full_disk(directory):
        models = "" if setting.models is None else PublishedModels(setting.models).digest
        sent = Parcel.of(setting) if scheduler or jobqueue else setting
        cluster = partial(_open_cluster, workers, scheduler, jobqueue)
        _run_suite(suite, directory, models, sent, cluster, console, fresh)


def _open_cluster(workers: int, scheduler: str, jobqueue: str) -> AbstractContextManager[Client]:
    if scheduler:
        return connect(scheduler)
    return start_jobqueue(jobqueue, workers) if jobqueue else start_local_cluster(workers)


def _run_suite(
    suite: Suite,
    directory: Path,
    models: str,
    sent: Setting | Parcel,
    cluster: Callable[[], AbstractContextManager[Client]],
    console: Console,
    fresh: bool,
) -> None:
    started_at, wanted = get_now(), plan_allocations(suite, models=models)
    known = {} if fresh else _read_allocations(wanted, directory, console)
    planned = plan(suite, list(known.values()), models=models)
    _write_manifest(suite, wanted, planned, started_at, directory)
    with _sigterm_as_ctrl_c(), ExitStack() as stack:
        start = cache(lambda: stack.enter_context(cluster()))
        progress = stack.enter_context(RunProgress(sum(len(group.cells) for group in planned), console))

        def compute(groups: Sequence[Group]) -> Iterator[Record]:
            for finished in execute(start(), groups, sent) if groups else ():
                record = _keep(finished, directory)
                progress.finished(record)
                yield record

        unknown = [replace(group, cells=[s for s in group.cells if s.key not in known]) for group in wanted]
        for record in compute([group for group in unknown if group.cells]):
            if isinstance(record, AllocationRecord):
                known[record.key] = record
        planned = plan(suite, list(known.values()), models=models)  # again, now that all allocations are known
        manifest = _write_manifest(suite, wanted, planned, started_at, directory)
        deque(compute(planned if fresh else list(_left(planned, directory, progress, console))), maxlen=0)
    write(manifest.model_copy(update={"finished_at": get_now()}), directory / RUN_MANIFEST)
    console.print(f"{len(manifest.cells)} cells: {progress.summary()}", soft_wrap=True)


def _write_manifest(
    suite: Suite, allocations: Sequence[Group], groups: Sequence[Group], started_at: datetime, directory: Path
) -> Manifest:
    """Write what the run is to consist of; which cells these are depends on the allocations known so far."""
    manifest = Manifest(
        suite=suite,
        problems=[group.problem.file for group in groups],
        allocations=[wanted.file for group in allocations for wanted in group.cells],
        cells=[cell.file for group in groups for cell in group.cells],
        started_at=started_at,
    )
    write(manifest, directory / RUN_MANIFEST)
    return manifest


def _read_allocations(wanted: Sequence[Group], directory: Path, console: Console) -> dict[str, AllocationRecord]:
    """The records of allocations that are there and did not fail, by key."""
    specs = [spec for group in wanted for spec in group.cells]
    found = [(spec, _read(AllocationRecord, directory / spec.file, console)) for spec in specs]
    return {
        spec.key: record for spec, record in found if record and record.key == spec.key and record.status != "failed"
    }


def _keep(finished: Finished, directory: Path) -> Record:
    """Write what is finished and return its record. The attribution goes first: no record is ever without its own."""
    if isinstance(finished, CellResult):
        record, found = finished.record, finished.attributed
        if found is not None:
            write_attribution(found, record.attribution_key, directory / record.attribution_file)
        write(record, directory / record.file)
        return record
    write(finished, directory / finished.file)
    return finished


def _left(groups: Sequence[Group], directory: Path, progress: RunProgress, console: Console) -> Iterator[Group]:
    """The groups that remain to be done, without a record of their problem or with cells that have none to reuse."""
    for group in groups:
        cells, known = [], {}
        for cell in (cell for cell in group.cells if isinstance(cell, CellSpec)):
            before = _read(CellRecord, directory / cell.file, console)
            if record := _reusable(cell, before, directory):
                progress.reused(record)
            else:
                cells.append(cell)
                known[cell.key] = partial(_find_known, cell, before, directory, console)
        problem = _read(ProblemRecord, directory / group.problem.file, console)
        if cells or problem is None or problem.key != group.problem.key or problem.status == "failed":
            yield replace(group, cells=cells, known=known)


def _reusable(cell: CellSpec, before: CellRecord | None, directory: Path) -> CellRecord | None:
    """The cell's record, if there is one that did not fail; written anew where only the choice of metrics changed."""
    if before is None or before.status == "failed":
        return None
    if before.cost is not None and not (directory / cell.attribution_file).is_file():
        return None
    if before.key == cell.key:
        return before
    record = carry_over(before, cell)
    if record is not None:
        write(record, directory / record.file)
    return record


def _read(model: type[R], file: Path, console: Console) -> R | None:
    try:
        return read(model, file)
    except FileNotFoundError:
        return None
    except (RecordError, OSError) as error:
        _warn(error, console)
        return None


def _find_known(cell: CellSpec, before: CellRecord | None, directory: Path, console: Console) -> EarlierResult:
    try:
        return EarlierResult(before, read_attribution(directory / cell.attribution_file, cell.attribution_key))
    except RecordError as error:
        _warn(error, console)
        return EarlierResult(before)


def _warn(error: Exception, console: Console) -> None:
    console.print(f"warning: {error}; it is computed again", style="yellow", soft_wrap=True, markup=False)


def _require_writable(directory: Path) -> None:
    if (directory / ARCHIVE).exists():
        raise FolderError(
            f"{str(directory)!r} holds a published suite, or what was tried on one; name another folder with --out"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise FolderError(
            f"cannot write to {str(directory)!r}: {error.strerror}; expected a folder for records, name one with --out"
        ) from None


@contextmanager
def _only_run(directory: Path) -> Iterator[None]:
    """Keep other runs out of the folder; the lock goes with the process, however it ends."""
    owner = directory / OWNER
    try:
        with FileLock(directory / LOCK, timeout=0):
            owner.write_text(f"process {os.getpid()} on {platform.node()}")
            yield
    except Timeout:
        raise FolderError(
            f"{owner.read_text()} is at work in {str(directory)!r}; wait until it has finished, or name another folder "
            "with --out"
        ) from None


@contextmanager
def _explain_full_disk(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
            raise
        raise FolderError(
            f"cannot write to {str(directory)!r} any more: {error.strerror}; what is finished is kept, make room and "
            "run the same again"
        ) from None


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
