"""Does the network reproduce the game it was trained on? Shapley values of the one against the other (SIG, Fig. 8)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import INK, Drawing, add_title, list_colours, make_panels, name_panel
from benchmarks.papers.quantities import measure_r2


def draw_network_against_game(board: Board, *, title: str) -> Iterator[Drawing]:
    """Of every task that knows both."""
    points = [
        pd.DataFrame({name: np.ravel(problem.truths[name]) for name in ("game", "model")}).assign(task=problem.task)
        for problem in board.run.problems
        if {"game", "model"} <= problem.truths.keys()
    ]
    if points:
        caption = f"{title}: a point per player and repetition; R^2 is that of the dashed line of equality."
        yield Drawing("network-against-reward", caption, plot_network_against_game(pd.concat(points), title=title))


def plot_network_against_game(truths: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: a point per player, explicand and repetition; R^2 and rank correlation are of all of them.

    ``truths`` has a row per point: ``task, game, model``. R^2 is that of the line on which both are equal.
    """
    tasks = list(truths["task"].unique())
    figure, axes = make_panels(len(tasks), columns=4, width=3.0, height=3.0)
    for ax, task in zip(axes, tasks, strict=True):
        part = truths[truths["task"] == task]
        ends = [part[["game", "model"]].to_numpy().min(), part[["game", "model"]].to_numpy().max()]
        ax.plot(ends, ends, color=INK, linewidth=0.8, linestyle="--")
        ax.scatter(part["game"], part["model"], s=10, alpha=0.5, color=list_colours()[0], linewidth=0)
        r2 = measure_r2(part["model"].to_numpy(), part["game"].to_numpy())
        rho = stats.spearmanr(part["game"], part["model"]).statistic
        ax.text(0.04, 0.96, f"$R^2$ = {r2:.3f}\nrank correlation = {rho:.3f}", transform=ax.transAxes, va="top")
        ax.set(xlabel="Shapley value of the reward")
        name_panel(ax, task)
    axes[0].set_ylabel("Shapley value of the network")
    add_title(figure, title)
    return figure
