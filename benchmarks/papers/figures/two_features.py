"""The model of two features, the paths of Integrated Gradients, and where their attributions reverse (ICG, Fig. 2)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import INK, Drawing, add_title, list_colours, make_panels, name_panel
from benchmarks.papers.figures.series import collect_series
from datasets.two_feature import POINT_A, POINT_B, model

AXIS: Final = "difference"
LINES: Final = {
    "ig_x1": ("IG, x1", 0, "-"),
    "ig_x2": ("IG, x2", 1, "-"),
    "bshap_x1": ("BShap, x1", 0, "--"),
    "bshap_x2": ("BShap, x2", 1, ":"),
}
GRID: Final = 201


def draw_two_features(board: Board, *, title: str) -> Iterator[Drawing]:
    """The figure of the first task with attributions along a line across x1 = x2; all have the same model."""
    if lines := collect_series(board, "reversal", {AXIS, *LINES}):
        caption = f"{title}: paths from zero to A and B, and attributions as an input beside B crosses x1 = x2."
        yield Drawing("two-feature", caption, plot_two_features(lines[0], title=title))


def plot_two_features(line: pd.DataFrame, *, title: str) -> Figure:
    """On the left F, white 0 and grey 1, with the paths to A and B; on the right both features' attributions.

    ``line`` has a row per input: ``difference`` = x2 - x1, and what IG from zero and BShap give each feature.
    """
    figure, (landscape, reversal) = make_panels(2, columns=2, width=3.6, height=3.4)
    _draw_landscape(landscape)
    for column, (label, colour, style) in LINES.items():
        reversal.plot(line[AXIS], line[column], style, color=list_colours()[colour], linewidth=1.6, label=label)
    reversal.axvline(0, color=INK, linewidth=0.8)
    reversal.set(xlabel="x2 - x1", ylabel="attribution")
    name_panel(reversal, "across x1 = x2")
    reversal.legend(loc="center left", bbox_to_anchor=(0.0, 0.74))
    add_title(figure, title)
    return figure


def _draw_landscape(ax: Axes) -> None:
    at = torch.linspace(0, 1, GRID)
    x2, x1 = torch.meshgrid(at, at, indexing="ij")
    values = model(torch.stack([x1.flatten(), x2.flatten()], 1)).reshape(GRID, GRID).numpy()
    ax.imshow(values, origin="lower", extent=(0, 1, 0, 1), cmap="Greys", vmin=0, vmax=2, interpolation="bilinear")
    for name, point in (("A", POINT_A), ("B", POINT_B)):
        ax.annotate(
            "", point, (0, 0), arrowprops={"arrowstyle": "->", "color": list_colours()[0], "shrinkA": 0, "shrinkB": 0}
        )
        ax.annotate(name, np.add(point, 0.02).tolist())
    ax.set(xlabel="x1", ylabel="x2")
    ax.grid(visible=False)
    name_panel(ax, "F(x1, x2)")
