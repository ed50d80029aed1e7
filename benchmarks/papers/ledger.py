"""The ledger of the reproduction: what the papers say, what a run measured of it, and whether it held.

``benchmarks.papers.paper_entries`` has the entries. Each holds what its paper says, and a function from the board to what was
measured, so that no number of a run is typed in.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, Final

import pandas as pd

from benchmarks.board.aggregate import SEED, Board, rows_of
from benchmarks.board.tables import format_interval, format_number
from benchmarks.papers.claim_tables import claimed
from benchmarks.papers.claims import Claim, Comparison, measure
from benchmarks.papers.quantities import Quantity, tasks_of
from sig import stats

HELD: Final = "held"
NOT_HELD: Final = "not held"
UNDECIDED: Final = "undecided"
MEASURED: Final = "measured"
REPLACED: Final = "replaced"
READING: Final = "reading"
NOT_BUILT: Final = "not built"
NOT_RUN: Final = "not in this run"
VERDICTS: Final = {
    HELD: "every test of it held",
    NOT_HELD: "at least one test went against it",
    UNDECIDED: "no test went against it, but not every one held",
    MEASURED: "measured or drawn, but nothing that the paper says of it is known here that could be put to the test",
    REPLACED: "what the paper has does not serve; something else takes its place",
    READING: "the paper leaves it open; one reading was chosen",
    NOT_BUILT: "not part of this project",
    NOT_RUN: "this run has no records of it",
}
PAGES: Final = {
    "claims": "claims.md",
    "checks": "leaderboard.md#checks-of-the-trained-models",
    "tables": "leaderboard.md#tables-of-the-papers",
    "leaderboard": "leaderboard.md",
}
MOST: Final = 4  # tests of a claim that are listed one by one


@dataclass(frozen=True)
class Outcome:
    """What was measured, in words, and one of ``VERDICTS``."""

    measured: str
    verdict: str


Outcomes = Callable[[Board], Outcome]


@dataclass(frozen=True)
class Entry:
    """A figure, a table or a claim.

    Attributes:
        paper, item: where it stands.
        says: what the paper says, as far as it is known here.
        outcome: from the board to what was measured.
        see: pages of ``PAGES``, and patterns of figure names.
        reading: what makes it precise, where the paper does not.
    """

    paper: str
    item: str
    says: str
    outcome: Outcomes
    see: tuple[str, ...] = ()
    reading: str = ""


@dataclass(frozen=True)
class Line:
    """An entry as the ledger shows it; ``links`` are names and addresses."""

    entry: Entry
    outcome: Outcome
    links: list[tuple[str, str]]


def ledger(entries: Iterable[Entry], board: Board, figures: Sequence[str]) -> dict[str, list[Line]]:
    """The lines of each paper; ``figures`` are the names of those that the report has drawn."""
    lines: dict[str, list[Line]] = {}
    for entry in entries:
        outcome = entry.outcome(board)
        links = [] if outcome.verdict == NOT_RUN else list(_links(entry, figures))
        lines.setdefault(entry.paper, []).append(Line(entry, outcome, links))
    return lines


def _links(entry: Entry, figures: Sequence[str]) -> Iterator[tuple[str, str]]:
    for pattern in entry.see:
        if pattern in PAGES:
            yield pattern, PAGES[pattern]
        yield from ((name, f"figures/{name}.png") for name in figures if fnmatch(name, pattern))


# ---- ways to an outcome ------------------------------------------------------------------------------------------


def stated(verdict: str, why: str) -> Outcomes:
    """The same whatever the run holds."""
    return lambda board: Outcome(why, verdict)


def listed(texts: Iterable[str], verdict: str = MEASURED) -> Outcome:
    """What was measured, one thing after the other, empty ones left out; not in this run where nothing was."""
    text = "; ".join(filter(None, texts))
    return Outcome(text, verdict if text else NOT_RUN)


def tested(*claims: Claim) -> Outcomes:
    """Held where every test of the claims held, not held where one went against them, else undecided."""

    def outcome(board: Board) -> Outcome:
        parts = [(claim, rows_of(measure(board, claim))) for claim in claims]
        verdict = together([row["verdict"] for _, rows in parts for row in rows])
        return listed((_tests(claim, rows) for claim, rows in parts if rows), verdict)

    return outcome


def together(verdicts: Sequence[str]) -> str:
    """The verdict over several tests."""
    if NOT_HELD in verdicts:
        return NOT_HELD
    return HELD if set(verdicts) == {HELD} else UNDECIDED


def means(
    quantity: Quantity, methods: Sequence[str] | Callable[[Board], Sequence[str]], kind: str = "", **options: Any
) -> Outcomes:
    """Mean scores of methods, task by task."""

    def outcome(board: Board) -> Outcome:
        chosen = methods(board) if callable(methods) else methods
        tables = {task: quantity.values(board, task) for task in tasks_of(board, kind, **options)}
        return listed(mean_scores(quantity.name, task, values, chosen) for task, values in tables.items())

    return outcome


def mean_scores(score: str, task: str, values: pd.DataFrame, methods: Sequence[str]) -> str:
    """Mean scores of methods with their 95 % intervals; empty where none has any."""
    samples = [(name, values.loc[name].dropna().to_numpy()) for name in methods if name in values.index]
    texts = [f"{name} {format_interval(of.mean(), *stats.interval(of, seed=SEED))}" for name, of in samples if len(of)]
    return f"{score} on {task}: {', '.join(texts)}" if texts else ""


def _tests(claim: Claim, rows: list[dict[str, Any]]) -> str:
    found = pd.DataFrame(rows)
    if isinstance(claim, Comparison):
        found["who"] = found["method"] + " - " + found["rival"]
        return _each(found) if len(found) <= MOST else _overview(found)
    return f"{_each(found.assign(who=found['method']))} (claimed {claimed(claim)})"


def _each(found: pd.DataFrame) -> str:
    """The mean of each test, task by task."""
    texts = []
    for (score, who), of_tasks in found.groupby(["score", "who"], sort=False):
        means = [
            f"{format_interval(row['mean'], row['low'], row['high'])} on {row['task']}" for row in rows_of(of_tasks)
        ]
        texts.append(f"{score} of {who}: {', '.join(means)}")
    return "; ".join(texts)


def _overview(found: pd.DataFrame) -> str:
    counts = found["verdict"].value_counts()
    verdicts = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in (HELD, UNDECIDED, NOT_HELD))
    ends = [
        f"{format_number(of.min())} to {format_number(of.max())} in {score}"
        for score, of in found.groupby("score")["mean"]
    ]
    return f"of {len(found)} tests {verdicts}; differences from {', '.join(ends)}"
