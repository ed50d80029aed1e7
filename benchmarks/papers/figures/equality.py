"""Numbers that should be equal, one against the other, beside the line of equality."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import INK, Drawing, add_title, list_colours, make_panels, name_panel
from benchmarks.papers.quantities import measure_r2

EDGES = "theorem-3"  # the series of IG from a coalition to that with a player, and what the player adds


def draw_network_against_game(board: Board, *, title: str) -> Iterator[Drawing]:
    """Shapley values of the network against those of the game it was trained on (SIG, Fig. 8), where both are known."""
    points = [
        pd.DataFrame({name: np.ravel(problem.truths[name]) for name in ("game", "model")}).assign(task=problem.task)
        for problem in board.run.problems
        if {"game", "model"} <= problem.truths.keys()
    ]
    if points:
        caption = f"{title}: a point per player and repetition; R^2 is that of the dashed line of equality."
        labels = ("Shapley value of the reward", "Shapley value of the network")
        figure = plot_equality(pd.concat(points), "game", "model", _tell_fit, labels=labels, title=title)
        yield Drawing("network-against-reward", caption, figure)


def draw_along_edges(board: Board, *, title: str) -> Iterator[Drawing]:
    """IG between coalitions against what the player adds (ES, Fig. 9), of every task whose problems hold both."""
    sums = [
        pd.DataFrame(problem.series[EDGES], dtype=float).assign(task=problem.task)
        for problem in board.run.problems
        if EDGES in problem.series
    ]
    if sums:
        caption = f"{title}: sums over coalitions, a point per player and repetition; equal on the dashed line."
        labels = ("marginal contributions", "IG between the coalitions")
        figure = plot_equality(pd.concat(sums), "marginal", "integrated", _tell_gap, labels=labels, title=title)
        yield Drawing("along-edges", caption, figure)


def _tell_fit(x: pd.Series, y: pd.Series) -> str:
    rho = stats.spearmanr(x, y).statistic
    return f"$R^2$ = {measure_r2(y.to_numpy(), x.to_numpy()):.3f}\nrank correlation = {rho:.3f}"


def _tell_gap(x: pd.Series, y: pd.Series) -> str:
    return f"differ by at most {(y - x).abs().max() / x.abs().max():.2%}"


def plot_equality(
    points: pd.DataFrame,
    x: str,
    y: str,
    describe: Callable[[pd.Series, pd.Series], str],
    *,
    labels: tuple[str, str],
    title: str,
) -> Figure:
    """A panel per task: a point per row of ``points``, which has a column ``task``, and how near both columns are."""
    tasks = list(points["task"].unique())
    figure, axes = make_panels(len(tasks), columns=4, width=3.0, height=3.0)
    for ax, task in zip(axes, tasks, strict=True):
        part = points[points["task"] == task]
        ends = [part[[x, y]].to_numpy().min(), part[[x, y]].to_numpy().max()]
        ax.plot(ends, ends, color=INK, linewidth=0.8, linestyle="--")
        ax.scatter(part[x], part[y], s=10, alpha=0.5, color=list_colours()[0], linewidth=0)
        ax.text(0.04, 0.96, describe(part[x], part[y]), transform=ax.transAxes, va="top")
        ax.set(xlabel=labels[0])
        name_panel(ax, task)
    axes[0].set_ylabel(labels[1])
    add_title(figure, title)
    return figure
