"""What a paper makes of a run, for the tests of the papers."""

from typing import Any

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.evidence import take_evidence
from benchmarks.papers.ledger import Publication
from benchmarks.papers.verdicts import Finding
from benchmarks.run.records import Run
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import RunMaker

Findings = dict[tuple[str, str], Finding]
WHATEVER_THE_RUN = {"reading", "replaced", "not testable here", "proved", "schematic"}


def measure_entries(paper: Publication, maker: RunMaker) -> Findings:
    """By item, and what is said of it."""
    board = take_evidence(aggregate(read_run(maker.write())), paper.name)
    return {(entry.item, entry.says): entry.by(board) for entry in paper.entries}


def finding_of(found: Findings, item: str, word: str = "") -> Finding:
    """That of the one entry of the item that says the word."""
    (finding,) = [finding for (name, says), finding in found.items() if name == item and word in says]
    return finding


def draw_figures(paper: Publication, run: Run) -> dict[str, Any]:
    """Those of the paper that the run has the data for, by name."""
    board = take_evidence(aggregate(run), paper.name)
    return {drawing.name: drawing.figure for draw in paper.figures for drawing in draw(board)}


def without_papers(maker: RunMaker) -> RunMaker:
    """The run, of which no task reproduces a paper."""
    maker.tasks = {name: {**task, "reproduces": []} for name, task in maker.tasks.items()}
    return maker
