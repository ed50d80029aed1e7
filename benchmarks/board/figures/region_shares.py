"""On which regions of its inputs each method puts its positive attribution, for tasks that mark regions."""

from collections.abc import Iterator
from itertools import cycle
from typing import Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import (
    FAINT,
    INK,
    Drawing,
    add_legend_below,
    add_title,
    list_colours,
    make_panels,
    name_panel,
)
from sig.metrics.regions import ELSEWHERE

EVEN: Final = "(spread evenly)"  # the row of a method that gives every feature the same
MOST: Final = 3  # outputs that have a panel each


def draw_regions(board: Board) -> Iterator[Drawing]:
    """A figure for each task that marks regions, of all explicands that have one."""
    for task in board.run.manifest.suite.tasks:
        shares = collect_shares(board, task.name)
        if len(shares):
            title = f"{task.name}: where the positive attribution lies"
            caption = (
                f"{title}: mean shares over the explicands that have a region. What several regions have in common is "
                "a part of its own. On top, for comparison, every feature is given the same."
            )
            yield Drawing(f"regions-{task.name}", caption, plot_regions(shares, title=title))


def plot_regions(shares: pd.DataFrame, *, title: str) -> Figure:
    """For each method a bar of its mean shares, which together are all; a panel per output where these are few.

    ``shares`` has a row per method and unit, an explicand of a repetition: ``method, output``, and each part's share.
    """
    methods, parts = list(shares["method"].unique()), list(shares.columns.drop(["method", "output"]))
    colours = dict(zip(parts, cycle(list_colours()), strict=False)) | {ELSEWHERE: FAINT}
    chosen = _split_by_output(shares)
    figure, axes = make_panels(len(chosen), columns=MOST, width=3.9, height=1.3 + 0.2 * len(methods), sharey=True)
    for ax, (name, units) in zip(axes, chosen.items(), strict=True):
        means = units.groupby("method")[parts].mean().reindex(methods)
        left = pd.Series(0.0, means.index)
        for part in parts:
            ax.barh(range(len(methods)), means[part], left=left, color=colours[part], linewidth=0)
            left += means[part]
        ax.axhline(0.5, color=INK, linewidth=0.8)  # below the row spread evenly
        ax.set(xlabel="share of the positive attribution", xlim=(0, 1), ylim=(len(methods) - 0.5, -0.5))
        name_panel(ax, name)
        ax.set_yticks(range(len(methods)), methods)
        ax.grid(visible=False)
    add_title(figure, title)
    add_legend_below(figure, [Patch(color=colours[part], label=part) for part in parts])
    return figure


def collect_shares(board: Board, task: str) -> pd.DataFrame:
    """Of each explicand with a region, the share of each part; a part that a problem does not have has none.

    A row per method, first that of features that are all given the same, and explicand: ``method, output``, the parts.
    Explicands on which a method gives nothing positive are left out.
    """
    tables = []
    for problem in (one for one in board.run.problems if one.task == task and one.even_shares):
        found = {cell.label: cell.part_shares for cell in board.run.cells if cell.problem == problem.key}
        given = {EVEN: problem.even_shares, **{name: found[name] for name in board.methods.index if found.get(name)}}
        marked = pd.DataFrame(problem.even_shares).drop(columns=ELSEWHERE, errors="ignore").sum(axis=1) > 0
        for method, shares in given.items():
            table = pd.DataFrame(shares, dtype=float).assign(method=method, output=problem.targets)
            tables.append(table[marked].dropna())
    if not tables:
        return pd.DataFrame()
    joined = pd.concat(tables).fillna(0.0)
    parts = sorted(joined.columns.drop(["method", "output"]), key=lambda part: (part == ELSEWHERE, part.count(" and ")))
    joined["method"] = pd.Categorical(joined["method"], [EVEN, *board.methods.index])
    ordered = joined.sort_values("method", kind="stable", ignore_index=True)[["method", "output", *parts]]
    return ordered.astype({"method": str})


def _split_by_output(shares: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By the name of a panel, the units of each output, or all together where there are many outputs."""
    outputs = shares["output"].unique()
    units = {output: shares[shares["output"] == output] for output in sorted(outputs)}
    chosen = {f"output {output}": part for output, part in units.items()} if len(outputs) <= MOST else {"": shares}
    return {", ".join(filter(None, [name, _count_units(part)])): part for name, part in chosen.items()}


def _count_units(part: pd.DataFrame) -> str:
    count = int((part["method"] == EVEN).sum())
    return f"{count} explicand" + ("s" if count > 1 else "")
