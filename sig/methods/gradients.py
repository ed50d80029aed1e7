"""Gradients at the explicand, or at inputs near it."""

import torch
from torch import Generator, Tensor

from sig import path
from sig.explicand import Explicand
from sig.registry import method


@method("gradient", family="gradient", source="Simonyan et al. 2014, eq. 2 (with its sign)")
def gradient(e: Explicand, *, generator: Generator) -> Tensor:
    """dF/dx_i."""
    return path.gradient(e)


@method("input-x-gradient", family="gradient", source="Shrikumar et al. 2017, section 2")
def input_x_gradient(e: Explicand, *, generator: Generator) -> Tensor:
    """x_i dF/dx_i."""
    return e.inputs * path.gradient(e)


@method("smoothgrad", family="gradient", source="Smilkov et al. 2017, eq. 2", spend=("samples",))
def smoothgrad(e: Explicand, *, noise: float = 0.15, samples: int = 50, generator: Generator) -> Tensor:
    """The mean of dF/dx_i at x + N(0, sigma^2), sigma being ``noise`` of the input range.

    **Reading.** The paper takes noise of 10 to 20 % of x_max - x_min; here that is the input range. Noised inputs are
    not clipped to it.
    """
    low, high = e.input_range
    total = torch.zeros_like(e.inputs)
    for some in torch.arange(samples).split(max(1, e.rows_per_batch // max(1, len(e.inputs)))):
        drawn = [torch.randn(e.inputs.shape, generator=generator).to(e.inputs) for _ in some]
        points = e.inputs.unsqueeze(1) + noise * (high - low) * torch.stack(drawn, 1)
        total += path.gradients(e, points).sum(1)
    return total / samples
