"""The page, from what a report says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jinja2
from itables.utils import read_package_file
from markupsafe import Markup

from benchmarks.board.advice import LEAD as ADVICE_LEAD
from benchmarks.board.content import ReportContent
from benchmarks.board.figures.frontier import list_family_colours, make_frontier_panels
from benchmarks.board.formats import write_legend, write_tex
from benchmarks.board.page.boards import HEADLINE, make_task_boards
from benchmarks.board.page.pictures import DRAWN_APART, encode_figure, make_galleries
from benchmarks.board.page.summary import make_family_cards, make_overall
from benchmarks.board.properties import LEAD
from benchmarks.run.records import AllocationRecord, CellRecord, ProblemRecord, Run, slugify

TEMPLATES: Final = Path(__file__).parent / "templates"
LIBRARY: Final = ("html", "dt_bundle.js")
LIBRARY_STYLE: Final = ("html", "dt_bundle.css")


def render_page(content: ReportContent) -> str:
    """The page as HTML; the same records and figures give the same text."""
    board, run = content.board, content.board.run
    context = {
        **vars(content),
        "suite": run.manifest.suite,
        "is_clean": _is_clean(run),
        "manifest": run.manifest,
        "records": len(run.manifest.cells) + len(run.manifest.problems) + len(run.manifest.allocations),
        "missing": run.missing,
        "legend": write_legend("Bold"),
        "cards": make_family_cards(board),
        "overall": make_overall(board) if len(board.first_judges) > 1 else None,
        "properties_lead": LEAD,
        "advice_lead": ADVICE_LEAD,
        "panels": make_frontier_panels(board),
        "colours": list_family_colours(board),
        "boards": [(found, write_tex([found.table])) for found in make_task_boards(board, content.tasks)],
        "galleries": list(make_galleries(board)),
        "run_tables": [table for table in (content.failures, content.inapplicable, content.checks) if table.rows],
        "figures": _encode_figures(run.directory, content.drawings),
        "headline": HEADLINE,
        **page_parts(),
    }
    return make_environment().get_template("page.html.j2").render(context)


def _is_clean(run: Run) -> bool:
    """Whether all records are of one commit, so that they can be published and verified."""
    records: list[ProblemRecord | AllocationRecord | CellRecord] = [*run.problems, *run.allocations, *run.cells]
    where = {(record.provenance.commit, record.provenance.dirty) for record in records}
    return len(where) == 1 and not any(commit is None or dirty for commit, dirty in where)


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
