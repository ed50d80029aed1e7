"""ICG: attributions of certainty-aware models, on Burnt Snacks, Local Minimum, MNIST and a model of two features."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import Table
from benchmarks.papers.figures.attribution_table import draw_attribution_table
from benchmarks.papers.figures.damage_training import draw_damage_training
from benchmarks.papers.figures.information_absence import draw_information_absence
from benchmarks.papers.figures.masked_attributions import draw_masked_attributions
from benchmarks.papers.figures.two_features import draw_two_features
from benchmarks.papers.icg import (
    baselines,
    burnt_snacks,
    certainty_training,
    critique,
    digits,
    local_minimum,
    networks,
    photographs,
    theory,
    two_features,
)
from benchmarks.papers.icg.local_minimum_table import make_table_of_local_minimum
from benchmarks.papers.icg.tasks import MINIMUM_PROBABILITY, TWO_FEATURES
from benchmarks.papers.ledger import Publication


def make_tables(board: Board) -> Iterator[Table]:
    """Tables 1 and 2, of each task."""
    yield from (two_features.make_table_of_two_features(board, task) for task in TWO_FEATURES(board))
    for task in MINIMUM_PROBABILITY(board):
        yield from make_table_of_local_minimum(board, task)


ICG: Final = Publication(
    "ICG",
    "Exploring unfairness in Integrated Gradients based attribution methods, ICLR 2022 submission",
    says=(
        *baselines.ENTRIES,
        *two_features.ENTRIES,
        *theory.ENTRIES,
        *burnt_snacks.ENTRIES,
        *local_minimum.ENTRIES,
        *certainty_training.ENTRIES,
        *photographs.ENTRIES,
        *digits.ENTRIES,
        *networks.ENTRIES,
    ),
    critique=critique.CRITIQUE,
    questions=critique.QUESTIONS,
    tables=make_tables,
    figures=(
        partial(draw_two_features, title="Two features, and the reversal of IG across x1 = x2 (ICG Fig. 2)"),
        partial(draw_masked_attributions, title="Attribution where a region has no certainty (ICG Fig. 7)"),
        partial(draw_information_absence, title="Predictions as certainty is taken from all features (ICG A.3.1)"),
        partial(
            draw_damage_training, title="Accuracy on undamaged inputs in training with and without damage (ICG Fig. 8)"
        ),
        partial(
            draw_attribution_table,
            MINIMUM_PROBABILITY,
            title="Attributions of one input of Local Minimum, divided by their maximum (ICG Table 2)",
        ),
    ),
)
