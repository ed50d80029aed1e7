"""Attributions of the same inputs by every method, for inputs of one axis; pictures are in ``saliency``."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.board.aggregate import AttributionMaps, Board
from benchmarks.board.figures.style import INK, Drawing, add_title, make_panels, name_panel
from sig.metrics.scaled_rmse import scaled

MOST: Final = 3  # explicands that are drawn
WRITTEN: Final = 12  # features up to which every number is written, and the most that are labelled
CELL: Final = 0.42  # inches, the width of a number


def draw_attributions(board: Board) -> Iterator[Drawing]:
    """Of the first repetition of each task whose inputs have one axis."""
    for task, (first, *_) in board.shown.items():
        if len(first.problem.features) == 1:
            title = f"{task}: attributions, each divided by its largest absolute value"
            caption = f"{title}: red raises the output explained, blue lowers it; truths, if any, on top."
            yield Drawing(f"attributions-{task}", caption, plot_attributions(make_tables(first), title=title))


def plot_attributions(tables: Mapping[str, pd.DataFrame], *, title: str) -> Figure:
    """A heat map per explicand, side by side: tables of truths, then methods, by features."""
    rows = len(next(iter(tables.values())))
    features = min(WRITTEN, len(next(iter(tables.values())).columns))
    size = {"width": max(2.6, CELL * features + 0.6), "height": 1.2 + 0.2 * rows}
    figure, axes = make_panels(len(tables), columns=MOST, **size, sharey=True)
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        _plot_table(ax, table)
        name_panel(ax, name)
    add_title(figure, title)
    return figure


def make_tables(shown: AttributionMaps) -> dict[str, pd.DataFrame]:
    """By explicand, of the first few, the truths and every method's attributions, divided by the largest of each row.

    Truths are of players, and have a row where these are the features. What is 0 throughout stays 0.
    """
    problem = shown.problem
    truths = {f"{name} (truth)": np.array(truth)[problem.shown] for name, truth in problem.truths.items()}
    fitting = {name: truth for name, truth in truths.items() if truth.shape == shown.inputs.shape}
    tables = {}
    for i, explicand in enumerate(problem.shown[:MOST]):
        rows = {name: values[i] for name, values in {**fitting, **shown.maps}.items()}
        relative = scaled(torch.tensor(np.stack(list(rows.values()))), "largest").nan_to_num(0).numpy()
        labels = [f"{place}\n{value:.3g}" for place, value in enumerate(shown.inputs[i])]
        tables[f"explicand {explicand}, output {problem.shown_targets[i]}"] = pd.DataFrame(relative, list(rows), labels)
    return tables


def _plot_table(ax: Axes, table: pd.DataFrame) -> None:
    number = {"annot": True, "fmt": "z.2f", "annot_kws": {"size": 7}} if len(table.columns) <= WRITTEN else {}
    sns.heatmap(table, ax=ax, cmap="RdBu_r", vmin=-1, vmax=1, cbar=False, **number)
    step = -(-len(table.columns) // WRITTEN)
    ax.set_xticks(np.arange(0, len(table.columns), step) + 0.5, table.columns[::step], rotation=0)
    ax.set_xlabel("index and value of the feature")
    truths = sum(name.endswith("(truth)") for name in table.index)
    ax.axhline(truths, color=INK, linewidth=1.5 if truths else 0)
    ax.tick_params(length=0)
