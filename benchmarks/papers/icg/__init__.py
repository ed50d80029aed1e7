"""ICG: attributions of certainty-aware models, on Burnt Snacks, Local Minimum, MNIST and a model of two features.

Its entries are in one file a part: ``icg_theory`` (sections 1 to 4, A.1 and A.2), ``icg_snacks`` (5.1), ``icg_minimum``
(5.2) and ``icg_training`` (A.3 to A.5). Tables 1 and 2 are in ``icg_tables``, what is looked up in pictures is in
``icg_pictures``.
"""

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
from benchmarks.papers.icg import minimum as icg_minimum
from benchmarks.papers.icg import snacks as icg_snacks
from benchmarks.papers.icg import theory as icg_theory
from benchmarks.papers.icg import training as icg_training
from benchmarks.papers.icg.tables import TABLE_2, TWO_FEATURE, make_table_1, make_table_2
from benchmarks.papers.ledger import Publication

ENTRIES: Final = (*icg_theory.ENTRIES, *icg_snacks.ENTRIES, *icg_minimum.ENTRIES, *icg_training.ENTRIES)


def make_tables(board: Board) -> Iterator[Table]:
    """Tables 1 and 2, of each task."""
    yield from (make_table_1(board, task) for task in TWO_FEATURE(board))
    for task in TABLE_2(board):
        yield from make_table_2(board, task)


ICG: Final = Publication(
    "ICG",
    "Exploring unfairness in Integrated Gradients based attribution methods, ICLR 2022 submission",
    ENTRIES,
    make_tables,
    (
        partial(draw_two_features, title="Two features, and the reversal of IG across x1 = x2 (ICG Fig. 2)"),
        partial(draw_masked_attributions, title="Attribution where a region has no certainty (ICG Fig. 7)"),
        partial(draw_information_absence, title="Predictions as certainty is taken from all features (ICG A.3.1)"),
        partial(
            draw_damage_training, title="Accuracy on undamaged inputs in training with and without damage (ICG Fig. 8)"
        ),
        partial(
            draw_attribution_table,
            TABLE_2,
            title="Attributions of one input of Local Minimum, divided by their maximum (ICG Table 2)",
        ),
    ),
)
