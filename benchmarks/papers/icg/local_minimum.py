"""ICG, section 5.2: each method on Local Minimum, on random inputs and on the one of Table 2."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
import torch

from benchmarks.board.aggregate import Board
from benchmarks.papers.claims import Bound, Superiority
from benchmarks.papers.evidence import collect_first_shown, read_checks, scale_rows
from benchmarks.papers.icg.local_minimum_table import BSHAP, COLUMNS, check_printed
from benchmarks.papers.icg.tasks import BASELINES, MINIMUM, MINIMUM_PROBABILITY, NOISE_AND_BEFORE
from benchmarks.papers.ledger import Item
from benchmarks.papers.measurements import compare_with_criteria, format_ends
from benchmarks.papers.quantities import Better, Limits, Quantity, make_unit_table, score
from benchmarks.papers.verdicts import REPLACED, Finding, Range, conclude
from datasets import local_minimum as data
from sig.metrics.scaled_rmse import scaled_rmse

MINIMUM_AT, HIGHEST_AT = (0.7,), (0.6, 0.9)  # of the paper's input: the local minimum, and the two best scores
SHOWN_IN: Final = ("local-minimum", "tables")


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
    """A measure of each model's attributions of the input, divided by their largest absolute value."""

    def values(board: Board, task: str) -> pd.DataFrame:
        shown = collect_first_shown(board, task)
        return make_unit_table({name: measure(scale_rows(rows, "largest").dropna()) for name, rows in shown.items()})

    return Quantity(name, values, better, limits, SHOWN_IN)


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
    """The attribution to the feature at the local minimum."""
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


def check_score_function() -> Finding:
    """The component-wise score at the points that Fig. 5 and the text give."""
    points = {0.1: -0.75, 0.5: -0.75, 0.75: 0.5, 1.0: 1.0}
    found = dict(zip(points, data.scores(torch.tensor([list(points)])).flatten().tolist(), strict=True))
    kept = all(abs(found[x] - value) < 1e-6 for x, value in points.items())
    return conclude(", ".join(f"f({x:g}) = {value:g}" for x, value in found.items()), kept)


def describe_boundaries(board: Board, tasks: Sequence[str]) -> Finding:
    """The points at which models of the run are undecided between the classes."""
    values = read_checks(board, "boundary", tasks)
    found = f"here {format_ends(values, 4)} over {len(values)} models" if len(values) else "this run has none"
    return Finding(f"each model has a boundary of its own, from which its BShap values are computed: {found}", REPLACED)


# ---- the ledger --------------------------------------------------------------------------------------------------

BSHAP_RANKS: Final = score("spearman with bshap", "spearman", truth="bshap", see=SHOWN_IN)
BSHAP_DISTANCE: Final = score("distance from bshap", "local_minimum", truth="bshap", see=SHOWN_IN)
SCORE_DISTANCE: Final = with_bshap(score("distance from scores", "local_minimum", truth="scores", see=SHOWN_IN))
ON_CONSTANT: Final = inspect_table_2("largest share where f is constant", find_largest_on_constant)
UNIFORM: Final = inspect_table_2("uniform and negative", measure_uniform_negative, better="higher")
AT_MINIMUM: Final = inspect_table_2("local minimum", read_minimum, better="higher", limits=(-1.0, 1.0))
HIGHEST: Final = inspect_table_2("smaller of the two highest", compare_highest, better="higher", limits=(-1.0, 1.0))
INSTABILITY: Final = inspect_table_2("distance from own mean", measure_instability)

ENTRIES: Final = (
    Item("5.2, accuracy").measured(
        "A certainty-aware network is accurate",
        partial(compare_with_criteria, accuracy=Range(above=0.93)),
        on=MINIMUM,
        see=("checks",),
        printed="93 %",
    ),
    Item("Fig. 5").computed(
        "The component-wise score, with a local minimum at 0.75",
        check_score_function,
        printed="-0.75 up to 0.5, between 0.5 and 1 above",
    ),
    *(
        Item(f"Table 2, {column.name}").measured(
            f"The column {column.name}, for the components 0.1, 0.2, 0.3, 0.6, 0.7 and 0.9",
            partial(check_printed, column),
            on=MINIMUM_PROBABILITY,
            see=SHOWN_IN,
            reading="printed are the numbers of one model and one draw: held where each lies in what one more model "
            "of this run might give (95 % prediction interval), at the number of rows closest to the paper's",
            printed=", ".join(f"{value:g}" for value in column.printed),
        )
        for column in COLUMNS
    ),
    Item("Table 2, baseline").measured(
        "Where BShap starts from",
        describe_boundaries,
        on=MINIMUM,
        see=("checks",),
        printed="0.50546",
    ),
    Item("5.2, Table 2").claimed(
        "BShap, ICG and expected gradients performed well, and all other methods badly",
        Superiority(MINIMUM_PROBABILITY, (SCORE_DISTANCE,), (BSHAP, "icg", "expected-gradients"), NOISE_AND_BEFORE),
        reading="on random inputs each of the three is closer to the scaled scores than zero IG, mean IG and Gaussian "
        "noise are",
    ),
    Item("5.2, Table 2").claimed(
        "ICG and BShap are in excellent agreement",
        Bound(MINIMUM_PROBABILITY, (BSHAP_DISTANCE,), ("icg",), below=0.1),
        reading="on random inputs, each divided by its largest absolute value, their root mean square distance is "
        "below 0.1",
    ),
    Item("5.2, Table 2").claimed(
        'ICG and BShap accurately represent the uniform negative region (the paper prints "IG")',
        Bound(MINIMUM_PROBABILITY, (UNIFORM,), ("icg", BSHAP), above=0.9),
        reading="the three components up to 0.5 get negative attributions, the smallest more than 0.9 of the largest",
    ),
    Item("5.2, Table 2").claimed(
        "Only they do: zero IG, mean IG, Gaussian noise and expected gradients do not",
        Bound(MINIMUM_PROBABILITY, (UNIFORM,), BASELINES, below=0.9),
        reading="of the three components up to 0.5 the smallest negative attribution is less than 0.9 of the largest, "
        "or one is not negative",
    ),
    Item("5.2, Table 2").claimed(
        "Gaussian noise incorrectly gives the local minimum a negative attribution",
        Bound(MINIMUM_PROBABILITY, (AT_MINIMUM,), ("ig-gaussian-noise",), below=0.0),
    ),
    Item("5.2, Table 2").claimed(
        "Zero IG shows strong signs of attribution transfer",
        Bound(MINIMUM_PROBABILITY, (HIGHEST,), ("ig-zero",), below=0.5),
        reading="of the components 0.6 and 0.9, whose scores are the same, one gets less than half of what the other "
        "gets",
    ),
    Item("5.2, Table 2").claimed(
        "Zero IG and Gaussian noise are blind in the negative region, which shares its negligible gradient with the "
        "baselines",
        Bound(MINIMUM_PROBABILITY, (ON_CONSTANT,), ("ig-zero", "ig-gaussian-noise"), below=0.05),
        reading="the components up to 0.5 get less than 5 % of the largest attribution",
    ),
    Item("5.2, Table 2").claimed(
        "The results for mean IG vary widely",
        Superiority(MINIMUM_PROBABILITY, (INSTABILITY,), ("icg",), ("ig-mean",)),
        reading="attributions divided by their largest absolute value: those of mean IG are farther from their mean "
        "over the models than those of ICG are from theirs",
    ),
)
