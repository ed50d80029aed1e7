"""How attribution is spread over features; shared by the metrics that say whether few of them carry it."""

import torch
from jaxtyping import Float
from torch import Tensor


def absolute_shares(attribution: Float[Tensor, "batch *features"]) -> Float[Tensor, "batch units"]:
    """|a_i| / sum_j |a_j|, in float64; NaN where nothing is attributed.

    In a picture ``(channels, height, width)`` a feature is a pixel, attributed the sum over its channels; elsewhere it
    is a number.
    """
    values = attribution.sum(1) if attribution.ndim == 4 else attribution
    sizes = values.double().abs().flatten(1)
    return sizes / torch.where(sizes.sum(1) > 0, sizes.sum(1), torch.nan).unsqueeze(1)
