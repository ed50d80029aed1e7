"""What this project criticises in SIG, and what it asks beyond it."""

from typing import Final

from benchmarks.papers import game_facts
from benchmarks.papers.claims import Flatness, Superiority
from benchmarks.papers.ledger import Item
from benchmarks.papers.sig.baselines import NEAR, NOT_DIFFERENT, SIG_ON_GAMES
from benchmarks.papers.sig.games import GAME, OVER_SAMPLES, find_games
from benchmarks.papers.sig.photographs import REMOVED, find_imagenet

CRITIQUE: Final = (
    Item("Algorithm 1").computed(
        "As printed, it draws a size by the weight of one coalition, so that nearly all draws have the smallest or "
        "the largest size",
        game_facts.count_extremes,
    ),
    Item("Algorithm 1, unbiasedness").claimed(
        "Sizes drawn uniformly and weighted as the proof needs rank players better than Algorithm 1 as printed",
        Superiority(find_games, (GAME,), ("sig-size-uniform",), ("sig-algorithm1",)),
    ),
    Item("Observation 2").computed(
        "The binomial in its text, C(n-1, |S|-1), is a misprint: its own equation has C(n-1, k)",
        game_facts.check_binomial,
    ),
    Item("Fig. 9, abstract").computed(
        "With N baselines of 50 steps SIG takes N times the model rows of one baseline, which is no minimal increase",
        game_facts.count_published_rows,
        printed="in Table 2 the times are 12 and 20 times as long",
    ),
)

QUESTIONS: Final = (
    Item("Figs. 4, 10").claimed(
        "SIG is not sensitive to N from a single baseline on",
        Flatness(find_games, (OVER_SAMPLES,), SIG_ON_GAMES, 0.0, NEAR),
        reading=NOT_DIFFERENT,
    ),
    Item("Fig. 3").claimed(
        "SIG ranks players better than IG from samples of the background, and than sampled permutations, at equal cost",
        Superiority(find_games, (GAME,), SIG_ON_GAMES, ("ig-background", "permutation-shapley")),
        see=("spearman", "frontier"),
    ),
    Item("Section V, players").means(
        "How iAccuracy depends on the size of the players, 80 x 80 pixels in the paper, which does not vary it",
        REMOVED[0],
        ("sig-game", "sig-size-uniform"),
        on=find_imagenet,
        reading="on photographs of 224 x 224 pixels",
    ),
)
