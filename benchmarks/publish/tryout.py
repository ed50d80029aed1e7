"""Try what a file registers on a published suite: on its problems and models, beside its records.

Only what is new is computed. A method runs on the published problems; a task is scored for all methods; a metric
scores all methods at the leaderboard's budget, for which they attribute again, since attributions are not published.
Nothing is trained but by a new task. What comes of it is a folder of its own, ``results/runs/try-<file>``: ``own/``
holds the run of what is new, and the rest is an archive (``benchmarks.run.storage``) of that and the published records
together, which ``report`` shows as any run. The published folder is only read.
"""

import inspect
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from pydantic import ValidationError
from rich.console import Console

from benchmarks.publish import NotTried
from benchmarks.publish.difference import Difference
from benchmarks.publish.joining import join_methods, join_metrics, join_tasks, keep_tasks
from benchmarks.publish.manifest import MODELS
from benchmarks.run import RESULTS, RUNS
from benchmarks.run.cells import Group, plan, plan_allocations
from benchmarks.run.cluster import start_local_cluster
from benchmarks.run.executor import execute
from benchmarks.run.provenance import get_now
from benchmarks.run.records import AllocationSpec, CellRecord, ProblemRecord, ProblemSpec, Run, count_failed, slugify
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import ARCHIVE, CELLS, read_run, write, write_archive
from benchmarks.run.suite import MethodChoice, MetricChoice, Suite, TaskChoice, tell_mistakes
from benchmarks.run.worker import CELL_TIMEOUT, Setting
from datasets.problem import tasks
from sig.plugins import Registry, load_plugin
from sig.registry import methods, metrics
from training.store.published import PublishedModels

Kind = Literal["method", "metric", "task"]
REGISTRIES: Final[Mapping[Kind, Registry[Any]]] = {"method": methods, "metric": metrics, "task": tasks}
OWN: Final = "own"
BUDGETS: Final = (100, 1000)  # rows for each explicand, on a new task
REPETITIONS: Final = 3  # of a new task: fewer models say nothing
AGAINST_TRUTH: Final = ("spearman", "completeness", "runtime")  # metrics of a new task whose problems have truths
WITHOUT_TRUTH: Final = ("iaccuracy", "completeness", "runtime")


@dataclass(frozen=True)
class NewTask:
    """How a new task is scored; no budgets or no metrics stand for the usual ones."""

    budgets: Sequence[int] = ()
    metrics: Sequence[str] = ()
    repetitions: int = REPETITIONS


@dataclass(frozen=True)
class Tryout:
    """New methods, metrics or tasks on a published suite.

    Attributes:
        kind, names: of what is new.
        run: the published records and the new ones together.
        differing: where this machine's problem or attribution failed, or is not the published one; what is new has no
            score there.
        failed: how many of the new cells failed, in words; empty for none.
        awaited: tasks that are still to come.
    """

    kind: Kind
    names: list[str]
    run: Run
    differing: list[Difference]
    failed: str
    awaited: Sequence[str] = ()


def try_file(
    file: Path,
    suite: str = "default",
    *,
    only: Sequence[str] = (),
    new_task: NewTask | None = None,
    workers: int,
    cell_timeout: float = CELL_TIMEOUT,
    console: Console,
    show_first: Callable[[Tryout], object] = lambda tryout: None,
) -> Tryout:
    """Try a method, a metric or a task on a published suite, or on the tasks ``only`` of it.

    A method runs on the tasks that take little first, and ``show_first`` is given what comes of that, unless all of it
    was there.

    Raises:
        NotTried: when the suite is not published, or the file has not exactly one kind of thing to try, or one that the
            suite has.
        SuiteError: when the suite has no such task.
        RecordError: when what is published cannot be read.
    """
    published = read_published(suite, only)
    kind, names = find_registered(file)
    directory = RUNS / f"try-{slugify(file.stem)}"
    models = None if kind == "task" else (find_published(suite) / MODELS).resolve()
    setting = Setting((file.resolve(),), models=models, cell_timeout=cell_timeout, series=kind == "task")
    if kind == "task":
        planned = _plan_tasks(published, names, new_task or NewTask(), setting)
    else:
        planned = {"method": plan_methods, "metric": _plan_metrics}[kind](published, names)
    own_directory = directory / OWN
    if kind == "metric":
        _carry_allocations(published, planned, setting, own_directory)

    def compute(part: Suite) -> Run:
        run_suite(part, own_directory, workers=workers, console=console, setting=setting)
        return read_run(own_directory)

    first = _try_cheap(published, planned, names, compute) if kind == "method" else None
    with ThreadPoolExecutor(1) as beside:  # so that workers do not wait for what is shown
        shown = beside.submit(show_first, first) if first else None
        own = compute(planned)
        if shown:
            shown.result()
    joined = {"method": join_methods, "metric": join_metrics, "task": join_tasks}[kind](published, own)
    run = replace(joined.run, directory=directory)
    _write(run, joined.new if kind == "method" else run.cells, published.directory / CELLS)
    return Tryout(kind, names, run, joined.differing, count_failed(own))


