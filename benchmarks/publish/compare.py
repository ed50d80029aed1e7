"""Two runs: which scores changed by more than chance explains, and what is said otherwise because of it.

A mean score has *changed* where the 95 % interval of the difference of both runs' means leaves zero out
(``benchmarks.board.statistics.has_changed``), which takes the runs as independent. So of independent runs at
most about 5 % of the scores change by chance. A rank has changed where the two intervals of the rank have no rank in
common. Runtimes are never compared.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Group
from rich.text import Text

from benchmarks.board.aggregate import Board, aggregate, list_rows
from benchmarks.board.formats import make_rich
from benchmarks.board.statistics import Interval, has_changed
from benchmarks.board.tables import NONE, Table, make_table
from benchmarks.publish import NotComparable
from benchmarks.publish.difference import Difference, compare_values, format_value
from benchmarks.publish.manifest import list_models
from benchmarks.publish.statements import RankRange, list_tiers, list_verdicts, name_rank
from benchmarks.publish.tolerance import PLAIN, SECONDS, tell_status
from benchmarks.run import RESULTS, RUNS
from benchmarks.run.records import Document, Position, Run
from benchmarks.run.storage import read_run

KEY: Final = ["task", "method", "budget", "column"]
INTERVAL: Final = ["mean", "low", "high", "models", "units"]
FACTS: Final = [*INTERVAL, "rank", "rank_low", "rank_high", "tied"]
SHOWN: Final = 30  # rows of a table; the rest is in the file
RULE: Final = (
    "changed: the 95 % interval of the difference of both means leaves zero out (MOVER, Zou and Donner 2008), for runs "
    "that are independent, of which about 5 % of all scores change by chance."
)


class Changes(Document):
    """The differences of two runs; in each of them ``was`` is the value in the first.

    Attributes:
        a, b: their folders.
        commits: of both.
        models: how many models both have of the ``models_of`` that either was scored on.
        scores: how many mean scores both have, in judging and in describing columns.
        differ: how many of these differ by more than rounding.
        without_interval: how many of those have no interval in one of the runs, so that nothing can be said.
        means: those that differ by more than their intervals explain, those that judge methods first.
        largest: the largest difference of a mean, by column.
        ranked: how many ranks both have.
        ranks: those whose intervals have nothing in common; ``rank_changes`` counts all that are another number.
        leaders: tasks and columns with another method in front.
        ties: methods that are now, or no longer, tied with the best.
        tiers: of the order over all tasks.
        verdicts: on entries of the papers' ledger and on their tests.
        status: cells of both that are ok in one alone.
        only_a, only_b: how many cells one has alone, by task and method.
    """

    a: str
    b: str
    commits: tuple[str, str]
    models: int
    models_of: int
    scores: int
    differ: int
    without_interval: int
    means: list[Difference]
    largest: dict[str, float]
    ranked: int
    rank_changes: int
    ranks: list[Difference]
    leaders: list[Difference]
    ties: list[Difference]
    tiers: list[Difference]
    verdicts: list[Difference]
    status: list[Difference]
    only_a: dict[str, int]
    only_b: dict[str, int]

    def __rich__(self) -> Group:
        lines = Text("\n".join(summarise(self)))
        tables = [table for table in make_tables(self, SHOWN) if table.rows]
        return Group(*(part for table in tables for part in make_rich(table)), lines)


def find_run(name: str) -> Path:
    """The folder of a run or of a published suite: a path, or the name of its suite, in that order of search."""
    folders = [Path(name), RUNS / name, RESULTS / name]
    return next((folder for folder in folders if folder.is_dir()), RUNS / name)


def compare_pair(pair: "Pair") -> Changes:
    """Compare two boards.

    Raises:
        NotComparable: when no score of a method on a task is in both.
    """
    if pair.joined.empty:
        raise NotComparable(
            f"{pair.a.run.directory} and {pair.b.run.directory} have no score of a method on a task in common, "
            "expected two runs of one suite; name others"
        )
    scores, ranks = pair.scores, pair.ranks
    differ = scores[scores["differs"]]
    changed = scores[scores["changed"]].sort_values("judges_a", ascending=False, kind="stable")
    models = list_models(pair.a.run), list_models(pair.b.run)
    cells = [{cell.position: cell for cell in board.run.cells} for board in (pair.a, pair.b)]
    return Changes(
        a=str(pair.a.run.directory),
        b=str(pair.b.run.directory),
        commits=(_name_commit(pair.a.run), _name_commit(pair.b.run)),
        models=len(models[0] & models[1]),
        models_of=len(models[0] | models[1]),
        scores=len(scores),
        differ=len(differ),
        without_interval=int(differ[["low_a", "low_b"]].isna().any(axis=1).sum()),
        means=[_make_difference(row) for row in list_rows(changed)],
        largest={str(name): float(value) for name, value in scores.groupby("column")["size"].max().items()},
        ranked=len(ranks),
        rank_changes=int((ranks["rank_a"] != ranks["rank_b"]).sum()),
        ranks=list(_list_rank_changes(ranks)),
        leaders=list(_list_leaders(ranks)),
        ties=list(_list_ties(ranks)),
        tiers=_compare_said(list_tiers(pair.a), list_tiers(pair.b)),
        verdicts=_compare_said(list_verdicts(pair.a), list_verdicts(pair.b)),
        status=[
            Difference(where=str(position), was=tell_status(cell), now=tell_status(other))
            for position, cell in cells[0].items()
            if (other := cells[1].get(position)) and cell.status != other.status
        ],
        only_a=_count_cells(cells[0].keys() - cells[1].keys()),
        only_b=_count_cells(cells[1].keys() - cells[0].keys()),
    )


@dataclass(frozen=True)
class Pair:
    """Two boards."""

    a: Board
    b: Board

    @classmethod
    def read(cls, a: Path, b: Path) -> "Pair":
        """The boards of two runs, or published suites, in their folders.

        Raises:
            RecordError: when one holds no readable run.
        """
        return cls(aggregate(read_run(a)), aggregate(read_run(b)))

    @cached_property
    def joined(self) -> pd.DataFrame:
        """The rows of both summaries, ``mean_a, mean_b, ..``, of what both have but runtimes."""
        first, second = (_tidy(board) for board in (self.a, self.b))
        return first.merge(second, on=[*KEY, "headline"], suffixes=("_a", "_b"))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Means that both have, their difference in ``size``, and whether it ``differs`` and has ``changed``."""
        table = self.joined.dropna(subset=["mean_a", "mean_b"])
        size = (table["mean_a"] - table["mean_b"]).abs()
        differs = size > PLAIN * table[["mean_a", "mean_b"]].abs().max(axis=1).clip(lower=1)
        changed = [has_changed(get_interval(row, "a"), get_interval(row, "b")) for row in list_rows(table)]
        return table.assign(size=size, differs=differs, changed=changed)

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """The rows that have a rank in both."""
        return self.joined[self.joined["headline"]].dropna(subset=["rank_a", "rank_b"])


