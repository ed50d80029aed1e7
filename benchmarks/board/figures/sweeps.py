"""The effect of one option of a method, the others held."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import (
    Colour,
    Drawing,
    add_legend_below,
    add_title,
    label_height,
    list_colours,
    make_panels,
    name_panel,
)


def draw_sweeps(board: Board) -> Iterator[Drawing]:
    """A figure for each option that varies, of the first judging column of every task."""
    scores = board.first_scores(board.units[board.units["sweep"] != ""])
    scores = scores.merge(board.columns[["task", "column", "better", "range"]], on=["task", "column"])
    for option, of_option in scores.groupby("option", sort=False):
        title = f"Effect of {option}"
        caption = f"{title}: means of the models' means, with 95 % intervals over models where there are several."
        yield Drawing(f"sweep-{option}", caption, plot_sweep(of_option, axis=str(option), title=title))


def plot_sweep(scores: pd.DataFrame, *, axis: str, title: str) -> Figure:
    """A panel per task: mean score with its 95 % interval against the value of the option that varies.

    ``scores`` has a row per unit: ``task, model, method, sweep, value, column, better, range, score``, of one option,
    which ``axis`` names. Values that are not numbers are spaced evenly.
    """
    tasks = list(scores["task"].unique())
    scores = scores.assign(line=_name_lines(scores))
    colours = dict(zip(scores["line"].unique(), cycle(list_colours()), strict=False))
    shared = scores["column"].nunique() == 1
    figure, axes = make_panels(len(tasks), columns=4, width=3.0, height=2.9, sharey=shared)
    for ax, task in zip(axes, tasks, strict=True):
        part = scores[scores["task"] == task]
        for line, points in part.groupby("line", sort=False):
            _plot_line(ax, points, line, colours[line])
        column, better = part[["column", "better"]].iloc[0]
        ax.set_xlabel(axis)
        label_height(ax, f"{column} ({better} is better)", shared=shared)
        name_panel(ax, task)
    add_title(figure, title)
    handles = {line: handle for ax in axes for handle, line in zip(*ax.get_legend_handles_labels(), strict=True)}
    add_legend_below(figure, list(handles.values()))
    return figure


def _plot_line(ax: Axes, points: pd.DataFrame, line: str, colour: Colour) -> None:
    groups = points.groupby("value", sort=False)
    values: list[Any] = [value for value, _ in groups]
    limits = tuple(points["range"].iloc[0])
    means = [
        statistics.mean_interval(part["score"].to_numpy(), part["model"].to_numpy(), limits=limits)
        for _, part in groups
    ]
    numeric = all(isinstance(value, int | float) for value in values)
    x = values if numeric else list(range(len(values)))
    ax.plot(x, [at.mean for at in means], color=colour, marker="o", markersize=3.5, label=line)
    ax.fill_between(x, [at.low for at in means], [at.high for at in means], color=colour, alpha=0.2, linewidth=0)
    if not numeric:
        ax.margins(x=0.15)
        ax.set_xticks(x, [str(value) for value in values])


def _name_lines(scores: pd.DataFrame) -> pd.Series:
    """The method, and the sweep where there are several of one method in a task."""
    names = scores["method"].astype(str)
    several = scores.groupby(["task", "method"], observed=True)["sweep"].nunique().max() > 1
    return names + " (" + scores["sweep"] + ")" if several else names
