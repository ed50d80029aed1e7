"""Attributions as a picture, with matplotlib alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sig.metrics.scaled_rmse import scaled

WIDEST = 16.0  # inches
NAMED = 30  # features whose values have the space to be written

Maps = Mapping[str, Float[Tensor, "shown *features"]]


def draw_attributions(inputs: Float[Tensor, "shown *features"], attributions: Maps) -> Figure:
    """A row for each input and a column for each method; or, where features have one axis, a heat map for each input.

    Red raises the output explained, blue lowers it; each attribution is on its own scale, symmetric about 0. Channels
    of pictures are summed.
    """
    figure = _draw_pictures(inputs, attributions) if inputs.ndim in (3, 4) else _draw_heat_maps(inputs, attributions)
    figure.supxlabel("red raises the output explained, blue lowers it", fontsize=8)
    return figure


def _draw_pictures(inputs: Tensor, attributions: Maps) -> Figure:
    figure = Figure(figsize=(1.6 * (1 + len(attributions)), 1.7 * len(inputs) + 0.3), layout="constrained")
    grid = figure.subplots(len(inputs), 1 + len(attributions), squeeze=False)
    for i, axes in enumerate(grid):
        _show(axes[0], _as_picture(inputs[i]), "input" if i == 0 else "", cmap="gray")
        for ax, (name, of) in zip(axes[1:], attributions.items(), strict=True):
            plane = of[i].sum(0) if of[i].ndim == 3 else of[i]
            _show(ax, _by_largest(plane), name if i == 0 else "", cmap="RdBu_r", vmin=-1, vmax=1)
    return figure


def _draw_heat_maps(inputs: Tensor, attributions: Maps) -> Figure:
    features = inputs.flatten(1).shape[1]
    width = min(WIDEST, max(5.0, 2 + 0.45 * features))
    figure = Figure(figsize=(width, len(inputs) * (0.9 + 0.28 * len(attributions))), layout="constrained")
    for i, (ax,) in enumerate(figure.subplots(len(inputs), 1, squeeze=False)):
        table = np.stack([_by_largest(of[i].flatten()) for of in attributions.values()])
        ax.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        ax.set_yticks(range(len(attributions)), list(attributions))
        if features <= NAMED:
            texts = [f"{value:.3g}" for value in inputs[i].flatten().tolist()]
            ax.set_xticks(range(features), texts, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_xlabel(f"{'values' if features <= NAMED else 'indices'} of the features of input {i}")
    return figure


def _show(ax: Axes, picture: np.ndarray, title: str, **style: Any) -> None:
    ax.imshow(picture, interpolation="nearest", **style)
    ax.set_title(title, fontsize=9)
    ax.set_axis_off()


def _as_picture(x: Tensor) -> np.ndarray:
    """Values scaled to [0, 1], with colours last; one channel, or one that matplotlib knows no colours for, as grey."""
    x = (x - x.min()) / (x.max() - x.min()).clamp(min=1e-12)
    if x.ndim == 3:
        x = x.permute(1, 2, 0) if len(x) == 3 else x.mean(0)
    return np.asarray(x.cpu())


def _by_largest(values: Tensor) -> np.ndarray:
    """Between -1 and 1; 0 where nothing is attributed."""
    return np.asarray(scaled(values.flatten().unsqueeze(0), "largest").nan_to_num(0.0).view(values.shape).cpu())
