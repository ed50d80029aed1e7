"""What a board says, to be compared with another's: ranks, ties with the best, tiers, verdicts on what papers claim."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.board.aggregate import Board, aggregate, list_rows
from benchmarks.papers.claims import Claim
from benchmarks.papers.evidence import take_evidence
from benchmarks.papers.supplement import PAPERS
from benchmarks.papers.verdicts import NOT_RUN
from benchmarks.publish.comparison import Differing
from benchmarks.publish.tolerance import SECONDS
from benchmarks.run.records import CellRecord

Statements = Mapping[str, str]  # what is said, by what it is said of


def list_standings(board: Board) -> Statements:
    """Rank, and whether it is tied with the best, of each method by each judging column; then the tiers."""
    ranked = board.summary[board.summary["rank"].notna()]
    ranks = {
        f"rank of {row['method']} by {row['column']} on {row['task']}": _format_rank(row) for row in list_rows(ranked)
    }
    return ranks | {f"tier of {row['method']}": f"{row['tier']:g}" for row in list_rows(board.overall)}


def list_verdicts(board: Board) -> Statements:
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


def compare_statements(published: Statements, again: Statements) -> Iterator[Differing]:
    """What is said otherwise, and both."""
    for what in dict.fromkeys([*published, *again]):
        was, is_now = published.get(what, "nothing"), again.get(what, "nothing")
        if was != is_now:
            yield Differing(what, was, is_now)


def hangs_on_rounding(differing: Differing, moved: Sequence[Statements]) -> bool:
    """Whether what was published is among what is said with scores moved by rounding: a verdict one of them, a rank
    inside their range, which is widened by its own width as that of numbers is (``benchmarks.publish.tolerance``)."""
    said = [statements[differing.what] for statements in moved if differing.what in statements]
    place, _, tie = differing.published.partition(", ")
    of_others = [one.partition(", ") for one in [*said, differing.found]]
    if tie not in {tied for _, _, tied in of_others}:
        return False
    try:
        ranks = [float(rank) for rank, _, _ in of_others]
        return 2 * min(ranks) - max(ranks) <= float(place) <= 2 * max(ranks) - min(ranks)
    except ValueError:  # words
        return differing.published in said


def _list_verdicts_on(paper: str, entries: Any, board: Board) -> Iterator[tuple[str, str]]:
    for entry in entries:
        name = f"{paper}, {entry.item}: {entry.says}"
        yield f"verdict on {name}", entry.by(board).verdict
        for row in entry.by.test(board) if isinstance(entry.by, Claim) else ():
            against = f" against {row['rival']}" if "rival" in row else ""
            yield f"test of {name}, {row['score']} of {row['method']}{against} on {row['task']}", row["verdict"]


def _format_rank(row: Mapping[str, Any]) -> str:
    return f"{row['rank']:g}{', tied with the best' if row['tied'] else ''}"
