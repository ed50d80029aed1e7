"""Published records and new ones together: methods, tasks or metrics that were run on the published problems."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from benchmarks.publish.difference import Difference
from benchmarks.publish.tolerance import CellPair, compare_problems, tell_status
from benchmarks.run.records import CellRecord, ProblemRecord, Run
from benchmarks.run.suite import Suite

SHARES: Final = 1e-5  # by which shares of the features may differ


@dataclass(frozen=True)
class JointRun:
    """Published and new records together; the ``new`` cells among them, and what is ``differing``: problems and
    attributions of this machine that are others than published, or failed, for which there is no new score."""

    run: Run
    new: list[CellRecord] = field(default_factory=list)
    differing: list[Difference] = field(default_factory=list)


def join_methods(published: Run, own: Run) -> JointRun:
    """The published run with the cells of new methods, on those problems that are the published ones."""
    differing = find_differing(published, own)
    keys = {problem.position: problem.key for problem in published.problems}
    new = [
        cell.model_copy(update={"problem": keys[cell.position[:2]]})
        for cell in own.cells
        if cell.position[:2] not in differing
    ]
    suite, choices = published.manifest.suite, own.manifest.suite.methods
    labels = {choice.label for choice in choices}
    others = [choice for choice in suite.methods if choice.label not in labels]
    run = replace(
        published,
        allocations=[*(one for one in published.allocations if one.label not in labels), *own.allocations],
        cells=[*(cell for cell in published.cells if cell.label not in labels), *new],
    )
    return JointRun(
        _plan_as(run, suite.model_copy(update={"methods": [*others, *choices]})), new, [*differing.values()]
    )


def join_tasks(published: Run, own: Run) -> JointRun:
    """The published run and the tasks that it has not."""
    suite = published.manifest.suite
    run = replace(
        published,
        problems=[*published.problems, *own.problems],
        allocations=[*published.allocations, *own.allocations],
        cells=[*published.cells, *own.cells],
    )
    return JointRun(_plan_as(run, suite.model_copy(update={"tasks": [*suite.tasks, *own.manifest.suite.tasks]})))


def join_metrics(published: Run, own: Run) -> JointRun:
    """The published run with scores of new metrics, at the headline budget and where attributions are as published."""
    of_problems = find_differing(published, own)
    differing = list(of_problems.values())
    found = {cell.position[:3]: cell for cell in own.cells}
    cells = []
    for cell in published.cells:
        new = found.get(cell.position[:3]) if cell.headline else None
        if new is None or cell.position[:2] in of_problems:
            cells.append(cell)
        elif difference := _find_difference_of_attribution(cell, new):
            differing.append(difference)
            cells.append(cell)
        else:
            cells.append(_add_columns(cell, new))
    choices = own.manifest.suite.tasks[0].metrics
    suite = published.manifest.suite
    of_tasks = [task.model_copy(update={"metrics": [*task.metrics, *choices]}) for task in suite.tasks]
    run = replace(published, cells=cells)
    return JointRun(_plan_as(run, suite.model_copy(update={"tasks": of_tasks})), differing=differing)


def find_differing(published: Run, own: Run) -> dict[tuple[str, int], Difference]:
    """The problems of this machine that are others than published, by task and repetition, and the first difference."""
    known = {problem.position: problem for problem in published.problems}
    found = {problem.position: next(_compare(known[problem.position], problem), None) for problem in own.problems}
    return {position: difference for position, difference in found.items() if difference}


def _compare(published: ProblemRecord, own: ProblemRecord) -> Iterator[Difference]:
    """The differences of problems and of their regions; tables for figures are not made again."""
    yield from compare_problems(published.model_copy(update={"series": own.series}), own)
    was, now = published.even_shares, own.even_shares
    if was.keys() != now.keys():
        yield Difference(where=f"{published}: its regions", was=", ".join(was) or None, now=", ".join(now) or None)
        return
    for part, shares in was.items():
        a, b = (np.array(values, dtype=float) for values in (shares, now[part]))
        if not np.allclose(a, b, rtol=0, atol=SHARES, equal_nan=True):
            yield Difference(where=f"{published}: shares of its region {part}", was=shares, now=now[part])


def _find_difference_of_attribution(published: CellRecord, own: CellRecord) -> Difference | None:
    """The first one, as far as records tell; whether a metric was scored on it does not matter."""
    if published.cost is None or own.cost is None:
        if published.cost is own.cost:
            return None
        return Difference(where=f"{published}: outcome", was=tell_status(published), now=tell_status(own))
    return next(iter(CellPair(published, own).list_differences_of_attribution()), None)


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
