"""The page, from what a report has found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
from itables.utils import read_package_file
from markupsafe import Markup

from benchmarks.board import run_tables
from benchmarks.board.advice import LEAD as ADVICE_LEAD
from benchmarks.board.advice import Advice
from benchmarks.board.aggregate import Board
from benchmarks.board.page.boards import HEADLINE, make_task_boards
from benchmarks.board.page.frontier import list_family_colours, make_panels
from benchmarks.board.page.pictures import DRAWN_APART, encode_figure, make_galleries
from benchmarks.board.page.summary import make_family_cards, make_overall
from benchmarks.board.properties import LEAD, Matrix
from benchmarks.board.tables import Table
from benchmarks.run.records import AllocationRecord, CellRecord, ProblemRecord, Run, slugify

TEMPLATES: Final = Path(__file__).parent / "templates"
LIBRARY: Final = ("html", "dt_bundle.js")
LIBRARY_STYLE: Final = ("html", "dt_bundle.css")


@dataclass(frozen=True)
class Material:
    """What a report has found, and how it writes that elsewhere.

    Attributes:
        facts: where the numbers come from, by name.
        tasks: the main and the second table of each task.
        legend: what signs mean.
        warnings: what is missing from the run.
        drawings: ``name``, ``caption`` and ``file`` of every figure, relative to the run's folder.
        tables: of the papers, by heading.
        write_tex: tables in LaTeX.
        matrix: which methods fail which tests.
        advice: what to use and what to avoid.
    """

    board: Board
    facts: Sequence[tuple[str, str]]
    tasks: Mapping[str, tuple[Table, Table]]
    legend: Sequence[str]
    warnings: Sequence[str]
    drawings: Sequence[Mapping[str, str]]
    tables: Mapping[str, Sequence[Table]]
    write_tex: Callable[[Sequence[Table]], str]
    matrix: Matrix
    advice: Sequence[Advice]


def render_page(material: Material) -> str:
    """The page as HTML; the same records and figures give the same text."""
    board, environment = material.board, make_environment()
    run = board.run
    context = {
        "suite": run.manifest.suite,
        "is_clean": _is_clean(run),
        "manifest": run.manifest,
        "records": len(run.manifest.cells) + len(run.manifest.problems) + len(run.manifest.allocations),
        "missing": run.missing,
        "facts": material.facts,
        "legend": material.legend,
        "warnings": material.warnings,
        "cards": make_family_cards(board),
        "overall": make_overall(board) if len(board.first_judges) > 1 else None,
        "matrix": material.matrix,
        "matrix_lead": LEAD,
        "advice": material.advice,
        "advice_lead": ADVICE_LEAD,
        "panels": make_panels(board),
        "colours": list_family_colours(board),
        "boards": [(found, material.write_tex([found.table])) for found in make_task_boards(board, material.tasks)],
        "galleries": list(make_galleries(board)),
        "tables": material.tables,
        "run_tables": _list_run_tables(board),
        "figures": _encode_figures(run.directory, material.drawings),
        "headline": HEADLINE,
        **page_parts(),
    }
    return environment.get_template("page.html.j2").render(context)


def _is_clean(run: Run) -> bool:
    """Whether all records are of one commit, so that they can be published and verified."""
    records: list[ProblemRecord | AllocationRecord | CellRecord] = [*run.problems, *run.allocations, *run.cells]
    where = {(record.provenance.commit, record.provenance.dirty) for record in records}
    return len(where) == 1 and not any(commit is None or dirty for commit, dirty in where)


def _list_run_tables(board: Board) -> list[Table]:
    tables = (run_tables.make_failures_table, run_tables.make_inapplicable_table, run_tables.make_checks_table)
    return [table for make in tables if (table := make(board.run)).rows]


def _encode_figures(directory: Path, drawings: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Every figure but those that the page draws itself."""
    found = []
    for drawing in drawings:
        if not drawing["name"].startswith(DRAWN_APART):
            source, width, height = encode_figure(directory / drawing["file"])
            found.append({**drawing, "source": source, "width": width, "height": height})
    return found


def page_parts() -> dict[str, Markup]:
    """What every page holds: its style, the table library as text in a script element, and the script that uses it."""
    own = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    return {
        "style": Markup(f"{read_package_file(*LIBRARY_STYLE)}\n{own}"),
        "library": Markup(read_package_file(*LIBRARY).replace("</script", "<\\/script")),  # which would end it
        "script": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }


def make_environment(*more: Path) -> jinja2.Environment:
    """Of the templates of pages, and of those in ``more`` folders."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATES, *more]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["slug"] = slugify
    return environment
