"""Two runs of one suite: which scores moved by more than chance explains, and what is said otherwise because of it.

A mean score has *moved* where the 95 % interval of the difference of both runs' means leaves zero out. With means a < b
and their intervals [a - a_low, a + a_high] and [b - b_low, b + b_high], this is the interval of MOVER (Zou and Donner
2008), which takes the runs as independent and needs no more than the two intervals:

    b - a > sqrt(a_high^2 + b_low^2).

So of independent runs about 5 % of the scores move by chance. A rank has moved where the two intervals of the rank have
no rank in common. Runtimes are never compared.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.console import Group
from rich.text import Text

from benchmarks.board.aggregate import Board, aggregate, list_rows
from benchmarks.board.formats import make_rich
from benchmarks.board.tables import NONE, Table, format_rank_range, format_score, make_table
from benchmarks.publish import NotComparable
from benchmarks.publish.manifest import list_models
from benchmarks.publish.standings import list_verdicts
from benchmarks.publish.tolerance import PLAIN, SECONDS
from benchmarks.run import RESULTS, RUNS
from benchmarks.run.records import CellSpec, Document, Run
from benchmarks.run.storage import read_run

KEY: Final = ["task", "method", "budget", "column"]
FACTS: Final = ["mean", "low", "high", "rank", "rank_low", "rank_high", "tied"]
SHOWN: Final = 30  # rows of a table; the rest is in the file
RULE: Final = (
    "moved: the 95 % interval of the difference of both means leaves zero out (MOVER, Zou and Donner 2008), for runs "
    "that are independent, of which about 5 % of all scores move by chance."
)


class Moved(Document):
    """A mean score that moved, with its interval in both runs; ``judges`` whether methods are ranked by it."""

    task: str
    method: str
    budget: int | None
    column: str
    judges: bool
    a: tuple[float, float, float]
    b: tuple[float, float, float]


class Change(Document):
    """What is said of something in one run and in the other."""

    what: str
    a: str
    b: str


class Comparison(Document):
    """What differs between two runs.

    Attributes:
        a, b: their folders.
        commits: of both.
        models: how many models both have of the ``models_of`` that either was scored on.
        scores: how many mean scores both have, in judging and in describing columns.
        differ: how many of these differ by more than rounding.
        without_interval: how many of those have no interval in one of the runs, so that nothing can be said.
        moved: those that differ by more than their intervals explain.
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
    moved: list[Moved]
    largest: dict[str, float]
    ranked: int
    rank_changes: int
    ranks: list[Change]
    leaders: list[Change]
    ties: list[Change]
    tiers: list[Change]
    verdicts: list[Change]
    status: list[Change]
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


def compare_runs(a: Path, b: Path) -> Comparison:
    """Compare the runs, or published suites, in two folders.

    Raises:
        RecordError: when one holds no readable run.
        NotComparable: as in ``compare_pair``.
    """
    return compare_pair(Pair.read(a, b))


