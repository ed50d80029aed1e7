"""Integrated Gradients with one baseline, or with the mean over several.

Each is ``path.integrate`` from the baselines its name says; see ``sig/baselines.py`` for those and ``sig/path.py`` for
the integral.
"""

from torch import Generator, Tensor

from sig import baselines, path
from sig.explicand import Explicand
from sig.registry import method

FAMILY = "integrated-gradients"


@method("ig-zero", family=FAMILY, source="Sundararajan et al. 2017, eq. 1", spend=("steps",))
def ig_zero(e: Explicand, *, steps: int = 50, generator: Generator) -> Tensor:
    """IG from all zeros."""
    return path.integrate(e, baselines.zero(e), steps=steps)


@method("ig-mean", family=FAMILY, source="SIG, section V (mean baseline)", spend=("steps",))
def ig_mean(e: Explicand, *, steps: int = 50, generator: Generator) -> Tensor:
    """IG from the mean of the background."""
    return path.integrate(e, baselines.mean(e), steps=steps)


@method(
    "ig-middle", family=FAMILY, source="Sundararajan et al. 2017, eq. 1, from the middle of the range", spend=("steps",)
)
def ig_middle(e: Explicand, *, steps: int = 50, generator: Generator) -> Tensor:
    """IG from the middle of the input range."""
    return path.integrate(e, baselines.middle(e), steps=steps)


@method("ig-random", family=FAMILY, source="SIG, section V (random baseline)", spend=("steps",))
def ig_random(e: Explicand, *, steps: int = 50, generator: Generator) -> Tensor:
    """IG from one sample of the background."""
    return path.integrate(e, baselines.random(e, generator=generator), steps=steps)


@method("ig-max-distance", family=FAMILY, source="Sturmfels et al. 2020, maximum distance baseline", spend=("steps",))
def ig_max_distance(e: Explicand, *, steps: int = 50, generator: Generator) -> Tensor:
    """IG from the farthest input in the range."""
    return path.integrate(e, baselines.max_distance(e), steps=steps)


@method("ig-blur", family=FAMILY, source="Sturmfels et al. 2020, blurred baseline", spend=("steps",))
def ig_blur(e: Explicand, *, sigma: float = 3.0, steps: int = 50, generator: Generator) -> Tensor:
    """IG from the blurred explicand; pictures only."""
    return path.integrate(e, baselines.blur(e, sigma=sigma), steps=steps)


@method("ig-uniform-noise", family=FAMILY, source="Sturmfels et al. 2020, uniform baseline", spend=("samples", "steps"))
def ig_uniform_noise(e: Explicand, *, samples: int = 10, steps: int = 50, generator: Generator) -> Tensor:
    """Mean IG from inputs drawn uniformly over the range."""
    return path.integrate(e, baselines.uniform_noise(e, samples=samples, generator=generator), steps=steps)


@method("ig-gaussian-noise", family=FAMILY, source="ICG, section 2 (AGN)", spend=("samples", "steps"))
def ig_gaussian_noise(
    e: Explicand, *, sigma: float = 0.1, samples: int = 10, steps: int = 50, generator: Generator
) -> Tensor:
    """Mean IG from the explicand plus Gaussian noise, clipped to the range."""
    starts = baselines.gaussian_noise(e, samples=samples, sigma=sigma, generator=generator)
    return path.integrate(e, starts, steps=steps)


@method(
    "ig-background", family=FAMILY, source="Sturmfels et al. 2020, training distribution", spend=("samples", "steps")
)
def ig_background(e: Explicand, *, samples: int = 10, steps: int = 50, generator: Generator) -> Tensor:
    """Mean IG, the full path from each of ``samples`` different background samples (at most all of them)."""
    return path.integrate(e, baselines.background(e, samples=samples, generator=generator), steps=steps)


@method("expected-gradients", family=FAMILY, source="Erion et al. 2021, eq. 3", spend=("samples",))
def expected_gradients(e: Explicand, *, samples: int = 500, generator: Generator) -> Tensor:
    """Monte Carlo over background sample and position on the path at once."""
    starts = baselines.distribution(e, samples=samples, generator=generator)
    return path.integrate_at_random(e, starts, generator=generator)
