"""What an attribution takes."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import (
    INK,
    Drawing,
    add_family_legend,
    add_title,
    choose_family_colours,
    make_panels,
    name_panel,
)


def draw_runtimes(board: Board) -> Iterator[Drawing]:
    """Every method that ran, on every task."""
    costs = board.coverage.reset_index().dropna(subset="seconds")
    if len(costs):
        title = "Runtime at the headline budget"
        costs = costs.assign(cost=costs["rows"] + costs["backward_rows"])
        caption = f"{title}: seconds per explicand; on the right, rows per explicand, forward and backward."
        yield Drawing("runtime", caption, plot_runtimes(costs, board.methods, title=title))


def plot_runtimes(costs: pd.DataFrame, methods: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: seconds per explicand on a log axis, with the rows that these bought.

    ``costs`` has a row per task and method: ``task, method, cost, seconds``, the means over repetitions.
    """
    tasks = list(costs["task"].unique())
    colours = choose_family_colours(methods)
    shown = [method for method in methods.index if method in set(costs["method"])]
    place = {method: i for i, method in enumerate(shown)}
    figure, axes = make_panels(len(tasks), columns=4, width=2.9, height=1.6 + 0.2 * len(shown), sharey=True)
    for ax, task in zip(axes, tasks, strict=True):
        part = costs[costs["task"] == task]
        y = part["method"].astype(str).map(place)
        ax.scatter(part["seconds"], y, c=[colours[methods["family"][method]] for method in part["method"]], s=28)
        for at, rows in zip(y, part["cost"], strict=True):
            ax.text(1.02, at, f"{rows:,.0f}", transform=ax.get_yaxis_transform(), va="center", fontsize=7, color=INK)
        ax.text(1.02, -0.9, "rows", transform=ax.get_yaxis_transform(), va="center", fontsize=7, color=INK)
        name_panel(ax, task)
        ax.set(xlabel="seconds per explicand", xscale="log", ylim=(len(shown) - 0.5, -0.5))
        ax.set_yticks(range(len(shown)), shown)
    add_title(figure, title)
    drawn = set(methods.loc[shown, "family"])
    add_family_legend(figure, {family: colour for family, colour in colours.items() if family in drawn}, marker="o")
    return figure
