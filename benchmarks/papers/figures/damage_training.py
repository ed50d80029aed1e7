"""What it costs to train with damaged inputs: accuracy on undamaged ones as training goes on (ICG, Fig. 8)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import Drawing, add_legend_below, add_title, list_colours, make_panels, name_panel
from benchmarks.papers.figures.series import collect_series

WITH, WITHOUT = "with damage", "without damage"
TRAININGS: Final = {"training": WITH, "training-without-damage": WITHOUT}


def draw_damage_training(board: Board, *, title: str) -> Iterator[Drawing]:
    """The figure of every model whose accuracy was measured in training, and of those trained without damage."""
    accuracies = [
        table.assign(training=training)
        for name, training in TRAININGS.items()
        for table in collect_series(board, name, {"images", "accuracy"})
    ]
    if accuracies:
        points = pd.concat(accuracies)
        points.loc[points["damage"] == "none", "training"] = WITHOUT  # of an ablation
        caption = f"{title}: means over repetitions, thin lines for each; numbers are those at the end of training."
        yield Drawing("damage-training", caption, plot_damage_training(points, title=title))


def plot_damage_training(accuracies: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: thin lines are repetitions, thick ones their mean; numbers are the mean accuracies at the end.

    ``accuracies`` has a row per point: ``task, training, repetition, images, accuracy``, where ``training`` says how
    the model was trained.
    """
    tasks = list(accuracies["task"].unique())
    colours = dict(zip(accuracies["training"].unique(), list_colours(), strict=False))
    figure, axes = make_panels(len(tasks), columns=4, width=3.0, height=2.9, sharey=True)
    for ax, task in zip(axes, tasks, strict=True):
        ends = []
        for training, points in accuracies[accuracies["task"] == task].groupby("training", sort=False):
            lines = [line for _, line in points.groupby("repetition")]
            for line in lines:
                ax.plot(line["images"], line["accuracy"], color=colours[training], linewidth=0.6, alpha=0.5)
            mean = average_lines(points)
            ax.plot(mean.index, mean, color=colours[training], linewidth=2)
            ends.append(f"{training}: {100 * np.mean([line['accuracy'].iloc[-1] for line in lines]):.1f} %")
        ax.text(0.97, 0.04, "\n".join(ends), transform=ax.transAxes, ha="right", va="bottom", fontsize=8)
        ax.set(xlabel="training images")
        name_panel(ax, task)
        ax.xaxis.set_major_formatter(EngFormatter())
    axes[0].set_ylabel("held-out accuracy")
    add_title(figure, title)
    add_legend_below(figure, [Line2D([], [], color=colour, label=training) for training, colour in colours.items()])
    return figure


def average_lines(points: pd.DataFrame) -> pd.Series:
    """Mean accuracy over repetitions by images, each repetition linear between its points, where all have some."""
    table = points.pivot_table(index="images", columns="repetition", values="accuracy")
    return table.interpolate(method="index", limit_area="inside").dropna().mean(axis=1)
