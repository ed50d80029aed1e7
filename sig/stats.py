"""Intervals, paired tests and ranks for the leaderboard: pure functions on arrays, random only through their seed.

A *unit* is what methods are compared on: an explicand, or a repetition. NaN means that a score is undefined on a unit.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

BATCH = 500  # resamples at a time, which bounds memory


@dataclass(frozen=True)
class Ranking:
    """Where each method stands, 1 being the best; NaN for a method without a single score.

    Attributes:
        rank: ties share their average.
        low, high: the ends of the rank's interval.
        tied_with_best: no paired test tells the method from the first-ranked one; true for that one itself.
    """

    rank: Float[np.ndarray, " methods"]
    low: Float[np.ndarray, " methods"]
    high: Float[np.ndarray, " methods"]
    tied_with_best: Bool[np.ndarray, " methods"]


def interval(
    samples: Float[np.ndarray, " units"], *, confidence: float = 0.95, resamples: int = 2000, seed: int
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron 1979); NaN samples are left out.

    Equal samples, hence also a single one, give the interval of length zero that the bootstrap would; no samples give
    NaN. With few samples it is too narrow: 95 % cover about 91 % for ten normal samples and 86 % for five.
    """
    finite = samples[~np.isnan(samples)]
    if len(finite) == 0:
        return np.nan, np.nan
    if np.ptp(finite) == 0:
        return float(finite[0]), float(finite[0])
    low, high = stats.bootstrap(
        (finite,),
        np.mean,
        confidence_level=confidence,
        n_resamples=resamples,
        batch=BATCH,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return float(low), float(high)


def paired_p(
    a: Float[np.ndarray, "*#methods units"], b: Float[np.ndarray, "*#methods units"], *, seed: int
) -> Float[np.ndarray, "*rows"]:
    """Two-sided p-value of the paired sign-flip permutation test that the mean difference is zero, for each row.

    Exact up to 13 units, from 9999 random flips beyond. A unit where either is NaN is left out; 1 when none remains.
    """
    difference = np.nan_to_num(a - b)  # a zero is the same under either sign: as if the unit were not there
    rows = difference.reshape(-1, difference.shape[-1])
    if rows.shape[1] < 2:
        return np.ones(difference.shape[:-1])
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1)
    # The test flips the signs of its data. Flipping ones, and applying the signs to all rows at once, is much faster.
    p = stats.permutation_test(
        (np.ones(rows.shape[1]),),
        partial(_signed_sums, rows),
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        batch=BATCH,
        rng=seed,
    ).pvalue
    return np.reshape(p, difference.shape[:-1])


def holm(p_values: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """P-values corrected for making all the tests, by Holm's step-down procedure (1979)."""
    # The statsmodels function agrees, but runs the garbage collector on each call: half a second for each ranking.
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def ranks(
    scores: Float[np.ndarray, "methods units"],
    *,
    better: Literal["lower", "higher"],
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int,
) -> Ranking:
    """Ranks of the mean scores, their bootstrap intervals over units, and the methods tied with the best.

    The bootstrap draws the same units for every method. Ties with the best come from ``paired_p`` against it at 5 %,
    Holm-corrected. Two methods are compared on the units where both have a score: a method's rank counts the methods
    that it beats there less those that beat it, which without NaN is the rank of its mean.

    Raises:
        ValueError: when ``better`` is neither "lower" nor "higher".
    """
    if better not in ("lower", "higher"):
        raise ValueError(f"better is {better!r}, expected 'lower' or 'higher'")
    rank, low, high = np.full((3, len(scores)), np.nan)
    tied = np.zeros(len(scores), dtype=bool)
    scored = ~np.isnan(scores).all(axis=1)
    if scored.any():
        gains = scores[scored] if better == "higher" else -scores[scored]
        rank[scored] = _rank(gains)
        low[scored], high[scored] = _rank_interval(gains, confidence, resamples, seed)
        tied[scored] = _tied_with_best(gains, rank[scored], seed)
    return Ranking(rank, low, high, tied)


def _rank(
    gains: Float[np.ndarray, "methods *resamples units"], axis: int = -1
) -> Float[np.ndarray, "methods *resamples"]:
    defined = np.moveaxis(~np.isnan(gains), 0, -2).swapaxes(-1, -2).astype(float)
    own = np.moveaxis(np.nan_to_num(gains), 0, -2)
    total, size = own @ defined, np.abs(own) @ defined  # [i, j]: of method i, over the units where j has a score too
    lead = total - total.swapaxes(-1, -2)
    equal = np.abs(lead) <= 1e-12 * (size + size.swapaxes(-1, -2))  # up to rounding
    balance = np.where(equal, 0, np.sign(lead)).sum(-1)
    return np.moveaxis(stats.rankdata(-balance, axis=-1), -1, 0)


def _rank_interval(
    gains: Float[np.ndarray, "methods units"], confidence: float, resamples: int, seed: int
) -> tuple[Float[np.ndarray, " methods"], Float[np.ndarray, " methods"]]:
    if gains.shape[1] < 2:
        return _rank(gains), _rank(gains)
    bounds = stats.bootstrap(
        (gains,),
        _rank,
        axis=-1,
        vectorized=True,
        confidence_level=confidence,
        n_resamples=resamples,
        batch=BATCH,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return bounds.low, bounds.high


def _signed_sums(
    rows: Float[np.ndarray, "tests units"], signs: Float[np.ndarray, "*flips units"], axis: int
) -> Float[np.ndarray, "*flips tests"]:
    return np.asarray((signs @ rows.T).round(10))  # equal sums stay equal whatever the order of summation


def _tied_with_best(
    gains: Float[np.ndarray, "methods units"], rank: Float[np.ndarray, " methods"], seed: int
) -> Bool[np.ndarray, " methods"]:
    best = int(np.argmin(rank))
    rivals = np.arange(len(rank)) != best
    tied = np.ones(len(rank), dtype=bool)
    if rivals.any():
        tied[rivals] = holm(paired_p(gains[rivals], gains[best : best + 1], seed=seed)) > 0.05
    return tied
