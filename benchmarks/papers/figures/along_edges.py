"""What IG gives a player from a coalition to that with the player, against what the player adds (ES, Fig. 9)."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import INK, Drawing, add_title, list_colours, make_panels, name_panel

SERIES = "theorem-3"


def draw_along_edges(board: Board, *, title: str) -> Iterator[Drawing]:
    """Of every task whose problems hold both."""
    sums = [
        pd.DataFrame(problem.series[SERIES], dtype=float).assign(task=problem.task)
        for problem in board.run.problems
        if SERIES in problem.series
    ]
    if sums:
        caption = f"{title}: sums over coalitions, a point per player and repetition; equal on the dashed line."
        yield Drawing("along-edges", caption, plot_along_edges(pd.concat(sums), title=title))


def plot_along_edges(sums: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: a point per player and repetition, and the line on which both are equal.

    ``sums`` has a row per point: ``task, marginal, integrated``. The largest difference is relative to the largest
    marginal contribution of the task.
    """
    tasks = list(sums["task"].unique())
    figure, axes = make_panels(len(tasks), columns=4, width=3.0, height=3.0)
    for ax, task in zip(axes, tasks, strict=True):
        part = sums[sums["task"] == task]
        both = part[["marginal", "integrated"]].to_numpy()
        ax.plot([both.min(), both.max()], [both.min(), both.max()], color=INK, linewidth=0.8, linestyle="--")
        ax.scatter(part["marginal"], part["integrated"], s=10, alpha=0.5, color=list_colours()[0], linewidth=0)
        largest = (part["integrated"] - part["marginal"]).abs().max() / part["marginal"].abs().max()
        ax.text(0.04, 0.96, f"differ by at most {largest:.2%}", transform=ax.transAxes, va="top")
        ax.set(xlabel="marginal contributions")
        name_panel(ax, task)
    axes[0].set_ylabel("IG between the coalitions")
    add_title(figure, title)
    return figure
