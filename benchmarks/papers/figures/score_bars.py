"""How well each method ranks the players of a game (SIG, Fig. 3)."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import (
    INK,
    Drawing,
    add_family_legend,
    add_title,
    choose_family_colours,
    make_panels,
    name_panel,
)
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.quantities import Quantity


def draw_score_bars(quantity: Quantity, label: str, board: Board, *, title: str) -> Iterator[Drawing]:
    """The figure of every task that has the scores."""
    tables = {task: quantity.values(board, task) for task in find_tasks(board)}
    means = [
        table.T.groupby(level="repetition").mean().melt(value_name="score", ignore_index=False).assign(task=task)
        for task, table in tables.items()
        if len(table)
    ]
    if means:
        caption = f"{title}: means, standard deviation over repetitions (whiskers), repetitions (dots)."
        figure = plot_score_bars(pd.concat(means).reset_index(), board.methods, label=label, title=title)
        yield Drawing("spearman", caption, figure)


def plot_score_bars(scores: pd.DataFrame, methods: pd.DataFrame, *, label: str, title: str) -> Figure:
    """A panel per task: bars are means, whiskers the standard deviation over repetitions, dots the repetitions.

    ``scores`` has a row per repetition: ``task, method, repetition, score``; ``methods`` is ``Board.methods``.
    """
    tasks = list(scores["task"].unique())
    colours = choose_family_colours(methods)
    shown = [method for method in methods.index if method in set(scores["method"])]
    figure, axes = make_panels(
        len(tasks), columns=4, width=3.1, height=1.1 + 0.21 * len(shown), sharey=True, sharex=True
    )
    for ax, task in zip(axes, tasks, strict=True):
        part = scores[scores["task"] == task].astype({"method": str})
        part = part.assign(family=part["method"].map(methods["family"]))
        common = {"data": part, "x": "score", "y": "method", "order": shown, "ax": ax}
        spread: dict[str, Any] = {"errorbar": "sd", "capsize": 0.5, "err_kws": {"linewidth": 1, "color": INK}}
        sns.barplot(**common, **spread, hue="family", palette=colours, legend=False, alpha=0.75)
        sns.stripplot(**common, color="white", edgecolor=INK, linewidth=0.5, size=2.3, jitter=False, zorder=3)
        ax.set(xlabel=label, ylabel="")
        name_panel(ax, task)
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.grid(axis="y", visible=False)
    add_title(figure, title)
    drawn = set(methods.loc[shown, "family"])
    add_family_legend(figure, {family: colour for family, colour in colours.items() if family in drawn})
    return figure
