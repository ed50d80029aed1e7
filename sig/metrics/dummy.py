"""Dummy: is anything attributed to features that the model ignores? One of Shapley's axioms.

``strong_dummy_violation`` looks for dummies by the method's own baseline. Here the task marks what holds for every
input, so that methods without a baseline are tested too.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from sig.metrics.regions import marked, share
from sig.registry import Trial, metric


@metric("dummy", better="lower", range=(0.0, 1.0), source="Sundararajan et al. 2017, Sensitivity(b)", judges=False)
def dummy(trial: Trial) -> Float[Tensor, " batch"]:
    """The share of the absolute attribution on the region ``ignored``: features that the output does not depend on.

    NaN where nothing is attributed, or nothing is marked.

    It describes and does not judge: a test to pass. What is contested: attributions that follow the data and not the
    model give to an ignored feature what it tells about others (Chen et al. 2020; Janzing et al. 2020 hold that this is
    no explanation of the model).

    Raises:
        NotApplicable: when the task marks no such region.
    """
    ignored = marked(trial, "ignored")
    given = share(trial.attribution.abs(), ignored)
    return torch.where(ignored.flatten(1).any(1), given, torch.nan)
