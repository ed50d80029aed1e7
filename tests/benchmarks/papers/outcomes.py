"""What a paper makes of a run, for the tests of the papers."""

from typing import Any

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.ledger import Outcome, Publication
from benchmarks.papers.quantities import take_evidence
from benchmarks.run.records import Run
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import RunMaker

Outcomes = dict[tuple[str, str], Outcome]
WHATEVER_THE_RUN = {"reading", "replaced", "not testable here", "proved", "schematic"}


def measure_entries(paper: Publication, maker: RunMaker) -> Outcomes:
    """By item, and what is said of it."""
    board = take_evidence(aggregate(read_run(maker.write())), paper.name)
    return {(entry.item, entry.says): entry.by(board) for entry in paper.entries}


def outcome_of(found: Outcomes, item: str, word: str = "") -> Outcome:
    """That of the one entry of the item that says the word."""
    (outcome,) = [outcome for (name, says), outcome in found.items() if name == item and word in says]
    return outcome


def draw_figures(paper: Publication, run: Run) -> dict[str, Any]:
    """Those of the paper that the run has the data for, by name."""
    board = take_evidence(aggregate(run), paper.name)
    return {drawing.name: drawing.figure for draw in paper.figures for drawing in draw(board)}


def without_papers(maker: RunMaker) -> RunMaker:
    """The run, of which no task reproduces a paper."""
    maker.tasks = {name: {**task, "reproduces": []} for name, task in maker.tasks.items()}
    return maker
