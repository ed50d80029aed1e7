"""The tables of a report as text, whatever format they end up in."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from benchmarks.board.aggregate import STATUSES, Board, rows_of
from benchmarks.run.records import Run

NONE: Final = "-"
BETTER: Final = {"higher": "↑", "lower": "↓"}
SHOWN_AS_COST: Final = ("runtime", "rows")  # metrics whose numbers every table has in its columns rows and seconds
CHECKS: Final = {
    "neutrality_gap": "how far mean predictions at certainty 0 are from the class frequencies; lower is better",
    "absence_spread": "how much predictions at certainty 0 vary with the values; lower is better",
    "restarts": "how many seeds had not led to a usable model before this one did",
}
COMPACT: Final = 2  # judging columns where space is short

Number = float | None
Scores = Mapping[tuple[str, str], Mapping[str, Any]]  # rows of ``Board.summary`` by method and column


@dataclass(frozen=True)
class Cell:
    """A text, ``strong`` where no test tells it from the best."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Every row has a cell for each entry of the header; ``notes`` go below."""

    title: str
    header: list[str]
    rows: list[list[Cell]]
    notes: Sequence[str] = ()


def make_table(title: str, header: list[str], rows: list[Any], notes: Sequence[str] = ()) -> Table:
    """A table of rows whose cells may be plain texts."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    return Table(title, header, cells, notes)


# ---- the leaderboard ---------------------------------------------------------------------------------------------


def overall_table(board: Board) -> Table:
    """Methods by their mean rank over tasks."""
    rows = [
        [
            _named(board, row["method"]),
            format_interval(row["mean_rank"], row["low"], row["high"], format_rank),
            str(row["tasks"]),
        ]
        for row in rows_of(board.overall)
    ]
    return make_table("Overall", ["method", "mean rank ↓", "tasks"], rows)


def task_table(board: Board, task: str) -> Table:
    """All there is to say of the methods on a task: by rank on the first judging column, those without a score last."""
    judges, scores = board.judges(task), _scores(board, task)
    facts = board.columns[board.columns["task"] == task]
    others = facts.loc[~facts["judges"] & ~facts["metric"].isin(SHOWN_AS_COST), "column"].tolist()
    headings = _headings(board, task, judges + others)
    rows = []
    for method in _by_rank(board, task):
        first = scores.get((method, judges[0]), {}) if judges else {}
        values = [_score(scores.get((method, column), {})) for column in judges]
        values += [Cell(format_number(scores.get((method, column), {}).get("mean"))) for column in others]
        about = [*_costs(board, task, method), str(first.get("units", 0)), note(board, task, method)]
        row = [
            *_rank_and_name(board, method, first),
            *values[:1],
            format_number(first.get("spread")),
            *values[1:],
            *about,
        ]
        rows.append(row)
    header = ["rank", "method", *headings[:1], "spread", *headings[1:], "rows", "seconds", "units", "note"]
    return make_table(task, header, rows)


def compact_table(board: Board, task: str) -> Table:
    """The ranked methods of a task with their first judging columns; cells that are not ok are in the notes."""
    judges, scores = board.judges(task)[:COMPACT], _scores(board, task)
    rows = []
    remarks: dict[str, list[str]] = {}
    for method in _by_rank(board, task):
        if remark := note(board, task, method):
            remarks.setdefault(remark, []).append(method)
        if judges and (method, judges[0]) in scores:
            values = [_score(scores.get((method, column), {})) for column in judges]
            about = _rank_and_name(board, method, scores[method, judges[0]])
            rows.append([*about, *values, *_costs(board, task, method)])
    header = ["rank", "method", *_headings(board, task, judges), "rows", "seconds"]
    return make_table(task, header, rows, [f"{', '.join(methods)}: {remark}" for remark, methods in remarks.items()])


def note(board: Board, task: str, method: str) -> str:
    """How many cells at the headline budget are not ok, and why, and whether the method spent more than the budget."""
    counts = board.cost_and_coverage(task, method)
    planned = sum(counts[status] for status in STATUSES)
    lacking = {status: counts[status] for status in STATUSES[1:] if counts[status]}
    parts = [status if count == planned else f"{status} {count} of {planned}" for status, count in lacking.items()]
    remarks = [", ".join(parts) + (f": {counts['reason']}" if counts["reason"] else "")] if parts else []
    if budget := board.over_budget(task, method):
        remarks.append(f"not ranked: more rows than the budget of {budget:,}")
    return "; ".join(remarks)


def _scores(board: Board, task: str) -> Scores:
    chosen = board.summary[board.summary["headline"] & (board.summary["task"] == task)]
    return {(row["method"], row["column"]): row for row in rows_of(chosen)}


def _by_rank(board: Board, task: str) -> list[str]:
    chosen = board.summary["headline"] & (board.summary["task"] == task)
    ranks = board.summary[chosen & (board.summary["column"] == board.first_judges.get(task))]
    order = ranks.dropna(subset="rank").sort_values("rank", kind="stable")["method"].astype(str)
    return list(dict.fromkeys([*order, *board.coverage.loc[task].index]))


def _headings(board: Board, task: str, columns: Iterable[str]) -> list[str]:
    facts = board.columns[board.columns["task"] == task].set_index("column")
    units = {column: f" ({facts['unit'][column]})" if facts["unit"][column] else "" for column in columns}
    return [f"{column}{unit} {BETTER[facts['better'][column]]}" for column, unit in units.items()]


def _rank_and_name(board: Board, method: str, first: Mapping[str, Any]) -> list[str]:
    shown = format_interval(first.get("rank"), first.get("rank_low"), first.get("rank_high"), format_rank)
    return [shown, _named(board, method)]


def _named(board: Board, method: str) -> str:
    return f"{method} (control)" if method in board.controls else method


def _score(row: Mapping[str, Any]) -> Cell:
    text = format_interval(row.get("mean"), row.get("low"), row.get("high"))
    undefined = row.get("undefined", 0)
    return Cell(f"{text} ({undefined} undefined)" if undefined else text, strong=row.get("tied") is True)


def _costs(board: Board, task: str, method: str) -> list[str]:
    costs = board.cost_and_coverage(task, method)
    return [format_number(costs["rows"], whole=True), format_seconds(costs["seconds"])]


# ---- what else a report says -------------------------------------------------------------------------------------


def checks_table(run: Run) -> Table:
    """What was measured of the trained models, over the repetitions."""
    table = pd.DataFrame(
        [(problem.task, name, value) for problem in run.problems for name, value in problem.checks.items()],
        columns=["task", "check", "value"],
    )
    grouped = table.astype({"value": float}).groupby(["task", "check"], sort=False)["value"]
    rows = [
        [*map(str, key), *map(format_number, (values.min(), values.mean(), values.max())), str(values.count())]
        for key, values in grouped
    ]
    notes = [f"{name}: {meaning}." for name, meaning in CHECKS.items() if name in set(table["check"])]
    return make_table("Checks", ["task", "check", "smallest", "mean", "largest", "repetitions"], rows, notes)


def failures_table(run: Run) -> Table:
    """Problems and cells that failed or were skipped, equal reasons together."""
    groups: dict[tuple[str, ...], int] = {}
    problems = [(problem.task, "(the problem itself)", problem.status, problem.reason) for problem in run.problems]
    for key in (*problems, *((cell.task, cell.label, cell.status, cell.reason) for cell in run.cells)):
        if key[2] != "ok":
            groups[key] = groups.get(key, 0) + 1
    rows = [[task, name, status, str(count), reason] for (task, name, status, reason), count in groups.items()]
    rows.sort(key=lambda row: row[2] != "failed")
    return make_table("Failed and skipped", ["task", "method", "status", "records", "reason"], rows)


def inapplicable_table(run: Run) -> Table:
    """Columns that have no meaning for some methods, with the reason."""
    groups: dict[tuple[str, str, str], dict[str, None]] = {}
    for record in run.cells:
        for column, reason in record.metric_notes.items() if record.status == "ok" else ():
            groups.setdefault((record.task, column, reason), {})[record.label] = None
    rows = [[task, column, reason, ", ".join(methods)] for (task, column, reason), methods in groups.items()]
    return make_table("Scores without a meaning", ["task", "column", "reason", "methods"], rows)


# ---- numbers as text ---------------------------------------------------------------------------------------------


def format_number(value: Number, *, whole: bool = False) -> str:
    """Three decimals, fewer for large numbers and an exponent for tiny ones; a dash for none."""
    if value is None or math.isnan(value):
        return NONE
    if whole or abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def format_rank(value: Number) -> str:
    """One decimal where it is not whole."""
    return NONE if value is None or math.isnan(value) else f"{round(value, 1):g}"


def format_seconds(value: float) -> str:
    """Two significant digits."""
    return NONE if math.isnan(value) else f"{value:.2g}"


def format_interval(value: Number, low: Number, high: Number, form: Callable[[Number], str] = format_number) -> str:
    """The value with its interval, unless that has no length."""
    if low is None or math.isnan(low) or low == high:
        return form(value)
    return f"{form(value)} [{form(low)}, {form(high)}]"
