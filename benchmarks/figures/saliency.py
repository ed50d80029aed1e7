"""Attributions of the same pictures by every method, side by side (ICG, Fig. 10)."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import seaborn as sns
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.figure import Figure

from benchmarks.figures.style import headline

Pictures = Float[np.ndarray, "shown *features"]
Colours = Float[np.ndarray, "shown height width rgba=4"]

GAP: Final = 2  # pixels between pictures
WIDEST: Final = 22.0  # inches


def saliency_grid(inputs: Pictures, maps: Mapping[str, Pictures], labels: Sequence[str], *, title: str) -> Figure:
    """A row per picture, named by ``labels``; the picture first, then a column per method.

    Red raises the output explained, blue lowers it; each map has its own scale, symmetric about 0. Channels are summed.
    """
    columns = [colormaps["gray"](_planes(inputs) / _planes(inputs).max()), *map(_diverging, maps.values())]
    tile_height, tile_width = columns[0].shape[1] + GAP, columns[0].shape[2] + GAP
    picture = np.concatenate([_stacked(column) for column in columns], axis=1)
    scale = min(0.62 / tile_height, (WIDEST - 1) / picture.shape[1])  # inches per pixel
    heading = 0.5 + 0.065 * max(map(len, maps), default=0)
    figure = Figure(figsize=(picture.shape[1] * scale + 1, picture.shape[0] * scale + heading), layout="constrained")
    ax = figure.subplots()
    ax.imshow(picture, interpolation="nearest")
    ax.grid(visible=False)
    ax.xaxis.tick_top()
    ax.set_xticks(tile_width * (np.arange(len(columns)) + 0.5), ["input", *maps], rotation=90)
    ax.set_yticks(tile_height * (np.arange(len(inputs)) + 0.5), labels)
    ax.tick_params(length=0)
    sns.despine(ax=ax, left=True, bottom=True)
    headline(figure, title)
    return figure


def _planes(pictures: Pictures) -> Float[np.ndarray, "shown height width"]:
    return pictures.sum(1) if pictures.ndim == 4 else pictures


def _diverging(attribution: Pictures) -> Colours:
    planes = _planes(attribution)
    largest = np.abs(planes).max(axis=(1, 2), keepdims=True)
    return colormaps["RdBu_r"](0.5 + 0.5 * planes / np.where(largest > 0, largest, 1))


def _stacked(column: Colours) -> Float[np.ndarray, "tall wide rgba=4"]:
    """The pictures one above the other, each with a white border."""
    gap = (GAP // 2, GAP // 2)
    return np.concatenate(list(np.pad(column, ((0, 0), gap, gap, (0, 0)), constant_values=1)))
