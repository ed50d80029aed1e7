"""Sparseness: how unequally attribution is spread over the features (Chalasani et al. 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor

from sig.metrics.features import absolute_shares
from sig.registry import Trial, metric


@metric("sparseness", better="higher", range=(0.0, 1.0), source="Chalasani et al. 2020, Gini index", judges=False)
def sparseness(trial: Trial) -> Float[Tensor, " batch"]:
    """The Gini index of the absolute attributions, in [0, 1 - 1/d]:

    1 - 2 sum_{k=1..d} p_(k) (d - k + 1/2) / d, with p_(1) <= ... <= p_(d) the shares |a_i| / sum_j |a_j| of d features.

    0 where all have the same share, 1 - 1/d where one has all; NaN where nothing is attributed. In pictures a feature
    is a pixel, attributed the sum over its channels.

    It describes and does not judge. Chalasani et al. want irrelevant features to get nothing, which is sparse where few
    matter; the index never looks at the model, and is best where all goes to one feature, whichever. That it says how
    readable a picture is is contested too: arXiv 2603.29491 finds that entropy and sparseness miss how pixels cluster.
    """
    shares = absolute_shares(trial.attribution).sort(1).values
    d = shares.shape[1]
    ranks = torch.arange(1, d + 1, dtype=shares.dtype, device=shares.device)
    return 1 - 2 * (shares * (d - ranks + 0.5) / d).sum(1)
