"""ICG, section A.4.2: MNIST and MNIST in Space; blindness of baselines, shadows of the training data."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers.claims import Bound, Superiority
from benchmarks.papers.evidence import collect_shown
from benchmarks.papers.icg.burnt_snacks_parts import look_at_pictures, share_off_input
from benchmarks.papers.icg.tasks import DIGITS, SPACE
from benchmarks.papers.ledger import Item
from benchmarks.papers.measurements import count_saliency_maps, judge_every, report_checks
from benchmarks.papers.quantities import score, subtract
from benchmarks.papers.verdicts import Finding, Range, list_measured

OFF_DIGIT: Final = look_at_pictures("share on pixels that are 0", share_off_input, see=("saliency-{task}",))
SHADOW: Final = score("shadow", "shadow", see=("saliency-{task}",))
AWARE, UNAWARE = ("ig-mean", "expected-gradients"), ("ig-middle", "ig-gaussian-noise")


def correlate_with_icg(board: Board, tasks: Sequence[str]) -> Finding:
    """Mean correlation of the maps of ICG with those of methods that know the distribution, and that do not."""
    texts = []
    for task in tasks:
        shown = collect_shown(board, task)
        for kind, methods in (("aware", AWARE), ("unaware", UNAWARE)):
            alike = [
                shown["icg"].corrwith(shown[name], axis=1).mean() for name in methods if {name, "icg"} <= shown.keys()
            ]
            texts += [f"{sum(alike) / len(alike):.2f} with distribution-{kind} ones on {task}"] if alike else []
    return list_measured(texts)


ENTRIES: Final = (
    Item("A.4.2, Fig. 10").measured(
        "Attributions of a digit by zero, middle and mean baselines, Gaussian noise, expected gradients and ICG",
        count_saliency_maps,
        on=DIGITS,
        see=("saliency-{task}",),
    ),
    Item("A.4.2, Fig. 10").measured(
        "The zero baseline is blind: only the digit itself is attributed, not the space around it",
        partial(judge_every, OFF_DIGIT, "ig-zero", Range(below=0.001)),
        on=DIGITS,
        see=("saliency-{task}",),
        reading="so it is by construction, x - x' being 0 where the picture is 0",
    ),
    Item("A.4.2, Fig. 10").claimed(
        "The other methods do attribute the space around the digit",
        Bound(
            DIGITS, (OFF_DIGIT,), ("icg", "ig-middle", "ig-gaussian-noise", "expected-gradients", "ig-mean"), above=0.1
        ),
        reading="more than a tenth of the absolute attribution of the digits shown",
    ),
    Item("A.4.2, Fig. 10").measured(
        "ICG shares characteristics with distribution-unaware methods, its strongest area with the aware ones",
        correlate_with_icg,
        on=DIGITS,
        see=("saliency-{task}",),
        reading="correlation of the maps over pixels; aware are mean and expected gradients, unaware middle and noise",
    ),
    Item("A.4.2, Fig. 11").claimed(
        "A shadow of the training distribution is visible in expected gradients, and not in ICG",
        Superiority(SPACE, (SHADOW,), ("icg",), ("expected-gradients",)),
        reading="less of the absolute attribution lies where training varied and the input is empty; the canvas "
        "varies there in the background, so that expected gradients put something there by construction of x - x'",
    ),
    Item("A.4.2, Fig. 11").claimed(
        "A shadow of the training distribution is visible in expected gradients, and not in Gaussian noise",
        Superiority(SPACE, (SHADOW,), ("ig-gaussian-noise",), ("expected-gradients",)),
        reading="as for ICG",
    ),
    Item("A.4.2, Fig. 11").claimed(
        "The main attribution of expected gradients is more localised because of baseline blindness",
        Bound(SPACE, (subtract("off the digit, less shadow", OFF_DIGIT, SHADOW),), ("expected-gradients",), below=0.01),
        reading="beside the shadow nothing off the digit is attributed",
    ),
    Item("A.4.2").measured(
        "The model classifies digits in the right half, which training never showed",
        partial(report_checks, ("accuracy", "accuracy_right")),
        on=SPACE,
        see=("checks",),
        reading="accuracy on the left and on the right; the network is closed to a ring, which makes both the same",
    ),
)
