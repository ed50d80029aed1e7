"""Write what a run found, from its records alone: the leaderboard in several formats, and figures.

What else a report shows, of whatever the run is compared with, comes as a ``Supplement``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jinja2
import pandas as pd
from PIL import Image
from rich import box
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.board import advice, figures, leaderboard, run_tables
from benchmarks.board.aggregate import STATUSES, Board, aggregate
from benchmarks.board.figures import Drawing
from benchmarks.board.figures.raster import save_png
from benchmarks.board.figures.style import apply_style
from benchmarks.board.figures.vector import make_svg
from benchmarks.board.overview import make_overview_tables
from benchmarks.board.page import Material, render_page
from benchmarks.board.properties import make_matrix, make_properties_frame, make_properties_table
from benchmarks.board.tables import Table
from benchmarks.run.fields import Provenance
from benchmarks.run.records import Run
from benchmarks.run.storage import read_run

LEGEND: Final = (
    "{strong}: tied with the best. Brackets: 95 % intervals, over models where there are several.",
    "place: from the best to the worst that paired tests leave open. may be first: those whose best place is 1.",
    "from limit: how far a method is from its own result for far more rows; {dagger}: beyond {far:g}, so that the "
    "score judges the budget and not the method.",
    "allocation: baselines x steps. cost: rows through the model per explicand, forward + backward.",
    "↑: higher is better. ↓: lower is better.",
)
COLOURS: Final = 256  # of a figure in few colours, which then has a byte for a pixel
WIDEST: Final = 6  # columns of a table in LaTeX that is about a task
WRITTEN: Final = "report-files.txt"  # lists what the latest report wrote, for the next one to remove
TEMPLATES: Final = Path(__file__).parent / "templates"
MARKDOWN: Final = {"<": "&lt;", "\n": " ", **{sign: f"\\{sign}" for sign in "\\|*_`"}}
TEX: Final = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "†": r"$\dagger$",
}


@dataclass(frozen=True)
class Supplement:
    """What a report shows beside the leaderboard.

    Attributes:
        drawings: figures, saved and captioned as the generic ones are, after them.
        sections: Markdown for ``leaderboard.md``, by heading.
        pages: whole files, by name.
        tables: for ``leaderboard.html``, by heading.
    """

    drawings: Sequence[Drawing] = ()
    sections: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Table]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What has been written: the aggregated run, and the files.

    Rich prints it as a compact leaderboard; what failed comes last, where it is seen.
    """

    board: Board
    files: list[Path]

    def __rich__(self) -> Group:
        run = self.board.run
        suite = run.manifest.suite
        boards = [leaderboard.make_task_table(self.board, task.name) for task in suite.tasks]
        boards = [*make_overview_tables(self.board), *boards]
        counts = Text("\n".join([f"{suite.name}: {_count_cells(run)}.", *_write_legend("*")]))
        files = Text("\n".join(str(file) for file in self.files if file.parent.name != "figures"), style="dim")
        warnings = [Text(f"Incomplete: {warning}", style="yellow") for warning in list_warnings(run)]
        failures = [Text(line, style="red") for line in run_tables.list_failures(run)]
        return Group(*(part for table in boards for part in make_rich(table)), counts, files, *warnings, *failures)


def write_report(directory: Path, supplement: Callable[[Board, Mapping[str, str]], Supplement] | None = None) -> Report:
    """Write ``leaderboard.{md,html,csv,tex}``, ``properties.csv`` where the run tests any, ``figures/*.svg``, those
    made of pictures as ``.png``, and what the supplement has into a run's folder.

    A run that is not finished is reported as far as it went, and said to be incomplete. What an earlier report wrote is
    removed first. ``supplement`` takes the board and the files of the generic figures drawn, by name, and is called
    within ``apply_style``.

    Raises:
        RecordError: when the folder holds no readable manifest.
    """
    board = aggregate(read_run(directory))
    _remove_earlier(directory)
    (directory / "figures").mkdir(exist_ok=True)
    with apply_style():
        drawn = [_save_figure(drawing, directory) for drawing in figures.draw(board)]
        files_by_name = {drawing["name"]: drawing["file"] for drawing in drawn}
        added = supplement(board, files_by_name) if supplement else Supplement()
        drawn += [_save_figure(drawing, directory) for drawing in added.drawings]
    texts = {**_render_leaderboards(board, drawn, added), **added.pages}
    files = [_write(directory / name, text) for name, text in texts.items()]
    files += [directory / drawing["file"] for drawing in drawn]
    names = [file.relative_to(directory).as_posix() for file in files]
    _write(directory / WRITTEN, "".join(f"{name}\n" for name in names))
    return Report(board, files)


