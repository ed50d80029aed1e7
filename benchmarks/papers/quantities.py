"""What claims are about: numbers of a run for each method and unit, found by what they measure, never by a label.

A table has a row per method and a column per unit, ``(repetition, explicand)``, as ``Board.scores`` has; NaN
where a number is undefined. Numbers of the trained models themselves have the single row ``MODEL``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from benchmarks.board.aggregate import Board
from benchmarks.run.suite import TaskChoice
from datasets.problem import tasks
from sig.registry import metrics

MODEL: Final = "trained model"

Better = Literal["lower", "higher"]
Limits = tuple[float, float]
Rows = Float[np.ndarray, "repetitions features"]
Row = Float[np.ndarray, " features"]


@dataclass(frozen=True)
class Quantity:
    """A number for each method and unit.

    Attributes:
        name: as tables show it.
        values: the table of a task, empty where the run has no such numbers.
        better: whether a lower or a higher one is better.
        limits: the smallest and the largest possible one.
    """

    name: str
    values: Callable[[Board, str], pd.DataFrame]
    better: Better = "higher"
    limits: Limits = (0.0, 1.0)


def tasks_of(board: Board, kind: str = "", **options: Any) -> list[str]:
    """Tasks of a kind, of any where it is empty, with these values of those of the options that they have.

    An option left out of the suite has its default.
    """
    entries = [task for task in board.run.manifest.suite.tasks if kind in ("", task.kind)]
    return [task.name for task in entries if all(_option(task, name) in (None, options[name]) for name in options)]


def columns_of(board: Board, task: str, metric: str, *, truth: str = "", **options: Any) -> list[str]:
    """Columns of a metric against a truth with these values of options; an option left out has its default."""
    facts = board.columns
    facts = facts[(facts["task"] == task) & (facts["metric"] == metric) & (facts["truth"] == truth)]
    pairs = zip(facts["column"], facts["options"], strict=True)
    return [
        str(label)
        for label, given in pairs
        if all(metrics[metric].option(given, name) == value for name, value in options.items())
    ]


def column(
    name: str, metric: str, *, truth: str = "", better: Better = "higher", limits: Limits = (0.0, 1.0), **options: Any
) -> Quantity:
    """Scores at the headline budget, from the first column of ``columns_of``."""

    def values(board: Board, task: str) -> pd.DataFrame:
        found = columns_of(board, task, metric, truth=truth, **options)
        return board.scores(task, found[0]) if found else pd.DataFrame()

    return Quantity(name, values, better, limits)


def difference(name: str, more: Quantity, less: Quantity) -> Quantity:
    """``more - less``, unit by unit."""

    def values(board: Board, task: str) -> pd.DataFrame:
        minuend, subtrahend = more.values(board, task), less.values(board, task)
        return pd.DataFrame() if minuend.empty or subtrahend.empty else minuend - subtrahend

    return Quantity(name, values, limits=(more.limits[0] - less.limits[1], more.limits[1] - less.limits[0]))


def check(name: str, *, better: Better = "higher", limits: Limits = (0.0, 1.0)) -> Quantity:
    """What was measured of the trained models, a unit for each repetition.

    A model that several tasks explain, known by its checkpoint, counts for the first of them alone.
    """

    def values(board: Board, task: str) -> pd.DataFrame:
        models: dict[str, tuple[str, int, float]] = {}
        for problem in board.run.problems:
            if (value := problem.checks.get(name)) is not None:
                model = problem.provenance.data.get("checkpoint", problem.file)
                models.setdefault(model, (problem.task, problem.repetition, value))
        return _table({MODEL: {(repetition, 0): value for of, repetition, value in models.values() if of == task}})

    return Quantity(name, values, better, limits)


def of_first_shown(name: str, of_rows: Callable[[Rows, Row], Float[np.ndarray, " repetitions"]]) -> Quantity:
    """A number in [0, 1] for each repetition, the lower the better, of the attributions of the first explicand shown.

    ``of_rows`` takes them, each divided by its largest absolute value, and the explicand.
    """

    def values(board: Board, task: str) -> pd.DataFrame:
        found = {}
        for method, by_repetition in maps(board, task).items():
            rows = np.stack([shown[0] for shown in by_repetition.values()])
            units = [(repetition, 0) for repetition in by_repetition]
            numbers = of_rows(_by_largest(rows), first_shown(board, task))
            found[method] = dict(zip(units, numbers, strict=True))
        return _table(found)

    return Quantity(name, values, "lower")


def first_shown(board: Board, task: str) -> Float[np.ndarray, "*features"]:
    """The first explicand shown, in the first repetition; empty where none is shown."""
    found = [p.shown_inputs for p in board.run.problems if p.task == task and p.shown_inputs is not None]
    return found[0].decode()[0].astype(float) if found else np.empty(0)


def maps(board: Board, task: str) -> dict[str, dict[int, Float[np.ndarray, "shown *features"]]]:
    """Attributions of the explicands shown, by method and repetition; none where it is not known what is shown."""
    if not len(first_shown(board, task)):
        return {}
    found: dict[str, dict[int, np.ndarray]] = {method: {} for method in board.methods.index}
    for record in board.run.cells:
        if record.task == task and record.maps is not None:
            found[record.label][record.repetition] = record.maps.decode().astype(float)
    return {method: by_repetition for method, by_repetition in found.items() if by_repetition}


def largest_on_constant(rows: Rows, explicand: Row) -> Float[np.ndarray, " repetitions"]:
    """The largest absolute value among the features of Local Minimum around which f is constant, those up to 0.5."""
    return np.asarray(np.abs(rows[:, explicand <= 0.5]).max(1))


def distance_from_mean(rows: Rows, explicand: Row) -> Float[np.ndarray, " repetitions"]:
    """Root mean square distance from the mean over repetitions; NaN for fewer than three, of which two are as far.

    Distances from a mean that they share are not independent, so that a test of them is approximate.
    """
    distances = np.sqrt(np.square(rows - rows.mean(0)).mean(1))
    return np.asarray(distances if len(rows) > 2 else np.full(len(rows), np.nan))


def _by_largest(rows: Rows) -> Rows:
    largest = np.abs(rows).max(1, keepdims=True)
    return np.asarray(rows / np.where(largest > 0, largest, 1))


def _table(found: dict[str, dict[tuple[int, int], float]]) -> pd.DataFrame:
    units = sorted({unit for by_unit in found.values() for unit in by_unit})
    if not units:
        return pd.DataFrame()
    index = pd.MultiIndex.from_tuples(units, names=["repetition", "explicand"])
    return pd.DataFrame([[row.get(unit, np.nan) for unit in units] for row in found.values()], list(found), index)


def _option(task: TaskChoice, name: str) -> Any:
    entry = next((entry for entry in tasks if entry.name == task.kind), None)
    return entry.option(task.options, name) if entry else task.options.get(name)
