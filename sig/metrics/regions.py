"""Attribution mass in the regions that a task marks; shared by the metrics that know where attribution belongs."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sig.registry import NotApplicable, Trial


def share(mass: Float[Tensor, "batch *features"], region: Bool[Tensor, "batch *features"]) -> Float[Tensor, " batch"]:
    """The share of the mass, which is not negative, that lies in the region, in [0, 1]; NaN where there is no mass."""
    mass = mass.double().flatten(1)
    return (mass * region.flatten(1)).sum(1) / mass.sum(1)


def marked(trial: Trial, name: str) -> Bool[Tensor, "batch *features"]:
    """The region that the task marks under this name.

    Raises:
        NotApplicable: when it marks none.
        ValueError: when the region's shape is not the attribution's.
    """
    if name not in trial.regions:
        raise NotApplicable(f"the task marks no region {name!r}")
    region = trial.regions[name]
    if region.shape != trial.attribution.shape:
        raise ValueError(
            f"region {name!r} has shape {tuple(region.shape)}, expected the attribution's "
            f"{tuple(trial.attribution.shape)}; mark every feature of every explicand"
        )
    return region.to(trial.attribution.device, torch.bool)
