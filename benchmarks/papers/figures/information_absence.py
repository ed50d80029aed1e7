"""What a certainty-aware model predicts as all certainty is taken from its inputs (ICG, A.3.1)."""

from collections.abc import Iterator
from typing import Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import (
    INK,
    Drawing,
    add_legend_below,
    add_title,
    list_colours,
    make_panels,
    name_panel,
)
from benchmarks.papers.figures.series import collect_series

COLOUR: Final = list_colours()[0]
BANDS: Final = {("p05", "p95"): ("5 to 95 % of inputs", 0.15), ("p25", "p75"): ("25 to 75 %", 0.4)}


def draw_information_absence(board: Board, *, title: str) -> Iterator[Drawing]:
    """The figure of every model whose predictions were measured as certainty varies."""
    columns = {"certainty", "share", *(quantile for band in BANDS for quantile in band), "p50"}
    if predictions := collect_series(board, "certainty", columns):
        caption = f"{title}: at certainty 0 nothing but the class frequency, dashed, is left to predict."
        yield Drawing("information-absence", caption, plot_information_absence(pd.concat(predictions), title=title))


def plot_information_absence(predictions: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: quantiles over inputs of the probability of class 1 against the certainty of every feature.

    Bands and median are those of the first repetition, thin lines the ends of the wide band of the others. The dashed
    line is the frequency of the class: where no feature is certain, a model that ignores all it is told predicts just
    that, and the bands end on the line. ``predictions`` has a row per point: ``task, repetition, certainty, p05, p25,
    p50, p75, p95, share``.
    """
    tasks = list(predictions["task"].unique())
    figure, axes = make_panels(len(tasks), columns=4, width=3.0, height=2.9, sharey=True)
    for ax, task in zip(axes, tasks, strict=True):
        repetitions = [points for _, points in predictions[predictions["task"] == task].groupby("repetition")]
        first, *others = repetitions
        for (low, high), (_, alpha) in BANDS.items():
            ax.fill_between(first["certainty"], first[low], first[high], color=COLOUR, alpha=alpha, linewidth=0)
        for other in others:
            ax.plot(other["certainty"], other[["p05", "p95"]], color=COLOUR, linewidth=0.6)
        ax.plot(first["certainty"], first["p50"], color=COLOUR, linewidth=2)
        ax.plot(first["certainty"], first["share"], color=INK, linewidth=1, linestyle="--")
        ax.set(xlabel="certainty of every feature", ylabel="probability of class 1", ylim=(-0.02, 1.02))
        name_panel(ax, task)
        ax.label_outer(remove_inner_ticks=False)
    add_title(figure, title)
    add_legend_below(figure, _legend())
    return figure


def _legend() -> list[Patch | Line2D]:
    return [
        *(Patch(color=COLOUR, alpha=alpha, label=label) for label, alpha in BANDS.values()),
        Line2D([], [], color=COLOUR, linewidth=2, label="median"),
        Line2D([], [], color=COLOUR, linewidth=0.6, label="other repetitions"),
        Line2D([], [], color=INK, linewidth=1, linestyle="--", label="class frequency"),
    ]
