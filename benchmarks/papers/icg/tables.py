"""ICG's Tables 1 and 2: what the paper prints, and what a run gives beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import NONE, Table, format_number, make_table
from benchmarks.papers.ledger import HELD, NOT_HELD, PROVED, UNDECIDED, Outcome, format_ends, list_measured
from benchmarks.papers.quantities import collect_first_shown, collect_shown, find_tasks, scale_rows
from datasets.two_feature import EXPECTATION, POINT_A, POINT_B

TWO_FEATURE: Final = partial(find_tasks, kind="two-feature")
TABLE_2: Final = partial(find_tasks, kind="local-minimum", damage="mixture", output="probability")

BSHAP, SHAP, IG = "bshap (truth)", "shap (truth)", "integrated_gradients (truth)"
SCORES: Final = "scores (truth)"
PAPER, HERE = "paper", "here"
ROUNDING: Final = 0.005  # of numbers printed with two decimals
CONFIDENCE: Final = 0.95
FEWEST: Final = 3  # models, for a spread over models

# ---- Table 1 -----------------------------------------------------------------------------------------------------

PRINTED_1: Final[Mapping[str, tuple[str, Sequence[float]]]] = {
    BSHAP: ("BShap", (0.0, 1.0, 0.0, 0.0)),
    SHAP: ("SHAP", (-0.11, 0.66, -0.22, -0.22)),
    IG: ("IG from zero", (1.0, 0.0, -1.0, 1.0)),
}
MISTAKEN, ACROSS = 0.474, 0.25  # in A.1.3: for the expectation, and that across an arm
MISPRINTED: Final = (SHAP, 0)  # its first number at A, see ``check_misprint``
ESTIMATES: Final = {
    **dict.fromkeys(("bshap", "permutation-shapley", "kernel-shap", "captum/KernelShap"), BSHAP),
    "shap": SHAP,
    **dict.fromkeys(("ig-zero", "captum/IntegratedGradients"), IG),
}


def make_table_1(board: Board, task: str) -> Table:
    """The printed numbers, the closed forms at points A and B, and what every method gave there."""
    shown = collect_shown(board, task)
    errors, rows = measure_errors(shown), []
    for truth, (name, printed) in PRINTED_1.items():
        rows.append([name, PAPER, *(f"{value:g}" for value in printed), NONE])
        if truth in shown:
            rows.append([name, "closed form", *map(format_number, shown[truth].mean()), NONE])
    for name, given in shown.items():
        if name not in PRINTED_1:
            estimated = f"estimates {PRINTED_1[ESTIMATES[name]][0]}" if name in errors else HERE
            rows.append([name, estimated, *given.apply(format_ends), format_number(errors.get(name))])
    header = ["method", "from", "A, x1", "A, x2", "B, x1", "B, x2", "largest error"]
    notes = [
        f"A is {POINT_A} and B {POINT_B}: the paper prints no coordinates; these give its table. Means over "
        "repetitions, in brackets the smallest and the largest where they differ. The error is from the closed form "
        "that a method estimates, the largest absolute one over points, features and repetitions.",
        "SHAP's first number at A is a misprint: section A.1.3 takes 0.474 for the expectation in this one place, and "
        f"{EXPECTATION:.3f} everywhere else.",
    ]
    return make_table(f"ICG, Table 1 ({task})", header, rows if shown else [], notes)


def measure_errors(shown: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """By method, its largest distance from the closed form that it estimates."""
    return {
        method: float((rows - shown[ESTIMATES[method]].mean()).abs().max().max())
        for method, rows in shown.items()
        if ESTIMATES.get(method) in shown
    }


def list_errors(board: Board) -> Outcome:
    """How far methods are from the closed forms that they estimate."""
    found = [error for task in TWO_FEATURE(board) for error in measure_errors(collect_shown(board, task)).items()]
    return list_measured(
        f"{method} within {format_number(error)} of {PRINTED_1[ESTIMATES[method]][0]}" for method, error in found
    )


def check_printed_1(truth: str, board: Board) -> Outcome:
    """Whether a closed form rounds to each number that is printed; a misprint is left to ``check_misprint``."""
    texts, kept = [], []
    for given in read_closed_form(truth, board):
        printed = PRINTED_1[truth][1]
        asked = [at for at in range(len(printed)) if (truth, at) != MISPRINTED]
        kept += [abs(given[at] - printed[at]) <= ROUNDING for at in asked]
        texts.append(
            f"({', '.join(map(format_number, given[:2]))}) at A, ({', '.join(map(format_number, given[2:]))}) at B"
        )
    return list_measured(dict.fromkeys(texts), HELD if all(kept) else NOT_HELD)


def check_misprint() -> Outcome:
    """SHAP's first number at A as A.1.3 adds it up, and with the expectation that it has everywhere else."""
    truth, at = MISPRINTED
    as_printed = (1 - 1 + ACROSS - MISTAKEN) / 2
    right = (1 - 1 + ACROSS - EXPECTATION) / 2
    kept = [abs(value - PRINTED_1[truth][1][at]) <= ROUNDING for value in (as_printed, right)]
    text = f"{as_printed:.3f} with {MISTAKEN}, {right:.3f} with {EXPECTATION:.3f}"
    return Outcome(text, PROVED if kept == [True, False] else NOT_HELD)


