"""What claims are about: a number of a run for each method and unit.

A table has a row per method and a column per unit, ``(repetition, explicand)``, as ``Board.scores`` has; NaN where a
number is undefined. Numbers of the trained models themselves have the single row ``MODEL``; those of a sweep have a row
for each ``(method, value)``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from benchmarks.board.aggregate import Board
from benchmarks.papers.evidence import find_columns, read_checks
from sig.registry import metrics

MODEL: Final = "trained model"

Better = Literal["lower", "higher"]
Limits = tuple[float, float]


@dataclass(frozen=True)
class Quantity:
    """A number for each method and unit.

    Attributes:
        name: as tables show it.
        values: the table of a task, empty where the run has no such numbers.
        better: whether a lower or a higher one is better.
        limits: the smallest and the largest possible one.
        see: names of the pages and figures that show it, in which ``{task}`` stands for a task.
    """

    name: str
    values: Callable[[Board, str], pd.DataFrame]
    better: Better = "higher"
    limits: Limits = (0.0, 1.0)
    see: Sequence[str] = ()


def score(name: str, metric: str, *, truth: str = "", see: Sequence[str] = (), **options: Any) -> Quantity:
    """Scores at the headline budget, from the first column of ``find_columns``."""

    def values(board: Board, task: str) -> pd.DataFrame:
        found = find_columns(board, task, metric, truth=truth, **options)
        return board.scores(task, found[0]) if found else pd.DataFrame()

    return Quantity(name, values, metrics[metric].better, metrics[metric].range, see)


def subtract(name: str, more: Quantity, less: Quantity) -> Quantity:
    """``more - less``, unit by unit, to be seen where ``more`` is."""

    def values(board: Board, task: str) -> pd.DataFrame:
        minuend, subtrahend = more.values(board, task), less.values(board, task)
        return pd.DataFrame() if minuend.empty or subtrahend.empty else minuend - subtrahend

    limits = (more.limits[0] - less.limits[1], more.limits[1] - less.limits[0])
    return Quantity(name, values, limits=limits, see=more.see)


def relate(name: str, quantity: Quantity, method: str) -> Quantity:
    """The ratio to what one method has, unit by unit, of a quantity that is not negative."""

    def values(board: Board, task: str) -> pd.DataFrame:
        table = quantity.values(board, task)
        return table / table.loc[method] if method in table.index else pd.DataFrame()

    return Quantity(name, values, quantity.better, (0.0, np.inf), quantity.see)


def sweep(name: str, metric: str, option: str, *, truth: str = "", see: Sequence[str] = ()) -> Quantity:
    """Scores over the values of an option that a sweep varies, a row for each method and value."""

    def values(board: Board, task: str) -> pd.DataFrame:
        found = find_columns(board, task, metric, truth=truth)[:1]
        units = board.units
        chosen = units[(units["sweep"] != "") & (units["task"] == task) & (units["option"] == option)]
        chosen = chosen[chosen["column"].isin(found)].astype({"method": str, "value": float})
        return chosen.pivot(index=["method", "value"], columns=["repetition", "explicand"], values="score")

    return Quantity(name, values, metrics[metric].better, metrics[metric].range, see)


def check(name: str, *, limits: Limits = (0.0, 1.0), see: Sequence[str] = ("checks",)) -> Quantity:
    """A check of the trained models, a unit for each repetition; each model counts once."""

    def values(board: Board, task: str) -> pd.DataFrame:
        return make_unit_table({MODEL: read_checks(board, name, [task])})

    return Quantity(name, values, limits=limits, see=see)


def emulation(name: str, see: Sequence[str]) -> Quantity:
    """R^2 of the Shapley values of the trained network as those of the game that it was trained on, of each model.

    Equal Shapley values of symmetric players leave their order to chance, which a rank correlation would count.
    """

    def values(board: Board, task: str) -> pd.DataFrame:
        found = {
            model.repetition: measure_r2(np.ravel(model.truths["model"]), np.ravel(model.truths["game"]))
            for model in board.models
            if model.task == task and {"game", "model"} <= model.truths.keys()
        }
        return make_unit_table({MODEL: pd.Series(found, dtype=float)})

    return Quantity(name, values, limits=(-np.inf, 1.0), see=see)


def measure_r2(values: Float[np.ndarray, " n"], truth: Float[np.ndarray, " n"]) -> float:
    """R^2 of the line on which both are equal, 1 - mean (values - truth)^2 / var truth."""
    return float(1 - np.mean((values - truth) ** 2) / np.var(truth))


def make_unit_table(found: Mapping[str, pd.Series]) -> pd.DataFrame:
    """The table of numbers of repetitions by method, a unit for each repetition."""
    table = pd.DataFrame(found).T.sort_index(axis=1)
    return table.set_axis(pd.MultiIndex.from_product([table.columns, [0]], names=["repetition", "explicand"]), axis=1)


COMPLETENESS: Final = score("completeness gap", "completeness", see=("leaderboard",))
