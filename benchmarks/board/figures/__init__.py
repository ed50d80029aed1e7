"""The figures of a report, a file for each kind: each draws what a run has the data for, of whatever task."""

from collections.abc import Callable, Iterator
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.board.figures.agreement import draw_agreement
from benchmarks.board.figures.curves import draw_curves
from benchmarks.board.figures.frontier import draw_frontiers
from benchmarks.board.figures.heat_maps import draw_attributions
from benchmarks.board.figures.region_shares import draw_regions
from benchmarks.board.figures.runtimes import draw_runtimes
from benchmarks.board.figures.saliency import draw_saliency
from benchmarks.board.figures.style import Drawing, apply_style
from benchmarks.board.figures.sweeps import draw_sweeps

__all__ = ["Drawing", "draw"]

KINDS: Final[tuple[Callable[[Board], Iterator[Drawing]], ...]] = (
    draw_sweeps,
    draw_regions,
    draw_curves,
    draw_frontiers,
    draw_runtimes,
    draw_agreement,
    draw_saliency,
    draw_attributions,
)


def draw(board: Board) -> Iterator[Drawing]:
    """Every figure that the run has the data for, in the order of the report."""
    with apply_style():
        for kind in KINDS:
            yield from kind(board)
