"""ICG's Table 2, attributions of one input of Local Minimum: what the paper prints, and what a run gives beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import Table, format_number, make_table
from benchmarks.papers.evidence import collect_first_shown, scale_rows
from benchmarks.papers.measurements import format_median
from benchmarks.papers.verdicts import HELD, NOT_HELD, UNDECIDED, Finding, list_measured

BSHAP, SCORES = "bshap (truth)", "scores (truth)"
ROUNDING: Final = 0.005  # of numbers printed with two decimals
CONFIDENCE: Final = 0.95
FEWEST: Final = 3  # models, for a spread over models


@dataclass(frozen=True)
class PaperColumn:
    """A column of Table 2.

    Attributes:
        name: as printed, or as the text calls it.
        label: of the truth or the method that it is here.
        printed: its six numbers.
        rows: forward rows that the paper spent on it; None for what is exact.
    """

    name: str
    label: str
    printed: tuple[float, ...]
    rows: int | None = None


COLUMNS: Final = (
    PaperColumn("scaled score", SCORES, (-0.94, -0.94, -0.94, 1.0, 0.75, 1.0)),
    PaperColumn("BShap", BSHAP, (-0.75, -0.74, -0.74, 1.0, 0.50, 0.76)),
    PaperColumn("zero IG", "ig-zero", (0.001, 0.002, 0.003, 1.0, -0.24, 0.23), 100),
    PaperColumn("mean IG", "ig-mean", (-0.01, -0.001, -0.37, 1.0, 0.89, -0.07), 100),
    PaperColumn("EG", "expected-gradients", (-0.30, -0.73, -0.66, 0.82, 0.70, 1.0), 500),
    PaperColumn("AGN", "ig-gaussian-noise", (0.004, -0.004, 0.004, 1.0, -0.42, -0.02), 50 * 100),
    PaperColumn("ICG", "icg", (-0.75, -0.75, -0.74, 1.0, 0.48, 0.74), 100),
)


def make_table_of_local_minimum(board: Board, task: str) -> Iterator[Table]:
    """The columns of the paper with those of the run beside them; then what the other methods give."""
    shown = collect_first_shown(board, task)
    if not shown:
        return
    features = list(next(iter(shown.values())).columns)
    header = ["method", "from", *(f"x = {x:g}" for x in features), "distance from scores", "cosine with BShap"]
    known = [column for column in COLUMNS if column.label in shown and len(features) == len(column.printed)]
    rows = [
        row for column in known for row in (_print_column(column), [column.name, *_measure_column(shown, column.label)])
    ]
    labels = {column.label for column in known}
    others = [[name, *_measure_column(shown, name)] for name in shown if name not in labels]
    yield make_table(f"ICG, Table 2 ({task})", header, rows, [NOTE])
    title = f"ICG, Table 2, methods that it does not have ({task})" if rows else f"ICG, Table 2, another input ({task})"
    yield make_table(title, header, others, [NOTE])


NOTE: Final = (
    "Attributions of one model are divided by their maximum; models where it is not positive are left out, and counted "
    "as undefined. Medians over models, in brackets the smallest and the largest where they differ. The distance is "
    "the root mean square of the differences from the scaled scores; the cosine is with the BShap values of the same "
    "model, in the paper's rows with those that it prints."
)


def _print_column(column: PaperColumn) -> list[str]:
    printed, score, bshap = (np.array(of) for of in (column.printed, COLUMNS[0].printed, COLUMNS[1].printed))
    distance = np.sqrt(np.mean((printed - score) ** 2))
    cosine = printed @ bshap / np.linalg.norm(printed) / np.linalg.norm(bshap)
    return [column.name, "paper", *(f"{value:g}" for value in printed), *map(format_number, (distance, cosine))]


def _measure_column(shown: Mapping[str, pd.DataFrame], name: str) -> list[str]:
    scaled = scale_rows(shown[name], "maximum")
    undefined = int(scaled.isna().any(axis=1).sum())
    about = "here" + (f" ({undefined} undefined)" if undefined else "")
    likeness = measure_likeness(shown, name)
    return [about, *scaled.apply(format_median, digits=2), *likeness.apply(format_median)]


def measure_likeness(shown: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """For each model the distance from the scaled scores, and the cosine with the BShap values; NaN without these."""
    rows, nothing = shown[name], shown[name] * np.nan
    scores, bshap = (shown.get(truth, nothing).reindex(rows.index) for truth in (SCORES, BSHAP))
    differences = scale_rows(rows, "maximum") - scale_rows(scores, "maximum")
    norms = ((rows**2).sum(axis=1) * (bshap**2).sum(axis=1)) ** 0.5
    return pd.DataFrame(
        {
            "distance": (differences**2).mean(axis=1, skipna=False) ** 0.5,
            "cosine": (rows * bshap).sum(axis=1, min_count=1) / norms,
        }
    )


# ---- are the printed numbers among those of the run? -------------------------------------------------------------


def check_printed(column: PaperColumn, board: Board, tasks: Sequence[str]) -> Finding:
    """Held where each printed number is one that a further model, with a draw of its own, might give.

    That is within the prediction interval of ``predict_next`` over the models of the run, widened by the rounding of
    the print; undecided for fewer than three models.
    """
    task = choose_task(column, board, tasks)
    if task is None:
        return list_measured([])
    scaled = scale_rows(collect_first_shown(board, task)[column.label], "maximum").dropna()
    features, exact = scaled.columns, column.label == SCORES
    outside = []
    for x, printed in zip(features, column.printed, strict=True):
        low, high = predict_next(scaled[x].to_numpy(), confidence=1 - (1 - CONFIDENCE) / len(features))
        if not low - ROUNDING <= printed <= high + ROUNDING:
            outside.append(f"{printed:g} at {x:g}, here {format_median(scaled[x], digits=2)}")
    if len(scaled) < FEWEST and not exact:
        return Finding(f"{len(scaled)} models on {task} have no spread", UNDECIDED)
    text = f"outside of what {len(scaled)} models on {task} give: {', '.join(outside) or 'none of the six numbers'}"
    return Finding(text, NOT_HELD if outside else HELD)


def choose_task(column: PaperColumn, board: Board, tasks: Sequence[str]) -> str | None:
    """The task, of those that show the paper's input, on which the method's rows are closest to the paper's."""
    shown = {task: collect_first_shown(board, task).get(column.label, pd.DataFrame()) for task in tasks}
    known = [task for task, rows in shown.items() if rows.shape[1] == len(column.printed)]
    if column.rows is None or not known:
        return next(iter(known), None)
    spent = {task: board.cost_and_coverage(task, column.label)["rows"] for task in known}
    return min(spent, key=lambda task: abs(np.log(max(spent[task], 1) / column.rows)))


def predict_next(samples: np.ndarray, *, confidence: float) -> tuple[float, float]:
    """Student's prediction interval for one more of normal samples; their ends where there are fewer than three.

    The next sample less the mean of n has variance s^2 (1 + 1/n).
    """
    if len(samples) < FEWEST:
        return float(samples.min(initial=np.inf)), float(samples.max(initial=-np.inf))
    reach = stats.t.ppf((1 + confidence) / 2, len(samples) - 1) * samples.std(ddof=1) * np.sqrt(1 + 1 / len(samples))
    return float(samples.mean() - reach), float(samples.mean() + reach)
