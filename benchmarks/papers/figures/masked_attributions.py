"""Is attribution suppressed where a region has no certainty, whatever the method? (ICG, Fig. 7)"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import Drawing, add_title, make_panels, name_panel
from benchmarks.papers.figures.series import collect_series

MAPS: Final = {
    "input": "input",
    "certainty": "certainty",
    "icg": "ICG",
    "ig_zero": "IG from 0",
    "ig_one": "IG from 1",
    "combined": "both together",
}


def draw_masked_attributions(board: Board, *, title: str) -> Iterator[Drawing]:
    """The figure of attributions with a part masked, of the first model of each task that has them."""
    tables = {str(table["task"].iloc[0]): table for table in reversed(collect_series(board, "absence", set(MAPS)))}
    if tables:
        caption = f"{title}: the middle of the picture has certainty 0; red is for the class, blue against it."
        yield Drawing("suppressed-region", caption, plot_masked_attributions(tables, title=title))


def plot_masked_attributions(tables: dict[str, pd.DataFrame], *, title: str) -> Figure:
    """A row per task: the picture, its certainty, and each attribution on a scale of its own.

    Each table has a row per pixel of a square picture, row by row, and the columns ``MAPS``.
    """
    figure, axes = make_panels(len(tables) * len(MAPS), columns=len(MAPS), width=1.5, height=1.6)
    panels = [(task, name) for task in tables for name in MAPS]
    for ax, (task, name) in zip(axes, panels, strict=True):
        values = tables[task][name].to_numpy(float)
        side = int(np.sqrt(len(values)))
        largest = np.nanmax(np.abs(values)) or 1.0
        plain = name in ("input", "certainty")
        colours = (
            {"cmap": "gray", "vmin": 0, "vmax": 1} if plain else {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
        )
        ax.imshow(values.reshape(side, side), **colours)
        name_panel(ax, MAPS[name])
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
    add_title(figure, title)
    return figure
