"""Tables that the papers print, with what a run gives beside what is known of the paper's own numbers."""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import NONE, Table, format_number, make_table
from benchmarks.papers.quantities import first_shown, maps, tasks_of
from datasets.two_feature import EXPECTATION, POINT_A, POINT_B
from sig.metrics.rank import spearman

PRINTED_AT_A: Final = -0.11  # SHAP's first value at A in the paper's Table 1
EG_AT, PRINTED_OF_EG = 0.7, 0.70  # a feature, and what expected gradients give it in the paper's Table 2
PRINTED: Final = {"expected-gradients": f"{PRINTED_OF_EG:.2f} for x = {EG_AT}"}
CLOSED_FORMS: Final = {"bshap": "BShap", "shap": "SHAP", "integrated_gradients": "IG from zero"}
ESTIMATES: Final = {
    "bshap": "bshap",
    "permutation-shapley": "bshap",
    "kernel-shap": "bshap",
    "captum/KernelShap": "bshap",
    "shap": "shap",
    "ig-zero": "integrated_gradients",
    "captum/IntegratedGradients": "integrated_gradients",
}
TRUTHS: Final = {"bshap": "BShap (exact, from the model's boundary)", "scores": "f(x)"}

Rows = Float[np.ndarray, "repetitions features"]
Shown = dict[int, np.ndarray]  # by repetition, ``(shown, *features)``


def paper_tables(board: Board) -> list[Table]:
    """Those that the run has the tasks for."""
    tables = [two_feature_table(board, task) for task in tasks_of(board, "two-feature")]
    tables += [local_minimum_table(board, task) for task in tasks_of(board, "local-minimum")]
    return [table for table in tables if table.rows]


# ---- Table 1 -----------------------------------------------------------------------------------------------------


def two_feature_table(board: Board, task: str) -> Table:
    """The closed forms at points A and B, and what every method gave there (ICG, Table 1)."""
    forms = {name: stacked(shown).mean(0) for name, shown in truths(board, task).items() if name in CLOSED_FORMS}
    rows = [
        [f"{CLOSED_FORMS[name]} (closed form)", *map(format_number, form.flat), NONE, NONE]
        for name, form in forms.items()
    ]
    for method, shown in maps(board, task).items():
        values, form = stacked(shown), ESTIMATES.get(method, "")
        error = np.abs(values - forms[form]).max() if form in forms else None
        rows.append(
            [method, *_with_ends(values.reshape(len(values), -1)), CLOSED_FORMS.get(form, NONE), format_number(error)]
        )
    header = ["method", "A, x1", "A, x2", "B, x1", "B, x2", "estimates", "largest error"]
    notes = [
        f"A is {POINT_A} and B {POINT_B}: chosen here, not the paper's coordinates. Means over repetitions, in "
        "brackets the smallest and the largest where they differ. The error is from the closed form that a method "
        "estimates, the largest absolute one over points, features and repetitions."
    ]
    if "shap" in forms:
        notes.append(
            f"The paper prints {PRINTED_AT_A} for SHAP's first value at A; its own expectation, {EXPECTATION:.3f}, "
            f"gives {format_number(forms['shap'][0, 0])}."
        )
    return make_table(f"ICG, Table 1 ({task})", header, rows, notes)


# ---- Table 2 -----------------------------------------------------------------------------------------------------


def local_minimum_table(board: Board, task: str) -> Table:
    """Attributions of the paper's input, each row divided by its maximum, over the models of the run (ICG, Table 2)."""
    true = truths(board, task)
    named = {TRUTHS.get(name, name): shown for name, shown in true.items()}
    rows = [
        [*_scaled_row(name, shown), *_likeness(shown, true.get("bshap", {})), PRINTED.get(name, NONE)]
        for name, shown in {**named, **maps(board, task)}.items()
    ]
    features = [f"x = {x:g}" for x in first_shown(board, task) if rows]
    header = ["method", *features, "rank correlation", "cosine", "the paper's"]
    notes = [
        "Attributions of one model are divided by their maximum; models where it is not positive are left out as "
        "undefined. Means over models, in brackets the smallest and the largest where they differ. Rank correlation "
        "and cosine are with the BShap values of the same model. Of the paper's own numbers, the last column has those "
        "that are known here."
    ]
    return make_table(f"ICG, Table 2 ({task})", header, rows, notes)


def by_maximum(rows: Rows) -> Float[np.ndarray, "positive features"]:
    """Each row divided by its maximum; without those where it is not positive, whose signs would turn."""
    largest = rows.max(1, keepdims=True)
    positive = largest[:, 0] > 0
    return np.asarray(rows[positive] / largest[positive])


def _scaled_row(name: str, shown: Shown) -> list[str]:
    rows = stacked(shown)[:, 0]
    scaled = by_maximum(rows)
    undefined = len(rows) - len(scaled)
    return [f"{name} ({undefined} undefined)" if undefined else name, *_with_ends(scaled, digits=2)]


def _likeness(shown: Shown, bshap: Shown) -> list[str]:
    """Rank correlation and cosine of the first row shown, model by model."""
    shared = [repetition for repetition in shown if repetition in bshap]
    if not shared:
        return [NONE, NONE]
    own, other = (torch.tensor(stacked({key: of[key] for key in shared})[:, 0]).double() for of in (shown, bshap))
    both = torch.stack([spearman(own, other), torch.cosine_similarity(own, other)], 1)
    return _with_ends(both.numpy())


# ---- what a run shows --------------------------------------------------------------------------------------------


def truths(board: Board, task: str) -> dict[str, Shown]:
    """The true values of the explicands shown, by name and repetition."""
    found: dict[str, Shown] = {}
    for problem in board.run.problems:
        for name, values in problem.truths.items() if problem.task == task and problem.shown else ():
            found.setdefault(name, {})[problem.repetition] = np.array(values)[problem.shown]
    return found


def stacked(shown: Shown) -> Float[np.ndarray, "repetitions shown *features"]:
    """One array of all repetitions."""
    return np.stack(list(shown.values()))


def _with_ends(rows: Float[np.ndarray, "repetitions columns"], digits: int = 3) -> list[str]:
    """The mean of each column with its smallest and largest value, undefined ones left out."""
    columns = [column[~np.isnan(column)] for column in rows.T]
    return [with_ends(column, digits) for column in columns]


def with_ends(values: Float[np.ndarray, " repetitions"], digits: int = 3) -> str:
    """The mean, and in brackets the smallest and the largest where they differ."""
    if not len(values):
        return NONE
    mean, low, high = (f"{value:z.{digits}f}" for value in (values.mean(), values.min(), values.max()))
    return mean if low == high else f"{mean} [{low}, {high}]"
