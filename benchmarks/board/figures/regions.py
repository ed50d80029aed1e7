"""On which regions of its inputs each method puts its positive attribution, for tasks that mark regions."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, cycle
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.board.aggregate import Board, Shown
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

Masks = Mapping[str, Bool[np.ndarray, "shown *features"]]

ELSEWHERE: Final = "(elsewhere)"  # the part of no region
EVEN: Final = "(spread evenly)"  # the row of a method that gives every feature the same
MOST: Final = 3  # outputs that have a panel each


def draw_regions(board: Board) -> Iterator[Drawing]:
    """A figure for each task that marks regions, of what is shown in all repetitions."""
    for task, repetitions in board.shown.items():
        tables = [measure_shares(shown) for shown in repetitions if shown.problem.shown_regions]
        if any(map(len, tables)):
            title = f"{task}: where the positive attribution lies"
            caption = (
                f"{title}: mean shares over the explicands shown that have a region, of all repetitions. What several "
                "regions have in common is a part of its own. On top, for comparison, every feature is given the same."
            )
            yield Drawing(f"regions-{task}", caption, plot_regions(join_tables(tables), title=title))


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


def measure_shares(shown: Shown) -> pd.DataFrame:
    """Of each explicand with a region, the share of the positive attribution on each part, NaN where none is positive.

    A row per method and explicand, first those that are spread evenly: ``method, output``, the parts.
    """
    masks = {name: region.decode() > 0 for name, region in shown.problem.shown_regions.items()}
    parts = split_parts(masks)
    marked = np.any([mask.reshape(len(mask), -1).any(1) for mask in masks.values()], axis=0)
    outputs = np.array(shown.problem.shown_targets)[marked]
    tables = []
    for method, attribution in {EVEN: np.ones_like(shown.inputs), **shown.maps}.items():
        positive = attribution.clip(min=0).astype(float)[marked]
        axes = tuple(range(1, positive.ndim))
        total = positive.sum(axes)
        sums = {name: (positive * part[marked]).sum(axes) for name, part in parts.items()}
        shares = {name: of_part / np.where(total > 0, total, np.nan) for name, of_part in sums.items()}
        tables.append(pd.DataFrame({"method": method, "output": outputs, **shares}))
    return pd.concat(tables, ignore_index=True)


def split_parts(masks: Masks) -> Masks:
    """Parts without common features: each region alone, what several have in common, and what is in none, the last.

    Parts without a feature are left out.
    """
    marks = np.stack(list(masks.values()), axis=-1)
    kinds = np.unique(marks.reshape(-1, len(masks)), axis=0).tolist()
    ordered = sorted(kinds, key=lambda kind: (not any(kind), sum(kind), [not mark for mark in kind]))
    names = [" and ".join(compress(masks, kind)) or ELSEWHERE for kind in ordered]
    return {name: (marks == kind).all(-1) for name, kind in zip(names, ordered, strict=True)}


def join_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables of several repetitions; a part that only some of them have has no share of the others."""
    parts = list(dict.fromkeys(part for table in tables for part in table.columns.drop(["method", "output"])))
    parts.sort(key=lambda part: part == ELSEWHERE)
    defined = [table.dropna().reindex(columns=["method", "output", *parts]).fillna(0) for table in tables]
    return pd.concat(defined, ignore_index=True)


def _split_by_output(shares: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By the name of a panel, the units of each output, or all together where there are many outputs."""
    outputs = shares["output"].unique()
    units = {output: shares[shares["output"] == output] for output in sorted(outputs)}
    chosen = {f"output {output}": part for output, part in units.items()} if len(outputs) <= MOST else {"": shares}
    return {", ".join(filter(None, [name, _count_units(part)])): part for name, part in chosen.items()}


def _count_units(part: pd.DataFrame) -> str:
    count = int((part["method"] == EVEN).sum())
    return f"{count} explicand" + ("s" if count > 1 else "")
