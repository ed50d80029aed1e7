"""ICG: attributions of certainty-aware models, on Burnt Snacks, Local Minimum, MNIST and a model of two features."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import NONE, Table, format_number, make_table
from benchmarks.papers import ledger
from benchmarks.papers.claims import Bound, Comparison
from benchmarks.papers.figures.attribution_table import draw_attribution_table
from benchmarks.papers.figures.damage_training import draw_damage_training
from benchmarks.papers.figures.information_absence import draw_information_absence
from benchmarks.papers.ledger import HELD, NOT_HELD, REPLACED, UNDECIDED, Entry, Outcome, Publication, Side, format_ends
from benchmarks.papers.quantities import (
    MODEL,
    Quantity,
    check,
    collect_first_shown,
    collect_shown,
    find_tasks,
    make_unit_table,
    read_checks,
    scale_rows,
    score,
    subtract,
)
from datasets.two_feature import EXPECTATION, POINT_A, POINT_B

TWO_FEATURE: Final = partial(find_tasks, kind="two-feature")
LOCAL_MINIMUM: Final = partial(find_tasks, kind="local-minimum")
TRAINED: Final = partial(find_tasks, damage="mixture")  # as in the paper; other kinds of damage are there to compare
SNACKS: Final = partial(TRAINED, kind="burnt-snacks")
SNACKS_PROBABILITY: Final = partial(SNACKS, output="probability")
SPACE: Final = partial(TRAINED, kind="mnist-in-space")
MINIMUM: Final = partial(TRAINED, kind="local-minimum")
MINIMUM_PROBABILITY: Final = partial(MINIMUM, output="probability")
ICG_AND_OTHERS: Final = ("icg", "expected-gradients", "ig-zero", "ig-mean")
BASELINES: Final = ("ig-zero", "ig-mean", "ig-gaussian-noise", "expected-gradients")
TRAINED_ANEW: Final = "a model that misses it is trained anew from another seed"

# ---- Table 1 -----------------------------------------------------------------------------------------------------

PRINTED_AT_A: Final = -0.11  # SHAP's first value
BSHAP, SHAP = "bshap (truth)", "shap (truth)"
CLOSED_FORMS: Final = {BSHAP: "BShap", SHAP: "SHAP", "integrated_gradients (truth)": "IG from zero"}
ESTIMATES: Final = {
    **dict.fromkeys(("bshap", "permutation-shapley", "kernel-shap", "captum/KernelShap"), BSHAP),
    "shap": SHAP,
    **dict.fromkeys(("ig-zero", "captum/IntegratedGradients"), "integrated_gradients (truth)"),
}


def make_table_1(board: Board, task: str) -> Table:
    """The closed forms at points A and B, and what every method gave there."""
    shown = collect_shown(board, task)
    errors, rows = measure_errors(shown), []
    for name, given in shown.items():
        if name in CLOSED_FORMS:
            rows.append([f"{CLOSED_FORMS[name]} (closed form)", *map(format_number, given.mean()), NONE, NONE])
        else:
            estimated = CLOSED_FORMS[ESTIMATES[name]] if name in errors else NONE
            rows.append([name, *given.apply(format_ends), estimated, format_number(errors.get(name))])
    header = ["method", "A, x1", "A, x2", "B, x1", "B, x2", "estimates", "largest error"]
    notes = [
        f"A is {POINT_A} and B {POINT_B}: chosen here, not the paper's coordinates. Means over repetitions, in "
        "brackets the smallest and the largest where they differ. The error is from the closed form that a method "
        "estimates, the largest absolute one over points, features and repetitions."
    ]
    if SHAP in shown:
        notes.append(
            f"The paper prints {PRINTED_AT_A} for SHAP's first value at A; its own expectation, {EXPECTATION:.3f}, "
            f"gives {format_number(shown[SHAP].mean().iloc[0])}."
        )
    return make_table(f"ICG, Table 1 ({task})", header, rows, notes)


def measure_errors(shown: dict[str, pd.DataFrame]) -> dict[str, float]:
    """By method, its largest distance from the closed form that it estimates."""
    return {
        method: float((rows - shown[ESTIMATES[method]].mean()).abs().max().max())
        for method, rows in shown.items()
        if ESTIMATES.get(method) in shown
    }


def list_errors(board: Board) -> Outcome:
    """How far methods are from the closed forms that they estimate."""
    found = [error for task in TWO_FEATURE(board) for error in measure_errors(collect_shown(board, task)).items()]
    return ledger.list_measured(
        f"{method} within {format_number(error)} of {CLOSED_FORMS[ESTIMATES[method]]}" for method, error in found
    )


def check_printed_at_a(board: Board) -> Outcome:
    """The closed form would have to round to what is printed."""
    shown = [collect_shown(board, task) for task in TWO_FEATURE(board)]
    values = {rows[SHAP].to_numpy()[0, 0] for rows in shown if SHAP in rows}
    verdict = HELD if all(round(value, 2) == PRINTED_AT_A for value in values) else NOT_HELD
    return ledger.list_measured((f"{format_number(value)} by the closed form" for value in values), verdict)


# ---- Table 2 -----------------------------------------------------------------------------------------------------

EG_AT, PRINTED_OF_EG = 0.7, 0.70  # a feature, and what expected gradients give it
PRINTED: Final = {"expected-gradients": f"{PRINTED_OF_EG:.2f} for x = {EG_AT}"}
TRUTHS: Final = {BSHAP: "BShap (exact, from the model's boundary)", "scores (truth)": "f(x)"}


def make_table_2(board: Board, task: str) -> Table:
    """Attributions of the paper's input, each divided by its maximum, over the models of the run."""
    shown = collect_first_shown(board, task)
    features = list(next(iter(shown.values()), pd.DataFrame()).columns)
    rows = []
    for name, given in shown.items():
        scaled = scale_rows(given, "maximum")
        undefined = scaled.isna().any(axis=1).sum()
        label = TRUTHS.get(name, name) + (f" ({undefined} undefined)" if undefined else "")
        likeness = measure_likeness(given, shown.get(BSHAP, given * np.nan))
        texts = [*scaled.apply(format_ends, digits=2), *likeness.apply(format_ends)]
        rows.append([label, *texts, PRINTED.get(name, NONE)])
    header = ["method", *(f"x = {x:g}" for x in features), "rank correlation", "cosine", "the paper's"]
    notes = [
        "Attributions of one model are divided by their maximum; models where it is not positive are left out as "
        "undefined. Means over models, in brackets the smallest and the largest where they differ. Rank correlation "
        "and cosine are with the BShap values of the same model. Of the paper's own numbers, the last column has those "
        "that are known here."
    ]
    return make_table(f"ICG, Table 2 ({task})", header, rows, notes)