def _try_cheap(published: Run, planned: Suite, names: list[str], compute: Callable[[Suite], Run]) -> Tryout | None:
    """The tryout on the tasks that take little; None where there is none, or all of it was there."""
    cheap = find_cheap(published)
    if not cheap:
        return None
    began, own = get_now(), compute(planned.restricted(tasks=cheap))
    if all(cell.provenance.started_at < began for cell in own.cells):
        return None
    joined = join_methods(keep_tasks(published, published.manifest.suite.restricted(tasks=cheap)), own)
    awaited = [task.name for task in planned.tasks if task.name not in cheap]
    return Tryout("method", names, joined.run, joined.differing, count_failed(own), awaited)


def find_cheap(published: Run) -> list[str]:
    """The tasks, the shortest first, that together took less than half of the time when the suite was published."""
    seconds = _measure_seconds(published)
    order = sorted(seconds, key=lambda task: seconds[task])
    taken = np.cumsum([seconds[task] for task in order])
    return [task for task, until in zip(order, taken, strict=True) if until < taken[-1] / 2]


def _measure_seconds(published: Run) -> dict[str, float]:
    """Seconds of attributing, by task."""
    seconds = dict.fromkeys((task.name for task in published.manifest.suite.tasks), 0.0)
    for cell in published.cells:
        seconds[cell.task] += cell.cost.seconds if cell.cost else 0.0
    return seconds


def find_published(suite: str) -> Path:
    """The folder of a published suite, by its path or name."""
    return Path(suite) if Path(suite).is_dir() else RESULTS / suite


def read_published(suite: str, only: Sequence[str] = ()) -> Run:
    """The records of a published suite, or of some of its tasks.

    Raises:
        NotTried: when it is not published.
        SuiteError: when it has no such task.
        RecordError: when it cannot be read.
    """
    directory = find_published(suite)
    if not (directory / ARCHIVE).exists():
        known = ", ".join(sorted(file.parent.name for file in RESULTS.glob(f"*/{ARCHIVE}"))) or "none"
        raise NotTried(
            f"suite {suite!r} is not published: no {ARCHIVE} in {str(directory)!r}, published are: {known}; publish "
            "it, or run it with --plugin"
        )
    run = read_run(directory)
    return keep_tasks(run, run.manifest.suite.restricted(tasks=only))


def find_registered(file: Path) -> tuple[Kind, list[str]]:
    """The kind of what a file registers, itself or through files beside it, and the names.

    Raises:
        NotTried: when it registers several kinds of things.
        ValueError: when it registers nothing, or there is no such file.
    """
    module = load_plugin(file).__name__
    entries = [(kind, entry) for kind, registry in REGISTRIES.items() for entry in registry]
    own = [(kind, entry) for kind, entry in entries if inspect.unwrap(entry.run).__module__ == module]
    beside = [(kind, entry) for kind, entry in entries if _find_folder(entry.run) == file.resolve().parent]
    found: dict[Kind, list[str]] = {
        kind: [entry.name for of, entry in own or beside if of == kind] for kind in REGISTRIES
    }
    kinds = [kind for kind, names in found.items() if names]
    if len(kinds) != 1:
        listed = " and ".join(f"{kind} {', '.join(map(repr, found[kind]))}" for kind in kinds)
        raise NotTried(f"{file} has {listed or 'nothing'} to try, expected one kind; put each kind into its own file")
    return kinds[0], found[kinds[0]]


def _find_folder(run: Any) -> Path:
    module = sys.modules.get(getattr(inspect.unwrap(run), "__module__", ""))
    return Path(getattr(module, "__file__", None) or "").resolve().parent


# ---- what is new -------------------------------------------------------------------------------------------------


