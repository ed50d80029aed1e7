"""The work of a worker's fork: prepare a problem, run cells on it.

Everything that can go wrong comes back as a record. A problem is kept while its cells are run, and made again from the
checkpoint cache when they land on another worker.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.run.allocations import try_allocations
from benchmarks.run.fields import EncodedArray, Provenance
from benchmarks.run.figure_data import choose_shown
from benchmarks.run.provenance import describe_provenance, get_now
from benchmarks.run.records import AllocationRecord, AllocationSpec, CellRecord, CellSpec, ProblemRecord, ProblemSpec
from benchmarks.run.scoring import (
    EarlierResult,
    GuardedProblem,
    attribute,
    describe_error,
    describe_traceback,
    score,
    share_among_regions,
    to_number,
)
from datasets.problem import Problem, make_columns, tasks
from sig import path
from sig.explicand import Explicand, Tally
from sig.guard import AttributionResult
from sig.plugins import load_plugin
from sig.registry import NotApplicable, methods, metrics
from training.session import training_session
from training.tracking import Tracking

PROBLEMS_KEPT = 4
CELL_TIMEOUT = 1800.0  # seconds


@dataclass(frozen=True)
class Setting:
    """The setting of every job: plug-ins to load first, where trainings are tracked, the folder of published models
    to use instead of training any, how many seconds a cell may take, and whether the problems' tables for figures are
    wanted."""

    plugins: tuple[Path, ...] = ()
    tracking: Tracking = field(default_factory=lambda: Tracking(mode="disabled"))
    models: Path | None = None
    cell_timeout: float = CELL_TIMEOUT
    series: bool = True


def prepare(spec: ProblemSpec, setting: Setting) -> ProblemRecord:
    """Prepare a problem and describe it; a failed record when that raises."""
    _set_up_process(setting.plugins)
    started_at, start = get_now(), perf_counter()
    try:
        with training_session(tracking=setting.tracking, progress=False, models=setting.models):
            problem = _problem(spec.model_dump_json()).problem
        return _describe(spec, problem, perf_counter() - start, started_at, series=setting.series)
    except Exception as error:
        return failed_problem(spec, error, started_at)


def load(spec: ProblemSpec, setting: Setting) -> None:
    """Have the problem at hand, so that no cell pays for it; where that raises, the cells will say so."""
    _set_up_process(setting.plugins)
    with suppress(Exception), training_session(tracking=setting.tracking, progress=False, models=setting.models):
        _problem(spec.model_dump_json())


@dataclass(frozen=True)
class CellResult:
    """The record of a cell, and its attribution where that has just been computed."""

    record: CellRecord
    attributed: AttributionResult | None = None


def run_cells(
    spec: ProblemSpec,
    cells: Sequence[CellSpec | AllocationSpec],
    setting: Setting,
    known: Mapping[str, EarlierResult] | None = None,
) -> list[CellResult | AllocationRecord]:
    """Attribute, measure and score cells of one problem, or find allocations on it; skipped or failed records, with
    reasons, where that raises.

    ``known`` holds what earlier runs left, by the key of the cell.
    """
    _set_up_process(setting.plugins)
    with training_session(tracking=setting.tracking, progress=False, models=setting.models):
        return [_run_cell(spec, cell, (known or {}).get(cell.key, EarlierResult())) for cell in cells]


def fail(
    cell: CellSpec | AllocationSpec, reason: str, started_at: datetime, traceback: str = ""
) -> CellResult | AllocationRecord:
    """The failed record of a cell that could not be run, or of allocations that could not be found."""
    return _make_unscored(cell, "failed", reason, describe_provenance(started_at=started_at), traceback)


def _make_unscored(
    cell: CellSpec | AllocationSpec, status: str, reason: str, where: Provenance, traceback: str = ""
) -> CellResult | AllocationRecord:
    fields = {**dict(cell), "status": status, "reason": reason, "traceback": traceback, "provenance": where}
    return AllocationRecord(**fields) if isinstance(cell, AllocationSpec) else CellResult(CellRecord(**fields))


def failed_problem(spec: ProblemSpec, error: BaseException, started_at: datetime) -> ProblemRecord:
    """The record of a problem that could not be prepared."""
    return ProblemRecord(
        **dict(spec),
        status="failed",
        reason=describe_error(error),
        traceback=describe_traceback(error),
        provenance=describe_provenance(started_at=started_at),
    )


@cache
def _set_up_process(plugins: tuple[Path, ...]) -> None:
    """One thread, so that scores do not depend on the number of workers; everything imported; other libraries quiet."""
    torch.set_num_threads(1)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    for registry in (methods, metrics, tasks):
        list(registry)  # what is imported now does not count as time later
    for plugin in plugins:
        load_plugin(plugin)


@lru_cache(maxsize=PROBLEMS_KEPT)
def _problem(spec_json: str) -> GuardedProblem:
    """The problem, after one warm-up pass, so that no cell pays for what happens once in a process."""
    spec = ProblemSpec.model_validate_json(spec_json)
    problem = tasks[spec.kind](seed=spec.problem_seed, **spec.task_options)
    path.gradient(problem.explicand.with_tally(Tally()))
    return GuardedProblem.of(problem)


def _run_cell(
    spec: ProblemSpec, cell: CellSpec | AllocationSpec, known: EarlierResult
) -> CellResult | AllocationRecord:
    started_at = get_now()
    try:
        guarded = _problem(spec.model_dump_json())
        where = _describe_origin(guarded.problem, started_at)
        try:
            if isinstance(cell, AllocationSpec):
                return try_allocations(guarded.problem, cell, where)
            found = known.attributed or attribute(guarded, cell)
        except NotApplicable as reason:
            return _make_unscored(cell, "skipped", describe_error(reason), where)
        record = score(guarded, cell, found, where, known.record)
        return CellResult(record, None if found is known.attributed else found)
    except Exception as error:
        return fail(cell, describe_error(error), started_at, describe_traceback(error))


def _describe_origin(problem: Problem, started_at: datetime) -> Provenance:
    device = str(problem.explicand.device)
    return describe_provenance(started_at=started_at, device=device, data=problem.provenance)


def _describe(
    spec: ProblemSpec, problem: Problem, seconds: float, started_at: datetime, *, series: bool
) -> ProblemRecord:
    e, shown = problem.explicand, choose_shown(problem)
    return ProblemRecord(
        **dict(spec),
        status="ok",
        checks={name: to_number(value) for name, value in problem.checks.items()},
        truths={name: truth.tolist() for name, truth in problem.truths.items()},
        exact={name: list(of_truth) for name, of_truth in problem.exact.items()},
        series={name: _table(make_columns(name, table)) for name, table in problem.series.items() if series},
        explicands=len(e.inputs),
        features=e.features,
        players=e.n_players,
        shown=shown,
        shown_inputs=EncodedArray.of(e.inputs[shown].cpu()) if shown else None,
        shown_targets=e.target[shown].tolist(),
        shown_predictions=_predict(e.with_tally(Tally()), e.inputs[shown]) if shown else [],
        targets=e.target.tolist(),
        even_shares=share_among_regions(torch.ones_like(e.inputs), problem),
        seconds=seconds,
        provenance=_describe_origin(problem, started_at),
    )


@torch.no_grad()
def _predict(e: Explicand, inputs: Float[Tensor, "inputs *features"]) -> list[int]:
    """The largest output of each input."""
    largest: list[int] = e.outputs(inputs).argmax(1).tolist()
    return largest


def _table(columns: Mapping[str, Tensor]) -> dict[str, list[float | None]]:
    return {column: [to_number(value) for value in values.tolist()] for column, values in columns.items()}
