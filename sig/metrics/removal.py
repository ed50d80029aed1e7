"""Features are replaced one after the other, those with the most positive attribution first."""

from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from sig.explicand import Explicand
from sig.registry import NotApplicable

REMOVALS: Final = ("zero", "mean", "blur")  # what features are replaced by, of ``sig.baselines``


def removed_after(
    e: Explicand, attribution: Float[Tensor, "batch *features"], *, patch: int = 0
) -> Int[Tensor, "batch *units"]:
    """The rank of each feature in the order of removal, from 0: it is replaced in x^k for every k above its rank.

    The most positive attribution goes first, and among equal ones the first feature. In a picture ``(channels, height,
    width)`` a feature is a pixel, attributed the sum over its channels, so that there is one channel here, ``(batch, 1,
    height, width)``; elsewhere it is a number. With patches, the earliest square that covers a pixel counts: (patch +
    1) x (patch + 1) around each pixel, clipped at the border; one of even side reaches one further down and right.

    Raises:
        NotApplicable: on patches where the inputs are not pictures.
    """
    picture = len(e.features) == 3
    saliency = attribution.sum(1, keepdim=True) if picture else attribution
    order = saliency.flatten(1).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1).view_as(saliency)
    if patch == 0:
        return rank
    if not picture:
        raise NotApplicable(f"patches need pictures (channels, height, width); the inputs have shape {e.features}")
    before, after = patch // 2, patch - patch // 2  # a square reaches this far up and left, down and right
    # The lowest rank in the square counts: the least of ranks is minus the largest of -rank, which pooling gives.
    padded = functional.pad(-rank.double(), (after, before, after, before), value=-torch.inf)
    return -functional.max_pool2d(padded, patch + 1, stride=1).long()


def find_counts(n_features: int, share: float, points: int) -> Int[Tensor, " points"]:
    """Numbers of features that are replaced: from 0 to a share of them, even up to rounding, at least one at the end.

    With ``points`` above that number, it is every whole number.
    """
    most = max(1, round(share * n_features))
    return torch.linspace(0, most, min(points, most + 1), dtype=torch.float64).round().long()


def is_removed(
    after: Int[Tensor, "batch *units"], counts: Int[Tensor, " points"]
) -> Bool[Tensor, "batch points *units"]:
    """A mask of the features that are replaced where so many are."""
    return after.unsqueeze(1) < counts.view(-1, *(1 for _ in after.shape[1:]))


def check_removal(removal: str, share: float, points: int) -> None:
    """Raise ``ValueError`` on an unknown removal, a share outside (0, 1], or fewer than 2 points."""
    if removal not in REMOVALS:
        raise ValueError(f"removal is {removal!r}, expected one of {', '.join(REMOVALS)}")
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, expected a share of the features above 0 and at most 1")
    if points < 2:
        raise ValueError(f"points is {points}, expected at least 2: nothing removed, and the share removed")


def blank_unordered(
    curves: Float[Tensor, "batch points"], attribution: Float[Tensor, "batch *features"]
) -> Float[Tensor, "batch points"]:
    """The curves, NaN where the attribution is the same everywhere, so that no feature is first."""
    values = attribution.flatten(1)
    return torch.where((values.amax(1) > values.amin(1)).unsqueeze(1), curves, torch.nan)
