"""iAccuracy: how long does the prediction survive while the features with the most positive attribution are removed?"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from sig import baselines
from sig.explicand import Explicand, Tally
from sig.registry import NotApplicable, Trial, metric

REMOVALS = ("zero", "mean", "blur")


@torch.no_grad()
def iaccuracy(
    e: Explicand,
    attribution: Float[Tensor, "batch *features"],
    *,
    removal: str = "zero",
    patch: int = 0,
    share: float = 0.25,
    points: int = 25,
) -> Float[Tensor, "batch points"]:
    """iAcc(L) = 1/(L+1) sum_{k=0..L} 1[argmax F(x^0) = argmax F(x^k)], in [0, 1], for a grid of L (SIG, iAcc).

    x^k is the explicand with its k most positively attributed features replaced; among equal attributions the first
    feature goes first. In a picture ``(channels, height, width)`` a feature is a pixel, attributed the sum over its
    channels; elsewhere it is a number. L runs over a grid from 0 to ``share`` of the features, even up to rounding, and
    k over the same grid: iAcc(L) is the mean over the grid's k up to L. With ``points`` above the number of features
    removed, the grid is every whole number and the definition exact; the curve then has that many points, plus one.

    Args:
        removal: what features are replaced by: zero, the background's mean, or the blurred picture (``sig.baselines``).
        patch: n replaces the (n+1) x (n+1) square around each feature instead, clipped at the border; a square of even
            side reaches one further down and right (SIG, Fig. 13).
        share: the largest share of features removed; rounded to a whole number of them, at least one.
        points: how many L the grid has, at most.

    Raises:
        ValueError: on an unknown removal, ``patch`` below 0, ``share`` outside (0, 1], or fewer than 2 points.
        NotApplicable: when the model has one output, or on patches or blur where the inputs are not pictures.
    """
    _check_options(removal, patch, share, points)
    after = _removed_after(e, attribution, patch=patch)
    counts = _grid(math.prod(after.shape[1:]), share, points).to(e.device)
    replacement = baselines.single(e, removal)
    chunks = torch.arange(len(e.inputs), device=e.device).split(max(1, e.rows_per_batch // len(counts)))
    uncounted = e.with_tally(Tally())
    return torch.cat([_curves(uncounted, i, replacement[i], after[i], counts) for i in chunks])


@metric(
    "iaccuracy", better="lower", range=(0.0, 1.0), source="SIG, iAcc and Fig. 13", curve="share of features removed"
)
def iaccuracy_of_trial(
    trial: Trial, *, removal: str = "zero", patch: int = 0, share: float = 0.25, points: int = 25
) -> Float[Tensor, "batch points"]:
    """``iaccuracy`` of the trial's attribution; NaN where it is the same everywhere, so that no feature is first."""
    curves = iaccuracy(trial.explicand, trial.attribution, removal=removal, patch=patch, share=share, points=points)
    values = trial.attribution.flatten(1)
    return torch.where((values.amax(1) > values.amin(1)).unsqueeze(1), curves, torch.nan)


def _removed_after(
    e: Explicand, attribution: Float[Tensor, "batch *features"], *, patch: int
) -> Int[Tensor, "batch *places"]:
    """The place of each feature in the order of removal: it is replaced in x^k for every k above its place.

    A picture has one channel here, ``(batch, 1, height, width)``. With patches, the earliest square that covers a pixel
    counts.
    """
    picture = len(e.features) == 3
    saliency = attribution.sum(1, keepdim=True) if picture else attribution
    order = saliency.flatten(1).argsort(dim=1, descending=True, stable=True)
    place = order.argsort(dim=1).view_as(saliency)
    if patch == 0:
        return place
    if not picture:
        raise NotApplicable(f"patches need pictures (channels, height, width); the inputs have shape {e.features}")
    before, after = patch // 2, patch - patch // 2  # a square reaches this far up and left, down and right
    padded = functional.pad(-place.double(), (after, before, after, before), value=-torch.inf)
    return -functional.max_pool2d(padded, patch + 1, stride=1).long()


def _curves(
    e: Explicand,
    i: Int[Tensor, " chunk"],
    replacement: Float[Tensor, "chunk *features"],
    after: Int[Tensor, "chunk *places"],
    counts: Int[Tensor, " points"],
) -> Float[Tensor, "chunk points"]:
    removed = after.unsqueeze(1) < counts.view(-1, *(1 for _ in e.features))
    x = torch.where(removed, replacement.unsqueeze(1), e.inputs[i].unsqueeze(1))
    outputs = e.outputs(x.flatten(0, 1))
    if outputs.shape[1] == 1:
        raise NotApplicable("the model has a single output, so that it predicts no class")
    predicted = outputs.argmax(1).view(len(i), len(counts))
    kept = (predicted == predicted[:, :1]).double()
    return kept.cumsum(1) / torch.arange(1, len(counts) + 1, device=e.device)


def _grid(n_features: int, share: float, points: int) -> Int[Tensor, " points"]:
    most = max(1, round(share * n_features))
    return torch.linspace(0, most, min(points, most + 1), dtype=torch.float64).round().long()


def _check_options(removal: str, patch: int, share: float, points: int) -> None:
    if removal not in REMOVALS:
        raise ValueError(f"removal is {removal!r}, expected one of {', '.join(REMOVALS)}")
    if patch < 0:
        raise ValueError(f"patch is {patch}, expected 0 (the feature alone) or a larger whole number")
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, expected a share of the features above 0 and at most 1")
    if points < 2:
        raise ValueError(f"points is {points}, expected at least 2: nothing removed, and the share removed")
