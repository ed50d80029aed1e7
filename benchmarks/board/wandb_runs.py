"""Put a finished run on Weights & Biases: one W&B run for each method, and one for the suite.

Everything comes from the local records and from the files that the report made of them; these remain the truth.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.content import ReportContent
from benchmarks.board.leaderboard import find_allocation
from benchmarks.board.tracked_run import tracked_run
from benchmarks.run.records import CellRecord, Run
from training.tracking import Tracking

REPORT_FILES: Final = {".csv", ".html", ".json", ".md", ".png", ".svg", ".tex"}
NOT_REPORT: Final = {"problems", "records", "wandb"}  # folders


def log_suite(content: ReportContent, tracking: Tracking, verdicts: Mapping[str, str] | None = None) -> None:
    """Log a run whose report has been written.

    Each method's W&B run is named ``suite/method`` and has the same keys as every other, so that W&B draws methods into
    one chart. Its summary holds, at the headline budget, ``task/column/mean``, the ends ``low, high`` of the interval
    and the rank with its range, and by task the ``cost`` in rows, the ``distance`` to the method's own limit and
    ``allocation/option``; its history the frontier, the curves and the sweeps. The suite's run holds tables, figures
    and files, in its summary ``task/checks/name``, the mean over repetitions of what was measured of the trained
    models, and in its history ``task/series/name/column``, that of their series. ``verdicts``, by what they are on, are
    a table of it.
    """
    if tracking.mode == "disabled":
        return
    board = content.board
    suite = board.run.manifest.suite
    tracking = replace(tracking, group=tracking.group or suite.name)
    for method in board.cells["method"].cat.categories:
        _log_method(board, method, tracking)
    _log_whole(content, tracking, verdicts or {})


def _log_method(board: Board, method: str, tracking: Tracking) -> None:
    suite = board.run.manifest.suite
    with tracked_run(
        tracking,
        name=f"{suite.name}/{method}",
        job_type="method",
        config=_make_method_config(board.run, method),
        tags=[suite.name],
    ) as run:
        run.summarise(_summarise_method(board, method))
        for series in (
            *_make_frontiers(board, method),
            *_average_curves(board.run, method),
            *_average_sweeps(board, method),
        ):
            run.log_series(series)


def _log_whole(content: ReportContent, tracking: Tracking, verdicts: Mapping[str, str]) -> None:
    board = content.board
    suite, directory = board.run.manifest.suite, board.run.directory
    files = [path for path in sorted(directory.rglob("*")) if _belongs_to_report(path.relative_to(directory))]
    with tracked_run(
        tracking,
        name=f"{suite.name}/leaderboard",
        job_type="suite",
        config={"suite": suite.model_dump(mode="json"), **_read_environment(board.run.cells)},
        tags=[suite.name],
    ) as run:
        run.summarise({**_count_statuses(board.cells), **_average_checks(board.run)})
        for series in _average_series(board.run):
            run.log_series(series)
        run.log_table("leaderboard", content.scores)
        run.log_table("overall", board.overall)
        run.log_table("coverage", board.coverage.reset_index())
        if verdicts:
            run.log_table("verdicts", pd.DataFrame(list(verdicts.items()), columns=["on", "verdict"]))
        for file in files:
            if file.suffix in (".png", ".svg"):
                run.log_picture(file.relative_to(directory).with_suffix("").as_posix(), file)
        run.upload(f"{suite.name}-results", "results", files, base=directory)


def _belongs_to_report(path: Path) -> bool:
    return path.suffix in REPORT_FILES and path.parts[0] not in NOT_REPORT


def _make_method_config(run: Run, method: str) -> dict[str, Any]:
    """The method's facts, what it was run with, and where."""
    suite = run.manifest.suite
    cells = [cell for cell in run.cells if cell.label == method]
    facts = cells[0].model_dump(include={"method", "family", "source", "control"}) if cells else {}
    return {
        **facts,
        "suite": suite.name,
        "options": {cell.task: cell.options for cell in cells if cell.headline},
        "budgets": {task.name: task.budgets for task in suite.tasks},
        "repetitions": {task.name: task.repetitions for task in suite.tasks},
        **_read_environment(cells),
    }


