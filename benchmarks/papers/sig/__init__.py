"""SIG: how well attributions rank the players of a game by their exact Shapley values; iAccuracy, runtime."""

from functools import partial
from typing import Final

from benchmarks.papers.figures.equality import draw_network_against_game
from benchmarks.papers.figures.score_bars import draw_score_bars
from benchmarks.papers.ledger import Publication
from benchmarks.papers.sig import critique, faces, games, photographs, runtime, theory

SIG: Final = Publication(
    "SIG",
    "A New Baseline Assumption of Integrated Gradients Based on Shapley value, arXiv 2310.04821",
    says=(
        *theory.ENTRIES,
        *games.ENTRIES,
        *runtime.ON_GAMES,
        *faces.ENTRIES,
        *photographs.ENTRIES,
        *runtime.ENTRIES,
    ),
    critique=critique.CRITIQUE,
    questions=critique.QUESTIONS,
    figures=(
        partial(
            draw_score_bars,
            games.GAME,
            "Spearman's rank correlation",
            title="Rank correlation with the exact Shapley values of the game (SIG Fig. 3)",
        ),
        partial(
            draw_network_against_game,
            title="Shapley values of the trained network against those of the reward (SIG Fig. 8)",
        ),
    ),
)
