"""The first screen of the page: what each family of tasks says, and every method in all of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from markupsafe import Markup

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.duels import LOSS, NOT_MET, TIE, UNDECIDED, WIN
from benchmarks.board.overview import describe_order, has_order
from benchmarks.board.page.charts import draw_duels, draw_interval, find_domain
from benchmarks.board.tables import format_count

LEADING: Final = 3


@dataclass(frozen=True)
class Leader:
    """A method that loses to none in a family, with its duels."""

    method: str
    counts: str
    drawing: Markup


@dataclass(frozen=True)
class FamilyCard:
    """What the duels of a family say.

    Attributes:
        family, tasks: its name, and its tasks.
        leaders: those that win most among the methods that lose to none.
        unbeaten: how many these are, of ``methods``.
        decided: the share of duels that are won, lost or tied.
        basis: what this stands on.
    """

    family: str
    tasks: Sequence[str]
    leaders: Sequence[Leader]
    unbeaten: int
    methods: int
    decided: float
    basis: str


@dataclass(frozen=True)
class OverallRow:
    """A method over all families."""

    method: str
    family: str
    control: bool
    tier: str
    score: str
    interval: Markup
    duels: Sequence[tuple[str, Markup, int]]


@dataclass(frozen=True)
class Overall:
    """Every method over all families, and what can be said of their order."""

    families: Sequence[str]
    rows: Sequence[OverallRow]
    has_order: bool
    says: str


def make_family_cards(board: Board) -> list[FamilyCard]:
    """A card for each family of tasks in which methods are judged, the most decided first."""
    cards = [_make_card(board, family, duels) for family, duels in board.duels.items()]
    return sorted(cards, key=lambda card: -card.decided)


def _make_card(board: Board, family: str, duels: pd.DataFrame) -> FamilyCard:
    kept = [method for method in duels.index if method not in board.controls]
    rivals = duels.loc[kept, kept]
    won, lost = ((rivals == result).sum(axis=1) for result in (WIN, LOSS))
    unbeaten = won[(lost == 0) & (won > 0)].sort_values(ascending=False, kind="stable")
    found = rivals.to_numpy(dtype=str)
    met = (found != NOT_MET) & ~np.eye(len(kept), dtype=bool)
    decided = float((met & (found != UNDECIDED)).sum() / max(met.sum(), 1))
    tasks = [t.name for t in board.run.manifest.suite.tasks if t.family == family and t.name in board.first_judges]
    leaders = [_make_leader(rivals, str(method)) for method in unbeaten.index[:LEADING]]
    return FamilyCard(family, tasks, leaders, len(unbeaten), len(kept), decided, _describe_basis(board, tasks))


def _make_leader(rivals: pd.DataFrame, method: str) -> Leader:
    counts = Counter(rivals.loc[[method]].to_numpy(dtype=str).ravel().tolist())
    met = counts.total() - counts[NOT_MET]
    return Leader(method, f"beats {counts[WIN]} of {met}", draw_duels(counts, met))


def _describe_basis(board: Board, tasks: Sequence[str]) -> str:
    summary = board.first_scores(board.summary)
    counts = summary[summary["headline"] & summary["task"].isin(tasks)].groupby("task", observed=True)
    models = counts["models"].max()
    units = int(counts["units"].max().sum())
    if models.max() == 1:
        return f"one model, {format_count(units, 'explicand')}"
    return "-".join(map(str, dict.fromkeys((models.min(), models.max())))) + " models a task"


def make_overall(board: Board) -> Overall:
    """All methods in the order of ``Board.overall``."""
    families = list(board.duels)
    kept = {family: [m for m in duels.index if m not in board.controls] for family, duels in board.duels.items()}
    axis = find_domain([*board.overall["low"], *board.overall["high"]])
    rows = [
        OverallRow(
            method=row["method"],
            family=str(row["family"]),
            control=bool(row["control"]),
            tier="" if pd.isna(row["tier"]) else f"{row['tier']:.0f}",
            score="{score:z.2f} [{low:z.2f}, {high:z.2f}]".format_map(row),
            interval=draw_interval(row["score"], row["low"], row["high"], axis),
            duels=[_count_duels(board.duels[family], kept[family], row["method"]) for family in families],
        )
        for row in list_rows(board.overall)
    ]
    return Overall(families, rows, has_order(board), describe_order(board))


def _count_duels(duels: pd.DataFrame, rivals: Sequence[str], method: str) -> tuple[str, Markup, int]:
    """Wins, ties and losses in words, drawn, and wins minus losses; nothing where the method met none."""
    if method not in duels.index:
        return "", Markup(), -len(rivals) - 1
    counts = Counter(duels.loc[[method], list(rivals)].to_numpy(dtype=str).ravel().tolist())
    text = "/".join(str(counts[kind]) for kind in (WIN, TIE, LOSS))
    return text, draw_duels(counts, counts.total() - counts[NOT_MET]), counts[WIN] - counts[LOSS]
