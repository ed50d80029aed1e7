"""Insertion and deletion: the probability of the target, as the most positive features are put in or taken away (RISE).

What is contested: a picture with pixels missing is like none that the network was trained on, so that its output may
fall because the picture is odd, and not because what was removed mattered. Hooker et al. 2019 (ROAR) therefore train
anew on what is left, and find several methods no better than chance. Petsiuk et al. 2018 blur what is not yet inserted,
since sharp edges of grey may themselves be read as evidence. Both scores also depend on what features are replaced by,
and reward scattered pixels, which a network hardly meets elsewhere. So they stand beside other metrics, never alone.
"""

from typing import Final, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sig import baselines
from sig.explicand import Explicand
from sig.metrics.removal import check_removal
from sig.metrics.removal_curve import probability_curves
from sig.registry import Trial, metric

Measure = Literal["insertion", "deletion"]
RISE: Final = "Petsiuk et al. 2018 (RISE), 3"


def target_curves(
    e: Explicand,
    attribution: Float[Tensor, "batch *features"],
    *,
    measure: Measure,
    removal: str,
    share: float = 1.0,
    points: int = 25,
) -> Float[Tensor, "batch points"]:
    """F(x^k) for a grid of k from 0 to ``share`` of the features, F being the probability of the target, in [0, 1].

    By ``deletion`` x^k is the explicand with its k most positively attributed features replaced, by ``insertion`` the
    replacement with these features of the explicand; in pictures features are pixels (``removal.removed_after``). NaN
    where the attribution is the same everywhere. Where ``share`` is 1, the one ends where the other starts. With
    ``points`` above the number of features, k is every whole number.

    Args:
        removal: what features are replaced by: zero, the background's mean, or the blurred picture (``sig.baselines``).

    Raises:
        ValueError: on an unknown removal, ``share`` outside (0, 1], or fewer than 2 points.
        NotApplicable: when outputs are not probabilities of classes, or on blur where the inputs are not pictures.
    """
    check_removal(removal, share, points)
    replacement = baselines.single(e, removal)

    def see(
        i: Int[Tensor, " chunk"], taken: Bool[Tensor, "chunk points *units"]
    ) -> Float[Tensor, "chunk points *seen"]:
        return torch.where(taken, replacement[i].unsqueeze(1), e.inputs[i].unsqueeze(1))

    return probability_curves(e, attribution, see, share=share, points=points, removed=measure == "deletion")


@metric("deletion", better="lower", range=(0.0, 1.0), source=RISE, curve="share of features removed")
def deletion(
    trial: Trial, *, removal: str = "zero", share: float = 1.0, points: int = 25
) -> Float[Tensor, "batch points"]:
    """The probability of the target while the most positively attributed features are removed: it should fall early.

    The score is the area under the curve, as the mean over the grid in place of RISE's trapezoids; NaN where the
    attribution is the same everywhere, so that no feature is first.

    Raises:
        ValueError, NotApplicable: as ``target_curves`` does.
    """
    return _score(trial, "deletion", removal, share, points)


@metric("insertion", better="higher", range=(0.0, 1.0), source=RISE, curve="share of features inserted")
def insertion(
    trial: Trial, *, removal: str = "blur", share: float = 1.0, points: int = 25
) -> Float[Tensor, "batch points"]:
    """The probability of the target while the most positively attributed features are put into the picture without any:
    it should rise early. Otherwise as ``deletion``.

    Raises:
        ValueError, NotApplicable: as ``target_curves`` does.
    """
    return _score(trial, "insertion", removal, share, points)


def _score(trial: Trial, measure: Measure, removal: str, share: float, points: int) -> Float[Tensor, "batch points"]:
    return target_curves(
        trial.explicand, trial.attribution, measure=measure, removal=removal, share=share, points=points
    )
