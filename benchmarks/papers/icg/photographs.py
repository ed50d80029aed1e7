"""ICG, section A.4.1: natural pictures, where attributions should be localised."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers.claims import Superiority
from benchmarks.papers.icg.tasks import CROPS
from benchmarks.papers.ledger import Item
from benchmarks.papers.quantities import score
from benchmarks.papers.verdicts import NOT_TESTABLE, Finding

ON_TARGET: Final = score("positive share on the target", "region_share", regions=["target"], measure="positive")
LOCALISED: Final = Superiority(CROPS, (ON_TARGET,), ("icg-smoothed",), ("expected-gradients",))  # the paper's, over 5


def judge_localisation(board: Board, tasks: Sequence[str]) -> Finding:
    """Held where more attribution is on the crop that decides the class, if the run has crops of photographs."""
    if not tasks:
        return Finding("no Imagenette in this suite: a ResNet50 and its pictures are beyond two cores", NOT_TESTABLE)
    found = LOCALISED(board)
    stand_in = "in place of objects, one crop among others of photographs: " if found.measured else ""
    return replace(found, measured=f"{stand_in}{found.measured}")


ENTRIES: Final = (
    Item("A.4.1, Fig. 9").measured(
        "On Imagenette, ICG is more tightly localised than expected gradients",
        judge_localisation,
        on=CROPS,
        see=("saliency-{task}",),
    ),
)
