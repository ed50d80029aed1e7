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


def scaled(values: Players, by: Scale) -> Players:
    """Each row divided by its ``maximum``, as in the paper, or by its ``largest`` absolute value; in float64.

    **Reading.** A row is NaN where that is not positive: divided by a negative maximum, its signs would turn.

    Raises:
        ValueError: on an unknown scale.
    """
    if by not in ("maximum", "largest"):
        raise ValueError(f"unknown scale {by!r}; expected 'maximum' or 'largest'")
    values = values.double()
    divisor = (values if by == "maximum" else values.abs()).amax(1, keepdim=True)
    return values / torch.where(divisor > 0, divisor, torch.nan)


def scaled_rmse(attribution: Players, truth: Players, *, scale: Scale = "maximum") -> Float[Tensor, " batch"]:
    """The root mean square, over the players, of the difference between scaled attribution and scaled truth.

    Args:
        scale: what both are divided by; by the ``largest`` absolute value, the score stays within [0, 2] where no
            attribution is much above zero.

    Returns:
        One number for each row, 0 or more; NaN where either is NaN once ``scaled``.

    Raises:
        ValueError: on an unknown scale.
    """
    difference = scaled(attribution, scale) - scaled(truth, scale)
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
