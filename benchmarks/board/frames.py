"""Records of a run as the tidy frames of a ``Board``."""

from itertools import chain
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.run.records import CellRecord, ProblemRecord, Run

COSTS: Final = ["rows", "backward_rows", "cost", "seconds", "peak_bytes"]
CELL_COLUMNS: Final[dict[str, Any]] = {
    "task": str,
    "repetition": int,
    "method": str,
    "family": str,
    "control": bool,
    "budget": "Int64",
    "headline": bool,
    "sweep": str,
    "option": str,
    "value": object,
    "status": str,
    "reason": str,
    "distance": float,
    "options": object,
    "rows": float,
    "backward_rows": float,
    "cost": float,
    "seconds": float,
    "peak_bytes": float,
}


def make_cells(run: Run) -> pd.DataFrame:
    """``Board.cells``."""
    frame = pd.DataFrame([_make_cell(record) for record in run.cells], columns=list(CELL_COLUMNS)).astype(CELL_COLUMNS)
    suite = run.manifest.suite
    labels = [choice.label for choice in suite.methods] + [s.method for task in suite.tasks for s in task.sweeps]
    frame["task"] = pd.Categorical(frame["task"], [task.name for task in suite.tasks])
    frame["method"] = pd.Categorical(frame["method"], list(dict.fromkeys(labels)))
    return frame


def _make_cell(record: CellRecord) -> dict[str, Any]:
    sweep, cost = record.sweep, record.cost
    explicands = max((len(scores) for scores in record.scores.values()), default=0)
    spent: dict[str, Any] = {}  # unknown where nothing is scored
    if cost is not None and explicands:
        totals = (cost.forward_rows, cost.backward_rows, cost.rows, cost.seconds)
        spent = dict(zip(COSTS, (*(total / explicands for total in totals), cost.peak_bytes), strict=True))
    return {
        **{name: getattr(record, name) for name in CELL_COLUMNS if name in CellRecord.model_fields and name != "cost"},
        "method": record.label,
        "sweep": sweep.name if sweep else "",
        "option": sweep.option if sweep else "",
        "value": sweep.value if sweep else None,
        **spent,
    }


def make_columns(run: Run) -> pd.DataFrame:
    """``Board.columns``, in the order of the task's metrics, then of its truths."""
    found = {(record.task, column): facts for record in run.cells for column, facts in record.facts.items()}
    table = [
        {"task": task, "column": column, **facts.model_dump(exclude={"source"})}
        for (task, column), facts in found.items()
    ]
    return pd.DataFrame(
        table, columns=["task", "column", "metric", "truth", "better", "range", "unit", "curve", "judges", "options"]
    ).astype({"judges": bool})


def name_model(record: ProblemRecord | CellRecord) -> str:
    """The checkpoint of the model, or its weights where it was not trained; the task where it states neither."""
    data = record.provenance.data
    return data.get("checkpoint") or data.get("weights") or record.task


def number_models(run: Run) -> dict[tuple[str, int], int]:
    """A number for each model, by task and repetition."""
    names: dict[tuple[str, int], str] = {}
    records: list[ProblemRecord | CellRecord] = [*run.problems, *run.cells]  # a problem's own record may be missing
    for record in records:
        names.setdefault((record.task, record.repetition), name_model(record))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names.values()))}
    return {place: numbers[name] for place, name in names.items()}


def make_units(run: Run, cells: pd.DataFrame, columns: pd.DataFrame) -> pd.DataFrame:
    """``Board.units``, of the cells and columns of the run."""
    blocks = [
        (i, column, scores) for i, record in enumerate(run.cells) for column, scores in record.scores.items() if scores
    ]
    lengths = [len(scores) for _, _, scores in blocks]
    of_cell = ["task", "repetition", "method", "budget", "headline", "sweep", "option", "value"]
    frame = cells.loc[np.repeat([i for i, _, _ in blocks], lengths).astype(int), of_cell].reset_index(drop=True)
    names = np.repeat([column for _, column, _ in blocks], lengths).astype(str)
    frame["column"] = pd.Categorical(names, columns["column"].unique())
    frame["explicand"] = np.fromiter(chain.from_iterable(map(range, lengths)), dtype=int)
    numbers = number_models(run)
    frame["model"] = np.repeat([numbers[run.cells[i].task, run.cells[i].repetition] for i, _, _ in blocks], lengths)
    frame["model"] = frame["model"].astype(int)
    frame["score"] = np.fromiter(chain.from_iterable(scores for _, _, scores in blocks), dtype=object).astype(float)
    return frame
