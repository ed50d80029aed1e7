"""ICG, sections 1 to 4, A.1 and A.2: Integrated Gradients against Shapley values, in closed forms and by axioms."""

from functools import partial
from typing import Final

import pandas as pd
import torch

from benchmarks.board.aggregate import Board
from benchmarks.papers import ledger
from benchmarks.papers.icg.claims import judge_every
from benchmarks.papers.icg.minimum import BSHAP_DISTANCE, PROBABILITY
from benchmarks.papers.icg.tables import (
    PRINTED_1,
    SHAP,
    TWO_FEATURE,
    check_misprint,
    check_printed_1,
    list_errors,
)
from benchmarks.papers.ledger import HELD, NOT_HELD, PROVED, SCHEMATIC, Entry, Outcome, Side, list_measured
from benchmarks.papers.paired_claims import Comparison
from benchmarks.papers.quantities import score
from datasets.two_feature import bump

GENERALISED: Final = ("ig-zero", "ig-middle", "ig-mean", "ig-max-distance", "ig-gaussian-noise", "expected-gradients")
VIOLATION: Final = score("share of strong dummies", "strong_dummy_violation")
DUMMIES: Final = score("number of strong dummies", "strong_dummies")
CONSISTENCY: Final = score("consistency", "consistency")
COMPLETENESS: Final = score("completeness gap", "completeness")
AXIOMS: Final = ("bshap", "icg", "expected-gradients", "ig-zero", "ig-mean")
JUMP, STILL = 1.9, 0.01  # of attributions, from one point to the next
MIDDLES: Final = 2000


def list_baselines(board: Board) -> Outcome:
    """Those of Fig. 1 that the run has."""
    there = [name for name in GENERALISED if name in board.methods.index]
    return list_measured([", ".join(there)])


def check_reversal(board: Board) -> Outcome:
    """Whether IG of both features jumps as x1 = x2 is crossed, with opposite signs, while BShap stays the same."""
    texts, kept = [], []
    for record in (one for one in board.models if "reversal" in one.series):
        line = pd.DataFrame(record.series["reversal"], dtype=float)
        at = int((line["difference"] > 0).to_numpy().argmax())
        steps = {name: float(line[name].iloc[at] - line[name].iloc[at - 1]) for name in ("ig_x1", "ig_x2")}
        still = float(line[["bshap_x1", "bshap_x2"]].diff().abs().max().max())
        kept.append(steps["ig_x1"] < -JUMP and steps["ig_x2"] > JUMP and still < STILL)
        text = ", ".join(f"{name.replace('ig_', 'IG of ')} by {step:+.2f}" for name, step in steps.items())
        texts.append(f"{text}, BShap by at most {still:.2f} on {record.task}")
    return list_measured(dict.fromkeys(texts), HELD if all(kept) else NOT_HELD)


def check_expectations() -> Outcome:
    """The numbers from which A.1.3 computes SHAP, by the midpoint rule: E F, and with one component across or along."""
    middles = bump((torch.arange(MIDDLES, dtype=torch.float64) + 0.5) / MIDDLES)
    found = {
        "E F": (torch.maximum(middles, middles.unsqueeze(1)).mean(), 0.434),
        "across an arm": (middles.mean(), 0.25),
        "along an arm": (torch.maximum(middles, torch.ones(())).mean(), 1.0),
    }
    kept = all(abs(value - printed) <= 0.0005 for value, printed in found.values())
    text = ", ".join(f"{name} {float(value):.3f}" for name, (value, _) in found.items())
    return Outcome(text, PROVED if kept else NOT_HELD)


def report_dummies(board: Board) -> Outcome:
    """Mean share that strong dummies get, by method, and how many of the players are strong dummies."""
    parts = (ledger.report_means(quantity, AXIOMS, board).measured for quantity in (VIOLATION, DUMMIES))
    return list_measured(parts)


# ---- the ledger --------------------------------------------------------------------------------------------------

