"""What a report says of the papers: their tables, figures and claims, and the ledger ``reproduction.md``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.board.aggregate import Board
from benchmarks.board.report import Supplement, list_warnings, make_markdown_environment
from benchmarks.board.tables import Table, make_table
from benchmarks.papers.claims import Claim
from benchmarks.papers.es import ES
from benchmarks.papers.icg import ICG
from benchmarks.papers.ledger import NOT_RUN, VERDICTS, Entry, Outcome, Publication
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


@dataclass(frozen=True)
class Line:
    """An entry as the ledger shows it; ``links`` are addresses by name."""

    entry: Entry
    outcome: Outcome
    links: dict[str, str]


def supplement_report(board: Board, figures: Sequence[str]) -> Supplement:
    """What the papers add to a report that has drawn these figures; each sees the tasks that reproduce it alone.

    They add nothing to a run that reproduces none.
    """
    if not any(task.reproduces for task in board.run.manifest.suite.tasks):
        return Supplement()
    evidence = [(paper, take_evidence(board, paper.name)) for paper in PAPERS]
    drawings = [drawing for paper, part in evidence for draw in paper.figures for drawing in draw(part)]
    tables = [table for paper, part in evidence for table in paper.tables(part) if table.rows]
    claims = [table for paper, part in evidence for table in make_claim_tables(paper, part)]
    figures = [*figures, *(drawing.name for drawing in drawings)]
    ledger = {paper: [fill_line(entry, part, figures) for entry in paper.entries] for paper, part in evidence}
    sections, pages = {}, {"reproduction.md": render_ledger(board, ledger)}
    if tables:
        sections["Tables of the papers"] = _render("tables", tables=tables)
    if claims:
        sections[CLAIMED] = _render("claims", claims=claims)
        pages["claims.md"] = f"# {CLAIMED}: {board.run.manifest.suite.name}\n\n{sections[CLAIMED]}"
    return Supplement(drawings, sections, pages)


def make_claim_tables(paper: Publication, board: Board) -> Iterator[Table]:
    """The tests of each claim that the run has numbers for."""
    for entry in paper.entries:
        if isinstance(entry.by, Claim) and (rows := entry.by.tabulate(board)):
            title = f"{entry.asked} (asked here)" if entry.asked else f"{entry.says} ({paper.name})"
            notes = [f"Reading: {entry.reading}."] if entry.reading else []
            yield make_table(title, list(rows[0]), [list(row.values()) for row in rows], notes)


def fill_line(entry: Entry, board: Board, figures: Sequence[str]) -> Line:
    """The line of an entry, with links to pages and to those figures that were drawn, if anything was measured."""
    outcome, by = entry.by(board), entry.by
    see = (*entry.see, "claims") if isinstance(by, Claim) else entry.see
    tasks = by.tasks(board) if isinstance(by, Claim) else find_tasks(board)
    names = dict.fromkeys(name.format(task=task) for name in see for task in tasks or [""])
    addresses = PAGES | {name: f"figures/{name}.png" for name in figures}
    links = {name: addresses[name] for name in names if name in addresses and outcome.verdict != NOT_RUN}
    return Line(entry, outcome, links)


def render_ledger(board: Board, ledger: Mapping[Publication, Sequence[Line]]) -> str:
    """The page ``reproduction.md``."""
    found = [line.outcome.verdict for lines in ledger.values() for line in lines]
    counts = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in VERDICTS if verdict in found)
    about = {"suite": board.run.manifest.suite, "warnings": list_warnings(board.run), "counts": counts}
    return _render("reproduction", **about, ledger=ledger)


def _render(template: str, **context: Any) -> str:
    return make_markdown_environment(TEMPLATES).get_template(f"{template}.md.j2").render(context)
