"""iAccuracy: how long does the prediction survive while the features with the most positive attribution are removed?"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sig import baselines
from sig.explicand import Explicand, Tally
from sig.metrics.removal import blank_unordered, check_removal, find_counts, is_removed, removed_after
from sig.registry import NotApplicable, Trial, metric


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
    check_removal(removal, share, points)
    if patch < 0:
        raise ValueError(f"patch is {patch}, expected 0 (the feature alone) or a larger whole number")
    after = removed_after(e, attribution, patch=patch)
    counts = find_counts(math.prod(after.shape[1:]), share, points).to(e.device)
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
    return blank_unordered(curves, trial.attribution)


def _curves(
    e: Explicand,
    i: Int[Tensor, " chunk"],
    replacement: Float[Tensor, "chunk *features"],
    after: Int[Tensor, "chunk *units"],
    counts: Int[Tensor, " points"],
) -> Float[Tensor, "chunk points"]:
    x = torch.where(is_removed(after, counts), replacement.unsqueeze(1), e.inputs[i].unsqueeze(1))
    outputs = e.outputs(x.flatten(0, 1))
    if outputs.shape[1] == 1:
        raise NotApplicable("the model has a single output, so that it predicts no class")
    predicted = outputs.argmax(1).view(len(i), len(counts))
    kept = (predicted == predicted[:, :1]).double()
    return kept.cumsum(1) / torch.arange(1, len(counts) + 1, device=e.device)
