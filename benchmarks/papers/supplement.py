"""What a report says of the papers: their tables, figures and claims, and the ledger ``reproduction.md``."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.board.aggregate import Board
from benchmarks.board.content import Supplement, list_warnings
from benchmarks.board.formats import make_markdown_environment
from benchmarks.board.tables import NONE, Table, make_table
from benchmarks.papers.claims import Claim
from benchmarks.papers.es import ES
from benchmarks.papers.icg import ICG
from benchmarks.papers.ledger import (
    NOT_RUN,
    NOT_TESTABLE,
    PROVED,
    READING,
    SCHEMATIC,
    VERDICTS,
    Entry,
    Outcome,
    Publication,
)
from benchmarks.papers.quantities import find_tasks, take_evidence
from benchmarks.papers.sig import SIG

PAPERS: Final = (SIG, ES, ICG)
CLAIMED: Final = "What the papers claim, measured"
PAGES: Final = {
    "claims": "claims.md",
    "checks": "leaderboard.md#checks-of-the-trained-models",
    "tables": "leaderboard.md#tables-of-the-papers",
    "leaderboard": "leaderboard.md",
}
TEMPLATES: Final = Path(__file__).parent / "templates"
OURS_LAST: Final = (False, True)
WHATEVER_THE_RUN: Final = (NOT_TESTABLE, PROVED, READING, SCHEMATIC)


@dataclass(frozen=True)
class Line:
    """An entry as the ledger shows it.

    Attributes:
        entry, outcome: what is said, and what was measured of it.
        links: addresses by name.
        command: that computes it; empty where nothing is run.
    """

    entry: Entry
    outcome: Outcome
    links: dict[str, str]
    command: str


def supplement_report(board: Board, figures: Mapping[str, str]) -> Supplement:
    """What the papers add to a report that has drawn these figures, files by name.

    Each sees the tasks that reproduce it alone. They add nothing to a run that reproduces none.
    """
    if not any(task.reproduces for task in board.run.manifest.suite.tasks):
        return Supplement()
    evidence = [(paper, take_evidence(board, paper.name)) for paper in PAPERS]
    drawings = [drawing for paper, part in evidence for draw in paper.figures for drawing in draw(part)]
    tables = [table for paper, part in evidence for table in paper.tables(part) if table.rows]
    claims = [table for own in OURS_LAST for paper, part in evidence for table in make_claim_tables(paper, part, own)]
    figures = {**figures, **{drawing.name: drawing.file for drawing in drawings}}
    ledger = {paper: [fill_line(entry, part, figures) for entry in paper.entries] for paper, part in evidence}
    sections, pages = {}, {"reproduction.md": render_ledger(board, ledger)}
    if tables:
        sections["Tables of the papers"] = _render("tables", tables=tables)
    if claims:
        pages["claims.md"] = f"# {CLAIMED}: {board.run.manifest.suite.name}\n\n{_render('claims', claims=claims)}"
    shown = {"Tables of the papers": tables, "The ledger": tabulate_ledger(ledger), CLAIMED: claims}
    return Supplement(drawings, sections, pages, {heading: found for heading, found in shown.items() if found})


def make_claim_tables(paper: Publication, board: Board, own: bool) -> Iterator[Table]:
    """The tests of each claim of the paper, or of each one of this project's ``own`` about it, that has numbers."""
    for entry in paper.entries:
        if isinstance(entry.by, Claim) and entry.is_own == own and (rows := entry.by.tabulate(board)):
            whose = f"{entry.kind}, {paper.name}" if own else paper.name
            notes = [f"Reading: {entry.reading}."] if entry.reading else []
            yield make_table(f"{entry.says} ({whose})", list(rows[0]), [list(row.values()) for row in rows], notes)


def fill_line(entry: Entry, board: Board, figures: Mapping[str, str]) -> Line:
    """The line of an entry, with links to pages and to those figures that were drawn, if anything was measured."""
    outcome, by = entry.by(board), entry.by
    see = (*entry.see, "claims") if isinstance(by, Claim) else entry.see
    tasks = find_looked_at(entry, board)
    names = dict.fromkeys(name.format(task=task) for name in see for task in tasks or [""])
    addresses = {**PAGES, **figures}
    links = {name: addresses[name] for name in names if name in addresses and outcome.verdict != NOT_RUN}
    nothing_is_run = outcome.verdict in WHATEVER_THE_RUN or not tasks
    return Line(entry, outcome, links, entry.command or ("" if nothing_is_run else make_command(board, tasks)))


def find_looked_at(entry: Entry, board: Board) -> list[str]:
    """The tasks of this run that an entry is about."""
    if entry.tasks is not None:
        return entry.tasks(board)
    return entry.by.tasks(board) if isinstance(entry.by, Claim) else find_tasks(board)


def make_command(board: Board, tasks: Sequence[str]) -> str:
    """Runs these tasks of the suite."""
    return f"python -m benchmarks run {board.run.manifest.suite.name} --tasks {','.join(tasks)}"


def render_ledger(board: Board, ledger: Mapping[Publication, Sequence[Line]]) -> str:
    """The page ``reproduction.md``."""
    papers = {paper: [line for line in lines if not line.entry.is_own] for paper, lines in ledger.items()}
    own = [(paper, line) for paper, lines in ledger.items() for line in lines if line.entry.is_own]
    found = {line.outcome.verdict for lines in ledger.values() for line in lines}
    return _render(
        "reproduction",
        suite=board.run.manifest.suite,
        warnings=list_warnings(board.run),
        verdicts={verdict: meaning for verdict, meaning in VERDICTS.items() if verdict in found},
        counts={paper: Counter(line.outcome.verdict for line in lines) for paper, lines in papers.items()},
        papers=papers,
        own=own,
    )


def tabulate_ledger(ledger: Mapping[Publication, Sequence[Line]]) -> list[Table]:
    """The ledger as a table for each paper, and one of what this project criticises or asks."""
    header = ["item", "says", "measured here", "verdict", "command"]
    own = [line for lines in ledger.values() for line in lines if line.entry.is_own]
    parts = {paper.title: [line for line in lines if not line.entry.is_own] for paper, lines in ledger.items()}
    tables = []
    for title, lines in {**parts, "Critique and further questions, said by no paper": own}.items():
        counts = Counter(line.outcome.verdict for line in lines)
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
        rows = [_write_line(line) for line in lines]
        tables.append(make_table(title, header, rows, lead=f"{len(lines)} items: {told}."))
    return [table for table in tables if table.rows]


def _write_line(line: Line) -> list[str]:
    entry = line.entry
    printed = f" Printed: {entry.printed}." if entry.printed else ""
    reading = f" Reading: {entry.reading}." if entry.reading else ""
    says = f"{entry.says}.{printed}{reading}"
    return [entry.item, says, line.outcome.measured or NONE, line.outcome.verdict, line.command]


def _render(template: str, **context: Any) -> str:
    return make_markdown_environment(TEMPLATES).get_template(f"{template}.md.j2").render(context)