def _tidy(board: Board) -> pd.DataFrame:
    summary = board.summary.astype({"task": str, "method": str, "column": str})
    about = board.columns[["task", "column", "unit", "judges"]]
    known = summary.merge(about[about["unit"] != SECONDS], on=["task", "column"])
    return known[[*KEY, "headline", "judges", *FACTS]].astype({"budget": "Int64"})


def get_interval(row: Mapping[str, Any], of: str) -> Interval:
    """The mean in a row of ``Pair.scores`` with its interval, ``of`` a or b."""
    mean, low, high, models, units = (row[f"{name}_{of}"] for name in INTERVAL)
    return Interval(float(mean), float(low), float(high), int(models), int(units))


def _make_difference(row: Mapping[str, Any]) -> Difference:
    spent = "" if pd.isna(row["budget"]) else f", {row['budget']:,} rows"
    what = "" if row["judges_a"] else " (describes)"
    where = f"mean {row['column']} of {row['method']} on {row['task']}{spent}{what}"
    return Difference(where=where, was=get_interval(row, "a"), now=get_interval(row, "b"), metric=row["column"])


def _list_rank_changes(ranks: pd.DataFrame) -> Iterator[Difference]:
    for row in list_rows(ranks):
        if row["rank_high_a"] < row["rank_low_b"] or row["rank_high_b"] < row["rank_low_a"]:
            was, now = (RankRange(row[f"rank_low_{of}"], row[f"rank_high_{of}"]) for of in "ab")
            yield Difference(where=name_rank(row), was=was, now=now)


