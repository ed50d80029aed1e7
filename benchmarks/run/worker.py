"""What a worker process does: prepare a problem, run cells on it.

Everything that can go wrong comes back as a record. A problem is kept while its cells are run, and made again from the
checkpoint cache when they land on another worker.
"""

import logging
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from benchmarks.run.provenance import now, provenance
from benchmarks.run.records import CellRecord, CellSpec, EncodedArray, ProblemRecord, ProblemSpec
from benchmarks.run.scoring import number, one_line, score
from datasets.problem import Problem, tasks
from sig import path
from sig.explicand import Tally
from sig.registry import NotApplicable, load_plugin, methods, metrics
from training.fit import training_session
from training.wandb_client import Tracking

PROBLEMS_KEPT = 4


@dataclass(frozen=True)
class Setting:
    """What every job is given: plug-ins to load first, and where trainings are tracked."""

    plugins: tuple[Path, ...] = ()
    tracking: Tracking = field(default_factory=lambda: Tracking(mode="disabled"))


def prepare(spec: ProblemSpec, setting: Setting) -> ProblemRecord:
    """Prepare a problem and describe it; a failed record when that raises."""
    _set_up_process(setting.plugins)
    started_at, start = now(), perf_counter()
    try:
        with training_session(tracking=setting.tracking, progress=False):
            problem = _problem(spec.model_dump_json())
        return _describe(spec, problem, perf_counter() - start, started_at)
    except Exception as error:
        return failed_problem(spec, error, started_at)


def run_cells(spec: ProblemSpec, cells: Sequence[CellSpec], setting: Setting) -> list[CellRecord]:
    """Attribute, measure and score cells of one problem; skipped or failed records, with reasons, where that raises."""
    _set_up_process(setting.plugins)
    with training_session(tracking=setting.tracking, progress=False):
        return [_run_cell(spec, cell) for cell in cells]


def failed_problem(spec: ProblemSpec, error: BaseException, started_at: datetime) -> ProblemRecord:
    """The record of a problem that could not be prepared."""
    outcome = {"status": "failed", "reason": one_line(error), "traceback": _traceback(error)}
    return ProblemRecord.model_validate(
        {**spec.model_dump(), **outcome, "provenance": provenance(started_at=started_at)}
    )


def failed_cell(cell: CellSpec, reason: str, started_at: datetime, traceback: str = "") -> CellRecord:
    """The record of a cell that could not be run."""
    outcome = {"status": "failed", "reason": reason, "traceback": traceback}
    return CellRecord.model_validate({**cell.model_dump(), **outcome, "provenance": provenance(started_at=started_at)})


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
def _problem(spec_json: str) -> Problem:
    """The problem, after one warm-up pass, so that no cell pays for what happens once in a process."""
    spec = ProblemSpec.model_validate_json(spec_json)
    problem = tasks[spec.kind](seed=spec.problem_seed, **spec.task_options)
    path.gradient(problem.explicand.with_tally(Tally()))
    return problem


def _run_cell(spec: ProblemSpec, cell: CellSpec) -> CellRecord:
    started_at = now()
    try:
        problem = _problem(spec.model_dump_json())
        device, data = str(problem.explicand.device), problem.provenance
        where = provenance(started_at=started_at, device=device, data=data)
        return CellRecord.model_validate({**cell.model_dump(), **_outcome(problem, cell), "provenance": where})
    except Exception as error:
        return failed_cell(cell, one_line(error), started_at, _traceback(error))


def _outcome(problem: Problem, cell: CellSpec) -> dict[str, Any]:
    try:
        return score(problem, cell)
    except NotApplicable as reason:
        return {"status": "skipped", "reason": one_line(reason)}


def _describe(spec: ProblemSpec, problem: Problem, seconds: float, started_at: datetime) -> ProblemRecord:
    e, shown = problem.explicand, list(problem.shown)
    described: dict[str, Any] = {
        "status": "ok",
        "checks": {name: number(value) for name, value in problem.checks.items()},
        "truths": {name: truth.double().tolist() for name, truth in problem.truths.items()},
        "series": {name: _table(name, columns) for name, columns in problem.series.items()},
        "explicands": len(e.inputs),
        "features": e.features,
        "players": e.n_players,
        "seconds": seconds,
        "provenance": provenance(started_at=started_at, device=str(e.device), data=problem.provenance),
    }
    if shown:
        with torch.no_grad():
            predictions = e.with_tally(Tally()).outputs(e.inputs[shown]).argmax(1)
        described |= {
            "shown": shown,
            "shown_inputs": EncodedArray.of(e.inputs[shown].cpu()),
            "shown_targets": e.target[shown].tolist(),
            "shown_predictions": predictions.tolist(),
        }
    return ProblemRecord.model_validate({**spec.model_dump(), **described})


def _table(name: str, columns: Mapping[str, Tensor]) -> dict[str, list[float | None]]:
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"series {name!r} has columns of lengths {lengths}, expected one length; fill up with NaN")
    return {column: [number(value) for value in values.tolist()] for column, values in columns.items()}


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