def read_closed_form(truth: str, board: Board) -> list[list[float]]:
    """Its values at both features of A, then of B, for each task."""
    found = [collect_shown(board, task) for task in TWO_FEATURE(board)]
    return [shown[truth].iloc[0].tolist() for shown in found if truth in shown]


# ---- Table 2 -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
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
    Column("scaled score", SCORES, (-0.94, -0.94, -0.94, 1.0, 0.75, 1.0)),
    Column("BShap", BSHAP, (-0.75, -0.74, -0.74, 1.0, 0.50, 0.76)),
    Column("zero IG", "ig-zero", (0.001, 0.002, 0.003, 1.0, -0.24, 0.23), 100),
    Column("mean IG", "ig-mean", (-0.01, -0.001, -0.37, 1.0, 0.89, -0.07), 100),
    Column("EG", "expected-gradients", (-0.30, -0.73, -0.66, 0.82, 0.70, 1.0), 500),
    Column("AGN", "ig-gaussian-noise", (0.004, -0.004, 0.004, 1.0, -0.42, -0.02), 50 * 100),
    Column("ICG", "icg", (-0.75, -0.75, -0.74, 1.0, 0.48, 0.74), 100),
)


def make_table_2(board: Board, task: str) -> Iterator[Table]:
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
    yield make_table(f"ICG, Table 2 ({task})", header, rows, [NOTE_2])
    title = f"ICG, Table 2, methods that it does not have ({task})" if rows else f"ICG, Table 2, another input ({task})"
    yield make_table(title, header, others, [NOTE_2])


NOTE_2: Final = (
    "Attributions of one model are divided by their maximum; models where it is not positive are left out, and counted "
    "as undefined. Medians over models, in brackets the smallest and the largest where they differ. The distance is "
    "the "
    "root mean square of the differences from the scaled scores; the cosine is with the BShap values of the same "
    "model, "
    "in the paper's rows with those that it prints."
)


def _print_column(column: Column) -> list[str]:
    printed, score, bshap = (np.array(of) for of in (column.printed, COLUMNS[0].printed, COLUMNS[1].printed))
    distance = np.sqrt(np.mean((printed - score) ** 2))
    cosine = printed @ bshap / np.linalg.norm(printed) / np.linalg.norm(bshap)
    return [column.name, PAPER, *(f"{value:g}" for value in printed), *map(format_number, (distance, cosine))]


def _measure_column(shown: Mapping[str, pd.DataFrame], name: str) -> list[str]:
    scaled = scale_rows(shown[name], "maximum")
    undefined = int(scaled.isna().any(axis=1).sum())
    about = HERE + (f" ({undefined} undefined)" if undefined else "")
    likeness = measure_likeness(shown, name)
    return [about, *scaled.apply(format_median, digits=2), *likeness.apply(format_median)]


def measure_likeness(shown: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """Of each model: the distance from the scaled scores, and the cosine with the BShap values; NaN without these."""
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


def format_median(values: pd.Series, digits: int = 3) -> str:
    """The median, and in brackets the smallest and the largest where they differ; undefined ones are left out."""
    if values.isna().all():
        return NONE
    median, low, high = (f"{value:z.{digits}f}" for value in (values.median(), values.min(), values.max()))
    return median if low == high else f"{median} ({low} to {high})"


# ---- are the printed numbers among those of the run? -------------------------------------------------------------


def check_printed_2(column: Column, board: Board) -> Outcome:
    """Whether each printed number is one that a further model, with a draw of its own, might give.

    That is within the prediction interval of ``predict_next`` over the models of the run, widened by the rounding of
    the print; undecided for fewer than three models.
    """
    task = choose_task(column, board)
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
        return Outcome(f"{len(scaled)} models on {task} have no spread", UNDECIDED)
    text = f"outside of what {len(scaled)} models on {task} give: {', '.join(outside) or 'none of the six numbers'}"
    return Outcome(text, NOT_HELD if outside else HELD)


def choose_task(column: Column, board: Board) -> str | None:
    """Of the tasks that show the paper's input, that on which the method's rows are closest to the paper's."""
    known = {task: collect_first_shown(board, task) for task in TABLE_2(board)}
    known = {
        task: of
        for task, of in known.items()
        if column.label in of and of[column.label].shape[1] == len(column.printed)
    }
    if column.rows is None or not known:
        return next(iter(known), None)
    spent = {task: board.cost_and_coverage(task, column.label)["rows"] for task in known}
    return min(spent, key=lambda task: abs(np.log(max(spent[task], 1) / column.rows)))


def predict_next(samples: np.ndarray, *, confidence: float) -> tuple[float, float]:
    """Student's prediction interval for one more of normal samples; their ends where there are fewer than three."""
    if len(samples) < FEWEST:
        return float(samples.min(initial=np.inf)), float(samples.max(initial=-np.inf))
    reach = stats.t.ppf((1 + confidence) / 2, len(samples) - 1) * samples.std(ddof=1) * np.sqrt(1 + 1 / len(samples))
    return float(samples.mean() - reach), float(samples.mean() + reach)