def measure_likeness(rows: pd.DataFrame, bshap: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation and cosine with the BShap values of the same model."""
    bshap = bshap.reindex(rows.index)
    ranks = rows.rank(axis=1).corrwith(bshap.rank(axis=1), axis=1)
    norms = ((rows**2).sum(axis=1) * (bshap**2).sum(axis=1)) ** 0.5
    cosines: pd.Series = (rows * bshap).sum(axis=1, min_count=1) / norms
    return pd.DataFrame({"ranks": ranks, "cosines": cosines})


def check_printed_of_eg(board: Board) -> Outcome:
    """Whether the printed value lies between the smallest and the largest over the models."""
    texts, verdicts = [], []
    for task in MINIMUM_PROBABILITY(board):
        if len(values := read_eg(board, task)):
            texts.append(f"{format_ends(values)} over {len(values)} models on {task}")
            between = HELD if values.min() <= PRINTED_OF_EG <= values.max() else NOT_HELD
            verdicts.append(between if len(values) > 1 else UNDECIDED)
    return ledger.list_measured(texts, ledger.combine_verdicts(verdicts))


def read_eg(board: Board, task: str) -> pd.Series:
    """What expected gradients give the feature ``EG_AT``, relative to their maximum, by model."""
    shown = collect_first_shown(board, task)
    if "expected-gradients" not in shown:
        return pd.Series(dtype=float)
    scaled = scale_rows(shown["expected-gradients"], "maximum")
    values: pd.Series = scaled.loc[:, np.isclose(scaled.columns.to_numpy(float), EG_AT)].mean(axis=1)
    return values.dropna()


def inspect_table_2(name: str, measure: Callable[[pd.DataFrame], pd.Series]) -> Quantity:
    """What is measured of each model's attributions of the input, divided by their largest absolute value."""

    def values(board: Board, task: str) -> pd.DataFrame:
        shown = collect_first_shown(board, task)
        return make_unit_table({name: measure(scale_rows(rows, "largest").dropna()) for name, rows in shown.items()})

    return Quantity(name, values, "lower")


def find_largest_on_constant(rows: pd.DataFrame) -> pd.Series:
    """The largest absolute value among the features around which f is constant, those up to 0.5."""
    return rows.loc[:, rows.columns.to_numpy(float) <= 0.5].abs().max(axis=1)


def measure_instability(rows: pd.DataFrame) -> pd.Series:
    """Root mean square distance from the mean over models; NaN for fewer than three, of which two are as far.

    Distances from a mean that they share are not independent, so that a test of them is approximate.
    """
    return ((rows - rows.mean()) ** 2).mean(axis=1) ** 0.5 if len(rows) > 2 else pd.Series(np.nan, rows.index)


# ---- other outcomes ----------------------------------------------------------------------------------------------


def score_transfer(measure: str, metric: str = "attribution_transfer") -> Quantity:
    """A measure of attribution transfer."""
    return score(measure, metric, measure=measure)


def describe_networks(board: Board) -> Outcome:
    """How the network that takes the place of the paper's trained, and the paper's own where the run has it."""
    why = "trained with damage it does not leave chance from every seed, and a smaller network takes its place"
    found = [text for name in ("small", "paper") if (text := _describe_network(board, name))]
    return Outcome("; ".join([why, *(found or ["this run has neither"])]), REPLACED)


def _describe_network(board: Board, name: str) -> str:
    tasks = SNACKS(board, network=name)
    failed, accuracy = ledger.find_failed_seeds(board, tasks), read_checks(board, "accuracy", tasks)
    of_all = f"no usable model from {len(failed)} of {len(failed) + len(accuracy)} seeds" if failed else ""
    trained = f"accuracy {format_ends(accuracy)}" if len(accuracy) else ""
    parts = ", ".join(filter(None, [trained, ledger.count_trained_anew(board, tasks), of_all]))
    return f"{name} network: {parts}" if parts else ""


def describe_boundaries(board: Board) -> Outcome:
    """Where the models of the run are undecided between the classes."""
    values = read_checks(board, "boundary", MINIMUM(board))
    found = f"here {format_ends(values, 4)} over {len(values)} models" if len(values) else "this run has none"
    return Outcome(f"each model has a boundary of its own, from which its BShap values are computed: {found}", REPLACED)


def count_saliency_maps(board: Board) -> Outcome:
    """How many methods have maps of pictures."""
    counts = {
        task: len({name for at in shown for name in at.maps})
        for task, shown in board.shown.items()
        if shown[0].inputs.ndim == 4
    }
    return ledger.list_measured(f"{count} methods on {task}" for task, count in counts.items())


# ---- the ledger --------------------------------------------------------------------------------------------------

LOCALISATION: Final = score_transfer("localisation")
FOUND: Final = (score_transfer("found"), score_transfer("found-of-several"))
DISTRACTORS: Final = score_transfer("distractors", "attribution_strayed")
DISTRACTORS_OVER_DARK: Final = subtract("distractors - dark", DISTRACTORS, score_transfer("dark"))
BACKGROUND: Final = score_transfer("background", "attribution_strayed")
BSHAP_RANKS: Final = score("spearman with bshap", "spearman", truth="bshap")
BSHAP_DISTANCE: Final = score("distance from bshap", "local_minimum", truth="bshap")
ON_CONSTANT: Final = inspect_table_2("largest share where f is constant", find_largest_on_constant)
INSTABILITY: Final = inspect_table_2("distance from own mean", measure_instability)
ACCURACY_LOST: Final = subtract("accuracy lost", check("accuracy_without_damage"), check("accuracy"))
SHADOW: Final = score("shadow", "shadow")
about_snacks: Final = partial(Entry, "Burnt Snacks", see=("regions-{task}", "saliency-{task}"))
about_table_2: Final = partial(Entry, "Table 2", see=("local-minimum", "tables"))

ENTRIES: Final = (
    Entry(
        "Fig. 2, Table 1",
        f"SHAP gives {PRINTED_AT_A} to the first feature at A, and the expectation is {EXPECTATION:.3f}",
        check_printed_at_a,
        see=("tables",),
        reading="the two contradict each other, and the expectation counts",
    ),
    Entry("Table 1", "BShap, SHAP and IG at points A and B", list_errors, see=("tables",)),
    Entry(
        "Definition 2",
        "A strong dummy, a feature whose swap changes no hybrid of input and baseline, should get nothing",
        partial(ledger.report_means, score("share of strong dummies", "strong_dummy_violation"), ICG_AND_OTHERS),
        see=("leaderboard",),
    ),
    Entry(
        "Consistency",
        "A feature that does more, whatever the others do, should get at least as much",
        partial(ledger.report_means, score("consistency", "consistency"), ICG_AND_OTHERS),
        see=("leaderboard",),
    ),
    Entry(
        "Burnt Snacks, accuracy",
        "The accuracy is 98.7 %",
        partial(ledger.ask_every_model, SNACKS, accuracy=Side(above=0.987)),
        see=("checks",),
        reading=f"at least that, by every model; {TRAINED_ANEW}",
    ),
    Entry(
        "Burnt Snacks, network",
        "Convolutions of 32, 64, 128 and 128 channels with pooling, dense layers of 32, 16 and 2, dropout",
        describe_networks,
        see=("checks",),
    ),
    about_snacks(
        "Expected gradients never find the dark squares in the probability",
        Bound(SNACKS_PROBABILITY, (LOCALISATION,), ("expected-gradients",), Side(below=0.1)),
        reading="their largest attribution lies on one in less than one picture of ten",
    ),
    about_snacks(
        "ICG always attributes a dark square, in probability and logit",
        Bound(SNACKS, (score_transfer("strongest"), LOCALISATION), ("icg",), Side(above=0.9)),
        reading="in more than nine pictures of ten one is the strongest object and has the largest attribution",
    ),
    about_snacks(
        "Gaussian noise finds all dark squares",
        Bound(SNACKS, FOUND, ("ig-gaussian-noise",), Side(above=0.9)),
        reading="more than nine of ten, also where there are several",
    ),
    about_snacks(
        "Gaussian noise is noisy",
        Comparison(SNACKS, (BACKGROUND,), ("icg",), ("ig-gaussian-noise",)),
        reading="ICG leaves less of the positive attribution on the background",
    ),
    about_snacks(
        "Zero and mean baselines transfer attribution to the distractors in the probability",
        Bound(SNACKS_PROBABILITY, (DISTRACTORS_OVER_DARK,), ("ig-zero", "ig-mean"), Side(above=0.0)),
        reading="these have a larger share of the positive attribution than the dark squares",
    ),
    Entry(
        "Local Minimum, accuracy",
        "The accuracy is 93 %",
        partial(ledger.ask_every_model, MINIMUM, accuracy=Side(above=0.93)),
        see=("checks",),
        reading=f"at least that, by every model; {TRAINED_ANEW}",
    ),
    about_table_2(
        "ICG follows BShap",
        Bound(MINIMUM_PROBABILITY, (BSHAP_RANKS,), ("icg",), Side(above=0.8)),
        reading="their rank correlation is above 0.8; half of the features, those up to 0.5, have one score and no "
        "order",
    ),
    about_table_2(
        "ICG follows BShap more closely than IG with zero, mean, noise or data as baseline",
        Comparison(MINIMUM_PROBABILITY, (BSHAP_RANKS, BSHAP_DISTANCE), ("icg",), BASELINES),
        reading="what Table 2 sets side by side, put to the test here",
    ),
    about_table_2(
        "IG from zero gives nothing to features around which f is constant",
        Bound(MINIMUM_PROBABILITY, (ON_CONSTANT,), ("ig-zero",), Side(below=0.05)),
        reading="in Table 2, those up to 0.5 get less than 5 % of the largest attribution",
    ),
    about_table_2(
        "IG from the mean is unstable",
        Comparison(MINIMUM_PROBABILITY, (INSTABILITY,), ("icg",), ("ig-mean",)),
        reading="in Table 2, attributions divided by their largest absolute value, it is farther from its mean over "
        "the models than ICG is from its own",
    ),
    about_table_2(
        f"Expected gradients give {PRINTED_OF_EG:.2f} of their maximum to the feature at {EG_AT}",
        check_printed_of_eg,
        reading="held where this lies between the smallest and the largest over the models",
    ),
    Entry("Table 2, baseline", "BShap starts from 0.50546", describe_boundaries, see=("checks",)),
    Entry(
        "Section 4, Fig. 7",
        "At certainty 0 models predict the class frequencies (neutrality), whatever the values (information absence)",
        partial(ledger.ask_every_model, TRAINED, neutrality_gap=Side(below=0.05), absence_spread=Side(below=0.04)),
        see=("information-absence", "checks"),
        reading=f"a gap below 0.05 and a spread below 0.04, of every model; {TRAINED_ANEW}",
    ),
    Entry(
        "Fig. 8",
        "Training with damage costs no accuracy, at about twice the steps",
        Bound(TRAINED, (ACCURACY_LOST,), (MODEL,), Side(below=0.005)),
        see=("damage-training", "checks"),
        reading="less than 0.005; models without damage see half as many images",
    ),
    Entry(
        "MNIST in Space",
        "ICG leaves less attribution in the shadow than expected gradients",
        Comparison(SPACE, (SHADOW,), ("icg",), ("expected-gradients",)),
        see=("saliency-{task}",),
    ),
    Entry(
        "Saliency maps, Fig. 10",
        "Attributions of all methods side by side",
        count_saliency_maps,
        see=("saliency-{task}",),
    ),
)


def make_tables(board: Board) -> Iterator[Table]:
    """Tables 1 and 2, of each task."""
    yield from (make_table_1(board, task) for task in TWO_FEATURE(board))
    yield from (make_table_2(board, task) for task in LOCAL_MINIMUM(board))


ICG: Final = Publication(
    "ICG",
    "Exploring unfairness in Integrated Gradients based attribution methods, ICLR 2022 submission",
    ENTRIES,
    make_tables,
    (
        partial(draw_information_absence, title="Predictions as certainty is taken from all features (ICG Fig. 7)"),
        partial(
            draw_damage_training, title="Accuracy on undamaged inputs in training with and without damage (ICG Fig. 8)"
        ),
        partial(
            draw_attribution_table,
            LOCAL_MINIMUM,
            title="Attributions of one input of Local Minimum, divided by their maximum (ICG Table 2)",
        ),
    ),
)
