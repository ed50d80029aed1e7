"""Certainty gradients: a path from knowing nothing to the explicand, along which values are held and certainty grows.

    attribution_i = integral over a in [0, 1] of dF/dc_i (values, certainty a everywhere) da          (ICG, section 4)

It is Integrated Gradients of the network that sees certainty, from certainty 0 to certainty 1, and sums to F at full
certainty minus F at none. No baseline is chosen: certainty 0 means the same in every model. See ``sig/certainty.py``.
"""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sig import baselines, certainty, path
from sig.explicand import Explicand
from sig.registry import method

FAMILY = "certainty-gradients"


@method("icg", family=FAMILY, source="ICG, section 4", spend=("steps",))
def icg(e: Explicand, *, steps: int = 50, generator: Generator) -> Tensor:
    """Certainty from 0 to 1, the same for every feature.

    Raises:
        NotApplicable: when the model does not see certainty.
    """
    return _integrate_certainty(e, e.inputs.unsqueeze(1), steps)


@method("icg-smoothed", family=FAMILY, source="ICG, A.4.1", spend=("samples", "steps"))
def icg_smoothed(
    e: Explicand, *, sigma: float = 0.05, samples: int = 5, steps: int = 50, generator: Generator
) -> Tensor:
    """Mean ICG of ``samples`` inputs with N(0, sigma^2) noise, clipped to the input range.

    **Reading.** "Low-intensity noise" is half of the noise that additive Gaussian noise baselines have.

    Raises:
        NotApplicable: when the model does not see certainty.
    """
    noised = baselines.gaussian_noise(e, samples=samples, sigma=sigma, generator=generator)
    return _integrate_certainty(e, noised, steps)


@method(
    "expected-certainty-gradients", family=FAMILY, source="own, after ICG, section 4 (random paths)", spend=("samples",)
)
def expected_certainty_gradients(e: Explicand, *, samples: int = 500, generator: Generator) -> Tensor:
    """The expected path integral over random certainty paths, by Monte Carlo with one point per sample.

    In no section of the paper: it does to certainty what expected gradients do to values. On a random path feature i
    has certainty c_i(t) = Q(u_i; t), the u_i-quantile of the continuous Bernoulli law of mean t, with u_i ~ U(0, 1)
    independent of the other features. So certainties grow from 0 to 1, and those at time t are distributed as in
    training with mean t. Sample k = 0 .. n-1 takes the piece of its own path between t = k/n and (k+1)/n, by the
    midpoint rule. In expectation the pieces add up to the change of F from certainty 0 to 1.

    Raises:
        NotApplicable: when the model does not see certainty.
    """
    aware, times = certainty.explicand_with_certainty(e), torch.linspace(0, 1, samples + 1, dtype=torch.float64)
    attributions = []
    for index in range(len(e.inputs)):  # one at a time: the random paths of all would take much memory
        one, u = aware.only(index), certainty.uniform((samples, *e.features), generator)
        values = e.inputs[index].expand(samples, *e.features)
        starts, ends = (
            certainty.with_certainty(values, certainty.continuous_bernoulli_quantile(u, t).to(values)).unsqueeze(0)
            for t in (times[:-1], times[1:])
        )
        attributions.append(samples * path.integrate(one, starts, ends, steps=1))
    e.tally.paths = _from_none_to_full(e.inputs.unsqueeze(1))
    return _of_certainty(torch.cat(attributions), e)


def _integrate_certainty(
    e: Explicand, values: Float[Tensor, "batch samples *features"], steps: int
) -> Float[Tensor, "batch *features"]:
    aware = certainty.explicand_with_certainty(e)
    return _of_certainty(path.integrate(aware, *_from_none_to_full(values), steps=steps), e)


def _from_none_to_full(
    values: Float[Tensor, "batch samples *features"],
) -> tuple[Float[Tensor, "batch samples *channels"], Float[Tensor, "batch samples *channels"]]:
    """The ends of the paths: the values at certainty 0, and at certainty 1."""
    rows = values.flatten(0, 1)
    ends = (certainty.with_certainty(rows, torch.full_like(rows, level)) for level in (0.0, 1.0))
    none, full = (end.unflatten(0, values.shape[:2]) for end in ends)
    return none, full


def _of_certainty(attribution: Float[Tensor, "batch *channels"], e: Explicand) -> Float[Tensor, "batch *features"]:
    """The attribution of certainties; values are held and get nothing."""
    return attribution.chunk(2, dim=1)[1].reshape(e.inputs.shape)
