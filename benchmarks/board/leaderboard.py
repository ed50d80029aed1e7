"""The leaderboard: who did how well on which task, at what cost, and what else there is to say of a run."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from benchmarks.board.aggregate import STATUSES, Board, list_rows
from benchmarks.board.tables import (
    BETTER,
    Cell,
    Table,
    format_interval,
    format_number,
    format_rank,
    format_seconds,
    make_table,
)
from benchmarks.run.records import Run

SHOWN_AS_COST: Final = ("runtime", "rows")  # metrics whose numbers every table has in its columns rows and seconds
CHECKS: Final = {
    "neutrality_gap": "how far mean predictions at certainty 0 are from the class frequencies; lower is better",
    "absence_spread": "how much predictions at certainty 0 vary with the values; lower is better",
    "restarts": "how many seeds had not led to a usable model before this one did",
}
COMPACT: Final = 2  # judging columns where space is short

Scores = Mapping[tuple[str, str], Mapping[str, Any]]  # rows of ``Board.summary`` by method and column


def make_overall_table(board: Board) -> Table:
    """Methods by their mean rank over tasks."""
    rows = [
        [
            _format_name(board, row["method"]),
            format_interval(row["mean_rank"], row["low"], row["high"], format_rank),
            str(row["tasks"]),
        ]
        for row in list_rows(board.overall)
    ]
    return make_table("Overall", ["method", "mean rank ↓", "tasks"], rows)


def make_task_table(board: Board, task: str) -> Table:
    """All there is to say of the methods on a task: by rank on the first judging column, those without a score last."""
    judges, scores = board.judges(task), _index_scores(board, task)
    facts = board.columns[board.columns["task"] == task]
    others = facts.loc[~facts["judges"] & ~facts["metric"].isin(SHOWN_AS_COST), "column"].tolist()
    headings = _make_headings(board, task, judges + others)
    rows = []
    for method in _order_by_rank(board, task):
        first = scores.get((method, judges[0]), {}) if judges else {}
        values = [_format_score(scores.get((method, column), {})) for column in judges]
        values += [Cell(format_number(scores.get((method, column), {}).get("mean"))) for column in others]
        about = [*_format_costs(board, task, method), str(first.get("units", 0)), write_note(board, task, method)]
        row = [
            *_format_rank_and_name(board, method, first),
            *values[:1],
            format_number(first.get("spread")),
            *values[1:],
            *about,
        ]
        rows.append(row)
    header = ["rank", "method", *headings[:1], "spread", *headings[1:], "rows", "seconds", "units", "note"]
    return make_table(task, header, rows)


def make_compact_table(board: Board, task: str) -> Table:
    """The ranked methods of a task with their first judging columns; cells that are not ok are in the notes."""
    judges, scores = board.judges(task)[:COMPACT], _index_scores(board, task)
    rows = []
    remarks: dict[str, list[str]] = {}
    for method in _order_by_rank(board, task):
        if remark := write_note(board, task, method):
            remarks.setdefault(remark, []).append(method)
        if judges and (method, judges[0]) in scores:
            values = [_format_score(scores.get((method, column), {})) for column in judges]
            about = _format_rank_and_name(board, method, scores[method, judges[0]])
            rows.append([*about, *values, *_format_costs(board, task, method)])
    header = ["rank", "method", *_make_headings(board, task, judges), "rows", "seconds"]
    return make_table(task, header, rows, [f"{', '.join(methods)}: {remark}" for remark, methods in remarks.items()])


def write_note(board: Board, task: str, method: str) -> str:
    """How many cells at the headline budget are not ok, and why, and whether the method spent more than the budget."""
    counts = board.cost_and_coverage(task, method)
    planned = sum(counts[status] for status in STATUSES)
    lacking = {status: counts[status] for status in STATUSES[1:] if counts[status]}
    parts = [status if count == planned else f"{status} {count} of {planned}" for status, count in lacking.items()]
    remarks = [", ".join(parts) + (f": {counts['reason']}" if counts["reason"] else "")] if parts else []
    if budget := board.over_budget(task, method):
        remarks.append(f"not ranked: more rows than the budget of {budget:,}")
    return "; ".join(remarks)


def _index_scores(board: Board, task: str) -> Scores:
    chosen = board.summary[board.summary["headline"] & (board.summary["task"] == task)]
    return {(row["method"], row["column"]): row for row in list_rows(chosen)}


def _order_by_rank(board: Board, task: str) -> list[str]:
    chosen = board.summary["headline"] & (board.summary["task"] == task)
    ranks = board.summary[chosen & (board.summary["column"] == board.first_judges.get(task))]
    order = ranks.dropna(subset="rank").sort_values("rank", kind="stable")["method"].astype(str)
    return list(dict.fromkeys([*order, *board.coverage.loc[task].index]))


def _make_headings(board: Board, task: str, columns: Iterable[str]) -> list[str]:
    facts = board.columns[board.columns["task"] == task].set_index("column")
    units = {column: f" ({facts['unit'][column]})" if facts["unit"][column] else "" for column in columns}
    return [f"{column}{unit} {BETTER[facts['better'][column]]}" for column, unit in units.items()]


def _format_rank_and_name(board: Board, method: str, first: Mapping[str, Any]) -> list[str]:
    shown = format_interval(first.get("rank"), first.get("rank_low"), first.get("rank_high"), format_rank)
    return [shown, _format_name(board, method)]


def _format_name(board: Board, method: str) -> str:
    return f"{method} (control)" if method in board.controls else method


def _format_score(row: Mapping[str, Any]) -> Cell:
    text = format_interval(row.get("mean"), row.get("low"), row.get("high"))
    undefined = row.get("undefined", 0)
    return Cell(f"{text} ({undefined} undefined)" if undefined else text, strong=row.get("tied") is True)


def _format_costs(board: Board, task: str, method: str) -> list[str]:
    costs = board.cost_and_coverage(task, method)
    return [format_number(costs["rows"], whole=True), format_seconds(costs["seconds"])]


def make_tidy_frame(board: Board) -> pd.DataFrame:
    """``Board.summary`` with the facts of methods and columns, and a row for each method without a score.

    ``ok, skipped, failed, missing`` count a method's cells on a task at the headline budget; ``reason`` is the first
    of those that are not ok.
    """
    about = board.columns[["task", "column", "metric", "truth", "better", "unit", "judges"]]
    names = {"task": str, "method": str, "column": str}
    scores = board.summary.astype(names).merge(about, on=["task", "column"])
    coverage = board.coverage[[*STATUSES, "reason"]].reset_index()
    table = coverage.merge(scores, on=["task", "method"], how="left")
    table = table.astype(dict.fromkeys(("units", "undefined", "repetitions"), "Int64"))
    return table.merge(board.methods.reset_index().astype({"method": str}), on="method", how="left")


# ---- what else a report says -------------------------------------------------------------------------------------


def make_checks_table(run: Run) -> Table:
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


def make_failures_table(run: Run) -> Table:
    """Problems and cells that failed or were skipped, equal reasons together."""
    groups: dict[tuple[str, ...], int] = {}
    problems = [(problem.task, "(the problem itself)", problem.status, problem.reason) for problem in run.problems]
    for key in (*problems, *((cell.task, cell.label, cell.status, cell.reason) for cell in run.cells)):
        if key[2] != "ok":
            groups[key] = groups.get(key, 0) + 1
    rows = [[task, name, status, str(count), reason] for (task, name, status, reason), count in groups.items()]
    rows.sort(key=lambda row: row[2] != "failed")
    return make_table("Failed and skipped", ["task", "method", "status", "records", "reason"], rows)


def list_failures(run: Run) -> list[str]:
    """A line for each reason for which cells of a task failed, with the methods that did; none where all went well."""
    groups: dict[tuple[str, str], list[str]] = {}
    for record in run.cells:
        if record.status == "failed":
            groups.setdefault((record.task, record.reason), []).append(record.label)
    lines = []
    for (task, reason), labels in groups.items():
        count = "1 cell" if len(labels) == 1 else f"{len(labels)} cells"
        lines.append(f"Failed: {count} of {task}, of {', '.join(dict.fromkeys(labels))}: {reason}")
    return lines


def make_inapplicable_table(run: Run) -> Table:
    """Columns that have no meaning for some methods, with the reason."""
    groups: dict[tuple[str, str, str], dict[str, None]] = {}
    for record in run.cells:
        for column, reason in record.metric_notes.items() if record.status == "ok" else ():
            groups.setdefault((record.task, column, reason), {})[record.label] = None
    rows = [[task, column, reason, ", ".join(methods)] for (task, column, reason), methods in groups.items()]
    return make_table("Scores without a meaning", ["task", "column", "reason", "methods"], rows)
