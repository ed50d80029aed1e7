"""What of a run may speak for a paper: tasks, columns and trained models, found by what they are, never by a label."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.board.aggregate import Board, aggregate, find_option, list_rows
from benchmarks.run.suite import Paper
from datasets.problem import tasks
from sig.metrics.scaled_rmse import Scale, scaled
from sig.registry import metrics

Selection = Callable[[Board], list[str]]  # of tasks


def take_evidence(board: Board, paper: Paper) -> Board:
    """The board of those tasks alone that reproduce the paper, as the suite says: nothing else may speak for it."""
    manifest = board.run.manifest
    chosen = [task for task in manifest.suite.tasks if paper in task.reproduces]
    names = {task.name for task in chosen}
    suite = manifest.suite.model_copy(update={"tasks": chosen})
    problems = [problem for problem in board.run.problems if problem.task in names]
    cells = [cell for cell in board.run.cells if cell.task in names]
    manifest = manifest.model_copy(update={"suite": suite})
    return aggregate(replace(board.run, manifest=manifest, problems=problems, cells=cells))


def find_tasks(board: Board, kind: str = "", **options: Any) -> list[str]:
    """Tasks of a kind, of any where it is empty, with these values of those of the options that they have.

    An option left out of the suite has its default.
    """
    return [
        task.name
        for task in board.run.manifest.suite.tasks
        if kind in ("", task.kind)
        and all(find_option(tasks, task.kind, task.options, name) in (None, options[name]) for name in options)
    ]


def find_columns(board: Board, task: str, metric: str, *, truth: str = "", **options: Any) -> list[str]:
    """Columns of a metric against a truth with these values of options; an option left out has its default."""
    facts = board.columns
    facts = facts[(facts["task"] == task) & (facts["metric"] == metric) & (facts["truth"] == truth)]
    return [
        str(row["column"])
        for row in list_rows(facts)
        if all(metrics[metric].option(row["options"], name) == value for name, value in options.items())
    ]


def read_checks(board: Board, name: str, chosen: Sequence[str]) -> pd.Series:
    """A check of the models of these tasks by repetition; each model counts once (``Board.models``)."""
    found = [(model.repetition, model.checks.get(name)) for model in board.models if model.task in chosen]
    return pd.DataFrame(found, columns=["repetition", "check"]).set_index("repetition")["check"].astype(float).dropna()


def collect_shown(board: Board, task: str) -> dict[str, pd.DataFrame]:
    """True values of the explicands shown, named ``bshap (truth)``, then attributions by method.

    A row for each repetition, the features of one explicand after the other.
    """
    rows: dict[str, dict[int, np.ndarray]] = {}
    for at in board.shown.get(task, ()):
        truths = {f"{name} (truth)": np.array(of)[at.problem.shown] for name, of in at.problem.truths.items()}
        for name, values in {**truths, **at.maps}.items():
            rows.setdefault(name, {})[at.problem.repetition] = values.ravel().astype(float)
    return {name: pd.DataFrame.from_dict(of_name, orient="index") for name, of_name in rows.items()}


def collect_first_shown(board: Board, task: str) -> dict[str, pd.DataFrame]:
    """``collect_shown`` of the first explicand alone, whose values name the columns."""
    values = board.shown[task][0].inputs[0] if task in board.shown else np.empty(0)
    shown = collect_shown(board, task)
    return {name: rows.iloc[:, : len(values)].set_axis(values.tolist(), axis=1) for name, rows in shown.items()}


def scale_rows(rows: pd.DataFrame, by: Scale) -> pd.DataFrame:
    """The rows, each scaled by its ``by`` (``sig.metrics.scaled_rmse.scaled``)."""
    return pd.DataFrame(scaled(torch.tensor(rows.to_numpy()), by).numpy(), rows.index, rows.columns)
