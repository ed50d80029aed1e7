"""Run groups of cells on a Dask cluster, whatever happens to its workers.

Each problem is prepared by one worker, which then runs that problem's cells; idle workers take from busy ones. A job
lost with its worker is retried by Dask, and then once more on its own, because a worker that dies takes along jobs that
only waited there: what still fails alone is what kills workers, and becomes a failed record.
"""

import logging
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any

import dask
from distributed import Client, Future, LocalCluster, as_completed

from benchmarks.run import worker
from benchmarks.run.cells import Group
from benchmarks.run.provenance import get_now
from benchmarks.run.records import CellSpec, ProblemRecord, ProblemSpec, SplitRecord, SplitSpec
from benchmarks.run.scoring import Known, describe_error
from benchmarks.run.worker import CellResult, Setting

PACKAGES = ("sig", "datasets", "training")  # of which every module is imported before workers start
CELLS_PER_JOB = 8  # one by one, the way to a worker and back would take longer than a small cell
DEATHS_ALLOWED = 1  # workers that may die under a job before Dask gives it up
CONFIG = {
    "distributed.scheduler.allowed-failures": DEATHS_ALLOWED,
    "distributed.worker.multiprocessing-method": "forkserver",
    "distributed.worker.profile.enabled": False,  # its sampling thread would disturb timings
    "distributed.admin.large-graph-warning-threshold": "1GB",  # attributions to be scored go with the job
}
# Read when libraries are loaded.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@contextmanager
def start_local_cluster(workers: int) -> Iterator[Client]:
    """A client of a cluster of worker processes on this machine, one thread each."""
    with dask.config.set(CONFIG), tempfile.TemporaryDirectory(prefix="benchmarks-") as scratch:
        _start_fork_server()
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # no page; where its server would listen none the less
            scheduler_kwargs={"dashboard": False},
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        )
        with cluster, Client(cluster) as client:
            yield client


def _start_fork_server() -> None:
    """Workers are forks of a process that has imported what they need, so that they start at once.

    They ignore Ctrl-C, which a terminal sends to all processes: it is for this one to stop them.
    """
    found = [name for name in sys.modules if name.partition(".")[0] in PACKAGES]  # methods, metrics, tasks
    forkserver.set_forkserver_preload([worker.__name__, *found])
    os.environ.update(ONE_THREAD)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


Finished = ProblemRecord | SplitRecord | CellResult


def execute(client: Client, groups: Sequence[Group], setting: Setting) -> Iterator[Finished]:
    """What is finished, as it comes in: each problem, then its cells or splits; each of the groups' gets a result.

    Where a problem cannot be prepared its cells fail with the same reason.
    """
    return _Execution(client, groups, setting).run()


@dataclass(frozen=True)
class _Job:
    """Cells of one group to run, or none: then its problem is to be prepared."""

    group: int
    cells: tuple[CellSpec | SplitSpec, ...] = ()
    alone: bool = False


class _Execution:
    """Keeps as many groups open as there are workers, and only few jobs out, so that few are lost with a worker."""

    def __init__(self, client: Client, groups: Sequence[Group], setting: Setting) -> None:
        self._client = client
        self._groups = groups
        self._setting = setting
        self._workers = len(client.nthreads())
        self._waiting = deque(range(len(groups)))
        self._open: dict[int, deque[_Job]] = {}  # jobs still to be submitted
        self._prepared: dict[int, Future[ProblemRecord]] = {}
        self._out: dict[object, _Job] = {}
        self._lost: deque[_Job] = deque()
        self._finished = as_completed()

    def run(self) -> Iterator[Finished]:
        self._submit_more()
        for future in self._finished:
            yield from self._records(self._out.pop(future.key), future)
            self._submit_more()

    def _submit_more(self) -> None:
        for group in [group for group in self._open if self._is_finished(group)]:
            del self._open[group]
            self._prepared.pop(group, None)
        while self._waiting and len(self._open) < self._workers:
            group = self._waiting.popleft()
            self._open[group] = deque([_Job(group)])
        for group, jobs in self._open.items():
            while jobs and self._count_out(group) < max(2, 2 * self._workers // len(self._open)):
                self._submit(jobs.popleft())
        if self._lost and not self._out:
            self._submit(self._lost.popleft())

    def _is_finished(self, group: int) -> bool:
        return not self._open[group] and not self._count_out(group)

    def _count_out(self, group: int) -> int:
        return sum(job.group == group for job in self._out.values())

    def _submit(self, job: _Job) -> None:
        group = self._groups[job.group]
        prepared = None if job.alone else self._prepared.get(job.group)
        call: tuple[Any, ...]
        if job.cells:
            known = {cell.key: group.known[cell.key]() for cell in job.cells if cell.key in group.known}
            call = (_run_cells, prepared, group.problem, job.cells, self._setting, known)
        else:
            call = (worker.prepare, group.problem, self._setting)
        future = self._client.submit(*call, pure=False)
        self._out[future.key] = job
        self._finished.add(future)

    def _records(self, job: _Job, future: "Future[Any]") -> Iterator[Finished]:
        try:
            result = future.result()
        except Exception as error:  # jobs themselves never raise: the worker died, or what it returned was lost with it
            yield from self._failed(job, error)
            return
        if job.cells:
            yield from result
        else:
            self._prepared[job.group] = future
            yield from self._after_preparing(job.group, result)

    def _after_preparing(self, group: int, record: ProblemRecord) -> Iterator[Finished]:
        yield record
        cells = self._groups[group].cells
        if record.status == "failed":
            yield from _unprepared(record, cells)
            return
        at_once = 1 if cells and isinstance(cells[0], SplitSpec) else CELLS_PER_JOB  # splits take long
        jobs = (_Job(group, tuple(cells[i : i + at_once])) for i in range(0, len(cells), at_once))
        self._open.setdefault(group, deque()).extend(jobs)

    def _failed(self, job: _Job, error: Exception) -> Iterator[Finished]:
        if not job.alone:
            self._lost += [_Job(job.group, (cell,), alone=True) for cell in job.cells] or [_Job(job.group, alone=True)]
        elif job.cells:
            yield from (worker.fail(cell, describe_error(error), get_now()) for cell in job.cells)
        else:
            record = worker.failed_problem(self._groups[job.group].problem, error, get_now())
            yield from self._after_preparing(job.group, record)


def _unprepared(record: ProblemRecord, cells: Sequence[CellSpec | SplitSpec]) -> Iterator[Finished]:
    reason = f"the problem could not be prepared: {record.reason}"
    for cell in cells:
        yield worker.fail(cell, reason, get_now(), record.traceback)


def _run_cells(
    prepared: ProblemRecord | None,
    problem: ProblemSpec,
    cells: Sequence[CellSpec | SplitSpec],
    setting: Setting,
    known: Mapping[str, Known],
) -> list[CellResult | SplitRecord]:
    """Dask runs a job where its arguments are: ``prepared`` is there for that alone."""
    return worker.run_cells(problem, cells, setting, known)
