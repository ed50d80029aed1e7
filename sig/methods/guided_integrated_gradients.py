"""Guided Integrated Gradients: a path that first moves the features whose gradients are smallest."""

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sig import baselines, path
from sig.explicand import Explicand
from sig.registry import method

DONE = 1e-9  # share of the whole way that counts as nothing left to go

Alphas = Float[Tensor, "batch features"]


@method(
    "guided-ig", family="integrated-gradients", source="Kapishnikov et al. 2021, algorithm 1, bounded", spend=("steps",)
)
def guided_ig(
    e: Explicand, *, fraction: float = 0.1, max_dist: float = 0.02, steps: int = 50, generator: Generator
) -> Tensor:
    """The integral of dF/dx_i dx_i along a path from zero on which features with small |dF/dx_i| move first.

    Feature i stands at alpha_i x_i, with alpha_i from 0 to 1. In step t the way gone, the sum over i of
    |x_i| alpha_i, grows to t/steps of the whole: of the features that may still move, those whose |dF/dx_i| is among
    the smallest ``fraction`` of all go forward, and if they may not go far enough, the next ones follow. Each is given
    its gradient at the start of the step times what it moved. One forward and one backward row per step.

    Args:
        fraction: of the features, that move at a time.
        max_dist: how far an alpha_i may be from t/steps; 0 is IG, 1 the paper's path without bounds.

    **Reading.** The paper bounds the path by anchors on the straight line. The authors' later code bounds each alpha_i
    instead, by 0.02, which is what is done here.

    Raises:
        ValueError: when ``fraction`` is not in (0, 1], or ``max_dist`` not in [0, 1].
    """
    if not (0 < fraction <= 1 and 0 <= max_dist <= 1):
        raise ValueError(f"fraction is {fraction} and max_dist {max_dist}, expected shares in (0, 1] and in [0, 1]")
    e.tally.paths = (baselines.zero(e), e.inputs.unsqueeze(1))
    lengths = e.inputs.flatten(1).abs().double()
    alphas, total = torch.zeros_like(lengths), torch.zeros_like(e.inputs)
    for t in range(1, steps + 1):
        points = alphas.view_as(e.inputs) * e.inputs
        gradient = path.gradients(e, points.to(e.inputs).unsqueeze(1)).squeeze(1)
        slopes = gradient.flatten(1).abs().nan_to_num(nan=torch.inf, posinf=torch.inf)
        moved = _advance(alphas, lengths, slopes, t / steps, fraction, max_dist)
        total += gradient * e.inputs * (moved - alphas).to(e.inputs).view_as(e.inputs)
        alphas = moved
    return total


def _advance(alphas: Alphas, lengths: Alphas, slopes: Alphas, alpha: float, fraction: float, max_dist: float) -> Alphas:
    """The values of the features when ``alpha`` of the way is gone."""
    if alpha == 1:
        return torch.ones_like(alphas)
    low, high = max(alpha - max_dist, 0.0), min(alpha + max_dist, 1.0)
    alphas, whole = alphas.clamp(min=low), lengths.sum(1)
    while True:
        missing = alpha * whole - (lengths * alphas).sum(1)
        movable = (alphas < high) & (lengths > 0) & (missing > DONE * whole).unsqueeze(1)
        if not movable.any():
            return alphas
        chosen = movable & (slopes <= _quantile(slopes, movable, fraction))
        room = torch.where(chosen, lengths * (high - alphas), 0).sum(1)
        gamma = torch.where(room > missing, missing / room, 1.0).unsqueeze(1)
        forward = torch.where(gamma < 1, alphas + gamma * (high - alphas), high)
        alphas = torch.where(chosen, forward, alphas)


def _quantile(slopes: Alphas, movable: Bool[Tensor, "batch features"], fraction: float) -> Float[Tensor, "batch 1"]:
    """The lower quantile over all features, where those that may not move are infinitely steep."""
    position = int(fraction * (slopes.shape[1] - 1)) + 1
    return torch.where(movable, slopes, torch.inf).kthvalue(position, dim=1, keepdim=True).values
