"""Findings that are no tests of means: numbers without a verdict, criteria of training, and facts of every unit."""

from collections.abc import Sequence

import pandas as pd

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board
from benchmarks.board.tables import NONE, format_interval
from benchmarks.papers.claims import Claim
from benchmarks.papers.evidence import read_checks
from benchmarks.papers.quantities import Quantity
from benchmarks.papers.verdicts import (
    CRITERION,
    HELD,
    NOT_HELD,
    UNDECIDED,
    Finding,
    Range,
    combine_verdicts,
    list_measured,
)

# ---- numbers without a verdict -----------------------------------------------------------------------------------


def report_means(quantity: Quantity, methods: Sequence[str], board: Board, tasks: Sequence[str]) -> Finding:
    """Mean scores of methods, task by task."""
    return list_measured(format_means(quantity, methods, board, task) for task in tasks)


def format_means(quantity: Quantity, methods: Sequence[str], board: Board, task: str) -> str:
    """Mean scores of methods with their 95 % intervals; empty where none has any."""
    values = quantity.values(board, task)
    found = {
        name: statistics.mean_interval(
            values.loc[name].to_numpy(float), board.find_models(task, values.columns), limits=quantity.limits
        )
        for name in methods
        if name in values.index
    }
    texts = [f"{name} {format_interval(of.mean, of.low, of.high)}" for name, of in found.items() if of.units]
    alone = " (this model only)" if {of.models for of in found.values() if of.units} == {1} else ""
    return f"{quantity.name} on {task}: {', '.join(texts)}{alone}" if texts else ""


def report_checks(names: Sequence[str], board: Board, tasks: Sequence[str]) -> Finding:
    """Means of what was measured of the trained models, task by task."""
    return list_measured(_format_checks(name, _read_checks_by_task(board, name, tasks)) for name in names)


def _read_checks_by_task(board: Board, name: str, tasks: Sequence[str]) -> dict[str, pd.Series]:
    return {task: values for task in tasks if len(values := read_checks(board, name, [task]))}


def _format_checks(name: str, by_task: dict[str, pd.Series]) -> str:
    parts = ", ".join(f"{format_ends(values)} on {task}" for task, values in by_task.items())
    return f"{name} {parts}" if parts else ""


def format_ends(values: pd.Series, digits: int = 3) -> str:
    """The mean, and in brackets from the smallest to the largest where they differ; undefined ones are left out."""
    return _format_middle(values, values.mean(), digits)


def format_median(values: pd.Series, digits: int = 3) -> str:
    """The median, and in brackets the smallest and the largest where they differ; undefined ones are left out."""
    return _format_middle(values, values.median(), digits)


def _format_middle(values: pd.Series, middle: float, digits: int) -> str:
    if values.isna().all():
        return NONE
    shown, low, high = (f"{value:z.{digits}f}" for value in (middle, values.min(), values.max()))
    return shown if low == high else f"{shown} ({low} to {high})"


def count_saliency_maps(board: Board, tasks: Sequence[str]) -> Finding:
    """The number of methods that have maps of pictures, task by task."""
    counts = {
        task: len({name for at in board.shown[task] for name in at.maps})
        for task in tasks
        if task in board.shown and board.shown[task][0].inputs.ndim == 4
    }
    return list_measured(f"{count} methods on {task}" for task, count in counts.items())


# ---- trained models ----------------------------------------------------------------------------------------------


def compare_with_criteria(board: Board, tasks: Sequence[str], **criteria: Range) -> Finding:
    """The checks of every model of the tasks, beside the range by which trained models are accepted.

    It is no finding, since models that miss it are trained anew. A training that led to no usable model misses it.
    """
    texts, kept = [], []
    for name, accepted in criteria.items():
        checks = _read_checks_by_task(board, name, tasks)
        kept += [accepted.judge(found.min(), found.max()) == HELD for found in checks.values()]
        texts.append(f"{_format_checks(name, checks)} (asked: {accepted})" if checks else "")
    failed = len(find_failed_seeds(board, tasks))
    none = f"no usable model from {failed} seeds" if failed else ""
    anew = count_trained_anew(board, tasks) if kept else ""
    met = ("met by every model" if all(kept) and not failed else "not met by every model") if kept else ""
    return list_measured([*texts, met, anew, none], CRITERION)


def find_failed_seeds(board: Board, tasks: Sequence[str]) -> set[int]:
    """Seeds of the problems that could not be prepared."""
    return {p.problem_seed for p in board.run.problems if p.task in tasks and p.status == "failed"}


def count_trained_anew(board: Board, tasks: Sequence[str]) -> str:
    """The number of seeds that had not led to a usable model, in words."""
    restarts = read_checks(board, "restarts", tasks)
    return f"trained anew: {restarts.sum():.0f} over {len(restarts)} models" if len(restarts) else ""


# ---- facts of every unit, or of most methods ---------------------------------------------------------------------


def judge_every(quantity: Quantity, method: str, claimed: Range, board: Board, tasks: Sequence[str]) -> Finding:
    """A fact that holds by definition, not in the mean of a sample: held where every unit is in the range, else not."""
    texts, kept = [], []
    for task in tasks:
        table = quantity.values(board, task)
        values = pd.Series(table[table.index == method].to_numpy().ravel(), dtype=float).dropna()
        if len(values):
            kept.append(claimed.judge(float(values.min()), float(values.max())) == HELD)
            texts.append(f"{quantity.name} of {method} {format_ends(values)} on {task} (claimed {claimed})")
    return list_measured(texts, HELD if all(kept) else NOT_HELD)


def judge_most(claim: Claim, board: Board, tasks: Sequence[str]) -> Finding:
    """A statement about most methods: held on a task where it is for more than half of them, or likewise not held."""
    tests = claim.test(board)
    of_tasks = [[row["verdict"] for row in tests if row["task"] == task] for task in tasks]
    most = [
        next((one for one in (HELD, NOT_HELD) if 2 * verdicts.count(one) > len(verdicts)), UNDECIDED)
        for verdicts in of_tasks
        if verdicts
    ]
    return list_measured([claim(board).measured], combine_verdicts(most))