def plan_methods(published: Run, names: Sequence[str]) -> Suite:
    """The suite of the new methods alone, without sweeps.

    Tasks that took long when published come first, so that no worker is left alone with one in the end.

    Raises:
        NotTried: when a file of records would have the name of another method's.
    """
    suite = published.manifest.suite
    files = {slugify(choice.label): choice.label for choice in suite.methods}
    for name in names:
        if (there := files.get(slugify(name), name)) != name:
            raise NotTried(f"the records of {name!r} would take the place of those of {there!r}; give it another name")
    choices = [MethodChoice(name=name, label=name) for name in names]
    seconds = _measure_seconds(published)
    longest_first = sorted(suite.tasks, key=lambda task: -seconds[task.name])
    of_tasks = [task.model_copy(update={"sweeps": [], "exclude": [], "only": []}) for task in longest_first]
    return suite.model_copy(update={"methods": choices, "tasks": of_tasks})


def _plan_metrics(published: Run, names: Sequence[str]) -> Suite:
    """The suite of all methods at the leaderboard's budget, scored by the new metrics alone."""
    suite = published.manifest.suite
    choices = [MetricChoice(name=name, label=name) for name in names]
    for task in suite.tasks:
        if taken := {metric.label for metric in task.metrics} & set(names):
            raise NotTried(f"{task.name} has a score {taken.pop()!r} already; give the metric another name")
    of_tasks = [
        task.model_copy(
            update={"sweeps": [], "budgets": [task.headline], "limit": task.limit_budget, "metrics": choices}
        )
        for task in suite.tasks
    ]
    return suite.model_copy(update={"tasks": of_tasks})


def _plan_tasks(published: Run, names: Sequence[str], new: NewTask, setting: Setting) -> Suite:
    """The suite of all methods on the new tasks."""
    suite = published.manifest.suite
    if taken := {task.name for task in suite.tasks} & set(names):
        raise NotTried(f"suite {suite.name!r} has a task {taken.pop()!r} already; give the task another name")
    registered = {method.name for method in methods}
    choices = [choice for choice in suite.methods if choice.name in registered]
    of_tasks = [_make_task(name, new, suite, setting) for name in names]
    return suite.model_copy(update={"methods": choices, "tasks": of_tasks})


def _make_task(name: str, new: NewTask, suite: Suite, setting: Setting) -> TaskChoice:
    """The task in the suite; where no metrics are asked for, those that its problem has a truth for.

    Raises:
        NotTried: when it cannot be scored so, or prepared.
    """
    content = {
        "name": slugify(name),
        "kind": name,
        "budgets": list(new.budgets or BUDGETS),
        "repetitions": new.repetitions,
        "metrics": list(new.metrics or AGAINST_TRUTH),
    }
    try:
        task = TaskChoice.model_validate(content)
    except ValidationError as error:
        raise NotTried(f"task {name!r} cannot be tried so: {'; '.join(tell_mistakes(error))}") from None
    (first, *_) = plan(suite.model_copy(update={"tasks": [task]}))
    problem = _prepare_apart(first.problem, setting)
    if problem.status == "failed":
        raise NotTried(f"task {name!r} cannot be prepared: {problem.reason}; correct the file")
    if problem.truths or new.metrics:
        return task
    return task.model_copy(update={"metrics": [MetricChoice(name=one, label=one) for one in WITHOUT_TRUTH]})


def _prepare_apart(problem: ProblemSpec, setting: Setting) -> ProblemRecord:
    """The problem's record, from a process of its own, as in a run: a task may hang, or exit."""
    with start_local_cluster(1) as client:
        (record,) = (one for one in execute(client, [Group(problem, [])], setting) if isinstance(one, ProblemRecord))
    return record


def _carry_allocations(published: Run, planned: Suite, setting: Setting, directory: Path) -> None:
    """Have the published allocations at hand, so that methods attribute as published."""
    known = {(record.task, record.label): record for record in published.allocations}
    digest = PublishedModels(setting.models).digest if setting.models else ""
    for group in plan_allocations(planned, models=digest):
        for spec in (spec for spec in group.cells if isinstance(spec, AllocationSpec)):
            if record := known.get((spec.task, spec.label)):
                write(record.model_copy(update=spec.model_dump()), directory / spec.file)


def _write(run: Run, new: Sequence[CellRecord], published_cells: Path) -> None:
    """Write the archive: files of published cells as they are, unless they are among those that are new."""
    shutil.rmtree(run.directory / CELLS, ignore_errors=True)
    if len(new) < len(run.cells):
        shutil.copytree(published_cells, run.directory / CELLS)
    write_archive(replace(run, cells=list(new)), run.directory)
