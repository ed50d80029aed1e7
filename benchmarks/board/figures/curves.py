"""Scores that are curves: how each method does along the axis of the metric, as while features are removed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board, find_option, list_rows
from benchmarks.board.figures.style import (
    CONTROL,
    FAINT,
    Colour,
    Drawing,
    add_title,
    label_height,
    list_colours,
    make_panels,
    name_panel,
)
from sig.registry import metrics

Curves = Mapping[str, pd.DataFrame]  # by method
Dashes = Literal["-", "--", ":", "-."] | tuple[float, tuple[float, float]]  # as matplotlib names them

BEST: Final = 4
DASHES: Final[tuple[Dashes, ...]] = ("--", ":", "-.", (0, (1, 4)))  # of controls, which share their grey
REFERENCES: Final = ("ig-zero", "expected-gradients", "sig-game", "permutation-shapley")


def draw_curves(board: Board) -> Iterator[Drawing]:
    """A figure for each task that has curves, at the headline budget."""
    curved = board.columns[board.columns["curve"] != ""]
    for task, facts in curved.groupby("task", sort=False):
        curves = _collect_curves(board, str(task), facts["column"].tolist())
        if curves:
            columns = facts.assign(end=[_find_end(row) for row in list_rows(facts)]).set_index("column")
            title = f"{task}: curves of {', '.join(columns.loc[list(curves), 'metric'].unique())}"
            best = _order_by_rank(board, str(task), list(curves))
            figure = plot_curves(curves, columns, board.methods, best=best, title=title)
            caption = f"{title}: means of the models' means, with 95 % bands over models where there are several."
            yield Drawing(f"curves-{task}", caption, figure)


def plot_curves(
    curves: Mapping[str, Curves], columns: pd.DataFrame, methods: pd.DataFrame, *, best: Sequence[str], title: str
) -> Figure:
    """A panel per column of scores: mean curves with 95 % bands of the best methods, some references and the controls.

    All others are thin grey lines: they show the field and are named on the leaderboard. ``curves`` holds each method's
    by column, a row per unit with its model as index; ``columns`` by column the ``metric``, which scores are
    ``better``, their ``range``, what the ``curve`` runs over, and its ``end``; ``best`` names methods, the best first.
    """
    references = [method for method in REFERENCES if method in methods.index]
    controls = list(methods.index[methods["control"]])
    leading = [method for method in best if method not in controls][:BEST]
    informed = list(dict.fromkeys([*leading, *references]))
    colours = dict(zip(informed, list_colours(), strict=False)) | dict.fromkeys(controls, CONTROL)
    styles = dict(zip(controls, cycle(DASHES), strict=False))
    shared = columns.loc[list(curves), "metric"].nunique() == 1
    figure, axes = make_panels(len(curves), columns=3, width=3.8, height=3.2, sharey=shared)
    facts_of = dict(zip(columns.index.astype(str), list_rows(columns), strict=True))
    for ax, (column, by_method) in zip(axes, curves.items(), strict=True):
        facts = facts_of[column]
        for method, values in by_method.items():
            x = np.linspace(0, facts["end"], values.shape[1])
            _plot_curve(ax, x, values, facts["range"], colours.get(method), styles.get(method, "-"))
        ax.set_xlabel(f"{facts['curve']}, 0 to {facts['end']:g}")
        label_height(ax, f"{facts['metric']} ({facts['better']} is better)", shared=shared)
        name_panel(ax, column)
    add_title(figure, title)
    handles = [_make_key(method, colour, styles.get(method, "-")) for method, colour in colours.items()]
    figure.legend(handles=[*handles, _make_key("all others", FAINT, "-")], loc="outside right center")
    return figure


def _collect_curves(board: Board, task: str, columns: Sequence[str]) -> dict[str, Curves]:
    """By column and method, the curves of all units on which the score is defined."""
    found: dict[str, dict[str, list[pd.DataFrame]]] = {column: {} for column in columns}
    for record in board.run.cells:
        if record.task == task and record.headline:
            for column, encoded in record.curves.items():
                curves = pd.DataFrame(encoded.decode().astype(float)).dropna()
                curves.index = pd.Index(
                    board.find_models(task, pd.Index([record.repetition] * len(curves), name="repetition"))
                )
                found[column].setdefault(record.label, []).append(curves)
    whole = {
        column: {method: pd.concat(parts) for method, parts in by_method.items() if any(map(len, parts))}
        for column, by_method in found.items()
    }
    return {column: by_method for column, by_method in whole.items() if by_method}


def _find_end(facts: dict[str, Any]) -> float:
    """Where the grid of a curve, which starts at 0, ends: at the metric's option ``share`` if it has one, else at 1."""
    share = find_option(metrics, facts["metric"], facts["options"], "share")
    return 1.0 if share is None else float(share)


def _order_by_rank(board: Board, task: str, columns: Sequence[str]) -> list[str]:
    """Methods by their mean rank over these columns, the best first."""
    chosen = board.summary[(board.summary["task"] == task) & board.summary["column"].isin(columns)]
    return chosen.groupby("method", observed=True)["rank"].mean().dropna().sort_values().index.astype(str).tolist()


def _plot_curve(
    ax: Axes,
    x: Float[np.ndarray, " points"],
    values: pd.DataFrame,
    limits: Sequence[float],
    colour: Colour | None,
    style: Dashes,
) -> None:
    """The mean and, in colour, its band, within the limits of the score unless a curve's points leave these."""
    mean = values.groupby(level=0).mean().mean()
    if colour is None:
        ax.plot(x, mean, color=FAINT, linewidth=0.8, zorder=1)
        return
    models = values.index.to_numpy()
    low, high = limits
    within = (low, high) if ((values >= low) & (values <= high)).all(axis=None) else None
    bands = [statistics.mean_interval(at, models, limits=within) for at in values.to_numpy().T]
    ax.fill_between(x, [at.low for at in bands], [at.high for at in bands], color=colour, alpha=0.12, linewidth=0)
    ax.plot(x, mean, color=colour, linewidth=1.6, linestyle=style)


def _make_key(method: str, colour: Colour, style: Dashes) -> Line2D:
    return Line2D([], [], color=colour, linestyle=style, label=method)
