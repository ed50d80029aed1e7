"""Statements of a board, to be compared with another's: ranks, ties, tiers, verdicts on what papers claim."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.board.aggregate import Board, aggregate, list_rows
from benchmarks.board.tables import format_rank_range
from benchmarks.papers.claims import Claim
from benchmarks.papers.evidence import take_evidence
from benchmarks.papers.supplement import PAPERS
from benchmarks.papers.verdicts import NOT_RUN
from benchmarks.publish.difference import Difference
from benchmarks.publish.tolerance import SECONDS
from benchmarks.run.records import CellRecord


@dataclass(frozen=True)
class Rank:
    """A rank, or a tier, and whether the method is tied with the best."""

    number: float
    tied: bool = False

    def __str__(self) -> str:
        return f"{self.number:g}{', tied with the best' if self.tied else ''}"


@dataclass(frozen=True)
class RankRange:
    """From the best rank to the worst that a method may have."""

    low: float
    high: float

    def __str__(self) -> str:
        return format_rank_range(self.low, self.high)


Statements = Mapping[str, Rank | str]  # ranks, tiers and verdicts, by what they are of


def list_ranks(board: Board) -> dict[str, Rank]:
    """The rank of each method by each judging column."""
    ranked = board.summary[board.summary["rank"].notna()]
    return {name_rank(row): Rank(float(row["rank"]), bool(row["tied"])) for row in list_rows(ranked)}


def name_rank(row: Mapping[str, Any]) -> str:
    """The name of the rank in a row of a summary."""
    return f"rank of {row['method']} by {row['column']} on {row['task']}"


def list_tiers(board: Board) -> dict[str, Rank]:
    """The tier over all tasks of each method that has one."""
    ordered = board.overall[board.overall["tier"].notna()]
    return {f"tier of {row['method']}": Rank(float(row["tier"])) for row in list_rows(ordered)}


def list_verdicts(board: Board) -> dict[str, str]:
    """The verdict of each entry of the ledger that the run has numbers for, and of each test of a claim; of none on
    runtimes, which are never compared."""
    timeless = aggregate(replace(board.run, cells=[_drop_runtimes(cell) for cell in board.run.cells]))
    return {
        what: verdict
        for paper in PAPERS
        if any(paper.name in task.reproduces for task in board.run.manifest.suite.tasks)
        for what, verdict in _list_verdicts_on(paper.name, paper.entries, take_evidence(timeless, paper.name))
        if verdict != NOT_RUN
    }


def _drop_runtimes(cell: CellRecord) -> CellRecord:
    facts = {column: fact for column, fact in cell.facts.items() if fact.unit != SECONDS}
    scores = {column: values for column, values in cell.scores.items() if column in facts}
    return cell.model_copy(update={"facts": facts, "scores": scores})


def _list_verdicts_on(paper: str, entries: Any, board: Board) -> Iterator[tuple[str, str]]:
    for entry in entries:
        name = f"{paper}, {entry.item}: {entry.says}"
        yield f"verdict on {name}", entry.by(board).verdict
        for row in entry.by.test(board) if isinstance(entry.by, Claim) else ():
            against = f" against {row['rival']}" if "rival" in row else ""
            yield f"test of {name}, {row['score']} of {row['method']}{against} on {row['task']}", row["verdict"]


def hangs_on_rounding(difference: Difference, perturbed: Sequence[Statements]) -> bool:
    """Whether what was published is among what is said with scores perturbed by rounding: a verdict one of them, a rank
    inside their range, which is widened by its own width as that of numbers is (``benchmarks.publish.tolerance``)."""
    said = [statements[difference.where] for statements in perturbed if difference.where in statements]
    was, others = difference.was, [*said, difference.now]
    ranks = [one for one in others if isinstance(one, Rank)]
    if not isinstance(was, Rank) or len(ranks) < len(others):
        return was in said
    low, high = min(rank.number for rank in ranks), max(rank.number for rank in ranks)
    return was.tied in {rank.tied for rank in ranks} and 2 * low - high <= was.number <= 2 * high - low
