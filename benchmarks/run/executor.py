"""Run groups of cells on a Dask cluster, whatever happens to its workers.

Each problem is prepared by one worker, which then runs that problem's cells; idle workers take from busy ones. Whatever
a method, a metric or a task does happens in a fork (``benchmarks.run.isolation``), with limits on time and memory: what
exceeds them, or ends its process, becomes a failed record, and the next cell has a new fork. A job that is lost because
workers die, as on a cluster they may, is retried by Dask, and then once more on its own, because a worker that dies
takes along jobs that only waited there.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from distributed import Client, Future, Status, as_completed, get_worker

from benchmarks.run import worker
from benchmarks.run.cells import Group
from benchmarks.run.cluster import require_gpu
from benchmarks.run.isolation.fork import Fork
from benchmarks.run.isolation.process import Limits, NoAnswer, ProcessKilled
from benchmarks.run.parcel import DifferentWorker, Files, Parcel, collect_files
from benchmarks.run.provenance import get_now
from benchmarks.run.records import AllocationRecord, AllocationSpec, CellSpec, ProblemRecord, ProblemSpec
from benchmarks.run.scoring import EarlierResult, describe_error
from benchmarks.run.worker import CellResult, Setting

CELLS_PER_JOB = 8  # one by one, the way to a worker and back would take longer than a small cell
ATTEMPTS = 3  # of what is killed from outside
PREPARING = 10  # times as long as a cell may it take to prepare a problem, since models are trained for it

T = TypeVar("T")
Finished = ProblemRecord | AllocationRecord | CellResult


def execute(client: Client, groups: Sequence[Group], setting: Setting | Parcel) -> Iterator[Finished]:
    """The results as they come in: each problem's, then its cells' or allocations'; each of the groups' gets one.

    Where a problem cannot be prepared its cells fail with the same reason. Workers on other machines are sent a
    ``Parcel``.

    Raises:
        ClusterError: when a group asks for a GPU and no worker elsewhere offers one.
        DifferentWorker: when a worker that has joined since has other code or packages.
    """
    if isinstance(setting, Parcel) and any(group.gpu for group in groups):
        require_gpu(client)
    return _Execution(client, groups, setting).run()


class _WorkerShutdown(Exception):
    """The Dask worker that waits for an answer is to end; what it was at is done by others."""


@dataclass(frozen=True)
class _Preparation:
    """A problem's record and, for workers on other machines, the files of the models that it was made with."""

    record: ProblemRecord
    models: Files


@dataclass(frozen=True)
class _Job:
    """Cells of one group to run, or none: then its problem is to be prepared."""

    group: int
    cells: tuple[CellSpec | AllocationSpec, ...] = ()
    alone: bool = False


