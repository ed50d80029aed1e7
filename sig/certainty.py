"""Certainty-aware models: what they see, and how training teaches them to do without a feature (ICG, 4, A.3, A.5).

Beside each value such a model sees how certain it is, from 0 (it may be anything) to 1 (it is what it says). Training
replaces a feature of certainty c by *damage data* with probability 1 - c, so that the model learns to ignore it at 0.
"""

import math
from functools import cache
from itertools import product
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor, nn

from sig.explicand import Explicand
from sig.registry import NotApplicable

Data = Literal["noise", "swap"]
Law = Literal["bernoulli", "continuous-bernoulli"]
COMBINATIONS: tuple[tuple[Data, Law], ...] = tuple(product(get_args(Data), get_args(Law)))

Damaged = tuple[Float[Tensor, "batch *features"], Float[Tensor, "batch *features"]]

TABLE_POINTS = 4000
LARGEST_TABULATED = 50.0  # natural parameter from which 1 - mean = 1 / eta in double precision
SMALLEST_DRAW = 2.0**-24  # torch.rand is a multiple of it; draws stay above 0, so that 1 - u stays below 1


class CertaintyAware(nn.Module):
    """A network that sees certainty, as the model of an ``Explicand``.

    Given values alone it takes them as fully certain, so that every method explains the same function; given values
    with their certainty (``with_certainty``) it passes them on.

    Args:
        network: maps ``with_certainty(values, certainty)`` to ``(rows, outputs)``.
        features: the shape of one input, without certainty.
    """

    def __init__(self, network: nn.Module, features: tuple[int, ...]):
        super().__init__()
        self.network = network
        self.features = tuple(features)
        self.channels = tuple(with_certainty(torch.empty(1, *features), torch.empty(1, *features)).shape[1:])

    def forward(self, x: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows outputs"]:
        """The network's outputs for values, or for values with certainty.

        Raises:
            ValueError: when ``x`` is neither.
        """
        given = tuple(x.shape[1:])
        if given not in (self.features, self.channels):
            raise ValueError(
                f"an input has shape {given}, expected {self.features}, or {self.channels} with certainty; see "
                "sig.certainty.with_certainty"
            )
        outputs: Tensor = self.network(x if given == self.channels else with_certainty(x, torch.ones_like(x)))
        return outputs


def with_certainty(
    values: Shaped[Tensor, "rows *features"], certainty: Shaped[Tensor, "rows *features"]
) -> Shaped[Tensor, "rows *channels"]:
    """The input of a certainty-aware network: the values, then their certainties, one for each feature.

    A picture ``(channels, height, width)`` gets as many channels again: ``(1, 50, 50)`` becomes ``(2, 50, 50)``.
    Anything else gets a new first axis of two: ``(features,)`` becomes ``(2, features)``.
    """
    pair = torch.stack((values, certainty), dim=1)
    return pair.flatten(1, 2) if values.ndim == 4 else pair


def explicand_with_certainty(e: Explicand) -> Explicand:
    """The explicand as its certainty-aware model sees it, at full certainty; model rows count on the same tally.

    Raises:
        NotApplicable: when the model does not see certainty.
    """
    if not isinstance(e.model, CertaintyAware):
        raise NotApplicable("needs a certainty-aware model")
    low, high = e.input_range
    return Explicand(
        model=e.model,
        inputs=with_certainty(e.inputs, torch.ones_like(e.inputs)),
        target=e.target,
        background=with_certainty(e.background, torch.ones_like(e.background)),
        players=with_certainty(e.players.unsqueeze(0), e.players.unsqueeze(0)).squeeze(0),
        input_range=(min(low, 0.0), max(high, 1.0)),
        rows_per_batch=e.rows_per_batch,
        tally=e.tally,
        background_classes=e.background_classes,
    )


def damage(
    values: Float[Tensor, "batch *features"],
    generator: Generator,
    *,
    data: Data,
    law: Law,
    mean: Float[Tensor, " batch"] | None = None,
) -> Damaged:
    """Damaged values and the certainty of each: a feature of certainty c is replaced with probability 1 - c.

    Args:
        values: a batch of samples, in [0, 1].
        generator: on the CPU or on the device of the values.
        data: what replaces a feature: U(0, 1) ``noise``, or (``swap``) that feature of another sample of the batch,
            one for all the features of a sample.
        law: the features' certainties are independent: 0 or 1, or continuous Bernoulli.
        mean: of each sample's certainties; U(0, 1) unless given. 1 leaves a sample as it is, 0 replaces all of it.

    Raises:
        ValueError: on unknown data or law, a mean outside [0, 1], or a batch with no other sample to swap with.
    """
    if data not in ("noise", "swap"):
        raise ValueError(f"unknown damage data {data!r}; expected 'noise' or 'swap'")
    if law not in ("bernoulli", "continuous-bernoulli"):
        raise ValueError(f"unknown law of certainty {law!r}; expected 'bernoulli' or 'continuous-bernoulli'")
    everything = torch.arange(len(values), device=values.device)
    return _damage(values, everything, data, law, _means(values, mean, generator), generator)


def damage_mixture(
    values: Float[Tensor, "batch *features"], generator: Generator, *, mean: Float[Tensor, " batch"] | None = None
) -> Damaged:
    """``damage`` by both kinds of data under both laws, each combination on a random quarter of the batch (ICG, A.5).

    Where the batch does not divide by four, chance decides which combinations get one sample more.

    Raises:
        ValueError: on a mean outside [0, 1], or a batch with no other sample to swap with.
    """
    mean = _means(values, mean, generator)
    damaged, certainty = torch.empty_like(values), torch.empty_like(values)
    samples = torch.randperm(len(values), generator=generator, device=generator.device).to(values.device)
    order = torch.randperm(4, generator=generator, device=generator.device).tolist()
    for part, (data, law) in zip(samples.tensor_split(4), (COMBINATIONS[i] for i in order), strict=True):
        damaged[part], certainty[part] = _damage(values, part, data, law, mean[part], generator)
    return damaged, certainty


def mean_to_natural(mean: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The natural parameter eta of the continuous Bernoulli law with the given mean, in float64.

    Its density is proportional to exp(eta x) on [0, 1], its mean 1 / (1 - exp(-eta)) - 1 / eta. The inverse is
    interpolated in a table of asinh(eta) over the distance of the mean from the nearer end of [0, 1]; within 1/50 of an
    end, eta is one over that distance, to double precision. Means 0 and 1 give minus and plus infinity.

    Raises:
        ValueError: when a mean lies outside [0, 1].
    """
    _require_means(mean)
    mean = mean.double()
    edge = torch.minimum(mean, 1 - mean)
    interpolated = np.sinh(np.interp(edge.cpu().numpy(), *_table()))
    size = torch.where(edge < 1 / LARGEST_TABULATED, 1 / edge, torch.as_tensor(interpolated, device=mean.device))
    return torch.where(mean < 0.5, -size, size)


def continuous_bernoulli_quantile(
    u: Float[Tensor, "batch *features"], mean: Float[Tensor, " batch"]
) -> Float[Tensor, "batch *features"]:
    """The value x with P(X <= x) = u for X continuous Bernoulli, by the inverse CDF; u strictly between 0 and 1.

    For means up to 1/2, x = -log1p(u expm1(-|eta|)) / |eta|; above, one minus that for 1 - u and the mean 1 - m.

    Raises:
        ValueError: when a mean lies outside [0, 1].
    """
    per_sample = (-1, *(1 for _ in u.shape[1:]))
    size = mean_to_natural(mean).abs().clamp(min=1e-6).to(u).view(per_sample)  # at 1e-6 as good as uniform
    low = (mean <= 0.5).to(u.device).view(per_sample)
    x = -torch.log1p(torch.where(low, u, 1 - u) * torch.expm1(-size)) / size
    return torch.where(low, x, 1 - x)


def sample_continuous_bernoulli(
    mean: Float[Tensor, " batch"], features: tuple[int, ...], generator: Generator
) -> Float[Tensor, "batch *features"]:
    """Independent draws, in float32: ``features`` of them with each mean.

    Raises:
        ValueError: when a mean lies outside [0, 1].
    """
    return continuous_bernoulli_quantile(uniform((len(mean), *features), generator), mean)


def uniform(shape: tuple[int, ...], generator: Generator) -> Float[Tensor, "*shape"]:
    """Independent U(0, 1) draws, strictly between the ends."""
    return torch.rand(shape, generator=generator, device=generator.device).clamp_(min=SMALLEST_DRAW)


def _damage(
    values: Float[Tensor, "batch *features"],
    part: Int[Tensor, " samples"],
    data: Data,
    law: Law,
    mean: Float[Tensor, " samples"],
    generator: Generator,
) -> tuple[Float[Tensor, "samples *features"], Float[Tensor, "samples *features"]]:
    """``damage`` of a part of the batch, all of which is there to swap with."""
    features = tuple(values.shape[1:])
    if law == "bernoulli":
        u = uniform((len(part), *features), generator)
        certainty = (u > 1 - mean.to(u).view(-1, *(1 for _ in features))).to(u)
    else:
        certainty = sample_continuous_bernoulli(mean, features, generator)
    replaced = (uniform(tuple(certainty.shape), generator) >= certainty).to(values.device)
    if data == "noise":
        stand_in = uniform(tuple(certainty.shape), generator).to(values)
    else:
        stand_in = values[_others(part, len(values), generator)]
    return torch.where(replaced, stand_in, values[part]), certainty.to(values)


def _others(part: Int[Tensor, " samples"], batch: int, generator: Generator) -> Int[Tensor, " samples"]:
    """The index of another sample of the batch, for each sample of the part."""
    if batch < 2:
        raise ValueError("a batch of one sample has no other to swap with; use batches of at least 2")
    steps = torch.randint(1, batch, part.shape, generator=generator, device=generator.device)
    return (part + steps.to(part.device)) % batch


def _means(values: Tensor, mean: Tensor | None, generator: Generator) -> Float[Tensor, " batch"]:
    mean = uniform((len(values),), generator) if mean is None else mean
    _require_means(mean)
    return mean.to(values.device)


def _require_means(mean: Float[Tensor, "*shape"]) -> None:
    if not ((mean >= 0) & (mean <= 1)).all():
        raise ValueError(f"means span [{mean.min():.4g}, {mean.max():.4g}], expected means of certainty in [0, 1]")


@cache
def _table() -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Distances of the mean from the nearer end of [0, 1], increasing, and asinh(|eta|), dense near 0."""
    sizes = np.linspace(0, math.asinh(LARGEST_TABULATED), TABLE_POINTS)
    eta = np.sinh(sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        closed = 1 / eta - 1 / np.expm1(eta)
    series = 1 / 2 - eta / 12 + eta**3 / 720 - eta**5 / 30240  # where the closed form cancels
    edges = np.where(eta < 0.1, series, closed)
    return edges[::-1].copy(), sizes[::-1].copy()
