"""ICG, section 5.2: what it says of each method on Local Minimum, on random inputs and on the one of Table 2."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
import torch

from benchmarks.board.aggregate import Board
from benchmarks.papers import ledger
from benchmarks.papers.icg.tables import BSHAP, COLUMNS, TABLE_2, check_printed_2
from benchmarks.papers.interval_claims import Bound
from benchmarks.papers.ledger import NOT_HELD, PROVED, REPLACED, Entry, Outcome, Side, format_ends
from benchmarks.papers.paired_claims import Comparison
from benchmarks.papers.quantities import (
    Better,
    Limits,
    Quantity,
    collect_first_shown,
    find_tasks,
    make_unit_table,
    read_checks,
    scale_rows,
    score,
)
from datasets import local_minimum as data
from sig.metrics.scaled_rmse import scaled_rmse

MINIMUM: Final = partial(find_tasks, kind="local-minimum", damage="mixture")
PROBABILITY: Final = partial(MINIMUM, output="probability")
BASELINES: Final = ("ig-zero", "ig-mean", "ig-gaussian-noise", "expected-gradients")
BAD: Final = ("ig-zero", "ig-mean", "ig-gaussian-noise")
MINIMUM_AT, HIGHEST_AT = (0.7,), (0.6, 0.9)  # of the paper's input: the local minimum, and the two best scores


# ---- random inputs -----------------------------------------------------------------------------------------------


def with_bshap(quantity: Quantity) -> Quantity:
    """A distance from the scores, and in a row of its own that of the exact BShap values, by ``scaled_rmse``."""

    def values(board: Board, task: str) -> pd.DataFrame:
        table, rows = quantity.values(board, task), {}
        for problem in (one for one in board.run.problems if one.task == task):
            if {"bshap", "scores"} <= problem.truths.keys():
                bshap, scores = (torch.tensor(problem.truths[name]) for name in ("bshap", "scores"))
                for explicand, distance in enumerate(scaled_rmse(bshap, scores, scale="largest").tolist()):
                    rows[problem.repetition, explicand] = distance
        exact = pd.DataFrame({BSHAP: rows}).T
        return pd.concat([table, exact.reindex(columns=table.columns)]) if rows and len(table) else table

    return replace(quantity, values=values)


# ---- the input of Table 2 ----------------------------------------------------------------------------------------


def inspect_table_2(
    name: str, measure: Callable[[pd.DataFrame], pd.Series], *, better: Better = "lower", limits: Limits = (0.0, 1.0)
) -> Quantity:
    """What is measured of each model's attributions of the input, divided by their largest absolute value."""

    def values(board: Board, task: str) -> pd.DataFrame:
        shown = collect_first_shown(board, task)
        return make_unit_table({name: measure(scale_rows(rows, "largest").dropna()) for name, rows in shown.items()})

    return Quantity(name, values, better, limits)


def take_features(rows: pd.DataFrame, wanted: tuple[float, ...]) -> pd.DataFrame:
    """The columns of the features with these values, those of the input that has none of them left out."""
    there = [np.isclose(rows.columns.to_numpy(float), value).nonzero()[0] for value in wanted]
    return rows.iloc[:, [int(at[0]) for at in there if len(at)]]


def take_constant(rows: pd.DataFrame) -> pd.DataFrame:
    """The features around which f is constant, those up to 0.5."""
    return rows.loc[:, rows.columns.to_numpy(float) <= 0.5]


def find_largest_on_constant(rows: pd.DataFrame) -> pd.Series:
    """The largest absolute value among the features around which f is constant."""
    return take_constant(rows).abs().max(axis=1)


def measure_uniform_negative(rows: pd.DataFrame) -> pd.Series:
    """The smallest over the largest absolute value where f is constant; 0 where one of these is not negative.

    Values within a twentieth of 0 count as none.
    """
    values = -take_constant(rows)
    return (values.min(axis=1) / values.max(axis=1)).where((values > 0.05).all(axis=1), 0.0)


def read_minimum(rows: pd.DataFrame) -> pd.Series:
    """What the feature at the local minimum gets."""
    return take_features(rows, MINIMUM_AT).mean(axis=1)


def compare_highest(rows: pd.DataFrame) -> pd.Series:
    """The smaller over the larger attribution of the two features with the highest score; both should get the same."""
    values = take_features(rows, HIGHEST_AT)
    return (
        values.min(axis=1) / values.max(axis=1) if values.shape[1] == len(HIGHEST_AT) else pd.Series(np.nan, rows.index)
    )


def measure_instability(rows: pd.DataFrame) -> pd.Series:
    """Root mean square distance from the mean over models; NaN for fewer than three, of which two are as far.

    Distances from a mean that they share are not independent, so that a test of them is approximate.
    """
    return ((rows - rows.mean()) ** 2).mean(axis=1) ** 0.5 if len(rows) > 2 else pd.Series(np.nan, rows.index)


def check_score_function() -> Outcome:
    """The component-wise score at the points that Fig. 5 and the text give."""
    points = {0.1: -0.75, 0.5: -0.75, 0.75: 0.5, 1.0: 1.0}
    found = dict(zip(points, data.scores(torch.tensor([list(points)])).flatten().tolist(), strict=True))
    kept = all(abs(found[x] - value) < 1e-6 for x, value in points.items())
    return Outcome(", ".join(f"f({x:g}) = {value:g}" for x, value in found.items()), PROVED if kept else NOT_HELD)


