"""Intervals, paired tests and ranks for the leaderboard: pure functions on arrays, random only through their seed.

A *unit* is what methods are compared on: an explicand, or a repetition. NaN means that a score is undefined on a unit.
"""

import warnings
from dataclasses import dataclass
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


def paired_p(a: Float[np.ndarray, "*#rows units"], b: Float[np.ndarray, "*#rows units"]) -> Float[np.ndarray, "*rows"]:
    """Two-sided p-value of the paired t-test that the mean difference is zero, for each row.

    A unit where either is NaN is left out; fewer than two units tell nothing: 1. A difference that is the same on all
    units, without any noise to measure it by, has p = 0, and p = 1 when it is zero. Differences of rounding are zero.
    (A sign-flip test of ten units has no p below 2/1024, and could never reject when corrected for 27 rivals.)
    """
    difference = a - b
    rounding = np.abs(difference) <= 1e-9 * (np.abs(a) + np.abs(b))
    with warnings.catch_warnings():  # of scipy, that nearly equal differences and single ones are hard to judge
        warnings.simplefilter("ignore")
        p = stats.ttest_1samp(np.where(rounding, 0, difference), 0, axis=-1, nan_policy="omit").pvalue
    return np.asarray(np.nan_to_num(np.ma.filled(p, np.nan), nan=1.0))


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
        tied[scored] = _tied_with_best(gains, rank[scored])
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


def _tied_with_best(
    gains: Float[np.ndarray, "methods units"], rank: Float[np.ndarray, " methods"]
) -> Bool[np.ndarray, " methods"]:
    best = int(np.argmin(rank))
    rivals = np.arange(len(rank)) != best
    tied = np.ones(len(rank), dtype=bool)
    if rivals.any():
        tied[rivals] = holm(paired_p(gains[rivals], gains[best : best + 1])) > 0.05
    return tied
