"""Tables as Markdown, as LaTeX and for a terminal, and what their signs mean."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jinja2
from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.board.leaderboard import DAGGER, FAR
from benchmarks.board.tables import Table

LEGEND: Final = (
    "{strong}: tied with the best. Brackets: 95 % intervals, over models where there are several.",
    "rank: from the best to the worst that paired tests leave open. top set: the methods whose best rank is 1.",
    "distance: how far a method is from its limit, its own result for far more rows; {dagger}: beyond {far:g}, so that "
    "the score judges the budget and not the method.",
    "allocation: baselines x steps. cost: rows through the model per explicand, forward + backward.",
    "↑: higher is better. ↓: lower is better.",
)
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


HYPHENATED: Final = {"distance": "dis-\ntance"}  # on a terminal, where columns of numbers are narrow


def write_legend(strong: str) -> list[str]:
    """The signs that tables use, a line each; ``strong`` is what marks a tie with the best."""
    return [line.format(strong=strong, dagger=DAGGER, far=FAR) for line in LEGEND]


def make_markdown_environment(*folders: Path) -> jinja2.Environment:
    """Templates of these folders, then the board's own, with a filter ``markdown`` that escapes what is special."""
    return _make_environment("markdown", MARKDOWN, [*folders, TEMPLATES])


def write_tex(tables: Sequence[Table]) -> str:
    """The tables in LaTeX, with the legend as a comment."""
    signs = {"block": ("<%", "%>"), "variable": ("<<", ">>"), "comment": ("<#", "#>")}
    starts = {f"{kind}_start_string": start for kind, (start, _) in signs.items()}
    ends = {f"{kind}_end_string": end for kind, (_, end) in signs.items()}
    environment = _make_environment("tex", TEX, [TEMPLATES], **starts, **ends)
    return environment.get_template("leaderboard.tex.j2").render(tables=tables, legend=write_legend("Bold"))


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
    notes = [*(Text(note, style="dim") for note in table.notes), Text()]
    if not table.rows:
        return [title, *notes]
    look: dict[str, Any] = {"title_justify": "left", "title_style": "", "box": box.SIMPLE_HEAD, "show_edge": False}
    shown = RichTable(title=title, padding=0, **look)
    for name in table.header:
        numeric = name in table.narrow
        shown.add_column(
            Text(HYPHENATED.get(name, name.replace("-", "-\n").replace(" ", "\n")) if numeric else name),
            no_wrap=name in ("task", "score", "method", "rank", "allocation"),
            overflow="fold",
            justify="right" if numeric else "left",
        )
    for row in table.rows:
        shown.add_row(*(Text(f"{cell.text}*", style="bold") if cell.strong else Text(cell.text) for cell in row))
    return [shown, *notes]
