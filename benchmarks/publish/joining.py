"""Published records and new ones together: methods, tasks or metrics that were run on the published problems."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from benchmarks.publish.comparison import compare_problems
from benchmarks.publish.tolerance import find_excess, list_numbers
from benchmarks.run.records import CellRecord, ProblemRecord, Run
from benchmarks.run.suite import Suite

SHARES: Final = 1e-5  # by which shares of the features may differ


@dataclass(frozen=True)
class Joined:
    """Published and new records together; the ``new`` cells among them, and what is ``differing``."""

    run: Run
    new: list[CellRecord] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)


def join_methods(published: Run, own: Run) -> Joined:
    """The published run with the cells of new methods, on those problems that are the published ones."""
    differing = find_differing(published, own)
    keys = {(problem.task, problem.repetition): problem.key for problem in published.problems}
    new = [
        cell.model_copy(update={"problem": keys[cell.task, cell.repetition]})
        for cell in own.cells
        if (cell.task, cell.repetition) not in differing
    ]
    suite, choices = published.manifest.suite, own.manifest.suite.methods
    labels = {choice.label for choice in choices}
    others = [choice for choice in suite.methods if choice.label not in labels]
    run = replace(
        published,
        allocations=[
            *(one for one in published.allocations if one.label not in labels),
            *own.allocations,
        ],
        cells=[*(cell for cell in published.cells if cell.label not in labels), *new],
    )
    return Joined(_plan_as(run, suite.model_copy(update={"methods": [*others, *choices]})), new, [*differing.values()])


def join_tasks(published: Run, own: Run) -> Joined:
    """The published run and the tasks that it has not."""
    suite = published.manifest.suite
    run = replace(
        published,
        problems=[*published.problems, *own.problems],
        allocations=[*published.allocations, *own.allocations],
        cells=[*published.cells, *own.cells],
    )
    return Joined(_plan_as(run, suite.model_copy(update={"tasks": [*suite.tasks, *own.manifest.suite.tasks]})))


def join_metrics(published: Run, own: Run) -> Joined:
    """The published run with scores of new metrics, at the headline budget and where attributions are as published."""
    differing = find_differing(published, own)
    lines = list(differing.values())
    found = {(cell.task, cell.repetition, cell.label): cell for cell in own.cells}
    cells = []
    for cell in published.cells:
        new = found.get((cell.task, cell.repetition, cell.label)) if cell.headline else None
        if new is None or (cell.task, cell.repetition) in differing:
            cells.append(cell)
        elif new.status == "failed" and new.cost is None and cell.cost is not None:
            lines.append(f"{cell.task}, repetition {cell.repetition}: {cell.label} failed here ({new.reason})")
            cells.append(cell)
        elif not _is_same_attribution(cell, new):
            lines.append(f"{cell.task}, repetition {cell.repetition}: the attribution of {cell.label} is another one")
            cells.append(cell)
        else:
            cells.append(_add_columns(cell, new))
    choices = own.manifest.suite.tasks[0].metrics
    suite = published.manifest.suite
    of_tasks = [task.model_copy(update={"metrics": [*task.metrics, *choices]}) for task in suite.tasks]
    run = replace(published, cells=cells)
    return Joined(_plan_as(run, suite.model_copy(update={"tasks": of_tasks})), differing=lines)


def find_differing(published: Run, own: Run) -> dict[tuple[str, int], str]:
    """What makes problems of this machine other ones than published, by task and repetition."""
    known = {(problem.task, problem.repetition): problem for problem in published.problems}
    found = {}
    for problem in own.problems:
        place = problem.task, problem.repetition
        if line := _tell_difference(known[place], problem):
            found[place] = f"{problem.task}, repetition {problem.repetition}: {line}"
    return found


def _tell_difference(published: ProblemRecord, own: ProblemRecord) -> str:
    """The first thing in which problems differ, by more than rounding; tables for figures are not made again."""
    differing = next(compare_problems(published.model_copy(update={"series": own.series}), own), None)
    if differing is not None:
        return f"{differing.what} is {differing.found}, published as {differing.published}"
    if published.even_shares.keys() != own.even_shares.keys():
        return f"its regions are {', '.join(own.even_shares)}, published as {', '.join(published.even_shares)}"
    for part, shares in published.even_shares.items():
        first, second = (np.array(values, dtype=float) for values in (shares, own.even_shares[part]))
        if not np.allclose(first, second, rtol=0, atol=SHARES, equal_nan=True):
            return f"its region {part} is another one than published"
    return ""


def _is_same_attribution(published: CellRecord, own: CellRecord) -> bool:
    """As far as records tell, but for rounding; whether a metric was scored on it does not matter."""
    if published.cost is None or own.cost is None:
        return published.cost is own.cost
    pair = [list_numbers(cell) for cell in (published, own)]
    shared = [name for name in pair[0] if name == "attribution" or name.startswith("share of ")]
    return published.cost.rows == own.cost.rows and not any(
        name in pair[1] and find_excess(pair[0][name], pair[1][name]).any() for name in shared
    )


def _add_columns(cell: CellRecord, new: CellRecord) -> CellRecord:
    tables = ("scores", "curves", "metric_notes", "facts", "metric_keys")
    joined: dict[str, Any] = {name: {**getattr(cell, name), **getattr(new, name)} for name in tables}
    return cell.model_copy(update={**joined, "metrics": [*cell.metrics, *new.metrics]})


def keep_tasks(run: Run, suite: Suite) -> Run:
    """The run's records of a suite's tasks alone."""
    names = {task.name for task in suite.tasks}
    kept = replace(
        run,
        problems=[problem for problem in run.problems if problem.task in names],
        allocations=[allocation for allocation in run.allocations if allocation.task in names],
        cells=[cell for cell in run.cells if cell.task in names],
    )
    return _plan_as(kept, suite)


def _plan_as(run: Run, suite: Suite) -> Run:
    """The run of this suite whose records are those that are there."""
    manifest = run.manifest.model_copy(
        update={
            "suite": suite,
            "problems": [problem.file for problem in run.problems],
            "allocations": [allocation.file for allocation in run.allocations],
            "cells": [cell.file for cell in run.cells],
        }
    )
    return replace(run, manifest=manifest)