def describe_boundaries(board: Board) -> Outcome:
    """Where the models of the run are undecided between the classes."""
    values = read_checks(board, "boundary", MINIMUM(board))
    found = f"here {format_ends(values, 4)} over {len(values)} models" if len(values) else "this run has none"
    return Outcome(f"each model has a boundary of its own, from which its BShap values are computed: {found}", REPLACED)


# ---- the ledger --------------------------------------------------------------------------------------------------

BSHAP_RANKS: Final = score("spearman with bshap", "spearman", truth="bshap")
BSHAP_DISTANCE: Final = score("distance from bshap", "local_minimum", truth="bshap")
SCORE_DISTANCE: Final = with_bshap(score("distance from scores", "local_minimum", truth="scores"))
ON_CONSTANT: Final = inspect_table_2("largest share where f is constant", find_largest_on_constant)
UNIFORM: Final = inspect_table_2("uniform and negative", measure_uniform_negative, better="higher")
AT_MINIMUM: Final = inspect_table_2("local minimum", read_minimum, better="higher", limits=(-1.0, 1.0))
HIGHEST: Final = inspect_table_2("smaller of the two highest", compare_highest, better="higher", limits=(-1.0, 1.0))
INSTABILITY: Final = inspect_table_2("distance from own mean", measure_instability)
about_table_2: Callable[..., Entry] = partial(Entry, see=("local-minimum", "tables"))

ENTRIES: Final = (
    Entry(
        "5.2, accuracy",
        "A certainty-aware network is accurate",
        partial(ledger.ask_every_model, MINIMUM, accuracy=Side(above=0.93)),
        see=("checks",),
        printed="93 %",
        tasks=MINIMUM,
    ),
    Entry(
        "Fig. 5",
        "The component-wise score, with a local minimum at 0.75",
        ledger.compute(check_score_function),
        printed="-0.75 up to 0.5, between 0.5 and 1 above",
        kind="figure",
    ),
    *(
        about_table_2(
            f"Table 2, {column.name}",
            f"The column {column.name}, for the components 0.1, 0.2, 0.3, 0.6, 0.7 and 0.9",
            partial(check_printed_2, column),
            reading="printed are the numbers of one model and one draw: held where each lies in what one more model of "
            "this run might give (95 % prediction interval), at the number of rows closest to the paper's",
            printed=", ".join(f"{value:g}" for value in column.printed),
            kind="table",
            tasks=TABLE_2,
        )
        for column in COLUMNS
    ),
    Entry(
        "Table 2, baseline",
        "Where BShap starts from",
        describe_boundaries,
        see=("checks",),
        printed="0.50546",
        kind="setting",
        tasks=MINIMUM,
    ),
    about_table_2(
        "5.2, Table 2",
        "BShap, ICG and expected gradients performed well, and all other methods badly",
        Comparison(PROBABILITY, (SCORE_DISTANCE,), (BSHAP, "icg", "expected-gradients"), BAD),
        reading="on random inputs each of the three is closer to the scaled scores than zero IG, mean IG and Gaussian "
        "noise are",
    ),
    about_table_2(
        "5.2, Table 2",
        "ICG and BShap are in excellent agreement",
        Bound(PROBABILITY, (BSHAP_DISTANCE,), ("icg",), Side(below=0.1)),
        reading="on random inputs, each divided by its largest absolute value, their root mean square distance is "
        "below "
        "0.1",
    ),
    about_table_2(
        "5.2, Table 2",
        "ICG follows BShap more closely than IG with zero, mean, noise or data as baseline",
        Comparison(PROBABILITY, (BSHAP_RANKS, BSHAP_DISTANCE), ("icg",), BASELINES),
        reading="what Table 2 sets side by side, on random inputs",
        kind="asked here",
    ),
    about_table_2(
        "5.2, Table 2",
        'ICG and BShap accurately represent the uniform negative region (the paper prints "IG")',
        Bound(TABLE_2, (UNIFORM,), ("icg", BSHAP), Side(above=0.9)),
        reading="the three components up to 0.5 get negative attributions, the smallest more than 0.9 of the largest",
    ),
    about_table_2(
        "5.2, Table 2",
        "Only they do: zero IG, mean IG, Gaussian noise and expected gradients do not",
        Bound(TABLE_2, (UNIFORM,), BASELINES, Side(below=0.9)),
        reading="of the three components up to 0.5 the smallest negative attribution is less than 0.9 of the largest, "
        "or "
        "one is not negative",
    ),
    about_table_2(
        "5.2, Table 2",
        "Gaussian noise incorrectly gives the local minimum a negative attribution",
        Bound(TABLE_2, (AT_MINIMUM,), ("ig-gaussian-noise",), Side(below=0.0)),
    ),
    about_table_2(
        "5.2, Table 2",
        "Zero IG shows strong signs of attribution transfer",
        Bound(TABLE_2, (HIGHEST,), ("ig-zero",), Side(below=0.5)),
        reading="of the components 0.6 and 0.9, whose scores are the same, one gets less than half of what the other "
        "gets",
    ),
    about_table_2(
        "5.2, Table 2",
        "Zero IG and Gaussian noise are blind in the negative region, which shares its negligible gradient with the "
        "baselines",
        Bound(TABLE_2, (ON_CONSTANT,), ("ig-zero", "ig-gaussian-noise"), Side(below=0.05)),
        reading="the components up to 0.5 get less than 5 % of the largest attribution",
    ),
    about_table_2(
        "5.2, Table 2",
        "The results for mean IG vary widely",
        Comparison(TABLE_2, (INSTABILITY,), ("icg",), ("ig-mean",)),
        reading="attributions divided by their largest absolute value: those of mean IG are farther from their mean "
        "over "
        "the models than those of ICG are from theirs",
    ),
)