ENTRIES: Final = (
    Entry(
        "Fig. 1",
        "Baselines: zero, middle, distribution mean, maximum distance, additive Gaussian noise, expected gradients",
        list_baselines,
        see=("leaderboard",),
        kind="figure",
    ),
    Entry(
        "Fig. 1",
        "The maximum distance gives poor attributions, its baselines being far out of distribution",
        Comparison(PROBABILITY, (BSHAP_DISTANCE,), ("icg",), ("ig-max-distance",)),
        reading="on Local Minimum they are farther from the BShap values of the model than ICG is",
        kind="figure",
    ),
    Entry(
        "Section 1, eq. 1",
        "IG is the distance from the baseline times the mean gradient on the way; a numerical approximation is used",
        partial(ledger.report_means, COMPLETENESS, ("ig-zero",)),
        see=("leaderboard",),
        reading="sig.path.integrate, by the midpoint rule; measured is how far the sum is from F(x) - F(x')",
        kind="equation",
    ),
    Entry(
        "Section 3.1, Fig. 2",
        "IG undergoes an abrupt reversal as the input crosses x1 = x2, far from any decision boundary",
        check_reversal,
        see=("two-feature",),
        kind="figure",
        tasks=TWO_FEATURE,
        reading=f"beside B, from one point of a line to the next, IG changes by more than {JUMP} in both features and "
        "in "
        f"opposite directions, while BShap changes by less than {STILL}",
    ),
    *(
        Entry(
            f"Table 1, {name}",
            f"What {name} gives the two features at A and B",
            partial(check_printed_1, truth),
            see=("tables", "two-feature"),
            reading="the closed form rounds to what is printed, but for SHAP's first number at A, a misprint",
            printed=f"({printed[0]:g}, {printed[1]:g}) at A, ({printed[2]:g}, {printed[3]:g}) at B",
            kind="table",
            tasks=TWO_FEATURE,
        )
        for truth, (name, printed) in PRINTED_1.items()
    ),
    Entry(
        "Table 1, A.1.3",
        "SHAP's first number at A is a misprint: A.1.3 takes 0.474 for the expectation in this one place, and 0.434, "
        "which is right, everywhere else",
        ledger.compute(check_misprint),
        printed=f"{PRINTED_1[SHAP][1][0]:g}",
        kind="critique",
    ),
    Entry(
        "A.1.3",
        "The expectation over the whole input, and conditioned on one component across an arm and along one",
        ledger.compute(check_expectations),
        printed="0.434, 0.25, 1",
    ),
    Entry(
        "Table 1, estimated",
        "BShap, SHAP and IG at points A and B",
        list_errors,
        see=("tables",),
        reading="largest error of each method that estimates a closed form",
        kind="table",
        tasks=TWO_FEATURE,
    ),
    Entry(
        "Section 3.1",
        "In additive models IG and BShap match, as does SHAP from a baseline whose f is the expectation",
        ledger.state(PROVED, "on random additive models, in the test named"),
        kind="theorem",
        command="pytest tests/sig/methods/test_axioms.py -k additive",
    ),
    Entry(
        "Definition 1, weak dummy",
        "A feature that the model does not use gets nothing; IG and BShap satisfy this",
        ledger.state(PROVED, "on networks that ignore a feature, in the test named"),
        kind="definition",
        command="pytest tests/sig/methods/test_axioms.py -k ignores",
    ),
    Entry(
        "Definition 2, strong dummy",
        "A feature whose swap changes no hybrid of input and baseline gets nothing; BShap satisfies this",
        partial(judge_every, TWO_FEATURE, VIOLATION, "bshap", Side(below=0.001)),
        kind="definition",
        tasks=TWO_FEATURE,
        see=("leaderboard",),
        reading="with the method's own baselines, at A and B strong dummies get less than 0.1 % of the absolute "
        "attribution",
    ),
    Entry(
        "Definition 2, strong dummy",
        "IG does not satisfy it: its results in Table 1 are such",
        partial(judge_every, TWO_FEATURE, VIOLATION, "ig-zero", Side(above=0.5)),
        kind="definition",
        tasks=TWO_FEATURE,
        see=("leaderboard",),
        reading="at A and B strong dummies get more than half of the absolute attribution",
    ),
    Entry(
        "Definition 2, strong dummy",
        "Attribution to strong dummies, by method",
        report_dummies,
        kind="definition",
        see=("leaderboard",),
    ),
    Entry(
        "A.2, consistency",
        "Strong Dummy with Completeness, Symmetry and Linearity guarantees that a component with a positive "
        "attribution "
        "raises F somewhere; so it is for BShap",
        partial(judge_every, TWO_FEATURE, CONSISTENCY, "bshap", Side(above=0.98)),
        kind="theorem",
        tasks=TWO_FEATURE,
        see=("leaderboard",),
        reading="at A and B each positive attribution is to a feature whose swap raises some hybrid of input and own "
        "baseline; the implication itself is a property test in tests/sig/metrics/test_consistency.py",
    ),
    Entry(
        "A.2, consistency",
        "IG is not consistent: Table 1 is an instance",
        partial(judge_every, TWO_FEATURE, CONSISTENCY, "ig-zero", Side(below=0.5)),
        kind="theorem",
        tasks=TWO_FEATURE,
        see=("leaderboard",),
        reading="at A and B less than half of its positive attributions are to a component that raises F in some "
        "hybrid",
    ),
    Entry(
        "A.2, consistency",
        "Consistency, by method",
        partial(ledger.report_means, CONSISTENCY, AXIOMS),
        kind="definition",
        see=("leaderboard",),
    ),
    Entry(
        "Section 4, Fig. 3",
        "Models are trained on damaged inputs with their certainties; ICG integrates from certainty 0 to 1, the value "
        "held",
        ledger.state(SCHEMATIC, "as in training/certainty_classifier.py and sig/methods/certainty_gradients.py"),
        kind="figure",
    ),
    Entry(
        "A.1.2, Fig. 6",
        "The input regions that BShap, IG and SHAP look at",
        ledger.state(SCHEMATIC, "a drawing without numbers: the hybrids, the straight path, the whole space"),
        kind="figure",
    ),
    Entry(
        "A.1.1",
        "Shapley values have efficiency, symmetry, null player and linearity",
        ledger.state(PROVED, "on random games, in the test named"),
        command="pytest tests/sig/test_games.py",
    ),
)
