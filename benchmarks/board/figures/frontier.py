"""What a score costs: every method at every budget, and those that nothing cheaper beats."""

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import (
    CONTROL,
    INK,
    Drawing,
    add_family_legend,
    add_title,
    choose_family_colours,
    make_panels,
    name_panel,
)

CLOSE: Final = 1.3  # points whose rows differ by less than this factor share a text


def draw_frontiers(board: Board) -> Iterator[Drawing]:
    """The first judging column of every task over all budgets."""
    points = board.first_scores(board.summary)
    points = points[points["rows"].notna() & points["mean"].notna()]
    if len(points):
        points = points.merge(board.columns[["task", "column", "better"]], on=["task", "column"])
        title = "Score against cost, over all budgets"
        caption = f"{title}: numbered methods are better than everything as cheap or cheaper; dashed, without any row."
        yield Drawing("frontier", caption, plot_frontiers(points, board.methods, title=title))


def plot_frontiers(points: pd.DataFrame, methods: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: mean score against measured model rows, a line per method through its budgets.

    A method on the frontier is better than everything as cheap or cheaper; these are numbered, and named below the
    panel. Methods that use no row at all are dashed lines. ``points`` has a row per task, method and budget: ``task,
    method, rows, mean, column, better``.
    """
    tasks = list(points["task"].unique())
    colours = choose_family_colours(methods)
    figure, axes = make_panels(len(tasks), columns=3, width=3.9, height=4.2)
    for ax, task in zip(axes, tasks, strict=True):
        part = points[points["task"] == task].astype({"method": str})
        paid = part[part["rows"] > 0]
        for method, line in paid.groupby("method"):
            ordered = line.sort_values("rows")
            style: dict[str, Any] = {
                "color": colours[methods["family"][method]],
                "marker": "o",
                "markersize": 3,
                "linewidth": 0.8,
            }
            ax.plot(ordered["rows"], ordered["mean"], **style, alpha=0.6)
        for mean in part.loc[part["rows"] == 0, "mean"]:
            ax.axhline(mean, color=CONTROL, linestyle="--", linewidth=1)
        column, better = part[["column", "better"]].iloc[0]
        ax.set(xlabel="model rows per explicand", ylabel=f"{column} ({better} is better)")
        if len(paid):  # a logarithmic axis has no place for nothing
            ax.set_xscale("log")
        name_panel(ax, task)
        _mark_frontier(ax, find_frontier(paid))
    add_title(figure, title)
    drawn = set(points.loc[points["rows"] > 0, "method"].astype(str).map(methods["family"]))
    add_family_legend(figure, {family: colour for family, colour in colours.items() if family in drawn}, marker="o")
    return figure


def find_frontier(points: pd.DataFrame) -> pd.DataFrame:
    """The points that are better than all others as cheap or cheaper, the cheapest first."""
    gain = points["mean"].where(points["better"] == "higher", -points["mean"])
    ordered = points.assign(gain=gain).dropna(subset="gain").sort_values(["rows", "gain"], ascending=[True, False])
    return ordered[~(ordered["gain"] <= ordered["gain"].cummax().shift())].drop(columns="gain")


def _mark_frontier(ax: Axes, best: pd.DataFrame) -> None:
    """The frontier as a line, its methods by number, with one text for points that stand close together."""
    ax.plot(best["rows"], best["mean"], color=INK, linewidth=1, drawstyle="steps-post", zorder=3)
    ax.margins(y=0.12)
    numbers = {method: str(i + 1) for i, method in enumerate(best["method"].unique())}
    upwards = (best["better"] == "higher").all()
    place: dict[str, Any] = {
        "xytext": (0, 4 if upwards else -11),
        "textcoords": "offset points",
        "ha": "center",
        "fontsize": 8,
    }
    cluster = (best["rows"] > CLOSE * best["rows"].shift()).cumsum()
    for _, points in best.groupby(cluster):
        text = ",".join(numbers[method] for method in points["method"].unique())
        ax.annotate(text, (points["rows"].iloc[-1], points["mean"].iloc[-1]), **place, color=INK)
    handles = [Line2D([], [], linestyle="", label=f"{number} {method}") for method, number in numbers.items()]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.19), ncols=2, handlelength=0)
