"""Attribution mass in the regions that a task marks; shared by the metrics that know where attribution belongs."""

from collections.abc import Mapping
from itertools import compress

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sig.registry import NotApplicable, Trial


def share(mass: Float[Tensor, "batch *features"], region: Bool[Tensor, "batch *features"]) -> Float[Tensor, " batch"]:
    """The share of the mass, which is not negative, that lies in the region, in [0, 1]; NaN where there is no mass."""
    mass = mass.double().flatten(1)
    return (mass * region.flatten(1)).sum(1) / mass.sum(1)


ELSEWHERE = "(elsewhere)"  # the part of no region


def part_shares(
    attribution: Float[Tensor, "batch *features"], regions: Mapping[str, Bool[Tensor, "batch *features"]]
) -> dict[str, Float[Tensor, " batch"]]:
    """The share of the positive attribution on each of the ``parts``, by name; NaN where nothing is positive."""
    return {name: share(attribution.clamp(min=0), part) for name, part in parts(regions).items()}


def parts(
    regions: Mapping[str, Bool[Tensor, "batch *features"]],
) -> dict[str, Bool[Tensor, "batch *features"]]:
    """Parts without common features: each region alone, what several have in common, and what is in none, the last.

    They are named after their regions, as in ``crack and scratch``; those without a feature are left out.
    """
    marks = torch.stack([region.bool() for region in regions.values()], dim=-1)
    kinds = marks.flatten(0, -2).unique(dim=0).tolist()
    ordered = sorted(kinds, key=lambda kind: (not any(kind), sum(kind), [not mark for mark in kind]))
    named = ((" and ".join(compress(regions, kind)) or ELSEWHERE, kind) for kind in ordered)
    return {name: (marks == torch.tensor(kind, device=marks.device)).all(-1) for name, kind in named}


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