class _Execution:
    """Keeps as many groups open as there are workers, and only few jobs out, so that few are lost with a worker."""

    def __init__(self, client: Client, groups: Sequence[Group], setting: Setting | Parcel) -> None:
        self._client = client
        self._groups = groups
        self._setting = setting
        self._workers = sum(client.nthreads().values())
        self._waiting = deque(range(len(groups)))
        self._open: dict[int, deque[_Job]] = {}  # jobs still to be submitted
        self._prepared: dict[int, Future[_Preparation]] = {}
        self._settings: dict[int, Setting | Parcel] = {}
        self._data: dict[str, dict[str, str]] = {}  # of each problem that is prepared, by its key
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
            self._settings.pop(group, None)
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
            setting = self._settings.get(job.group, self._setting)
            call = (_run_cells, prepared, group.problem, job.cells, setting, known)
        else:
            call = (_prepare, group.problem, self._setting)
        asked = {"GPU": 1} if group.gpu and isinstance(self._setting, Parcel) else None
        future = self._client.submit(*call, pure=False, resources=asked)
        self._out[future.key] = job
        self._finished.add(future)

    def _records(self, job: _Job, future: "Future[Any]") -> Iterator[Finished]:
        try:
            result = future.result()
        except DifferentWorker:
            raise
        except Exception as error:  # jobs themselves never raise: the worker died, or what it returned was lost with it
            yield from self._failed(job, error)
            return
        if job.cells:
            yield from (self._require_same_data(cell, one) for cell, one in zip(job.cells, result, strict=True))
        else:
            self._prepared[job.group] = future
            if isinstance(self._setting, Parcel):
                self._settings[job.group] = self._setting.with_models(result.models)
            yield from self._after_preparing(job.group, result.record)

    def _require_same_data(
        self, cell: CellSpec | AllocationSpec, result: CellResult | AllocationRecord
    ) -> CellResult | AllocationRecord:
        """The result, or a failed one where a worker had other data or models than the problem was prepared with."""
        if not isinstance(result, CellResult) or result.record.status == "failed":
            return result
        expected, found = self._data.get(result.record.problem), result.record.provenance.data
        if expected is None or expected == found:
            return result
        names = ", ".join(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        reason = f"it was run with other {names} than the problem was prepared with; run it again"
        return worker.fail(cell, reason, get_now())

    def _after_preparing(self, group: int, record: ProblemRecord) -> Iterator[Finished]:
        yield record
        self._data[record.key] = record.provenance.data
        cells = self._groups[group].cells
        if record.status == "failed":
            yield from _unprepared(record, cells)
            return
        at_once = 1 if cells and isinstance(cells[0], AllocationSpec) else CELLS_PER_JOB  # allocations take long
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


def _unprepared(record: ProblemRecord, cells: Sequence[CellSpec | AllocationSpec]) -> Iterator[Finished]:
    reason = f"the problem could not be prepared: {record.reason}"
    for cell in cells:
        yield worker.fail(cell, reason, get_now(), record.traceback)


# ---- jobs, as workers run them ---------------------------------------------------------------------------------------


def _prepare(problem: ProblemSpec, setting: Setting | Parcel) -> _Preparation:
    here, started_at = _unpack(setting), get_now()
    seconds = PREPARING * here.cell_timeout
    try:
        record = _try(lambda fork: _call(fork, worker.prepare, problem, here, seconds=seconds))
    except NoAnswer as error:
        record = worker.failed_problem(problem, error, started_at)
    return _Preparation(record, collect_files(record, here) if isinstance(setting, Parcel) else {})


def _run_cells(
    prepared: _Preparation | None,
    problem: ProblemSpec,
    cells: Sequence[CellSpec | AllocationSpec],
    setting: Setting | Parcel,
    known: Mapping[str, EarlierResult],
) -> list[CellResult | AllocationRecord]:
    """Dask runs a job where its arguments are: ``prepared`` is there for that alone."""
    here = _unpack(setting)
    return [_run_cell(problem, cell, here, known) for cell in cells]


def _unpack(setting: Setting | Parcel) -> Setting:
    return setting.unpack() if isinstance(setting, Parcel) else setting


def _run_cell(
    problem: ProblemSpec, cell: CellSpec | AllocationSpec, setting: Setting, known: Mapping[str, EarlierResult]
) -> CellResult | AllocationRecord:
    started_at = get_now()

    def run(fork: Fork) -> CellResult | AllocationRecord:
        _call(fork, worker.load, problem, setting, seconds=PREPARING * setting.cell_timeout)
        (result,) = _call(fork, worker.run_cells, problem, [cell], setting, known, seconds=setting.cell_timeout)
        return result

    try:
        return _try(run)
    except NoAnswer as error:
        return worker.fail(cell, describe_error(error), started_at)


def _try(call: Callable[[Fork], T]) -> T:
    """The call's result in this thread's fork; again where that is killed from outside."""
    for _ in range(ATTEMPTS - 1):
        try:
            return call(Fork.of_this_thread())
        except ProcessKilled:
            continue
    return call(Fork.of_this_thread())


def _call(fork: Fork, function: Callable[..., T], *arguments: Any, seconds: float) -> T:
    """The function's answer from the fork, within a time and the memory of the Dask worker that this runs on."""
    memory = get_worker().memory_manager.memory_limit
    limits = Limits(seconds, memory, "to allow more, give --cell-timeout", "run with fewer workers")
    return fork.call(function, *arguments, limits=limits, require_wanted=_require_open_worker)


def _require_open_worker() -> None:
    if get_worker().status in (Status.closing, Status.closed, Status.failed):
        raise _WorkerShutdown
