"""How far scores agree with one another: do they put methods in the same order?

Scores that are meant to measure the same may rank methods differently; then it is for the reader to say which of them
asks the right question. Of certainty removal beside removal of pixels it says whether leaving the training distribution
changes who wins.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.sparse.csgraph import connected_components

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.figures.style import Drawing, make_panels

FEWEST: Final = 3  # columns, and methods that have both
CELL: Final = 0.42  # inches
LABELS: Final = 1.8  # inches, to the left of the cells
REACH: Final = 4  # cells, into which the name of the last column reaches
GAP: Final = 0.5  # inches between panels
NAMED: Final = 3  # tasks of a group
PAIRS: Final = (("certainty_deletion", "deletion"), ("certainty_insertion", "insertion"))  # told in the caption
TITLE: Final = "Do scores agree on the order of methods?"


@dataclass(frozen=True)
class Agreement:
    """By pair of columns, in the order of the suite.

    Attributes:
        rho: Spearman's correlation over methods of their means, oriented so that more is better, averaged over the
            tasks that have both columns; NaN where there is none.
        tasks: how many these are.
        methods: how many methods have both, the mean over these tasks.
        where: the tasks of each column.
    """

    rho: pd.DataFrame
    tasks: pd.DataFrame
    methods: pd.DataFrame
    where: Mapping[str, Sequence[str]]


def draw_agreement(board: Board) -> Iterator[Drawing]:
    """A heat map of all judging columns, where at least three share tasks."""
    found = measure_agreement(board)
    if len(found.rho) >= FEWEST:
        yield Drawing("agreement", _describe(found), plot_agreement(found))


def measure_agreement(board: Board) -> Agreement:
    """Of judging columns at the headline budget, over methods that are ranked by both and are no controls.

    Columns without a task in common with another one are left out.
    """
    by_task = {task: _correlate(board, task) for task in board.first_judges}
    every = list(dict.fromkeys(str(column) for rho, _ in by_task.values() for column in rho))
    sums = {name: pd.DataFrame(0.0, every, every) for name in ("rho", "tasks", "methods")}
    for rho, methods in by_task.values():
        there = rho.notna()
        for name, part in (("rho", rho), ("tasks", there), ("methods", methods)):
            sums[name] = sums[name].add(part.where(there).astype(float), fill_value=0).loc[every, every]
    met = sums["tasks"].gt(0).sum()  # itself included
    kept = [column for column in every if met[column] > 1]
    tasks, rho, methods = (sums[name].reindex(kept)[kept] for name in ("tasks", "rho", "methods"))
    several = tasks.where(tasks > 0)
    where = {column: [task for task, (found, _) in by_task.items() if column in found] for column in kept}
    return Agreement(rho / several, tasks, methods / several, where)


def _correlate(board: Board, task: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Spearman's correlation of each pair of a task's judging columns, and how many methods it is over."""
    facts = board.columns[board.columns["task"] == task]
    turned = {row["column"]: 1 if row["better"] == "higher" else -1 for row in list_rows(facts)}
    summary = board.summary
    own = summary[summary["headline"] & (summary["task"] == task) & summary["rank"].notna()]
    own = own[~own["method"].isin(board.controls)].astype({"method": str, "column": str})
    means = own.pivot(index="method", columns="column", values="mean")
    names = [column for column in board.judges(task) if column in means]
    if not names:
        return pd.DataFrame(), pd.DataFrame()
    oriented = means[names] * [turned[column] for column in names]
    there = oriented.notna().astype(int)
    return oriented.corr("spearman", min_periods=FEWEST), there.T @ there


def plot_agreement(found: Agreement) -> Figure:
    """A panel for each group of columns that tasks connect: each column against those before it, named where it is
    itself."""
    groups = split_by_tasks(found)
    widest = max(map(len, groups))
    size = {"width": LABELS + CELL * (widest + REACH), "height": sum(CELL * len(group) + GAP for group in groups)}
    figure, _ = make_panels(1, columns=1, **size)
    figure.clear()
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[len(group) for group in groups])[:, 0]
    for ax, group in zip(axes, groups, strict=True):
        _plot_group(ax, found.rho.loc[group, group])
        ax.set_xlim(0, widest + REACH)
        methods = found.methods.loc[group, group].to_numpy()[np.tri(len(group), k=-1, dtype=bool)]
        ax.set_title(f"{', '.join(_list_tasks(found, group))}: {_range(methods[methods > 0])} methods", loc="left")
    figure.suptitle(TITLE)
    return figure


def _plot_group(ax: Axes, rho: pd.DataFrame) -> None:
    count = len(rho)
    mask = ~np.tri(count, k=-1, dtype=bool) | rho.isna().to_numpy()
    number = {"annot": True, "fmt": "z.2f", "annot_kws": {"size": 7}, "linewidths": 0.5}
    sns.heatmap(rho, mask=mask, ax=ax, cmap="RdBu", vmin=-1, vmax=1, cbar=False, **number)
    names = [str(name) for name in rho]
    for place, name in enumerate(names):
        ax.text(place + 0.1, place + 0.5, name, va="center", size=7)
    ax.set_xticks([])
    ax.set_yticks(np.arange(1, count) + 0.5, names[1:], rotation=0)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.set(xlabel="", ylabel="")


def split_by_tasks(found: Agreement) -> list[list[str]]:
    """The columns in groups without a task in common."""
    _, labels = connected_components(found.tasks.to_numpy() > 0, directed=False)
    groups: dict[int, list[str]] = {}
    for column, label in zip(found.rho, labels, strict=True):
        groups.setdefault(int(label), []).append(str(column))
    return list(groups.values())


def _list_tasks(found: Agreement, group: list[str]) -> list[str]:
    """The first tasks that have columns of the group, and how many more do."""
    names = list(dict.fromkeys(task for column in group for task in found.where[column]))
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return names[:NAMED] + more


def _describe(found: Agreement) -> str:
    below = np.tri(len(found.rho), k=-1, dtype=bool) & (found.tasks.to_numpy() > 0)
    methods, tasks = (of.to_numpy()[below] for of in (found.methods, found.tasks))
    text = (
        f"{TITLE} Each number is Spearman's correlation, over {_range(methods)} methods, of their means by two scores, "
        f"both turned so that more is better; it is the mean over the {_range(tasks)} tasks that have both scores. "
        "Controls, and methods that a score does not rank, are left out."
    )
    names, rho = list(found.where), found.rho.to_numpy(dtype=float)
    pairs = [(pair, rho[names.index(pair[0]), names.index(pair[1])]) for pair in PAIRS if {*pair} <= {*names}]
    told = [f"{certain} with {plain} {value:z.2f}" for (certain, plain), value in pairs if not math.isnan(value)]
    return f"{text} Removal by certainty 0 beside removal of pixels: {'; '.join(told)}." if told else text


def _range(values: np.ndarray) -> str:
    return " to ".join(dict.fromkeys(f"{value:.0f}" for value in (values.min(), values.max())))
