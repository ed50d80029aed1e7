"""The figures of a report, a file for each kind; here it is decided which of them a run has the data for."""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.figures.bars import score_bars
from benchmarks.figures.curves import removal_curves
from benchmarks.figures.frontier import frontiers
from benchmarks.figures.runtime import runtimes
from benchmarks.figures.saliency import saliency_grid
from benchmarks.figures.style import styled
from benchmarks.figures.sweeps import sweep_lines
from benchmarks.figures.truths import network_against_game
from benchmarks.leaderboard import Leaderboard, rows_of
from benchmarks.records import ProblemRecord
from sig.metrics.iaccuracy import iaccuracy

OPTIONS: Final = {"samples": "N, the number of coalitions", "fraction": "Q, the share of coalitions to draw from"}


@dataclass(frozen=True)
class Drawing:
    """A figure, the stem of its file, and a line that says what it shows."""

    name: str
    caption: str
    figure: Figure


def draw(board: Leaderboard) -> Iterator[Drawing]:
    """Every figure that the run has the data for, in the order of the report."""
    with styled():
        for drawings in (_bars, _sweeps, _truths, _curves, _frontiers, _runtimes, _saliency):
            yield from drawings(board)


def _bars(board: Leaderboard) -> Iterator[Drawing]:
    units = board.units[board.units["headline"] & _is_column(board.units, board.game_columns)]
    if len(units):
        keys = ["task", "method", "repetition"]
        scores = units.groupby(keys, observed=True)["score"].mean().reset_index()
        title = "Rank correlation with the exact Shapley values of the game (SIG Fig. 3)"
        figure = score_bars(scores, board.methods, label="Spearman's rank correlation", title=title)
        caption = f"{title}: means, standard deviation over repetitions (whiskers), repetitions (dots)."
        yield Drawing("spearman", caption, figure)


def _sweeps(board: Leaderboard) -> Iterator[Drawing]:
    columns = {**board.first_judges, **board.game_columns}
    units = board.units[(board.units["sweep"] != "") & _is_column(board.units, columns)]
    for option, scores in units.groupby("option", sort=False):
        label = " / ".join(sorted({columns[task] for task in scores["task"].unique()}))
        axis = OPTIONS.get(str(option), str(option))
        title = f"Effect of {axis} (SIG Figs. 4, 10 and 11)"
        figure = sweep_lines(scores, axis=axis, label=label, title=title)
        yield Drawing(f"sweep-{option}", f"{title}: means and 95 % intervals over repetitions.", figure)


def _truths(board: Leaderboard) -> Iterator[Drawing]:
    points = [
        pd.DataFrame({name: np.ravel(problem.truths[name]) for name in ("game", "model")}).assign(task=problem.task)
        for problem in board.run.problems
        if {"game", "model"} <= problem.truths.keys()
    ]
    if points:
        title = "Shapley values of the trained network against those of the reward (SIG Fig. 8)"
        caption = f"{title}: a point per player and repetition; R^2 is that of the dashed line of equality."
        yield Drawing("network-against-reward", caption, network_against_game(pd.concat(points), title=title))


def _curves(board: Leaderboard) -> Iterator[Drawing]:
    curved = board.columns[board.columns["curve"] != ""]
    for task, facts in curved.groupby("task", sort=False):
        columns = facts.set_index("column").assign(axis=facts["curve"].array, end=[_end(row) for row in rows_of(facts)])
        parts: dict[str, dict[str, list[np.ndarray]]] = {column: {} for column in columns.index}
        for record in board.run.cells:
            if record.task == task and record.headline:
                for column, curve in record.curves.items():
                    parts[column].setdefault(record.label, []).append(curve.decode())
        curves = {
            column: {method: np.concatenate(found) for method, found in by_method.items()}
            for column, by_method in parts.items()
            if by_method
        }
        if curves:
            title = f"{task}: iAccuracy as features are removed (SIG Fig. 7)"
            figure = removal_curves(
                curves, columns, board.methods, best=_best(board, str(task), list(curves)), title=title
            )
            yield Drawing(f"curves-{task}", f"{title}: means and 95 % bands over explicands.", figure)


def _frontiers(board: Leaderboard) -> Iterator[Drawing]:
    points = board.summary[_is_column(board.summary, board.first_judges) & board.summary["rows"].notna()]
    if len(points):
        points = points.merge(board.columns[["task", "column", "better"]], on=["task", "column"])
        title = "Score against cost, over all budgets"
        caption = f"{title}: numbered methods are better than everything as cheap or cheaper; dashed, without any row."
        yield Drawing("frontier", caption, frontiers(points, board.methods, title=title))


def _runtimes(board: Leaderboard) -> Iterator[Drawing]:
    costs = board.coverage.reset_index().dropna(subset="seconds")
    if len(costs):
        title = "Runtime at the headline budget (SIG Fig. 9 and Table 2)"
        caption = f"{title}: seconds per explicand, with the forward model rows per explicand on the right."
        yield Drawing("runtime", caption, runtimes(costs, board.methods, title=title))


def _saliency(board: Leaderboard) -> Iterator[Drawing]:
    """Of the first repetition of each task that has pictures."""
    drawn = set()
    for problem in board.run.problems:
        if problem.task in drawn or problem.shown_inputs is None or len(problem.features) not in (2, 3):
            continue
        found = {record.label: record.maps for record in board.run.cells if record.problem == problem.key}
        maps = {label: encoded.decode() for label in board.methods.index if (encoded := found.get(label)) is not None}
        if maps:
            drawn.add(problem.task)
            title = f"{problem.task}: attributions (ICG Fig. 10)"
            figure = saliency_grid(problem.shown_inputs.decode(), maps, _picture_labels(problem), title=title)
            caption = f"{title}: red raises the output explained, blue lowers it; each map has its own scale."
            yield Drawing(f"saliency-{problem.task}", caption, figure)


def _is_column(frame: pd.DataFrame, columns: dict[str, str]) -> pd.Series:
    return frame["column"].astype(str) == frame["task"].astype(str).map(columns)


def _end(facts: dict[str, Any]) -> float:
    """Where the even grid of a curve ends: iAccuracy's at its option ``share``, any other at 1."""
    default = signature(iaccuracy).parameters["share"].default if facts["metric"] == "iaccuracy" else 1.0
    return float(facts["options"].get("share", default))


def _best(board: Leaderboard, task: str, columns: list[str]) -> list[str]:
    """Methods by their mean rank over these columns, the best first."""
    chosen = board.summary[(board.summary["task"] == task) & board.summary["column"].isin(columns)]
    return chosen.groupby("method", observed=True)["rank"].mean().dropna().sort_values().index.astype(str).tolist()


def _picture_labels(problem: ProblemRecord) -> list[str]:
    """The output explained of each picture, and the prediction where it is another."""
    pairs = zip(problem.shown_targets, problem.shown_predictions, strict=True)
    return [f"{target}" if target == predicted else f"{target} (pred. {predicted})" for target, predicted in pairs]
