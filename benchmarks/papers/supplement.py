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
from benchmarks.papers.evidence import take_evidence
from benchmarks.papers.icg import ICG
from benchmarks.papers.ledger import LedgerEntry, Publication
from benchmarks.papers.sig import SIG
from benchmarks.papers.verdicts import NOT_RUN, NOT_TESTABLE, PROVED, READING, SCHEMATIC, VERDICTS, Finding

PAPERS: Final = (SIG, ES, ICG)
CLAIMED: Final = "What the papers claim, measured"
PAGES: Final = {
    "claims": "claims.md",
    "checks": "leaderboard.md#checks-of-the-trained-models",
    "tables": "leaderboard.md#tables-of-the-papers",
    "leaderboard": "leaderboard.md",
}
TEMPLATES: Final = Path(__file__).parent / "templates"
OWN: Final = "Critique and further questions, said by no paper"
WHATEVER_THE_RUN: Final = (NOT_TESTABLE, PROVED, READING, SCHEMATIC)


@dataclass(frozen=True)
class LedgerRow:
    """An entry as the ledger shows it.

    Attributes:
        entry, finding: what is said, and what was found of it.
        links: addresses by name.
        command: that computes it; empty where nothing is run.
    """

    entry: LedgerEntry
    finding: Finding
    links: dict[str, str]
    command: str


Ledger = Mapping[Publication, Sequence[LedgerRow]]


def supplement_report(board: Board, figures: Mapping[str, str]) -> Supplement:
    """The papers' part of a report that has drawn these figures, files by name.

    Each sees the tasks that reproduce it alone. They add nothing to a run that reproduces none.
    """
    if not any(task.reproduces for task in board.run.manifest.suite.tasks):
        return Supplement()
    evidence = [(paper, take_evidence(board, paper.name)) for paper in PAPERS]
    drawings = [drawing for paper, part in evidence for draw in paper.figures for drawing in draw(part)]
    tables = [table for paper, part in evidence for table in paper.tables(part) if table.rows]
    claims = list(make_claim_tables(evidence))
    figures = {**figures, **{drawing.name: drawing.file for drawing in drawings}}
    said = {paper: [fill_row(entry, part, figures) for entry in paper.says] for paper, part in evidence}
    own = {paper: [fill_row(entry, part, figures) for entry in paper.own] for paper, part in evidence}
    sections, pages = {}, {"reproduction.md": render_ledger(board, said, own)}
    if tables:
        sections["Tables of the papers"] = _render("tables", tables=tables)
    if claims:
        pages["claims.md"] = f"# {CLAIMED}: {board.run.manifest.suite.name}\n\n{_render('claims', claims=claims)}"
    shown = {"Tables of the papers": tables, "The ledger": tabulate_ledger(said, own), CLAIMED: claims}
    return Supplement(drawings, sections, pages, {heading: found for heading, found in shown.items() if found})


def make_claim_tables(evidence: Sequence[tuple[Publication, Board]]) -> Iterator[Table]:
    """A table of tests for each claim that has numbers: those of all papers, then those of this project about them."""
    for paper, board in evidence:
        yield from _make_tables_of(paper.says, paper.name, board)
    for paper, board in evidence:
        yield from _make_tables_of(paper.critique, f"critique, {paper.name}", board)
        yield from _make_tables_of(paper.questions, f"asked here, {paper.name}", board)


def _make_tables_of(entries: Sequence[LedgerEntry], whose: str, board: Board) -> Iterator[Table]:
    for entry in entries:
        if isinstance(entry.by, Claim) and (rows := entry.by.tabulate(board)):
            notes = [f"Reading: {entry.reading}."] if entry.reading else []
            yield make_table(f"{entry.says} ({whose})", list(rows[0]), [list(row.values()) for row in rows], notes)


def fill_row(entry: LedgerEntry, board: Board, figures: Mapping[str, str]) -> LedgerRow:
    """The row of an entry, with links to pages and to those figures that were drawn, if anything was measured."""
    finding, tasks = entry.by(board), entry.tasks(board)
    names = dict.fromkeys(name.format(task=task) for name in entry.see for task in tasks or [""])
    addresses = {**PAGES, **figures}
    links = {name: addresses[name] for name in names if name in addresses and finding.verdict != NOT_RUN}
    nothing_is_run = finding.verdict in WHATEVER_THE_RUN or not tasks
    return LedgerRow(entry, finding, links, entry.command or ("" if nothing_is_run else make_command(board, tasks)))


def make_command(board: Board, tasks: Sequence[str]) -> str:
    """Runs these tasks of the suite."""
    return f"python -m benchmarks run {board.run.manifest.suite.name} --tasks {','.join(tasks)}"


def render_ledger(board: Board, said: Ledger, own: Ledger) -> str:
    """The page ``reproduction.md``: what papers say, and apart from it what is this project's ``own``."""
    found = {row.finding.verdict for ledger in (said, own) for rows in ledger.values() for row in rows}
    return _render(
        "reproduction",
        suite=board.run.manifest.suite,
        warnings=list_warnings(board.run),
        verdicts={verdict: meaning for verdict, meaning in VERDICTS.items() if verdict in found},
        counts={paper: Counter(row.finding.verdict for row in rows) for paper, rows in said.items()},
        papers=said,
        own=own,
    )


def tabulate_ledger(said: Ledger, own: Ledger) -> list[Table]:
    """The ledger as a table for each paper, and one of what this project criticises or asks."""
    header = ["item", "says", "measured here", "verdict", "command"]
    parts = {paper.title: rows for paper, rows in said.items()} | {OWN: [row for rows in own.values() for row in rows]}
    tables = []
    for title, rows in parts.items():
        counts = Counter(row.finding.verdict for row in rows)
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
        lead = f"{len(rows)} items: {told}."
        tables.append(make_table(title, header, [_write_row(row) for row in rows], lead=lead))
    return [table for table in tables if table.rows]


def _write_row(row: LedgerRow) -> list[str]:
    entry = row.entry
    printed = f" Printed: {entry.printed}." if entry.printed else ""
    reading = f" Reading: {entry.reading}." if entry.reading else ""
    says = f"{entry.says}.{printed}{reading}"
    return [entry.item, says, row.finding.measured or NONE, row.finding.verdict, row.command]


def _render(template: str, **context: Any) -> str:
    return make_markdown_environment(TEMPLATES).get_template(f"{template}.md.j2").render(context)
