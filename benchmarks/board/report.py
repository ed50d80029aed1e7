"""Write what a run found, from its records alone: the leaderboard in several formats, and figures.

What else a report shows, of whatever the run is compared with, comes as a ``Supplement``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from rich.console import Group
from rich.text import Text

from benchmarks.board import advice, figures, run_tables
from benchmarks.board.aggregate import Board, aggregate
from benchmarks.board.content import ReportContent, Supplement, count_cells, make_content
from benchmarks.board.figures import Drawing
from benchmarks.board.figures.raster import save_png
from benchmarks.board.figures.style import apply_style
from benchmarks.board.figures.vector import make_svg
from benchmarks.board.formats import make_markdown_environment, make_rich, write_legend, write_tex
from benchmarks.board.page import render_page
from benchmarks.board.properties import make_properties_table
from benchmarks.run.storage import read_run

COLOURS: Final = 256  # of a figure in few colours, which then has a byte for a pixel
WIDEST: Final = 6  # columns of a table in LaTeX that is about a task
WRITTEN: Final = "report-files.txt"  # lists what the latest report wrote, for the next one to remove


@dataclass(frozen=True)
class Report:
    """A report that has been written: what it says, and the files.

    Rich prints it as a compact leaderboard; what failed comes last, where it is seen.
    """

    content: ReportContent
    files: list[Path]

    @property
    def board(self) -> Board:
        """The aggregated run."""
        return self.content.board

    def __rich__(self) -> Group:
        run, content = self.board.run, self.content
        tables = [*content.overview, *(table for table, _ in content.tasks.values())]
        counts = Text("\n".join([f"{run.manifest.suite.name}: {count_cells(run)}.", *write_legend("*")]))
        files = Text("\n".join(str(file) for file in self.files if file.parent.name != "figures"), style="dim")
        warnings = [Text(f"Incomplete: {warning}", style="yellow") for warning in content.warnings]
        failures = [Text(line, style="red") for line in run_tables.list_failures(run)]
        return Group(*(part for table in tables for part in make_rich(table)), counts, files, *warnings, *failures)


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
    content = make_content(board, drawn, added)
    files = [_write(directory / name, text) for name, text in _render(content).items()]
    files += [directory / drawing["file"] for drawing in drawn]
    names = [file.relative_to(directory).as_posix() for file in files]
    _write(directory / WRITTEN, "".join(f"{name}\n" for name in names))
    return Report(content, files)


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
        _write(directory / drawing.file, drawing.svg or make_svg(drawing.figure))
    return {"name": drawing.name, "caption": drawing.caption, "file": drawing.file}


def _save_pixels(drawing: Drawing, file: Path) -> None:
    save_png(drawing.figure, file)
    if drawing.few_colours:
        with Image.open(file) as picture:
            few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(file, optimize=True)


def _render(content: ReportContent) -> dict[str, str]:
    """The files of the report but figures, by name."""
    narrow = [
        table if len(table.header) <= WIDEST else table.without("allocation")
        for table, _ in content.tasks.values()
        if table.rows
    ]
    properties = content.properties
    return {
        **({"properties.csv": properties.frame.to_csv(index=False)} if properties.rows else {}),
        "leaderboard.md": _render_markdown(content),
        "leaderboard.html": render_page(content),
        "leaderboard.tex": write_tex([*content.overview, *narrow]),
        "leaderboard.csv": content.scores.to_csv(index=False),
        **content.supplement.pages,
    }


def _render_markdown(content: ReportContent) -> str:
    context = {
        **vars(content),
        "properties": make_properties_table(content.properties),
        "suite": content.board.run.manifest.suite,
        "missing": content.board.run.missing,
        "legend": write_legend("Bold"),
        "advice_lead": advice.LEAD,
    }
    return make_markdown_environment().get_template("leaderboard.md.j2").render(context)


def _write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file
