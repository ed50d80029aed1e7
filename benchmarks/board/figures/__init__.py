"""The figures of a report, a file for each kind; here it is decided which of them a run has the data for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.board.aggregate import Board, rows_of
from benchmarks.board.figures.curves import removal_curves
from benchmarks.board.figures.frontier import frontiers
from benchmarks.board.figures.runtime import runtimes
from benchmarks.board.figures.saliency import saliency_grid
from benchmarks.board.figures.style import styled
from benchmarks.board.figures.sweeps import sweep_lines
from benchmarks.board.figures.transfer import transfer_bars
from benchmarks.run.records import ProblemRecord
from datasets.problem import tasks
from sig.metrics.attribution_transfer import attribution_strayed, attribution_transfer
from sig.metrics.iaccuracy import iaccuracy

OPTIONS: Final = {"samples": "N, the number of coalitions", "fraction": "Q, the share of coalitions to draw from"}
SHARES: Final = ["dark", "light", "distractors", "background"]  # measures of attribution transfer that make up all
PICTURED: Final = {  # where the paper shows attributions of such pictures, by kind of task
    "burnt-snacks": "ICG Fig. 4",
    "mnist": "ICG Fig. 10",
    "mnist-certainty": "ICG Fig. 10",
    "mnist-in-space": "ICG Fig. 11",
}


@dataclass(frozen=True)
class Drawing:
    """A figure, the stem of its file, and a line that says what it shows."""

    name: str
    caption: str
    figure: Figure


def draw(board: Board) -> Iterator[Drawing]:
    """Every figure that the run has the data for, in the order of the report."""
    with styled():
        for drawings in (
            _sweeps,
            _transfer,
            _curves,
            _frontiers,
            _runtimes,
            _saliency,
        ):
            yield from drawings(board)


def _sweeps(board: Board) -> Iterator[Drawing]:
    columns = {**board.first_judges, **board.game_columns}
    units = board.units[(board.units["sweep"] != "") & _is_column(board.units, columns)]
    for option, scores in units.groupby("option", sort=False):
        label = " / ".join(sorted({columns[task] for task in scores["task"].unique()}))
        axis = OPTIONS.get(str(option), str(option))
        title = f"Effect of {axis} (SIG Figs. 4, 10 and 11)"
        figure = sweep_lines(scores, axis=axis, label=label, title=title)
        yield Drawing(f"sweep-{option}", f"{title}: means and 95 % intervals over repetitions.", figure)


def _transfer(board: Board) -> Iterator[Drawing]:
    means = board.summary[board.summary["headline"].astype(bool)].astype({"task": str, "method": str, "column": str})
    parts = []
    for task, facts in board.columns.groupby("task", sort=False):
        columns = {_measure(row): row["column"] for row in rows_of(facts)}
        found = means[means["task"] == task].pivot(index="method", columns="column", values="mean")
        shares = found.reindex(columns=[columns.get(share) for share in SHARES]).set_axis(SHARES, axis=1).dropna()
        if len(shares):
            triangles = shares["distractors"] - shares["light"]
            parts.append(shares.assign(task=task, triangles=triangles).reset_index())
    if parts:
        title = "Where the positive attribution lies (ICG, section 3)"
        caption = f"{title}: mean shares over pictures with a dark square, which decides the class, and distractors."
        yield Drawing("transfer", caption, transfer_bars(pd.concat(parts), board.methods, title=title))


def _curves(board: Board) -> Iterator[Drawing]:
    curved = board.columns[board.columns["curve"] != ""]
    for task, facts in curved.groupby("task", sort=False):
        columns = facts.set_index("column").assign(axis=facts["curve"].array, end=[_end(row) for row in rows_of(facts)])
        parts: dict[str, dict[str, list[np.ndarray]]] = {column: {} for column in columns.index}
        for record in board.run.cells:
            if record.task == task and record.headline:
                for column, curve in record.curves.items():
                    parts[column].setdefault(record.label, []).append(curve.decode())
        curves = {
            column: {method: np.concatenate(found) for method, found in by_method.items()}
            for column, by_method in parts.items()
            if by_method
        }
        if curves:
            title = f"{task}: iAccuracy as features are removed (SIG Fig. 7)"
            figure = removal_curves(
                curves, columns, board.methods, best=_best(board, str(task), list(curves)), title=title
            )
            yield Drawing(f"curves-{task}", f"{title}: means and 95 % bands over explicands.", figure)


def _frontiers(board: Board) -> Iterator[Drawing]:
    points = board.summary[_is_column(board.summary, board.first_judges) & board.summary["rows"].notna()]
    if len(points):
        points = points.merge(board.columns[["task", "column", "better"]], on=["task", "column"])
        title = "Score against cost, over all budgets"
        caption = f"{title}: numbered methods are better than everything as cheap or cheaper; dashed, without any row."
        yield Drawing("frontier", caption, frontiers(points, board.methods, title=title))


def _runtimes(board: Board) -> Iterator[Drawing]:
    costs = board.coverage.reset_index().dropna(subset="seconds")
    if len(costs):
        title = "Runtime at the headline budget (SIG Fig. 9 and Table 2)"
        caption = f"{title}: seconds per explicand, with the forward model rows per explicand on the right."
        yield Drawing("runtime", caption, runtimes(costs, board.methods, title=title))


def _saliency(board: Board) -> Iterator[Drawing]:
    """Of the first repetition of each task that has pictures."""
    drawn = set()
    for problem in board.run.problems:
        if problem.task in drawn or problem.shown_inputs is None or len(problem.features) not in (2, 3):
            continue
        found = {cell.label: cell.maps for cell in board.run.cells if cell.problem == problem.key and cell.maps}
        maps = {label: found[label].decode() for label in board.methods.index if label in found}
        if maps:
            drawn.add(problem.task)
            title = _picture_title(problem)
            figure = saliency_grid(problem.shown_inputs.decode(), maps, _picture_labels(problem), title=title)
            caption = f"{title}: red raises the output explained, blue lowers it; each map has its own scale."
            yield Drawing(f"saliency-{problem.task}", caption, figure)


def _is_column(frame: pd.DataFrame, columns: dict[str, str]) -> pd.Series:
    return frame["column"].astype(str) == frame["task"].astype(str).map(columns)


def _end(facts: dict[str, Any]) -> float:
    """Where the even grid of a curve ends: iAccuracy's at its option ``share``, any other at 1."""
    return float(_option(facts, iaccuracy, "share")) if facts["metric"] == "iaccuracy" else 1.0


