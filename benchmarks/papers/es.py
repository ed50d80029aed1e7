"""ES: Shapley values, and baselines for IG, from effective coalitions."""

from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers.ledger import NOT_BUILT, Entry, Outcome, Publication, list_measured, report_means, state
from benchmarks.papers.sig import GAME, GAMES


def compare_directions(board: Board) -> Outcome:
    """Mean scores of SIG in every direction that the suite has."""
    choices = [choice for choice in board.run.manifest.suite.methods if choice.name == "sig-game"]
    labels = [choice.label for choice in choices if choice.options.keys() <= {"direction"}]
    return report_means(GAME, labels, board)


ENTRIES: Final = (
    Entry(
        "Environments 1 to 4",
        "GridWorld of 2 x 2 and 2 x 3 cells, with the rewards r1 and r2",
        lambda board: list_measured(GAMES(board)),
        see=("leaderboard",),
    ),
    Entry(
        "Proposals 1 and 2",
        "Paths from a coalition to the input (1), or from the default to the coalition (2)",
        compare_directions,
        see=("spearman",),
    ),
    Entry(
        "Algorithm 1",
        "Shapley values from effective coalitions",
        partial(report_means, GAME, ("effective-shapley", "permutation-shapley")),
        see=("spearman",),
        reading="draws are shared among the players by effective weight, and summed, so that the estimate converges to "
        "a multiple of the Shapley values",
    ),
    Entry(
        "Algorithm 1, baselines",
        "IG from effective coalitions",
        partial(report_means, GAME, ("effective-sig", "sig-game")),
        see=("spearman",),
    ),
    Entry(
        "Theorem 2",
        "A probability",
        state(NOT_BUILT, "the definitions that this project works from do not state of which event"),
    ),
    Entry("Theorem 3, Fig. 9", "IG against the marginal contribution", state(NOT_BUILT, "no figure compares the two")),
)

ES: Final = Publication(
    "ES", "The effective coalitions of Shapley value for Integrated Gradients, ICLR 2023 submission", ENTRIES
)