def _remove_earlier(directory: Path) -> None:
    """Remove what an earlier report wrote, which may have been on other tasks."""
    listing = directory / WRITTEN
    for name in listing.read_text(encoding="utf-8").splitlines() if listing.exists() else ():
        (directory / name).unlink(missing_ok=True)


def _save_figure(drawing: Drawing, directory: Path) -> dict[str, str]:
    """Save a figure; its ``name``, ``caption`` and ``file``."""
    if drawing.pixels:
        _save_pixels(drawing, directory / drawing.file)
    else:
        _write(directory / drawing.file, make_svg(drawing.figure))
    return {"name": drawing.name, "caption": drawing.caption, "file": drawing.file}


def _save_pixels(drawing: Drawing, file: Path) -> None:
    save_png(drawing.figure, file)
    if drawing.few_colours:
        with Image.open(file) as picture:
            few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(file, optimize=True)


def _render_leaderboards(board: Board, drawings: Sequence[Mapping[str, str]], added: Supplement) -> dict[str, str]:
    """The leaderboard in each format, by the name of the file."""
    run = board.run
    names = [task.name for task in run.manifest.suite.tasks]
    overview = make_overview_tables(board)
    tasks = {
        name: (leaderboard.make_task_table(board, name), leaderboard.make_details_table(board, name)) for name in names
    }
    matrix, advised = make_matrix(board), advice.make_advice(board)
    context = {
        "suite": run.manifest.suite,
        "properties": make_properties_table(matrix),
        "warnings": list_warnings(run),
        "facts": _list_facts(run),
        "legend": _write_legend("Bold"),
        "overview": overview,
        "advice": advised,
        "advice_lead": advice.LEAD,
        "tasks": tasks.values(),
        "sections": added.sections,
        "failures": run_tables.make_failures_table(run),
        "inapplicable": run_tables.make_inapplicable_table(run),
        "checks": run_tables.make_checks_table(run),
        "missing": run.missing,
        "drawings": drawings,
    }
    narrow = [
        table if len(table.header) <= WIDEST else table.without("allocation")
        for table, _ in tasks.values()
        if table.rows
    ]
    material = Material(
        board,
        _list_facts(run),
        tasks,
        _write_legend("Bold"),
        list_warnings(run),
        drawings,
        added.tables,
        _write_tex,
        matrix,
        advised,
    )
    properties = {"properties.csv": make_properties_frame(board).to_csv(index=False)} if matrix.rows else {}
    return properties | {
        "leaderboard.md": make_markdown_environment().get_template("leaderboard.md.j2").render(context),
        "leaderboard.html": render_page(material),
        "leaderboard.tex": _write_tex([*overview, *narrow]),
        "leaderboard.csv": leaderboard.make_tidy_frame(board).to_csv(index=False),
    }


def _write_tex(tables: Sequence[Table]) -> str:
    printed = {"tables": tables, "legend": _write_legend("Bold")}
    return _make_tex_environment().get_template("leaderboard.tex.j2").render(printed)


def _write_legend(strong: str) -> list[str]:
    """The signs that tables use, a line each; ``strong`` is what marks a tie with the best."""
    return [line.format(strong=strong, dagger=leaderboard.DAGGER, far=leaderboard.FAR) for line in LEGEND]


def _write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


# ---- what the report says of the run -----------------------------------------------------------------------------