def _list_ties(ranks: pd.DataFrame) -> Iterator[Difference]:
    words = {True: "tied with the best", False: "not tied"}
    for row in list_rows(ranks):
        if bool(row["tied_a"]) != bool(row["tied_b"]):
            yield Difference(where=name_rank(row), was=words[bool(row["tied_a"])], now=words[bool(row["tied_b"])])


def _list_leaders(ranks: pd.DataFrame) -> Iterator[Difference]:
    for (task, column), rows in ranks.groupby(["task", "column"], sort=False):
        first, second = (sorted(rows.loc[rows[of] == rows[of].min(), "method"]) for of in ("rank_a", "rank_b"))
        if first != second:
            yield Difference(where=f"{column} on {task}", was=", ".join(first), now=", ".join(second))


def _compare_said(a: Mapping[str, object], b: Mapping[str, object]) -> list[Difference]:
    """The differences of what is said in both."""
    return list(compare_values({what: a[what] for what in a if what in b}, {what: b[what] for what in b if what in a}))


def _count_cells(positions: set[Position]) -> dict[str, int]:
    return dict(Counter(f"{position.label} on {position.task}" for position in sorted(positions, key=str)))


def _name_commit(run: Run) -> str:
    return ", ".join(dict.fromkeys(str(cell.provenance.commit or NONE)[:12] for cell in run.cells)) or NONE


# ---- for a terminal ----------------------------------------------------------------------------------------------


def summarise(found: Changes) -> Iterator[str]:
    """The differences in sentences."""
    yield f"A {found.a} ({found.commits[0]}), B {found.b} ({found.commits[1]})."
    yield f"Models: {found.models} of {found.models_of} are the same."
    unknown = f", {found.without_interval} have no interval to tell by" if found.without_interval else ""
    yield (f"Means: of {found.scores:,} in both {found.differ:,} differ, {len(found.means):,} changed{unknown}; {RULE}")
    yield (
        f"Ranks: of {found.ranked:,} in both {found.rank_changes:,} are another number, {len(found.ranks):,} changed "
        f"beyond their intervals; {len(found.ties):,} ties, {len(found.leaders):,} leaders and {len(found.tiers):,} "
        "tiers changed."
    )
    yield f"Verdicts: {len(found.verdicts):,} changed."
    for name, alone in (("A", found.only_a), ("B", found.only_b)):
        if alone:
            yield f"Only in {name}: {sum(alone.values()):,} cells ({_list_some(alone)})."


def _list_some(alone: Mapping[str, int], most: int = 8) -> str:
    names = [f"{count} of {name}" for name, count in list(alone.items())[:most]]
    return ", ".join([*names, f"and {len(alone) - most} more"] if len(alone) > most else names)


def make_tables(found: Changes, most: int | None = None) -> Iterator[Table]:
    """A table for each kind of change, of at most so many rows; without rows where nothing changed."""
    for title, differences in (
        ("Scores that changed", found.means),
        ("Ranks that changed beyond their intervals", found.ranks),
        ("Leaders that changed", found.leaders),
        ("Ties with the best that changed", found.ties),
        ("Tiers that changed", found.tiers),
        ("Verdicts that changed", found.verdicts),
        ("Cells of another status", found.status),
    ):
        rows = [[one.where, format_value(one.was), format_value(one.now)] for one in differences]
        more = len(rows) - most if most is not None and len(rows) > most else 0
        notes = [f"{more:,} more: --json FILE and --page FILE have all."] if more else []
        yield make_table(title, ["what", "A", "B"], rows[:most], notes)
