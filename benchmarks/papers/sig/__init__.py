"""SIG: how well attributions rank the players of a game by their exact Shapley values; iAccuracy, runtime.

Its entries are in one file a part: ``sig_theory`` (sections I, III, IV and VI), ``sig_games`` (section V, GridWorld)
and ``sig_pictures`` (section V, pictures). What is asked here beyond the paper is below.
"""

from functools import partial
from typing import Final

from benchmarks.papers import exact, ledger
from benchmarks.papers.figures.network_against_game import draw_network_against_game
from benchmarks.papers.figures.score_bars import draw_score_bars
from benchmarks.papers.interval_claims import Flatness
from benchmarks.papers.ledger import Entry, Publication, compute
from benchmarks.papers.paired_claims import Comparison
from benchmarks.papers.quantities import find_tasks
from benchmarks.papers.sig import games as sig_games
from benchmarks.papers.sig import pictures as sig_pictures
from benchmarks.papers.sig import theory as sig_theory
from benchmarks.papers.sig.games import GAME, NEAR, NOT_DIFFERENT, OVER_SAMPLES, SIG_METHODS, find_games
from benchmarks.papers.sig.pictures import REMOVED, find_imagenet

OWN: Final = (
    Entry(
        "Algorithm 1",
        "As printed, it draws a size by the weight of one coalition, so that nearly all draws have the smallest or the "
        "largest size",
        compute(exact.count_extremes),
        kind="critique",
    ),
    Entry(
        "Algorithm 1, unbiasedness",
        "Sizes drawn uniformly and weighted as the proof needs rank players better than Algorithm 1 as printed",
        Comparison(find_games, (GAME,), ("sig-size-uniform",), ("sig-algorithm1",)),
        see=("spearman",),
        kind="critique",
    ),
    Entry(
        "Observation 2",
        "The binomial in its text, C(n-1, |S|-1), is a misprint: its own equation has C(n-1, k)",
        compute(exact.check_binomial),
        kind="critique",
    ),
    Entry(
        "Fig. 9, abstract",
        "With N baselines of 50 steps SIG takes N times the model rows of one baseline, which is no minimal increase",
        compute(exact.count_published_rows),
        printed="in Table 2 the times are 12 and 20 times as long",
        kind="critique",
    ),
    Entry(
        "Figs. 4, 10",
        "SIG is not sensitive to N from a single baseline on",
        Flatness(find_games, (OVER_SAMPLES,), SIG_METHODS, 0.0, NEAR),
        see=("sweep-samples",),
        reading=NOT_DIFFERENT,
        kind="asked here",
    ),
    Entry(
        "Fig. 3",
        "SIG ranks players better than IG from samples of the background, and than sampled permutations, at equal cost",
        Comparison(find_games, (GAME,), SIG_METHODS, ("ig-background", "permutation-shapley")),
        see=("spearman", "frontier"),
        kind="asked here",
    ),
    Entry(
        "Section V, players",
        "How iAccuracy depends on the size of the players, 80 x 80 pixels in the paper, which does not vary it",
        partial(
            ledger.report_means,
            REMOVED[0],
            ("sig-game", "sig-size-uniform"),
            tasks=partial(find_tasks, kind="imagenet"),
        ),
        see=("curves-{task}",),
        reading="on photographs of 224 x 224 pixels",
        kind="asked here",
        tasks=find_imagenet,
    ),
)

ENTRIES: Final = (*sig_theory.ENTRIES, *sig_games.ENTRIES, *sig_pictures.ENTRIES, *OWN)

SIG: Final = Publication(
    "SIG",
    "A New Baseline Assumption of Integrated Gradients Based on Shapley value, arXiv 2310.04821",
    ENTRIES,
    figures=(
        partial(
            draw_score_bars,
            GAME,
            "Spearman's rank correlation",
            title="Rank correlation with the exact Shapley values of the game (SIG Fig. 3)",
        ),
        partial(
            draw_network_against_game,
            title="Shapley values of the trained network against those of the reward (SIG Fig. 8)",
        ),
    ),
)
