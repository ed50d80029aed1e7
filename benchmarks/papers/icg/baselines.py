"""ICG, Fig. 1 and section 1: the baselines of Integrated Gradients, and the integral itself."""

from collections.abc import Sequence
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers.claims import Superiority
from benchmarks.papers.icg.local_minimum import BSHAP_DISTANCE
from benchmarks.papers.icg.tasks import MINIMUM_PROBABILITY
from benchmarks.papers.ledger import Item
from benchmarks.papers.quantities import COMPLETENESS
from benchmarks.papers.verdicts import Finding, list_measured

GENERALISED: Final = ("ig-zero", "ig-middle", "ig-mean", "ig-max-distance", "ig-gaussian-noise", "expected-gradients")


def list_baselines(board: Board, tasks: Sequence[str]) -> Finding:
    """The baselines of Fig. 1 that the run has, on whatever tasks."""
    there = [name for name in GENERALISED if name in board.methods.index]
    return list_measured([", ".join(there)])


ENTRIES: Final = (
    Item("Fig. 1").measured(
        "Baselines: zero, middle, distribution mean, maximum distance, additive Gaussian noise, expected gradients",
        list_baselines,
        see=("leaderboard",),
    ),
    Item("Fig. 1").claimed(
        "The maximum distance gives poor attributions, its baselines being far out of distribution",
        Superiority(MINIMUM_PROBABILITY, (BSHAP_DISTANCE,), ("icg",), ("ig-max-distance",)),
        see=(),
        reading="on Local Minimum they are farther from the BShap values of the model than ICG is",
    ),
    Item("Section 1, eq. 1").means(
        "IG is the distance from the baseline times the mean gradient on the way; a numerical approximation is used",
        COMPLETENESS,
        ("ig-zero",),
        reading="sig.path.integrate, by the midpoint rule; measured is how far the sum is from F(x) - F(x')",
    ),
)