def _read_environment(cells: list[CellRecord]) -> Mapping[str, Any]:
    wanted = {"commit", "dirty", "python", "packages", "device", "processor", "instructions"}
    return cells[0].provenance.model_dump(include=wanted) if cells else {}


def _summarise_method(board: Board, method: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for row in list_rows(board.summary[board.summary["headline"] & (board.summary["method"] == method)]):
        names = ("mean", "low", "high", "rank", "rank_low", "rank_high")
        values |= {f"{row['task']}/{row['column']}/{name}": row[name] for name in names}
        values |= {f"{row['task']}/{name}": row[name] for name in ("cost", "distance")}
        allocation = find_allocation(board, method, row["options"])
        values |= {f"{row['task']}/allocation/{name}": value for name, value in allocation.items()}
    known = {name: value for name, value in values.items() if pd.notna(value)}
    return {**known, **_count_statuses(board.cells[board.cells["method"] == method])}


def _count_statuses(cells: pd.DataFrame) -> dict[str, int]:
    return {f"cells/{status}": int(count) for status, count in cells["status"].value_counts().items()}


def _average_checks(run: Run) -> dict[str, float]:
    found = [
        (f"{problem.task}/checks/{name}", value) for problem in run.problems for name, value in problem.checks.items()
    ]
    table = pd.DataFrame(found, columns=["check", "value"]).astype({"value": float})
    return {str(name): value for name, value in table.groupby("check")["value"].mean().dropna().items()}


def _average_series(run: Run) -> Iterator[pd.DataFrame]:
    """Of each task and table, the mean over repetitions against its first column."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for problem in run.problems:
        for name, table in problem.series.items():
            tables.setdefault(f"{problem.task}/series/{name}", []).append(pd.DataFrame(table, dtype=float))
    for prefix, repetitions in tables.items():
        axis = repetitions[0].columns[0]
        yield pd.concat(repetitions).groupby(axis).mean().add_prefix(f"{prefix}/").rename_axis(f"{prefix}/{axis}")


def _make_frontiers(board: Board, method: str) -> Iterator[pd.DataFrame]:
    """For each task, mean scores and the distance to the method's own limit against the rows per explicand."""
    chosen = board.summary[board.summary["method"] == method]
    for task, scores in chosen.groupby("task", observed=True):
        prefix = f"{task}/frontier"
        table = _make_table(scores, prefix, "cost", "mean")
        distances = scores.groupby("cost")["distance"].first().dropna().astype(float)
        yield table.assign(**{f"{prefix}/distance": distances}) if len(distances) else table


def _average_curves(run: Run, method: str) -> Iterator[pd.DataFrame]:
    """Of each task and column that is a curve, the mean over units at the headline budget; all on one axis."""
    units: dict[str, list[np.ndarray]] = {}
    for cell in run.cells:
        if cell.label == method and cell.headline:
            for column, curve in cell.curves.items():
                units.setdefault(f"{cell.task}/{column}/curve", []).append(curve.decode())
    if units:
        means = {name: pd.DataFrame(np.concatenate(curves)).mean() for name, curves in units.items()}
        grids = {name: mean.set_axis(np.linspace(0, 1, len(mean))) for name, mean in means.items()}
        yield pd.DataFrame(grids).rename_axis("curves/fraction")


def _average_sweeps(board: Board, method: str) -> Iterator[pd.DataFrame]:
    """For each sweep over numbers, mean scores against the option that varies."""
    chosen = board.units[(board.units["method"] == method) & (board.units["sweep"] != "")]
    for (task, sweep, option), scores in chosen.groupby(["task", "sweep", "option"], observed=True):
        scores = scores.assign(value=pd.to_numeric(scores["value"], errors="coerce")).dropna(subset="value")
        means = scores.groupby(["value", "column"], observed=True)["score"].mean().reset_index()
        yield _make_table(means.rename(columns={"value": option}), f"{task}/{sweep}", str(option), "score")


def _make_table(scores: pd.DataFrame, prefix: str, axis: str, values: str) -> pd.DataFrame:
    table = scores.pivot_table(index=axis, columns="column", values=values, observed=True)  # equal rows are averaged
    return table.add_prefix(f"{prefix}/").rename_axis(index=f"{prefix}/{axis}", columns=None)
