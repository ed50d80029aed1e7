"""Two runs side by side as a page: what ``compare`` found, and each board with the scores of both.

It is one file that loads nothing, made of the parts of a report's page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from markupsafe import Markup

from benchmarks.board.aggregate import list_rows
from benchmarks.board.leaderboard import Row, Standings
from benchmarks.board.page.charts import Domain, draw_pair, find_domain
from benchmarks.board.page.render import make_environment, page_parts
from benchmarks.board.tables import NONE, format_rank_range, format_score
from benchmarks.publish.compare import Changes, Pair, get_interval, make_tables, summarise

TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class SideScore:
    """A score in both runs: texts, a drawing, and a word for how it changed; ``order`` is by the size of the change."""

    a: str
    b: str
    drawing: Markup
    changed: str
    order: int


@dataclass(frozen=True)
class SideRow:
    """A method in both runs: its rank ranges, and its scores in the order of the board's columns."""

    method: str
    control: bool
    ranks: Sequence[str]
    rank_order: int
    scores: Sequence[SideScore]


@dataclass(frozen=True)
class SideBoard:
    """A task of both runs."""

    task: str
    header: Sequence[str]
    rows: Sequence[SideRow]
    changed: int


def render_comparison(pair: Pair, found: Changes) -> str:
    """The page as HTML, of two boards and what was found to differ; the same runs give the same text."""
    context = {
        "found": found,
        "names": _name_runs(found),
        "says": list(summarise(found))[1:],
        "changes": [table for table in make_tables(found) if table.rows],
        "alone": [(name, of) for name, of in (("A", found.only_a), ("B", found.only_b)) if of],
        "boards": list(make_side_boards(pair)),
        **page_parts(),
    }
    return make_environment(TEMPLATES).get_template("compare.html.j2").render(context)


def _name_runs(found: Changes) -> list[str]:
    return [f"{Path(of).name} ({commit})" for of, commit in zip((found.a, found.b), found.commits, strict=True)]


def make_side_boards(pair: Pair) -> Iterator[SideBoard]:
    """Every task that both runs judge methods in, in the order of the first; those with most changes come first."""
    boards = [_SideBoardMaker(pair, task).make() for task in pair.a.first_judges if task in pair.b.first_judges]
    return iter(sorted(boards, key=lambda board: -board.changed))


@dataclass(frozen=True)
class _SideBoardMaker:
    """Makes the board of a task."""

    pair: Pair
    task: str

    @cached_property
    def standings(self) -> Standings:
        return Standings(self.pair.a, self.task)

    @cached_property
    def scores(self) -> dict[str, dict[str, Row]]:
        """The scores that both have at the headline budget, by column and method."""
        table = self.pair.scores
        found: dict[str, dict[str, Row]] = {}
        for row in list_rows(table[table["headline"] & (table["task"] == self.task)]):
            found.setdefault(str(row["column"]), {})[str(row["method"])] = row
        return found

    @cached_property
    def columns(self) -> list[str]:
        return [column for column in self.standings.main if column in self.scores]

    def make(self) -> SideBoard:
        both = self.scores.get(self.standings.first, {})
        methods = [method for method in self.standings.methods if method in both]
        columns = [self._make_scores(column, methods) for column in self.columns]
        rows = [
            SideRow(
                method,
                method in self.pair.a.controls,
                [format_rank_range(both[method][f"rank_low_{of}"], both[method][f"rank_high_{of}"]) for of in "ab"],
                i,
                [column[i] for column in columns],
            )
            for i, method in enumerate(methods)
        ]
        changed = sum(bool(score.changed) for row in rows for score in row.scores)
        return SideBoard(self.task, [self.standings.heading(column) for column in self.columns], rows, changed)

    def _make_scores(self, column: str, methods: Sequence[str]) -> list[SideScore]:
        """A column, in the order of the methods."""
        rows = [self.scores[column].get(method, {}) for method in methods]
        domain = find_domain(
            [row[f"{end}_{of}"] for row in rows if row for end in ("mean", "low", "high") for of in "ab"]
        )
        by_change = sorted(range(len(rows)), key=lambda i: -_change(rows[i]))
        order = {i: number for number, i in enumerate(by_change)}
        return [_make_side(row, domain, order[i]) for i, row in enumerate(rows)]


def _change(row: Row) -> float:
    return abs(row["mean_b"] - row["mean_a"]) if row else -1.0


def _make_side(row: Row, domain: Domain, order: int) -> SideScore:
    if not row:
        return SideScore(NONE, NONE, Markup(), "", order)
    a, b = (_list_ends(row, of) for of in "ab")
    word = "" if not row["changed"] else "higher" if b[0] > a[0] else "lower"
    return SideScore(format_score(*a), format_score(*b), draw_pair(a, b, domain), word, order)


def _list_ends(row: Row, of: str) -> tuple[float, float, float]:
    """Mean, low and high; without an interval all are the mean."""
    found = get_interval(row, of)
    low, high = (found.mean if np.isnan(end) else end for end in (found.low, found.high))
    return found.mean, low, high
