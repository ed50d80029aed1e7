"""The first screen of the page: what each family of tasks says, and every method in all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.leaderboard import LEADERS
from benchmarks.board.overview import describe_order, has_order
from benchmarks.board.page.charts import draw_interval, draw_paired_tests, find_domain
from benchmarks.board.paired_tests import LOSS, WIN, PairedTests
from benchmarks.board.tables import format_count


@dataclass(frozen=True)
class Leader:
    """A method that loses to none in a family, with its paired tests."""

    method: str
    counts: str
    drawing: Markup


@dataclass(frozen=True)
class FamilyCard:
    """What the paired tests of a family say.

    Attributes:
        family, tasks: its name, and its tasks.
        leaders: those that win most among the methods that lose to none.
        unbeaten: how many these are.
        tests: the paired tests.
        basis: what this stands on.
    """

    family: str
    tasks: Sequence[str]
    leaders: Sequence[Leader]
    unbeaten: int
    tests: PairedTests
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
    counts: Sequence[tuple[str, Markup, int]]


@dataclass(frozen=True)
class Overall:
    """Every method over all families, and what can be said of their order."""

    families: Sequence[str]
    rows: Sequence[OverallRow]
    has_order: bool
    says: str


def make_family_cards(board: Board) -> list[FamilyCard]:
    """A card for each family of tasks in which methods are judged, the most decided first."""
    cards = [_make_card(board, family, tests) for family, tests in board.paired_tests.items()]
    return sorted(cards, key=lambda card: -card.tests.decided)


def _make_card(board: Board, family: str, tests: PairedTests) -> FamilyCard:
    tasks = [t.name for t in board.run.manifest.suite.tasks if t.family == family and t.name in board.first_judges]
    unbeaten = tests.list_unbeaten(above_control=False)
    leaders = [_make_leader(tests, method) for method in unbeaten[:LEADERS]]
    return FamilyCard(family, tasks, leaders, len(unbeaten), tests, _describe_basis(board, tasks))


def _make_leader(tests: PairedTests, method: str) -> Leader:
    counts = f"beats {tests.count(method, WIN)} of {tests.count(method)}"
    return Leader(method, counts, draw_paired_tests(tests, method))


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
    axis = find_domain([*board.overall["low"], *board.overall["high"]])
    rows = [
        OverallRow(
            method=row["method"],
            family=str(row["family"]),
            control=bool(row["control"]),
            tier="" if pd.isna(row["tier"]) else f"{row['tier']:.0f}",
            score="{score:z.2f} [{low:z.2f}, {high:z.2f}]".format_map(row),
            interval=draw_interval(row["score"], row["low"], row["high"], axis),
            counts=[_show_counts(tests, row["method"]) for tests in board.paired_tests.values()],
        )
        for row in list_rows(board.overall)
    ]
    return Overall(list(board.paired_tests), rows, has_order(board), describe_order(board))


def _show_counts(tests: PairedTests, method: str) -> tuple[str, Markup, int]:
    """Wins, ties and losses in words, drawn, and wins minus losses; nothing where the method met none."""
    if method not in tests.counts:
        return "", Markup(), -len(tests.rivals) - 1
    balance = tests.count(method, WIN) - tests.count(method, LOSS)
    return tests.format_counts(method), draw_paired_tests(tests, method), balance