def _measure(facts: dict[str, Any]) -> str:
    """What a column of attribution transfer measures; empty for any other column."""
    known = {"attribution_transfer": attribution_transfer, "attribution_strayed": attribution_strayed}
    return str(_option(facts, known[facts["metric"]], "measure")) if facts["metric"] in known else ""


def _option(facts: dict[str, Any], metric: Callable[..., Any], name: str) -> Any:
    """An option of a column's metric, the default where the suite gives none."""
    return facts["options"].get(name, signature(metric).parameters[name].default)


def _best(board: Board, task: str, columns: list[str]) -> list[str]:
    """Methods by their mean rank over these columns, the best first."""
    chosen = board.summary[(board.summary["task"] == task) & board.summary["column"].isin(columns)]
    return chosen.groupby("method", observed=True)["rank"].mean().dropna().sort_values().index.astype(str).tolist()


def _picture_title(problem: ProblemRecord) -> str:
    entry = next((task for task in tasks if task.name == problem.kind), None)  # none where a plug-in is not loaded
    output = entry.option(problem.task_options, "output") if entry else None
    of, source = f" of the {output}" if output else "", PICTURED.get(problem.kind)
    return f"{problem.task}: attributions{of}" + (f" ({source})" if source else "")


def _picture_labels(problem: ProblemRecord) -> list[str]:
    """The output explained of each picture, and the prediction where it is another."""
    pairs = zip(problem.shown_targets, problem.shown_predictions, strict=True)
    return [f"{target}" if target == predicted else f"{target} (pred. {predicted})" for target, predicted in pairs]