def _list_facts(run: Run) -> list[tuple[str, str]]:
    manifest, sources = run.manifest, [record.provenance for record in run.cells or run.problems]
    ended = f"finished {manifest.finished_at:%Y-%m-%d %H:%M %Z}" if manifest.finished_at else "not finished"
    packages = _join_distinct(
        ", ".join(f"{name} {is_at}" for name, is_at in source.packages.items()) for source in sources
    )
    return [
        ("Date", f"{_describe_times(sources)}last run started {manifest.started_at:%Y-%m-%d %H:%M %Z}, {ended}"),
        ("Commit", _join_distinct(map(_describe_commit, sources))),
        ("Device", _join_distinct(source.device for source in sources)),
        ("Processor", _join_distinct(map(_describe_processor, sources))),
        ("Python", _join_distinct(source.python for source in sources)),
        ("Packages", packages),
        ("Cells", _count_cells(run)),
    ]


def _describe_times(sources: Sequence[Provenance]) -> str:
    """When the records were made, which is before the last run where that reused them."""
    times = [source.started_at for source in sources]
    return f"scored from {min(times):%Y-%m-%d %H:%M} to {max(times):%Y-%m-%d %H:%M %Z}; " if times else ""


def _describe_processor(source: Provenance) -> str:
    precision = "bfloat16 is native" if source.native_bf16 else "bfloat16 is not native"
    threads = f"{source.threads} thread" + ("" if source.threads == 1 else "s")
    return f"{source.processor} ({source.instructions}; {precision}; {threads})"


def _describe_commit(source: Provenance) -> str:
    if source.commit is None:
        return "none (not a git checkout)"
    return source.commit[:12] + (" with uncommitted changes" if source.dirty else "")


def _join_distinct(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def _count_cells(run: Run) -> str:
    found = pd.Series([cell.status for cell in run.cells], dtype=str).value_counts()
    counts: Mapping[str, Any] = {**found, "missing": len(run.manifest.cells) - len(run.cells)}
    return ", ".join(f"{counts.get(status, 0)} {status}" for status in STATUSES)


def list_warnings(run: Run) -> list[str]:
    """What is missing from a run that has not been finished, in sentences."""
    warnings = []
    if run.missing:
        planned = len(run.manifest.cells) + len(run.manifest.problems)
        warnings.append(f"{len(run.missing)} of {planned} records are missing or unreadable; run the suite again.")
    elif run.manifest.finished_at is None:
        warnings.append("the run has not finished; run the suite again.")
    return warnings


# ---- formats -----------------------------------------------------------------------------------------------------


def make_markdown_environment(*folders: Path) -> jinja2.Environment:
    """Templates of these folders, then the board's own, with a filter ``markdown`` that escapes what is special."""
    return _make_environment("markdown", MARKDOWN, [*folders, TEMPLATES])


def _make_tex_environment() -> jinja2.Environment:
    signs = {"block": ("<%", "%>"), "variable": ("<<", ">>"), "comment": ("<#", "#>")}
    starts = {f"{kind}_start_string": start for kind, (start, _) in signs.items()}
    ends = {f"{kind}_end_string": end for kind, (_, end) in signs.items()}
    return _make_environment("tex", TEX, [TEMPLATES], **starts, **ends)


def _make_environment(
    name: str, special: Mapping[str, str], folders: Sequence[Path], **delimiters: Any
) -> jinja2.Environment:
    """Templates with a filter called ``name`` that escapes what is special in that format."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        **delimiters,
    )
    environment.filters[name] = lambda text: str(text).translate(
        {ord(sign): escaped for sign, escaped in special.items()}
    )
    return environment


def make_rich(table: Table) -> list[RichTable | Text]:
    """The table for a terminal, with its notes below."""
    title = Text(table.title, style="bold")
    if table.lead:
        title.append(f"\n{table.lead}", style="not bold")
    look: dict[str, Any] = {"title_justify": "left", "title_style": "", "box": box.SIMPLE_HEAD, "show_edge": False}
    shown = RichTable(title=title, padding=0, **look)
    for name in table.header:
        numeric = name in table.narrow
        shown.add_column(
            Text(name.replace("-", "-\n").replace(" ", "\n") if numeric else name),
            no_wrap=name in ("task", "score", "method", "place", "allocation"),
            overflow="fold",
            justify="right" if numeric else "left",
        )
    if not table.rows:
        return [title, *(Text(note, style="dim") for note in table.notes), Text()]
    for row in table.rows:
        shown.add_row(*(Text(f"{cell.text}*", style="bold") if cell.strong else Text(cell.text) for cell in row))
    return [shown, *(Text(note, style="dim") for note in table.notes), Text()]
