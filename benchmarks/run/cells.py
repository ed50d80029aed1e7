"""The plan of a run: every problem and cell of a suite, with its seeds and its key.

Seeds of data, model and background come from the task's name, or its ``seeds``, and the repetition alone, so that every
method sees the same problem. A key is a hash of all that decides what it is the key of, code, versions of packages
(``training.store.fingerprint``) and the content of files (``benchmarks.run.option_files``) included; it is short, since
records have many. A record on disk with the key of a planned cell is that cell's.

How the budgets of a task are allocated is found first (``plan_allocations``), since cells depend on it. Where models
are not trained but published ones, ``models`` is their digest (``training.store.published``) and decides problems too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from benchmarks.run.allocations import try_allocations
from benchmarks.run.fields import SweepPoint
from benchmarks.run.option_files import hash_files
from benchmarks.run.records import SCHEMA_VERSION, AllocationRecord, AllocationSpec, CellSpec, ProblemSpec
from benchmarks.run.scoring import EarlierResult
from benchmarks.run.suite import MethodChoice, Suite, Sweep, TaskChoice
from datasets.digest import hash_content
from datasets.problem import tasks
from sig.guard import Guard
from sig.metrics.regions import part_shares
from sig.registry import Method, methods, metrics
from training.seeds import derive_seed
from training.store.fingerprint import fingerprint

KEY: Final = 20  # hexadecimal digits: two of a million keys are equal with a probability of 4e-13


@dataclass(frozen=True)
class Group:
    """One problem and what is done on it: the cells that score methods, or the allocations of their budgets.

    ``known`` finds what earlier runs left of cells, by the cell's key: only when a job needs it, since it may be large.
    ``gpu``: on a cluster, by workers that offer one.
    """

    problem: ProblemSpec
    cells: Sequence[CellSpec | AllocationSpec]
    known: Mapping[str, Callable[[], EarlierResult]] = field(default_factory=dict)
    gpu: bool = False


@dataclass(frozen=True)
class _Fingerprints:
    """Fingerprints by name, each made once in a plan."""

    methods: Callable[[str], str]
    metrics: Callable[[str], str]


def plan_allocations(suite: Suite, *, models: str = "") -> list[Group]:
    """The allocations to find for each task of a resolved suite, on its first problem."""
    problems = [(task, problem) for task in suite.tasks for problem in _problems(task, 1, models)]
    return [Group(problem, _allocations(suite, task, problem), gpu=task.gpu) for task, problem in problems]


def plan(suite: Suite, allocations: Sequence[AllocationRecord] = (), *, models: str = "") -> list[Group]:
    """Every problem and cell of a resolved suite, in its order; budgets without a known allocation have the
    defaults."""
    found = {(record.task, record.label): record for record in allocations}
    problems = [
        (task, problem)
        for task in suite.tasks
        for problem in _problems(task, task.repetitions or suite.repetitions, models)
    ]
    codes = _Fingerprints(
        cache(lambda name: fingerprint(methods[name].run, Guard.attribute, part_shares)),
        cache(lambda name: fingerprint(metrics[name].run)),
    )
    return [_group(suite, task, problem, found, codes) for task, problem in problems]


def _group(
    suite: Suite,
    task: TaskChoice,
    problem: ProblemSpec,
    allocations: Mapping[tuple[str, str], AllocationRecord],
    codes: _Fingerprints,
) -> Group:
    runs = [
        run
        for choice in _choices(suite, task)
        for run in _runs(choice, task, allocations.get((task.name, choice.label)))
    ]
    runs += [run for sweep in task.sweeps for run in _sweep_runs(sweep)]
    return Group(problem, [_cell(task, problem, run, codes) for run in runs], gpu=task.gpu)


def _choices(suite: Suite, task: TaskChoice) -> list[MethodChoice]:
    return [choice for choice in suite.methods if task.takes(choice.label)]


def _allocations(suite: Suite, task: TaskChoice, problem: ProblemSpec) -> list[AllocationSpec]:
    return [_allocation(choice, task, problem) for choice in _choices(suite, task) if _can_spend(choice)]


def _allocation(choice: MethodChoice, task: TaskChoice, problem: ProblemSpec) -> AllocationSpec:
    method = methods[choice.name]
    facts = {
        "task": task.name,
        "problem": problem.key,
        "label": choice.label,
        "method": choice.name,
        "options": choice.options,
        "budgets": task.budgets,
        "limit": task.limit_budget,
        "seed": derive_seed("splits", task.name, choice.label, choice.options),
    }
    key = _hash(SCHEMA_VERSION, facts, fingerprint(method.run, Guard.attribute, try_allocations))
    return AllocationSpec.model_validate({**facts, "key": key})


def _can_spend(choice: MethodChoice) -> bool:
    """Whether a method can spend more or less: it has no single cost, and its spending is not fixed."""
    method = methods[choice.name]
    return bool(method.spend) and method.spend[0] not in choice.options


def _problems(task: TaskChoice, repetitions: int, models: str) -> list[ProblemSpec]:
    seeds = task.seeds or task.name
    identity = {
        "task": task.name,
        "seeds": seeds,
        "kind": task.kind,
        "task_options": hash_files(tasks[task.kind], task.options),
        "models": models,
    }
    code = fingerprint(tasks[task.kind].run, part_shares)
    return [
        ProblemSpec(
            task=task.name,
            kind=task.kind,
            task_options=task.options,
            repetition=repetition,
            problem_seed=derive_seed(seeds, repetition),
            key=_hash(SCHEMA_VERSION, {**identity, "repetition": repetition}, code),
        )
        for repetition in range(repetitions)
    ]


@dataclass(frozen=True)
class _MethodRun:
    """One way in which a method is run on a task: with which options, and for which budget or point of a sweep."""

    label: str
    method: Method
    options: dict[str, Any]
    budget: int | None = None
    distance: float | None = None
    headline: bool = False
    sweep: SweepPoint | None = None


def _runs(choice: MethodChoice, task: TaskChoice, allocations: AllocationRecord | None) -> Iterator[_MethodRun]:
    """One run for each budget; a single one for a method that cannot spend more or less, or whose spending is fixed."""
    method = methods[choice.name]
    if not _can_spend(choice):
        yield _MethodRun(choice.label, method, choice.options, headline=True)
        return
    for budget in task.budgets:
        allocation = allocations.choose(budget) if allocations else None
        spent = allocation.options if allocation else method.options_for(budget, **choice.options)
        distance = allocation.distance if allocation else None
        headline = budget == task.headline
        yield _MethodRun(choice.label, method, {**choice.options, **spent}, budget, distance, headline)


def _sweep_runs(sweep: Sweep) -> Iterator[_MethodRun]:
    for value in sweep.values:
        point = SweepPoint(name=sweep.name, option=sweep.option, value=value)
        yield _MethodRun(sweep.method, methods[sweep.method], {**sweep.options, sweep.option: value}, sweep=point)


def _cell(task: TaskChoice, problem: ProblemSpec, run: _MethodRun, codes: _Fingerprints) -> CellSpec:
    method_seed = derive_seed(problem.task, problem.repetition, run.label, run.budget, run.options)
    decisive = [problem.key, run.method.name, run.options, run.budget, method_seed]
    attribution_key = _hash(*decisive, codes.methods(run.method.name))
    metric_keys = {
        metric.label: _hash(attribution_key, metric.model_dump(), codes.metrics(metric.name)) for metric in task.metrics
    }
    chosen = {
        "label": run.label,
        "headline": run.headline,
        "distance": run.distance,
        "sweep": run.sweep and run.sweep.model_dump(),
        "metric_keys": metric_keys,
    }
    return CellSpec.model_validate(
        {
            **chosen,
            **problem.model_dump(exclude={"key"}),
            "problem": problem.key,
            "method": run.method.name,
            "family": run.method.family,
            "source": run.method.source,
            "control": run.method.control,
            "same_as": run.method.same_as,
            "options": run.options,
            "budget": run.budget,
            "metrics": task.metrics,
            "method_seed": method_seed,
            "attribution_key": attribution_key,
            "key": _hash(SCHEMA_VERSION, attribution_key, chosen, list(metric_keys)),  # in this order
        }
    )


def _hash(*parts: Any) -> str:
    return hash_content(*parts)[:KEY]
