"""Rank correlation of attributions with a truth: do they put the players in the right order?

Both coefficients take values, never argsort output, so that ties are ties. Where the attribution or the truth gives all
players the same, nothing is ranked: the coefficient is undefined and the score NaN, since 0 would claim a measurement.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from sig.registry import NotApplicable, Trial, metric

Players = Float[Tensor, "batch players"]


def spearman(attribution: Players, truth: Players) -> Float[Tensor, " batch"]:
    """Spearman's rho of each row, in [-1, 1], ties sharing their average rank; NaN where either is constant."""
    return _correlate(stats.spearmanr, attribution, truth)


def kendall(attribution: Players, truth: Players) -> Float[Tensor, " batch"]:
    """Kendall's tau-b of each row, in [-1, 1], corrected for ties; NaN where either is constant."""
    return _correlate(stats.kendalltau, attribution, truth)


@metric(
    "spearman",
    better="higher",
    range=(-1.0, 1.0),
    source="Spearman 1904; SIG, experiments on games",
    against_truth=True,
)
def spearman_with_truth(trial: Trial) -> Float[Tensor, " batch"]:
    """``spearman`` of the players' attributions with the truth.

    Raises:
        NotApplicable: when the task states no truth.
    """
    return spearman(*_player_values(trial))


@metric("kendall", better="higher", range=(-1.0, 1.0), source="Kendall 1945, tau-b", against_truth=True)
def kendall_with_truth(trial: Trial) -> Float[Tensor, " batch"]:
    """``kendall`` of the players' attributions with the truth.

    Raises:
        NotApplicable: when the task states no truth.
    """
    return kendall(*_player_values(trial))


def _player_values(trial: Trial) -> tuple[Players, Players]:
    if trial.truth is None:
        raise NotApplicable("the task states no true attribution")
    return trial.explicand.player_sums(trial.attribution), trial.truth


def _correlate(coefficient: Callable[..., Any], attribution: Players, truth: Players) -> Float[Tensor, " batch"]:
    rows = zip(_without_noise(attribution), _without_noise(truth), strict=True)
    defined = (coefficient(a, t).statistic if np.ptp(a) and np.ptp(t) else np.nan for a, t in rows)
    return torch.tensor(list(defined), dtype=torch.float64, device=attribution.device)


def _without_noise(values: Players) -> Float[np.ndarray, "batch players"]:
    """The values relative to their row's largest, to 12 decimals: equal truths of symmetric players, computed in
    another order, differ in their last bits, and that is not an order."""
    rows = values.detach().cpu().double().numpy()
    largest = np.abs(rows).max(axis=1, keepdims=True)
    return np.round(rows / np.where(largest > 0, largest, 1), 12)