def compare_pair(pair: "Pair") -> Comparison:
    """Compare two boards.

    Raises:
        NotComparable: when no score of a method on a task is in both.
    """
    if pair.joined.empty:
        raise NotComparable(
            f"{pair.a.run.directory} and {pair.b.run.directory} have no score of a method on a task in common, "
            "expected two runs of one suite; name others"
        )
    scores = pair.scores
    differ = scores[scores["differs"]]
    ranks = pair.ranks
    first, second = list_models(pair.a.run), list_models(pair.b.run)
    return Comparison(
        a=str(pair.a.run.directory),
        b=str(pair.b.run.directory),
        commits=(_name_commit(pair.a.run), _name_commit(pair.b.run)),
        models=len(first & second),
        models_of=len(first | second),
        scores=len(scores),
        differ=len(differ),
        without_interval=int(differ["arms"].isna().sum()),
        moved=[_make_moved(row) for row in list_rows(scores[scores["moved"]])],
        largest={str(name): float(value) for name, value in scores.groupby("column")["size"].max().items()},
        ranked=len(ranks),
        rank_changes=int((ranks["rank_a"] != ranks["rank_b"]).sum()),
        ranks=list(_list_rank_changes(ranks)),
        leaders=list(_list_leaders(ranks)),
        ties=list(_list_ties(ranks)),
        tiers=_list_changes(*(_list_tiers(board) for board in (pair.a, pair.b))),
        verdicts=_list_changes(*(list_verdicts(board) for board in (pair.a, pair.b))),
        **pair.compare_cells(),
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
        """Means that both have, their difference in ``size``, and whether it ``differs`` and has ``moved``."""
        table = self.joined.dropna(subset=["mean_a", "mean_b"])
        a_below = table["mean_a"] <= table["mean_b"]
        above = np.where(a_below, table["high_a"] - table["mean_a"], table["high_b"] - table["mean_b"])
        below = np.where(a_below, table["mean_b"] - table["low_b"], table["mean_a"] - table["low_a"])
        size = (table["mean_a"] - table["mean_b"]).abs()
        rounding = PLAIN * table[["mean_a", "mean_b"]].abs().max(axis=1).clip(lower=1)
        arms = np.hypot(above.astype(float), below.astype(float))
        differs = size > rounding
        return table.assign(size=size, arms=arms, differs=differs, moved=differs & (size > arms))  # False of NaN

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """What both rank, by each judging column."""
        return self.joined[self.joined["headline"]].dropna(subset=["rank_a", "rank_b"])

    def compare_cells(self) -> dict[str, Any]:
        first, second = ({_find_place(cell): cell for cell in board.run.cells} for board in (self.a, self.b))
        both = [place for place in first if place in second and first[place].status != second[place].status]
        return {
            "status": [
                Change(what=_name_place(place), a=_tell_status(first[place]), b=_tell_status(second[place]))
                for place in both
            ],
            "only_a": _count_places(first.keys() - second.keys()),
            "only_b": _count_places(second.keys() - first.keys()),
        }


def _tidy(board: Board) -> pd.DataFrame:
    summary = board.summary.astype({"task": str, "method": str, "column": str})
    about = board.columns[["task", "column", "unit", "judges"]]
    known = summary.merge(about[about["unit"] != SECONDS], on=["task", "column"])
    return known[[*KEY, "headline", "judges", *FACTS]].astype({"budget": "Int64"})


def _make_moved(row: Mapping[str, Any]) -> Moved:
    ends = ((float(row[f"mean_{of}"]), float(row[f"low_{of}"]), float(row[f"high_{of}"])) for of in "ab")
    first, second = ends
    budget = None if pd.isna(row["budget"]) else int(row["budget"])
    names = {name: row[name] for name in ("task", "method", "column")}
    return Moved(**names, budget=budget, judges=bool(row["judges_a"]), a=first, b=second)


def _list_rank_changes(ranks: pd.DataFrame) -> Iterator[Change]:
    for row in list_rows(ranks):
        if row["rank_high_a"] < row["rank_low_b"] or row["rank_high_b"] < row["rank_low_a"]:
            places = (format_rank_range(row[f"rank_low_{of}"], row[f"rank_high_{of}"]) for of in "ab")
            yield Change(what=_name_rank(row), **dict(zip("ab", places, strict=True)))


def _list_ties(ranks: pd.DataFrame) -> Iterator[Change]:
    words = {True: "tied with the best", False: "not tied"}
    for row in list_rows(ranks):
        first, second = bool(row["tied_a"]), bool(row["tied_b"])
        if first != second:
            yield Change(what=_name_rank(row), a=words[first], b=words[second])


def _list_leaders(ranks: pd.DataFrame) -> Iterator[Change]:
    for (task, column), rows in ranks.groupby(["task", "column"], sort=False):
        first, second = (set(rows.loc[rows[of] == rows[of].min(), "method"]) for of in ("rank_a", "rank_b"))
        if first != second:
            yield Change(what=f"{column} on {task}", a=", ".join(sorted(first)), b=", ".join(sorted(second)))


def _list_tiers(board: Board) -> dict[str, str]:
    rows = list_rows(board.overall)
    return {f"tier of {row['method']}": NONE if pd.isna(row["tier"]) else f"{row['tier']:.0f}" for row in rows}


def _list_changes(a: Mapping[str, str], b: Mapping[str, str]) -> list[Change]:
    """Of what is said in both."""
    return [Change(what=what, a=a[what], b=b[what]) for what in a if what in b and a[what] != b[what]]


# ---- cells -------------------------------------------------------------------------------------------------------

Place = tuple[str, str, int, int | None, str]


def _find_place(cell: CellSpec) -> Place:
    point = f"{cell.sweep.name}={cell.sweep.value}" if cell.sweep else ""
    return cell.task, cell.label, cell.repetition, cell.budget, point


def _name_place(place: Place) -> str:
    task, label, repetition, budget, point = place
    parts = [f"{label} on {task}, repetition {repetition}", f"{budget} rows" if budget else "", point]
    return ", ".join(filter(None, parts))


def _tell_status(cell: Any) -> str:
    return f"{cell.status}: {cell.reason}" if cell.reason else str(cell.status)


def _count_places(places: set[Place]) -> dict[str, int]:
    counts = Counter(f"{label} on {task}" for task, label, *_ in sorted(places, key=str))
    return dict(counts)


def _name_rank(row: Mapping[str, Any]) -> str:
    return f"{row['method']} by {row['column']} on {row['task']}"


def _name_commit(run: Run) -> str:
    return ", ".join(dict.fromkeys(str(cell.provenance.commit or NONE)[:12] for cell in run.cells)) or NONE


# ---- for a terminal ----------------------------------------------------------------------------------------------


def summarise(found: Comparison) -> Iterator[str]:
    """In sentences."""
    yield f"A {found.a} ({found.commits[0]}), B {found.b} ({found.commits[1]})."
    yield f"Models: {found.models} of {found.models_of} are the same."
    unknown = f", {found.without_interval} have no interval to tell by" if found.without_interval else ""
    yield (f"Means: of {found.scores:,} in both {found.differ:,} differ, {len(found.moved):,} moved{unknown}; {RULE}")
    yield (
        f"Ranks: of {found.ranked:,} in both {found.rank_changes:,} are another number, {len(found.ranks):,} moved "
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


def make_tables(found: Comparison, most: int | None = None) -> Iterator[Table]:
    """All that changed, a table for each kind, of at most so many rows; without rows where nothing did."""
    header = ["task", "method", "rows", "score", "A", "B"]
    rows = [_make_row(moved) for moved in sorted(found.moved, key=lambda one: not one.judges)]
    yield _shorten("Scores that moved", header, rows, most)
    for title, changes in (
        ("Ranks that moved beyond their intervals", found.ranks),
        ("Leaders that changed", found.leaders),
        ("Ties with the best that changed", found.ties),
        ("Tiers that changed", found.tiers),
        ("Verdicts that changed", found.verdicts),
        ("Cells of another status", found.status),
    ):
        yield _shorten(title, ["what", "A", "B"], [[one.what, one.a, one.b] for one in changes], most)


def _make_row(moved: Moved) -> list[str]:
    column = moved.column if moved.judges else f"{moved.column} (describes)"
    budget = NONE if moved.budget is None else f"{moved.budget:,}"
    return [moved.task, moved.method, budget, column, format_score(*moved.a), format_score(*moved.b)]


def _shorten(title: str, header: list[str], rows: list[list[str]], most: int | None) -> Table:
    more = len(rows) - most if most is not None and len(rows) > most else 0
    notes = [f"{more:,} more: --json FILE and --page FILE have all."] if more else []
    return make_table(title, header, rows[:most], notes, "", ["rows"])
