"""What is to be said of a run beside its scores: its trained models, what failed, what has no meaning."""

from typing import Final

import pandas as pd

from benchmarks.board.tables import Table, format_number, make_table
from benchmarks.run.records import Run

CHECKS: Final = {
    "neutrality_gap": "how far mean predictions at certainty 0 are from the class frequencies; lower is better",
    "absence_spread": "how much predictions at certainty 0 vary with the values; lower is better",
    "restarts": "how many seeds had not led to a usable model before this one did",
}


def make_checks_table(run: Run) -> Table:
    """What was measured of the trained models, from the smallest to the largest; tasks of the same models together."""
    tasks: dict[tuple[int, str], list[str]] = {}
    for task in dict.fromkeys(problem.task for problem in run.problems):
        checks = pd.DataFrame([problem.checks for problem in run.problems if problem.task == task], dtype=float)
        if found := ", ".join(f"{name} {_format_range(checks[name])}" for name in checks):
            tasks.setdefault((len(checks), found), []).append(task)
    rows = [[", ".join(names), str(models), found] for (models, found), names in tasks.items()]
    measured = {name for problem in run.problems for name in problem.checks}
    notes = [f"{name}: {meaning}." for name, meaning in CHECKS.items() if name in measured]
    return make_table("Checks", ["task", "models", "measured"], rows, notes)


def _format_range(values: pd.Series) -> str:
    return " to ".join(dict.fromkeys(map(format_number, (values.min(), values.max()))))


def make_failures_table(run: Run) -> Table:
    """Problems and cells that failed, then those skipped, with the reason."""
    problems = [(problem.task, "(the problem itself)", problem.status, problem.reason) for problem in run.problems]
    cells = [(cell.task, cell.label, cell.status, cell.reason) for cell in run.cells]
    found = pd.DataFrame([*problems, *cells], columns=["task", "method", "status", "reason"])
    found = found[found["status"] != "ok"].sort_values("status", kind="stable")
    return _make_folded_table("Failed and skipped", found, ["status", "reason"])


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
    found = pd.DataFrame(
        [
            (record.task, record.label, column, reason)
            for record in run.cells
            for column, reason in (record.metric_notes.items() if record.status == "ok" else ())
        ],
        columns=["task", "method", "column", "reason"],
    )
    return _make_folded_table("Scores without a meaning", found, ["column", "reason"])


def _make_folded_table(title: str, found: pd.DataFrame, about: list[str]) -> Table:
    """A row for all methods, and all tasks, of which the same is to be said; with the number of records."""
    if found.empty:
        return make_table(title, [*about, "methods", "tasks", "records"], [])
    by_task = found.groupby(["task", *about], sort=False)["method"].agg([_join, "size"])
    folded = by_task.reset_index().groupby([*about, "_join"], sort=False).agg({"task": _join, "size": "sum"})
    return make_table(
        title, [*about, "methods", "tasks", "records"], folded.reset_index().astype(str).to_numpy().tolist()
    )


def _join(names: pd.Series) -> str:
    return ", ".join(dict.fromkeys(names))
