"""Attributions of one input of Local Minimum next to the true scores of its features (ICG, Table 2)."""

from collections.abc import Iterator, Mapping

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.style import INK, Drawing, add_title, make_panels, name_panel
from benchmarks.papers.evidence import Selection, collect_first_shown, scale_rows


def draw_attribution_table(tasks: Selection, board: Board, *, title: str) -> Iterator[Drawing]:
    """The figure of the first input that each of the tasks shows."""
    tables = {task: table for task in tasks(board) if len(table := relate_to_maximum(board, task))}
    if tables:
        caption = f"{title}: medians over repetitions, the truths on top; blank where no attribution is positive."
        yield Drawing("local-minimum", caption, plot_attribution_table(tables, board.methods, title=title))


def relate_to_maximum(board: Board, task: str) -> pd.DataFrame:
    """Truths, then attributions, each divided by its maximum, in the median over repetitions; a column per feature."""
    shown = {name: scale_rows(rows, "maximum").median() for name, rows in collect_first_shown(board, task).items()}
    return pd.DataFrame(shown).T.rename(columns="{:g}".format)


def plot_attribution_table(tables: Mapping[str, pd.DataFrame], methods: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: a row for each truth and, below a line, for each method, and a column per feature.

    ``tables`` holds the numbers by task, ``methods`` is ``Board.methods``. Colours end at -1 and 1, since
    division by a small maximum knows no bound.
    """
    height = 1.1 + 0.22 * max(map(len, tables.values()))
    figure, axes = make_panels(len(tables), columns=3, width=5.2, height=height)
    for ax, (task, table) in zip(axes, tables.items(), strict=True):
        colours = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1, "cbar": False}
        sns.heatmap(table.clip(-1, 1), **colours, annot=table.map(_text), fmt="", linewidths=0.5, ax=ax)
        ax.axhline((~table.index.isin(methods.index)).sum(), color=INK, linewidth=1.5)
        ax.set(xlabel="value of the feature", ylabel="")
        name_panel(ax, task)
        ax.grid(visible=False)
        ax.tick_params(axis="y", rotation=0, length=0)
        ax.tick_params(axis="x", length=0)
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
    add_title(figure, title)
    return figure


def _text(value: float) -> str:
    return f"{value:z.2f}" if abs(value) < 10 else f"{value:.0f}"
