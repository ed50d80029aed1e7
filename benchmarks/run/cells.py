"""The plan of a run: every problem and cell of a suite, with its seeds and its key.

Seeds of data, model and background come from the task's name, or its ``seeds``, and the repetition alone, so that every
method sees the same problem. A key is a hash of all that decides a record's scores; a record on disk with the key of a
planned cell is that cell's.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmarks.run.provenance import fingerprint
from benchmarks.run.records import SCHEMA_VERSION, CellSpec, ProblemSpec, SweepPoint
from benchmarks.run.suite import MethodChoice, Suite, Sweep, TaskChoice
from datasets.problem import tasks
from sig.metrics.runtime import measure
from sig.registry import Method, methods, metrics


@dataclass(frozen=True)
class Group:
    """One problem and the cells that score methods on it."""

    problem: ProblemSpec
    cells: list[CellSpec]


def plan(suite: Suite) -> list[Group]:
    """Every problem and cell of a resolved suite, in its order."""
    return [_group(suite, task, i) for task in suite.tasks for i in range(task.repetitions or suite.repetitions)]


def seed(*parts: Any) -> int:
    """A seed in 0 .. 2**31 - 1 (what every generator takes) that depends on the parts, and on nothing else."""
    return int(content_hash(*parts)[:8], 16) >> 1


def content_hash(*parts: Any) -> str:
    """SHA-256 of the parts as JSON, whatever the order of a table's entries."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _group(suite: Suite, task: TaskChoice, repetition: int) -> Group:
    problem = _problem(task, repetition)
    runs = [run for choice in suite.methods for run in _runs(choice, task)]
    runs += [run for sweep in task.sweeps for run in _sweep_runs(sweep)]
    return Group(problem, [_cell(task, problem, run) for run in runs])


def _problem(task: TaskChoice, repetition: int) -> ProblemSpec:
    seeds = task.seeds or task.name
    identity = {
        "task": task.name,
        "seeds": seeds,
        "kind": task.kind,
        "task_options": task.options,
        "repetition": repetition,
    }
    code = fingerprint(tasks[task.kind].run)
    return ProblemSpec(
        task=task.name,
        kind=task.kind,
        task_options=task.options,
        repetition=repetition,
        problem_seed=seed(seeds, repetition),
        key=content_hash(SCHEMA_VERSION, identity, code),
    )


@dataclass(frozen=True)
class _Run:
    """How one method is run on a task."""

    label: str
    method: Method
    options: dict[str, Any]
    budget: int | None = None
    headline: bool = False
    sweep: SweepPoint | None = None


def _runs(choice: MethodChoice, task: TaskChoice) -> Iterator[_Run]:
    """One run for each budget; a single one for a method that cannot spend more or less, or whose spending is fixed."""
    method = methods[choice.name]
    if not method.spend or method.spend[0] in choice.options:
        yield _Run(choice.label, method, choice.options, headline=True)
        return
    with_options = replace(method, run=partial(method.run, **choice.options))  # its defaults are now the choice's
    for budget in task.budgets:
        options = {**choice.options, **with_options.options_for(budget)}
        yield _Run(choice.label, method, options, budget, headline=budget == task.headline)


def _sweep_runs(sweep: Sweep) -> Iterator[_Run]:
    for value in sweep.values:
        point = SweepPoint(name=sweep.name, option=sweep.option, value=value)
        yield _Run(sweep.method, methods[sweep.method], {**sweep.options, sweep.option: value}, sweep=point)


def _cell(task: TaskChoice, problem: ProblemSpec, run: _Run) -> CellSpec:
    code = fingerprint(run.method.run, *(metrics[metric.name].run for metric in task.metrics), measure)
    chosen = {
        "label": run.label,
        "method": run.method.name,
        "options": run.options,
        "budget": run.budget,
        "headline": run.headline,
        "sweep": run.sweep and run.sweep.model_dump(),
        "metrics": [metric.model_dump() for metric in task.metrics],
    }
    return CellSpec.model_validate(
        {
            **chosen,
            **problem.model_dump(exclude={"key"}),
            "problem": problem.key,
            "family": run.method.family,
            "source": run.method.source,
            "control": run.method.control,
            "method_seed": seed(problem.task, problem.repetition, run.label, run.budget, run.options),
            "key": content_hash(SCHEMA_VERSION, problem.key, chosen, code),
        }
    )
