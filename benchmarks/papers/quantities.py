"""What claims are about: numbers of a run for each method and unit, found by what they measure, never by a label.

A table has a row per method and a column per unit, ``(repetition, explicand)``, as ``Board.scores`` has; NaN where a
number is undefined. Numbers of the trained models themselves have the single row ``MODEL``; those of a sweep have a row
for each ``(method, value)``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from benchmarks.board.aggregate import Board, aggregate, find_option, list_rows
from benchmarks.run.suite import Paper
from datasets.problem import tasks
from sig.metrics.scaled_rmse import Scale, scaled
from sig.registry import metrics

MODEL: Final = "trained model"

Better = Literal["lower", "higher"]
Limits = tuple[float, float]
Models = Float[np.ndarray, " models"]
Selection = Callable[[Board], list[str]]  # of tasks


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


# ---- where to look -----------------------------------------------------------------------------------------------


def take_evidence(board: Board, paper: Paper) -> Board:
    """The board of those tasks alone that reproduce the paper, as the suite says: nothing else may speak for it."""
    manifest = board.run.manifest
    chosen = [task for task in manifest.suite.tasks if paper in task.reproduces]
    names = {task.name for task in chosen}
    suite = manifest.suite.model_copy(update={"tasks": chosen})
    problems = [problem for problem in board.run.problems if problem.task in names]
    cells = [cell for cell in board.run.cells if cell.task in names]
    manifest = manifest.model_copy(update={"suite": suite})
    return aggregate(replace(board.run, manifest=manifest, problems=problems, cells=cells))


def find_tasks(board: Board, kind: str = "", **options: Any) -> list[str]:
    """Tasks of a kind, of any where it is empty, with these values of those of the options that they have.

    An option left out of the suite has its default.
    """
    return [
        task.name
        for task in board.run.manifest.suite.tasks
        if kind in ("", task.kind)
        and all(find_option(tasks, task.kind, task.options, name) in (None, options[name]) for name in options)
    ]


def find_columns(board: Board, task: str, metric: str, *, truth: str = "", **options: Any) -> list[str]:
    """Columns of a metric against a truth with these values of options; an option left out has its default."""
    facts = board.columns
    facts = facts[(facts["task"] == task) & (facts["metric"] == metric) & (facts["truth"] == truth)]
    return [
        str(row["column"])
        for row in list_rows(facts)
        if all(metrics[metric].option(row["options"], name) == value for name, value in options.items())
    ]


# ---- quantities --------------------------------------------------------------------------------------------------


def score(name: str, metric: str, *, truth: str = "", **options: Any) -> Quantity:
    """Scores at the headline budget, from the first column of ``find_columns``."""

    def values(board: Board, task: str) -> pd.DataFrame:
        found = find_columns(board, task, metric, truth=truth, **options)
        return board.scores(task, found[0]) if found else pd.DataFrame()

    return Quantity(name, values, metrics[metric].better, metrics[metric].range)


def subtract(name: str, more: Quantity, less: Quantity) -> Quantity:
    """``more - less``, unit by unit."""

    def values(board: Board, task: str) -> pd.DataFrame:
        minuend, subtrahend = more.values(board, task), less.values(board, task)
        return pd.DataFrame() if minuend.empty or subtrahend.empty else minuend - subtrahend

    return Quantity(name, values, limits=(more.limits[0] - less.limits[1], more.limits[1] - less.limits[0]))


def relate(name: str, quantity: Quantity, method: str) -> Quantity:
    """The ratio to what one method has, unit by unit, of a quantity that is not negative."""

    def values(board: Board, task: str) -> pd.DataFrame:
        table = quantity.values(board, task)
        return table / table.loc[method] if method in table.index else pd.DataFrame()

    return Quantity(name, values, quantity.better, (0.0, np.inf))


def sweep(name: str, metric: str, option: str, *, truth: str = "") -> Quantity:
    """Scores over the values of an option that a sweep varies, a row for each method and value."""

    def values(board: Board, task: str) -> pd.DataFrame:
        found = find_columns(board, task, metric, truth=truth)[:1]
        units = board.units
        chosen = units[(units["sweep"] != "") & (units["task"] == task) & (units["option"] == option)]
        chosen = chosen[chosen["column"].isin(found)].astype({"method": str, "value": float})
        return chosen.pivot(index=["method", "value"], columns=["repetition", "explicand"], values="score")

    return Quantity(name, values, metrics[metric].better, metrics[metric].range)


def check(name: str, *, limits: Limits = (0.0, 1.0)) -> Quantity:
    """What was measured of the trained models, a unit for each repetition; each model counts once."""
    return Quantity(name, lambda board, task: make_unit_table({MODEL: read_checks(board, name, [task])}), limits=limits)


def emulation(name: str) -> Quantity:
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

    return Quantity(name, values, limits=(-np.inf, 1.0))


def measure_r2(values: Float[np.ndarray, " n"], truth: Float[np.ndarray, " n"]) -> float:
    """R^2 of the line on which both are equal, 1 - mean (values - truth)^2 / var truth."""
    return float(1 - np.mean((values - truth) ** 2) / np.var(truth))


def make_unit_table(found: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Numbers of repetitions by method, a unit for each repetition."""
    table = pd.DataFrame(found).T.sort_index(axis=1)
    return table.set_axis(pd.MultiIndex.from_product([table.columns, [0]], names=["repetition", "explicand"]), axis=1)


# ---- what a run shows --------------------------------------------------------------------------------------------


def read_checks(board: Board, name: str, chosen: Sequence[str]) -> pd.Series:
    """What was measured of the models of these tasks by repetition; each model counts once (``Board.models``)."""
    found = [(model.repetition, model.checks.get(name)) for model in board.models if model.task in chosen]
    return pd.DataFrame(found, columns=["repetition", "check"]).set_index("repetition")["check"].astype(float).dropna()


def collect_shown(board: Board, task: str) -> dict[str, pd.DataFrame]:
    """What is known of the explicands shown: true values, named ``bshap (truth)``, then attributions by method.

    A row for each repetition, the features of one explicand after the other.
    """
    rows: dict[str, dict[int, np.ndarray]] = {}
    for at in board.shown.get(task, ()):
        truths = {f"{name} (truth)": np.array(of)[at.problem.shown] for name, of in at.problem.truths.items()}
        for name, values in {**truths, **at.maps}.items():
            rows.setdefault(name, {})[at.problem.repetition] = values.ravel().astype(float)
    return {name: pd.DataFrame.from_dict(of_name, orient="index") for name, of_name in rows.items()}


def collect_first_shown(board: Board, task: str) -> dict[str, pd.DataFrame]:
    """``collect_shown`` of the first explicand alone, whose values name the columns."""
    values = board.shown[task][0].inputs[0] if task in board.shown else np.empty(0)
    shown = collect_shown(board, task)
    return {name: rows.iloc[:, : len(values)].set_axis(values.tolist(), axis=1) for name, rows in shown.items()}


def scale_rows(rows: pd.DataFrame, by: Scale) -> pd.DataFrame:
    """``scaled``, as a frame."""
    return pd.DataFrame(scaled(torch.tensor(rows.to_numpy()), by).numpy(), rows.index, rows.columns)
