"""Complexity: how many features carry the attribution, as an entropy (Bhatt et al. 2020)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from sig.metrics.features import absolute_shares
from sig.registry import Trial, metric


@metric(
    "complexity",
    better="lower",
    range=(0.0, math.inf),
    unit="nats",
    source="Bhatt et al. 2020, complexity",
    judges=False,
)
def complexity(trial: Trial) -> Float[Tensor, " batch"]:
    """-sum_i p_i ln p_i, in [0, ln d], with p_i the share |a_i| / sum_j |a_j| of each of d features.

    0 where one has all, ln d where all have the same; NaN where nothing is attributed. In pictures a feature is a
    pixel, attributed the sum over its channels; so inputs of another size have another scale.

    It describes and does not judge. Bhatt et al. ask for low complexity beside high faithfulness and low sensitivity;
    alone it never looks at the model, and is best where all goes to one feature, whichever. That it says how readable a
    picture is is contested too: arXiv 2603.29491 finds that entropy and sparseness miss how pixels cluster.
    """
    terms: Tensor = torch.special.entr(absolute_shares(trial.attribution))
    return terms.sum(1)
