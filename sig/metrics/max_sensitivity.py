"""Max-sensitivity: how much do attributions change when the input hardly does? (Yeh et al. 2019)"""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sig.registry import Trial, metric


@metric("max_sensitivity", better="lower", range=(0.0, math.inf), source="Yeh et al. 2019, SENS_MAX", judges=False)
def max_sensitivity(
    trial: Trial, *, radius: float = 0.02, samples: int = 10, generator: Generator
) -> Float[Tensor, " batch"]:
    """max_y |A(y) - A(x)| / |A(x)|, in Euclidean norms, over inputs y drawn from the cube |y - x|_inf <= r around x,
    cut to the input range; 0 or more, and NaN where A(x) is 0. r is ``radius`` times the width of the input range.

    The method runs again on each y with the options and the seed that it had, so that what it draws itself is the same;
    the output explained stays that of x. ``samples`` draws give a lower bound of the maximum over the cube.

    **Reading.** The paper does not divide by |A(x)|. captum does, and so does this, since attributions have the scale
    of F.

    It describes and does not judge. What is contested: an attribution that never looks at the model or the input is
    best, as the paper says itself, and where F bends, a faithful attribution has to change with it, so that low
    sensitivity can be bought with faithfulness (Tan and Tian 2023). Agarwal et al. 2022 therefore compare with how much
    the model changes. Inputs that may only be 0 or 1 are moved to where the model was never meant to be used.

    Raises:
        ValueError: on a radius that is not positive, or no samples.
        NotApplicable: when there is no method to run again.
    """
    if not radius > 0 or samples < 1:
        raise ValueError(f"radius is {radius} and samples {samples}, expected a positive radius and at least 1 sample")
    e = trial.explicand
    low, high = e.input_range
    size = trial.attribution.double().flatten(1).norm(dim=1)
    largest = torch.zeros_like(size)
    for _ in range(samples):
        step = 2 * torch.rand(e.inputs.shape, generator=generator).to(e.inputs) - 1
        moved = (e.inputs + radius * (high - low) * step).clamp(low, high)
        change = trial.attribute_again(replace(e, inputs=moved)) - trial.attribution
        largest = torch.maximum(largest, change.double().flatten(1).norm(dim=1))
    return largest / torch.where(size > 0, size, torch.nan)
