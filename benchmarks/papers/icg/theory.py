"""ICG, sections 3.1, 4, A.1 and A.2: Integrated Gradients against Shapley values by axioms, dummies and consistency."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers.icg.tasks import TWO_FEATURES
from benchmarks.papers.ledger import Item
from benchmarks.papers.measurements import judge_every, report_means
from benchmarks.papers.quantities import score
from benchmarks.papers.verdicts import Finding, Range, list_measured

VIOLATION: Final = score("share of strong dummies", "strong_dummy_violation")
DUMMIES: Final = score("number of strong dummies", "strong_dummies")
CONSISTENCY: Final = score("consistency", "consistency", see=("leaderboard",))
AXIOMS: Final = ("bshap", "icg", "expected-gradients", "ig-zero", "ig-mean")


def report_dummies(board: Board, tasks: Sequence[str]) -> Finding:
    """Mean share that strong dummies get, by method, and how many of the players are strong dummies."""
    parts = (report_means(quantity, AXIOMS, board, tasks).measured for quantity in (VIOLATION, DUMMIES))
    return list_measured(parts)


ENTRIES: Final = (
    Item("Section 3.1").proved(
        "In additive models IG and BShap match, as does SHAP from a baseline whose f is the expectation",
        "on random additive models, in the test named",
        test="tests/sig/methods/test_axioms.py -k additive",
    ),
    Item("Definition 1, weak dummy").proved(
        "A feature that the model does not use gets nothing; IG and BShap satisfy this",
        "on networks that ignore a feature, in the test named",
        test="tests/sig/methods/test_axioms.py -k ignores",
    ),
    Item("Definition 2, strong dummy").measured(
        "A feature whose swap changes no hybrid of input and baseline gets nothing; BShap satisfies this",
        partial(judge_every, VIOLATION, "bshap", Range(below=0.001)),
        on=TWO_FEATURES,
        see=("leaderboard",),
        reading="with the method's own baselines, at A and B strong dummies get less than 0.1 % of the absolute "
        "attribution",
    ),
    Item("Definition 2, strong dummy").measured(
        "IG does not satisfy it: its results in Table 1 are such",
        partial(judge_every, VIOLATION, "ig-zero", Range(above=0.5)),
        on=TWO_FEATURES,
        see=("leaderboard",),
        reading="at A and B strong dummies get more than half of the absolute attribution",
    ),
    Item("Definition 2, strong dummy").measured(
        "Attribution to strong dummies, by method",
        report_dummies,
        see=("leaderboard",),
    ),
    Item("A.2, consistency").measured(
        "Strong Dummy with Completeness, Symmetry and Linearity guarantees that a component with a positive "
        "attribution raises F somewhere; so it is for BShap",
        partial(judge_every, CONSISTENCY, "bshap", Range(above=0.98)),
        on=TWO_FEATURES,
        see=("leaderboard",),
        reading="at A and B each positive attribution is to a feature whose swap raises some hybrid of input and own "
        "baseline; the implication itself is a property test in tests/sig/metrics/test_consistency.py",
    ),
    Item("A.2, consistency").measured(
        "IG is not consistent: Table 1 is an instance",
        partial(judge_every, CONSISTENCY, "ig-zero", Range(below=0.5)),
        on=TWO_FEATURES,
        see=("leaderboard",),
        reading="at A and B less than half of its positive attributions are to a component that raises F in some "
        "hybrid",
    ),
    Item("A.2, consistency").means("Consistency, by method", CONSISTENCY, AXIOMS),
    Item("Section 4, Fig. 3").schematic(
        "Models are trained on damaged inputs with their certainties; ICG integrates from certainty 0 to 1, the value "
        "held",
        "as in training/certainty_classifier.py and sig/methods/certainty_gradients.py",
    ),
    Item("A.1.2, Fig. 6").schematic(
        "The input regions that BShap, IG and SHAP look at",
        "a drawing without numbers: the hybrids, the straight path, the whole space",
    ),
    Item("A.1.1").proved(
        "Shapley values have efficiency, symmetry, null player and linearity",
        "on random games, in the test named",
        test="tests/sig/test_games.py",
    ),
)
