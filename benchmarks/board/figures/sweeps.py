"""The effect of N, the number of coalitions, and Q, the share they are drawn from (SIG, Figs. 4, 10 and 11)."""

from itertools import cycle

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.board.aggregate import with_intervals
from benchmarks.board.figures.style import headline, legend_below, palette, panels


def sweep_lines(scores: pd.DataFrame, *, axis: str, label: str, title: str) -> Figure:
    """A panel per task: mean score with its 95 % interval against the value of the option that varies.

    ``scores`` has a row per unit: ``task, method, sweep, value, score``, of one option, which ``axis`` names. Values
    that are not numbers are spaced evenly.
    """
    tasks = list(scores["task"].unique())
    scores = scores.assign(line=_line_names(scores))
    colours = dict(zip(scores["line"].unique(), cycle(palette()), strict=False))
    figure, axes = panels(len(tasks), columns=4, width=3.0, height=2.9, sharey=True)
    for ax, task in zip(axes, tasks, strict=True):
        for line, points in scores[scores["task"] == task].groupby("line", sort=False):
            summary = with_intervals(points.groupby("value", sort=False)["score"])
            numeric = all(isinstance(value, int | float) for value in summary.index)
            x = list(summary.index) if numeric else list(range(len(summary)))
            ax.plot(x, summary["mean"], color=colours[line], marker="o", markersize=3.5, label=line)
            ax.fill_between(x, summary["low"], summary["high"], color=colours[line], alpha=0.2, linewidth=0)
            if not numeric:
                ax.set_xticks(x, [str(value) for value in summary.index])
        ax.set(title=task, xlabel=axis, ylabel=label)
        ax.label_outer(remove_inner_ticks=False)
    headline(figure, title)
    handles = {line: handle for ax in axes for handle, line in zip(*ax.get_legend_handles_labels(), strict=True)}
    legend_below(figure, list(handles.values()))
    return figure


def _line_names(scores: pd.DataFrame) -> pd.Series:
    """The method, and the sweep where there are several of one method in a task."""
    names = scores["method"].astype(str)
    several = scores.groupby(["task", "method"], observed=True)["sweep"].nunique().max() > 1
    return names + " (" + scores["sweep"] + ")" if several else names
