"""What a score costs: every method at every budget, and those that nothing cheaper beats."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.figures.style import (
    CONTROL,
    INK,
    Colour,
    Drawing,
    add_family_legend,
    add_title,
    choose_family_colours,
    make_panels,
    name_panel,
)
from benchmarks.board.leaderboard import FAR

CLOSE: Final = 1.3  # points whose costs differ by less than this factor share a text


def draw_frontiers(board: Board) -> Iterator[Drawing]:
    """The first judging column of every task over all budgets; of several implementations of a method the first."""
    points = select_points(board)
    if len(points):
        title = "Score against cost, over all budgets"
        caption = (
            f"{title}: a row is an input that passes through the model, forward or backward. Numbered methods are "
            "better than everything as cheap or cheaper, with 95 % intervals; open points are far from their own limit "
            "and show the budget, not the method; dashed: without any row."
        )
        yield Drawing("frontier", caption, plot_frontiers(points, board.methods, title=title))


def select_points(board: Board) -> pd.DataFrame:
    """What ``plot_frontiers`` takes: scores and costs of whatever does not compute the truth itself."""
    points = board.first_scores(board.summary)
    points = points[points["cost"].notna() & points["mean"].notna() & ~points["method"].isin(list(board.same_as))]
    truths = [row["method"] in board.exact(row["task"], row["column"]) for row in list_rows(points)]
    points = points[~np.array(truths, dtype=bool)]
    return points.merge(board.columns[["task", "column", "better"]], on=["task", "column"])


def plot_frontiers(points: pd.DataFrame, methods: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: mean score against the rows used, a line per method through its budgets.

    A method on the frontier is better than everything as cheap or cheaper; these are numbered, and named below the
    panel. Points of methods that are far from their own limit are open. Methods that use no row at all are dashed
    lines. ``points`` has a row per task, method and budget: ``task, method, cost, mean, low, high, distance, column,
    better``.
    """
    tasks = list(points["task"].unique())
    colours = choose_family_colours(methods)
    figure, axes = make_panels(len(tasks), columns=3, width=3.9, height=4.2)
    for ax, task in zip(axes, tasks, strict=True):
        part = points[points["task"] == task].astype({"method": str})
        paid = part[part["cost"] > 0]
        for method, line in paid.groupby("method"):
            _plot_method(ax, line.sort_values("cost"), colours[methods["family"][method]])
        for mean in part.loc[part["cost"] == 0, "mean"]:
            ax.axhline(mean, color=CONTROL, linestyle="--", linewidth=1)
        column, better = part[["column", "better"]].iloc[0]
        ax.set(xlabel="rows per explicand, forward + backward", ylabel=f"{column} ({better} is better)")
        if len(paid):  # a logarithmic axis has no place for nothing
            ax.set_xscale("log")
        name_panel(ax, task)
        _mark_frontier(ax, find_frontier(paid))
    add_title(figure, title)
    drawn = set(points.loc[points["cost"] > 0, "method"].astype(str).map(methods["family"]))
    used = {family: colour for family, colour in colours.items() if family in drawn}
    far = (points["distance"].astype(float) > FAR).any()
    add_family_legend(figure, used, marker="o", further=[_make_open_key()] if far else [])
    return figure


def _plot_method(ax: Axes, line: pd.DataFrame, colour: Colour) -> None:
    ax.plot(line["cost"], line["mean"], color=colour, linewidth=0.8, alpha=0.6)
    far = line["distance"].astype(float) > FAR
    for points, face in ((line[~far], colour), (line[far], "white")):
        ax.plot(points["cost"], points["mean"], "o", color=colour, markersize=3.5, markerfacecolor=face)


def _make_open_key() -> Line2D:
    style: dict[str, Any] = {"marker": "o", "color": INK, "markerfacecolor": "white", "linestyle": ""}
    return Line2D([], [], **style, label=f"more than {FAR:g} from its own limit")


def find_frontier(points: pd.DataFrame) -> pd.DataFrame:
    """The points that are better than all others as cheap or cheaper, the cheapest first."""
    gain = points["mean"].where(points["better"] == "higher", -points["mean"])
    ordered = points.assign(gain=gain).dropna(subset="gain").sort_values(["cost", "gain"], ascending=[True, False])
    return ordered[~(ordered["gain"] <= ordered["gain"].cummax().shift())].drop(columns="gain")


def _mark_frontier(ax: Axes, best: pd.DataFrame) -> None:
    """The frontier as a line, its methods by number, with one text for points that stand close together.

    Intervals do not widen the panel, in which points would then be hard to tell apart.
    """
    ax.plot(best["cost"], best["mean"], color=INK, linewidth=1, drawstyle="steps-post", zorder=3)
    ax.margins(y=0.15)
    bottom, top = ax.get_ylim()
    for row in list_rows(best.dropna(subset=["low", "high"])):
        ax.plot([row["cost"]] * 2, [row["low"], row["high"]], color=INK, linewidth=0.8, zorder=1)
    ax.set_ylim(bottom, top)
    numbers = {method: str(i + 1) for i, method in enumerate(best["method"].unique())}
    upwards = (best["better"] == "higher").all()
    place: dict[str, Any] = {
        "xytext": (4, 4 if upwards else -11),
        "textcoords": "offset points",
        "fontsize": 8,
    }
    cluster = (best["cost"] > CLOSE * best["cost"].shift()).cumsum()
    for _, points in best.groupby(cluster):
        text = ",".join(numbers[method] for method in points["method"].unique())
        ax.annotate(text, (points["cost"].iloc[-1], points["mean"].iloc[-1]), **place, color=INK)
    handles = [Line2D([], [], linestyle="", label=f"{number} {method}") for method, number in numbers.items()]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.19), ncols=2, handlelength=0)
