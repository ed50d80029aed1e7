"""Where paths start. Every function gives ``(batch, baselines, *features)``: one or more baselines per explicand.

Random draws happen on the CPU and move to the explicand's device, so that a seed means the same on every device.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from torch import Generator, Tensor

from sig.explicand import Explicand
from sig.registry import NotApplicable

Default = Literal["zero", "mean", "middle"]  # what absent players can take
DEFAULTS: tuple[str, ...] = get_args(Default)

Baselines = Float[Tensor, "batch baselines *features"]


def zero(e: Explicand) -> Baselines:
    """All zeros (Sundararajan et al. 2017): a black picture, the empty coalition."""
    return torch.zeros_like(e.inputs).unsqueeze(1)


def mean(e: Explicand) -> Baselines:
    """The mean of the background."""
    return _same_for_all(e, e.background.mean(0))


def middle(e: Explicand) -> Baselines:
    """The middle of the input range, in every feature."""
    low, high = e.input_range
    return torch.full_like(e.inputs, (low + high) / 2).unsqueeze(1)


def max_distance(e: Explicand) -> Baselines:
    """The end of the input range, for each feature, that is farther from the explicand's value (Sturmfels et al. 2020).

    A value right in the middle takes the upper end.
    """
    low, high = e.input_range
    above = e.inputs > (low + high) / 2
    return torch.where(above, low, high).to(e.inputs).unsqueeze(1)


def blur(e: Explicand, *, sigma: float = 3.0) -> Baselines:
    """The explicand blurred by a Gaussian of ``sigma`` pixels (Fong and Vedaldi 2017; Sturmfels et al. 2020).

    Raises:
        NotApplicable: when the inputs are not pictures ``(channels, height, width)``.
    """
    if len(e.features) != 3:
        raise NotApplicable(f"blur needs pictures (channels, height, width); the inputs have shape {e.features}")
    blurred = gaussian_filter(e.inputs.cpu().numpy(), sigma, axes=(-2, -1), mode="nearest")
    return torch.from_numpy(blurred).to(e.inputs).unsqueeze(1)


SINGLE: dict[str, Callable[[Explicand], Baselines]] = {
    "zero": zero,
    "mean": mean,
    "middle": middle,
    "max-distance": max_distance,
    "blur": blur,
}


def single(e: Explicand, name: str, *, known: Sequence[str] = tuple(SINGLE)) -> Float[Tensor, "batch *features"]:
    """The one baseline of this name for each explicand; ``known`` are the names that the caller takes.

    Raises:
        ValueError: on a name that is not known.
    """
    if name not in known:
        raise ValueError(f"unknown baseline {name!r}; expected one of {', '.join(known)}")
    return SINGLE[name](e)[:, 0]


def random(e: Explicand, *, generator: Generator) -> Baselines:
    """One sample of the background for each explicand."""
    return distribution(e, samples=1, generator=generator)


def distribution(e: Explicand, *, samples: int, generator: Generator) -> Baselines:
    """Samples of the background, drawn anew for each explicand.

    Each draw is uniform over the background. They come in rounds without replacement, so that each sample is drawn
    equally often, up to one: the mean over draws varies less than with independent ones.
    """
    rounds = math.ceil(samples / len(e.background))
    keys = torch.rand(len(e.inputs), rounds, len(e.background), generator=generator)
    return e.background[keys.argsort(2).flatten(1)[:, :samples].to(e.device)]


def background(e: Explicand, *, samples: int, generator: Generator) -> Baselines:
    """``samples`` different samples of the background, drawn anew for each explicand; all of it when it has fewer."""
    return distribution(e, samples=min(samples, len(e.background)), generator=generator)


def uniform_noise(e: Explicand, *, samples: int, generator: Generator) -> Baselines:
    """Every feature uniform over the input range."""
    low, high = e.input_range
    noise = torch.rand(len(e.inputs), samples, *e.features, generator=generator)
    return (low + (high - low) * noise).to(e.inputs)


def gaussian_noise(e: Explicand, *, samples: int, sigma: float = 0.1, generator: Generator) -> Baselines:
    """The explicand plus N(0, sigma^2) noise, clipped to the input range (ICG, "AGN")."""
    noise = torch.randn(len(e.inputs), samples, *e.features, generator=generator).to(e.inputs)
    return (e.inputs.unsqueeze(1) + sigma * noise).clamp(*e.input_range)


def _same_for_all(e: Explicand, *samples: Tensor) -> Baselines:
    return torch.stack(samples).expand(len(e.inputs), -1, *e.features)
