"""Local Minimum: are attributions proportional to the scores that the features really have? (ICG, Table 2)

As in the table, attributions and scores are each divided by their maximum. The order of the features is scored by
``spearman``, which no scale changes; here it is the distance.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sig.registry import NotApplicable, Trial, metric

Players = Float[Tensor, "batch players"]
Scale = Literal["maximum", "largest"]


def scaled_rmse(attribution: Players, truth: Players, *, scale: Scale = "maximum") -> Float[Tensor, " batch"]:
    """The root mean square, over the players, of the difference between scaled attribution and scaled truth.

    Args:
        scale: both are divided by their ``maximum``, as in the paper, or by the ``largest`` absolute value, which keeps
            the score within [0, 2] where no attribution is much above zero.

    Returns:
        One number for each row, 0 or more; NaN where what it would be divided by is not positive.

    Raises:
        ValueError: on an unknown scale.
    """
    if scale not in ("maximum", "largest"):
        raise ValueError(f"unknown scale {scale!r}; expected 'maximum' or 'largest'")
    difference = _scaled(attribution, scale) - _scaled(truth, scale)
    return difference.square().mean(1).sqrt()


@metric("local_minimum", better="lower", range=(0.0, math.inf), source="ICG, Table 2", against_truth=True)
def local_minimum(trial: Trial, *, scale: Scale = "maximum") -> Float[Tensor, " batch"]:
    """``scaled_rmse`` of the players' attributions and the truth.

    Raises:
        NotApplicable: when the task states no truth.
    """
    if trial.truth is None:
        raise NotApplicable("the task states no true attribution")
    return scaled_rmse(trial.explicand.player_sums(trial.attribution), trial.truth, scale=scale)


def _scaled(values: Players, scale: Scale) -> Players:
    values = values.double()
    by = (values if scale == "maximum" else values.abs()).amax(1, keepdim=True)
    return values / torch.where(by > 0, by, torch.nan)
