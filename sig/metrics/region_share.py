"""Region share: how much of the attribution lies in regions that a task marks (SIG, Fig. 5: eyes and lips)."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sig.metrics.regions import marked, share
from sig.registry import Trial, metric

Measure = Literal["absolute", "positive", "negative"]
MASSES: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "absolute": torch.abs,
    "positive": lambda values: values.clamp(min=0),
    "negative": lambda values: (-values).clamp(min=0),
}


@metric("region_share", better="higher", range=(0.0, 1.0), source="SIG, V and Fig. 5", judges=False)
def region_share(
    trial: Trial, *, regions: Sequence[str] = ("mouth", "eyes"), measure: Measure = "absolute"
) -> Float[Tensor, " batch"]:
    """The share of the attribution that lies in any of the regions; NaN where there is none to share.

    It describes and does not judge, since nobody knows how much belongs there: the paper goes by "human intuition". A
    share says something beside that of the area only, which is what attributing the same everywhere gives.

    Args:
        regions: names of regions that the task marks, at least one.
        measure: of which attribution: ``absolute`` values, the ``positive`` ones alone or the ``negative`` ones alone.

    Raises:
        NotApplicable: when the task does not mark one of the regions.
        ValueError: on an unknown measure, or no region.
    """
    if measure not in MASSES:
        raise ValueError(f"measure is {measure!r}, expected one of {', '.join(MASSES)}")
    if isinstance(regions, str) or not regions:
        raise ValueError(f"regions are {regions!r}, expected a list of one or more names, as ['mouth', 'eyes']")
    anywhere = reduce(torch.logical_or, [marked(trial, name) for name in regions])
    return share(MASSES[measure](trial.attribution), anywhere)
