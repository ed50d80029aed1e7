"""How long the prediction survives while the most positively attributed features are removed (SIG, Fig. 7)."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.board.aggregate import SEED
from benchmarks.board.figures.style import CONTROL, FAINT, Colour, headline, palette, panels
from sig import stats

Curves = Mapping[str, Float[np.ndarray, "units points"]]

BEST: Final = 4
RESAMPLES: Final = 500  # enough for a band
REFERENCES: Final = ("ig-zero", "expected-gradients", "sig-game", "permutation-shapley")


def removal_curves(
    curves: Mapping[str, Curves], columns: pd.DataFrame, methods: pd.DataFrame, *, best: Sequence[str], title: str
) -> Figure:
    """A panel per column of scores: mean curves with 95 % bands of the best methods, some references and the controls.

    All others are thin grey lines: they show the field and are named on the leaderboard. ``curves`` holds each method's
    by column, ``columns`` by column the ``metric``, which scores are ``better``, the horizontal ``axis`` and its
    ``end``; ``best`` names methods, the best first.
    """
    references = [method for method in REFERENCES if method in methods.index]
    controls = list(methods.index[methods["control"]])
    informed = [method for method in dict.fromkeys([*best[:BEST], *references]) if method not in controls]
    colours = dict(zip(informed, palette(), strict=False)) | dict.fromkeys(controls, CONTROL)
    figure, axes = panels(len(curves), columns=3, width=3.8, height=3.2, sharey=True)
    for ax, (column, by_method) in zip(axes, curves.items(), strict=True):
        facts = columns.loc[column]
        for method, values in by_method.items():
            _draw(ax, np.linspace(0, facts["end"], values.shape[1]), values, colours.get(method), method in controls)
        ax.set(title=column, xlabel=facts["axis"], ylabel=f"{facts['metric']} ({facts['better']} is better)")
        ax.label_outer(remove_inner_ticks=False)
    headline(figure, title)
    handles = [_key(method, colour, method in controls) for method, colour in colours.items()]
    figure.legend(handles=[*handles, _key("all others", FAINT, False)], loc="outside right center")
    return figure


def _draw(
    ax: Axes,
    x: Float[np.ndarray, " points"],
    values: Float[np.ndarray, "units points"],
    colour: Colour | None,
    control: bool,
) -> None:
    if colour is None:
        ax.plot(x, values.mean(0), color=FAINT, linewidth=0.8, zorder=1)
        return
    bounds = np.array([stats.interval(at.astype(float), resamples=RESAMPLES, seed=SEED) for at in values.T])
    ax.fill_between(x, bounds[:, 0], bounds[:, 1], color=colour, alpha=0.12, linewidth=0)
    ax.plot(x, values.mean(0), color=colour, linewidth=1.6, linestyle="--" if control else "-")


def _key(method: str, colour: Colour, control: bool) -> Line2D:
    return Line2D([], [], color=colour, linestyle="--" if control else "-", label=method)
