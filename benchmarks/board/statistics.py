"""Intervals, paired tests and ranks for the leaderboard: pure functions on arrays, without any randomness.

A score belongs to a *unit*, an explicand, and a unit to a trained *model*. A statement is about models that were not
trained, so models are what it is tested on: with y_ij the score of explicand j of model i,

    y_ij = mu + m_i + e_ij,    m_i and e_ij independent, the e_ij of one model perhaps all alike.

Explicands of one model share m_i, so that many of them say little about mu. Where there is a single model, mu + m_1 is
all that can be estimated: explicands are the units, and the statement is about this model only. A NaN score is
undefined, and left out.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy import special, stats

from sig.registry import RANGE_TOLERANCE

ENOUGH: Final = 5  # independent units without which nothing can be said to be tied
FLOAT64_ROUNDING: Final = 1e-9  # relative difference of equal numbers: float64 sums in another order
FLOAT32_ROUNDING: Final = 1e-5  # difference of equal scores, of the larger one or of 1: float32 sums in another order

Limits = tuple[float, float]


@dataclass(frozen=True)
class Interval:
    """A mean and its interval; ``low`` and ``high`` are NaN where there is none.

    Attributes:
        mean: of the models' means; NaN without any score.
        low, high: the ends of the interval.
        models: how many have a score; 1 makes it a statement about this model only.
        units: how many scores there are.
    """

    mean: float
    low: float
    high: float
    models: int
    units: int


@dataclass(frozen=True)
class Pairs:
    """Each method (row) against each other one (column), on the units where both have a score.

    Attributes:
        lead: by how much the row's method is better, the mean of the models' means; 0 up to ``FLOAT32_ROUNDING``, NaN
            without any unit in common.
        p: of ``paired_p``, not corrected; NaN on the diagonal and without any unit in common.
        units: how many independent ones there are (``count_independent``); on the diagonal, those of the method.
    """

    lead: Float[np.ndarray, "methods methods"]
    p: Float[np.ndarray, "methods methods"]
    units: Int[np.ndarray, "methods methods"]


@dataclass(frozen=True)
class Ranking:
    """Where each method stands, 1 being the best; NaN for a method without a single score.

    Attributes:
        rank: ties share their average.
        low, high: the ends of the rank's interval.
        tied: no paired test tells the method from a first-ranked one, on ``ENOUGH`` independent units; so first-ranked
            ones are tied themselves where they have that many.
    """

    rank: Float[np.ndarray, " methods"]
    low: Float[np.ndarray, " methods"]
    high: Float[np.ndarray, " methods"]
    tied: Bool[np.ndarray, " methods"]


# ---- intervals ---------------------------------------------------------------------------------------------------


def mean_interval(
    samples: Float[np.ndarray, " units"],
    models: Shaped[np.ndarray, " units"],
    *,
    limits: Limits | None = None,
    confidence: float = 0.95,
) -> Interval:
    """The mean over models of a score, and its interval; ``models`` names the model of each unit.

    Over the k models' means x with mean m and standard deviation s it is Student's, m +- h with
    h = t(k - 1) s / sqrt(k): exact for normal means, whatever the number and the law of the explicands. Between limits
    a <= x <= b it is Student's on the log-odds of m (by the delta method), as is usual for proportions of clusters
    (Korn and Graubard 1998): with u = (m - a) / (b - m), the ends have odds

        u exp(+- h (1 / (m - a) + 1 / (b - m))),

    which stay within the limits and lean towards the long tail; with one finite limit, distances from it take the place
    of odds. It is widened to the interval over all explicands, which takes them as independent, where that reaches
    further: models whose means agree by chance have no interval of length zero. That one is Student's likewise, but

    * that of Clopper and Pearson (1934), which is exact, where all scores are hits or misses, at a limit each;
    * for n equal scores, what is compatible with a share of up to 1 - ((1 - confidence) / 2)^(1/n) of explicands that
      score otherwise, at worst at the other limit. Without two finite limits nothing can be said: NaN.

    With one model it is the interval over its explicands, and with a single score there is none: NaN. An interval of
    few models cannot know of a rare kind of model that is not among them. How often the intervals hold the mean is
    measured in ``tests/benchmarks/board/test_coverage.py``.

    Raises:
        ValueError: when a score lies outside the limits by more than rounding.
    """
    defined = ~np.isnan(samples)
    values = samples[defined] if limits is None else _require_within(samples[defined], limits)
    if len(values) == 0:
        return Interval(np.nan, np.nan, np.nan, 0, 0)
    means = _average_models(values, models[defined])
    low, high = _bound_over_units(values, limits, confidence)
    if len(means) > 1:
        low_of_models, high_of_models = _bound_by_student(means, limits, confidence)
        low, high = min(low, low_of_models), max(high, high_of_models)
    return Interval(float(means.mean()), float(low), float(high), len(means), len(values))


def difference_interval(a: Interval, b: Interval) -> Limits:
    """The interval of the mean of b less that of a, of independent samples, at the confidence of their two intervals.

    MOVER (Zou and Donner 2008): with means m and intervals [l, u],

        m_b - m_a - sqrt((m_b - l_b)^2 + (u_a - m_a)^2)  to  m_b - m_a + sqrt((u_b - m_b)^2 + (m_a - l_a)^2),

    which keeps the lean of either interval, and needs nothing else. NaN where one of them is none.
    """
    size = b.mean - a.mean
    return size - float(np.hypot(b.mean - b.low, a.high - a.mean)), size + float(
        np.hypot(b.high - b.mean, a.mean - a.low)
    )


def has_changed(a: Interval, b: Interval) -> bool:
    """Whether the means of independent samples differ by more than rounding (``FLOAT32_ROUNDING``), and by more than
    chance: their ``difference_interval`` leaves zero out. False where nothing can be said."""
    low, high = difference_interval(a, b)
    return abs(b.mean - a.mean) > FLOAT32_ROUNDING * max(1.0, abs(a.mean), abs(b.mean)) and (low > 0 or high < 0)


def _require_within(samples: Float[np.ndarray, " units"], limits: Limits) -> Float[np.ndarray, " units"]:
    outside = (samples < limits[0] - RANGE_TOLERANCE) | (samples > limits[1] + RANGE_TOLERANCE)
    if outside.any():
        raise ValueError(f"a score is {samples[outside][0]:g}, expected {limits[0]} to {limits[1]}; state its limits")
    return np.asarray(np.clip(samples, *limits))


def _bound_over_units(x: Float[np.ndarray, " n"], limits: Limits | None, confidence: float) -> tuple[float, float]:
    """The interval of the mean of n independent scores."""
    n = len(x)
    bounded = limits is not None and np.isfinite(limits).all()
    if n == 1 or (_all_equal(x) and not bounded):
        return np.nan, np.nan
    if limits is not None and bounded:
        low, high = limits
        if np.isin(x, limits).all():
            shares = _bound_proportion(int((x == high).sum()), n, confidence)
            return low + (high - low) * shares[0], low + (high - low) * shares[1]
        if _all_equal(x):
            # The share q of explicands that score otherwise for which n that do not are still as likely as the tail of
            # one end: (1 - q)^n = (1 - confidence) / 2.
            unseen = 1 - ((1 - confidence) / 2) ** (1 / n)
            return x[0] - unseen * (x[0] - low), x[0] + unseen * (high - x[0])
    return _bound_by_student(x, limits, confidence)


def _bound_proportion(hits: int, n: int, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a proportion, by quantiles of beta distributions."""
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else special.betaincinv(hits, n - hits + 1, tail)
    high = 1.0 if hits == n else special.betaincinv(hits + 1, n - hits, 1 - tail)
    return float(low), float(high)


def _bound_by_student(x: Float[np.ndarray, " n"], limits: Limits | None, confidence: float) -> tuple[float, float]:
    """Student's interval of the mean, on the log-odds of the limits; of equal scores it has no length."""
    n, mean = len(x), float(x.mean())
    half = float(special.stdtrit(n - 1, (1 + confidence) / 2) * x.std(ddof=1) / np.sqrt(n))
    low, high = limits or (-np.inf, np.inf)
    below, above = mean - low, high - mean
    if _all_equal(x):
        return mean, mean
    if np.isinf(below) and np.isinf(above):
        return mean - half, mean + half
    # The log-odds log(below / above) have the derivative 1 / below + 1 / above in the mean, so that ``half`` times this
    # is the half width of their interval (delta method): the ends have the odds of the mean times and by ``wider``. A
    # limit at infinity adds nothing to the derivative, and leaves the log of the distance from the other limit.
    with np.errstate(over="ignore"):  # beyond any number: infinity
        wider = np.exp(half / below + half / above)
    if np.isinf(above):
        return low + below / wider, low + below * wider
    if np.isinf(below):
        return high - above * wider, high - above / wider
    share = below / above
    # Odds o belong to high - (high - low) / (1 + o), which stays finite where the odds are huge.
    return high - (high - low) / (1 + share / wider), high - (high - low) / (1 + share * wider)


def _all_equal(x: Float[np.ndarray, " n"]) -> bool:
    return bool(np.ptp(x) <= FLOAT64_ROUNDING * np.abs(x).max())


# ---- paired tests ------------------------------------------------------------------------------------------------


def paired_p(
    a: Float[np.ndarray, "*#rows units"], b: Float[np.ndarray, "*#rows units"], models: Shaped[np.ndarray, " units"]
) -> Float[np.ndarray, "*rows"]:
    """Two-sided p-value that the mean difference over models is zero, for each row.

    The larger one of two paired t-tests: of the models' mean differences, and of all units' differences, which takes
    those as independent; 1 where the two means differ in sign. So it is below 5 % where the 95 % ``mean_interval`` of
    a - b, without limits, leaves zero out, and only there. With one model it is that of the units. A unit where either
    is NaN is left out; fewer than two units tell nothing: 1.

    But differences of one size, as of hits and misses, take the exact sign test of those that are not zero (McNemar
    1947) in place of the t-test over units. So a difference that is the same on all n units, which has no noise to be
    measured by, has p = 2^(1 - n). Differences of rounding, up to ``FLOAT32_ROUNDING``, are zero, so that no
    processor's last bits tell methods apart; p = 1 where all are.
    """
    return _test_differences(_subtract(a, b), models)


def _subtract(a: Float[np.ndarray, "*#rows n"], b: Float[np.ndarray, "*#rows n"]) -> Float[np.ndarray, "*rows n"]:
    difference, size = a - b, np.maximum(1, np.fmax(np.abs(a), np.abs(b)))
    return np.where(np.abs(difference) <= FLOAT32_ROUNDING * size, 0, difference)


def _test_differences(
    difference: Float[np.ndarray, "*rows units"], models: Shaped[np.ndarray, " units"]
) -> Float[np.ndarray, "*rows"]:
    means = _average_models(difference, models)
    over_models, over_units = _student_p(means), _student_p(difference)
    over_units = np.where(_have_one_size(difference), _sign_p(difference), over_units)
    contrary = _mean(means) * _mean(difference) < 0
    few = (~np.isnan(difference)).sum(-1) < 2
    return np.asarray(np.where(few | contrary, 1.0, np.fmax(over_models, over_units)))


def _have_one_size(x: Float[np.ndarray, "*rows n"]) -> Bool[np.ndarray, "*rows"]:
    size = np.abs(x)
    largest = np.fmax.reduce(size, -1, keepdims=True)
    return np.asarray(((size >= (1 - FLOAT64_ROUNDING) * largest) | (size == 0) | np.isnan(x)).all(-1))


def _sign_p(x: Float[np.ndarray, "*rows n"]) -> Float[np.ndarray, "*rows"]:
    """Two-sided p-value of the sign test that positive and negative samples are equally likely; 1 of zeros."""
    positive, negative = (x > 0).sum(-1), (x < 0).sum(-1)
    # Both tails of the binomial distribution with even odds; equal numbers would count the middle twice.
    p = 2 * special.bdtr(np.minimum(positive, negative).astype(float), positive + negative, 0.5)
    return np.asarray(np.where(positive + negative == 0, 1.0, np.minimum(p, 1)))


def _student_p(x: Float[np.ndarray, "*rows n"]) -> Float[np.ndarray, "*rows"]:
    """P-value of the t-test that the mean is zero: 0 of equal samples, but 1 of zeros; NaN of fewer than two."""
    defined = ~np.isnan(x)
    n = defined.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):  # NaN of no samples, infinity of equal ones
        mean = _mean(x)
        deviation = np.where(defined, x - mean[..., np.newaxis], 0)
        error = np.sqrt((deviation**2).sum(-1) / (n - 1) / n)
        p = 2 * special.stdtr(n - 1, -np.abs(mean) / error)
    p = np.where(error <= FLOAT64_ROUNDING * np.abs(mean), 0.0, p)
    return np.asarray(np.where(n < 2, np.nan, np.where(mean == 0, 1.0, p)))


def _mean(x: Float[np.ndarray, "*rows n"]) -> Float[np.ndarray, "*rows"]:
    """Mean along the last axis but for NaN; 0 where it is that up to rounding."""
    n = (~np.isnan(x)).sum(-1)
    with np.errstate(invalid="ignore"):
        mean, size = np.nansum(x, -1) / n, np.nansum(np.abs(x), -1) / n
    return np.where(np.abs(mean) <= FLOAT64_ROUNDING * size, 0, mean)


def _average_models(
    samples: Float[np.ndarray, "*rows units"], models: Shaped[np.ndarray, " units"]
) -> Float[np.ndarray, "*rows models"]:
    """Means of the defined samples of each model, 0 where they are that up to rounding; NaN for a model without any."""
    defined = ~np.isnan(samples)
    # A product with the membership of units in models sums over each model, of all rows at once.
    labels, of_unit = np.unique(models, return_inverse=True)
    member = (of_unit[:, np.newaxis] == np.arange(len(labels))).astype(float)
    known = np.where(defined, samples, 0)
    with np.errstate(invalid="ignore"):
        n, total, size = defined @ member, known @ member, np.abs(known) @ member
        return np.asarray(np.where(np.abs(total) <= FLOAT64_ROUNDING * size, 0, total) / n)


def count_independent(
    samples: Float[np.ndarray, "*rows units"], models: Shaped[np.ndarray, " units"]
) -> Int[np.ndarray, "*rows"]:
    """How many independent units have a score: models, or explicands where there is one model."""
    of_models = (~np.isnan(_average_models(samples, models))).sum(-1)
    return np.asarray(np.where(of_models == 1, (~np.isnan(samples)).sum(-1), of_models))


def holm(p_values: Float[np.ndarray, "*rows tests"]) -> Float[np.ndarray, "*rows tests"]:
    """P-values corrected for making all the tests of a row, by Holm's step-down procedure (1979); NaN is no test."""
    # The statsmodels function agrees, but runs the garbage collector on each call: half a second for each ranking.
    order = np.argsort(p_values, axis=-1)  # NaN last
    # The i-th smallest of m is multiplied by m - i + 1, and is no less than those before it.
    left = (~np.isnan(p_values)).sum(-1, keepdims=True) - np.arange(p_values.shape[-1])
    stepped = np.maximum.accumulate(np.take_along_axis(p_values, order, -1) * left, axis=-1)
    corrected = np.empty_like(p_values)
    np.put_along_axis(corrected, order, np.minimum(stepped, 1), -1)
    return corrected


# ---- ranks -------------------------------------------------------------------------------------------------------


def compare_pairs(
    scores: Float[np.ndarray, "methods units"],
    models: Shaped[np.ndarray, " units"],
    *,
    better: Literal["lower", "higher"],
) -> Pairs:
    """Every method against every other one.

    Raises:
        ValueError: when ``better`` is neither "lower" nor "higher".
    """
    if better not in ("lower", "higher"):
        raise ValueError(f"better is {better!r}, expected 'lower' or 'higher'")
    gains = scores if better == "higher" else -scores
    first, second = np.triu_indices(len(gains))
    # Each pair is tested once; ``square`` has its number on both sides of the diagonal, across which leads turn round.
    difference = _subtract(gains[first], gains[second])
    units = count_independent(difference, models)
    p = np.where((units == 0) | (first == second), np.nan, _test_differences(difference, models))
    lead = _mean(_average_models(difference, models))
    size = np.maximum(1, _mean(np.abs(gains)))
    lead = np.where(np.abs(lead) <= FLOAT32_ROUNDING * np.fmax(size[first], size[second]), 0, lead)
    square = np.empty((len(gains), len(gains)), dtype=int)
    square[first, second] = square[second, first] = np.arange(len(first))
    sign = np.where(np.tri(len(gains), k=-1), -1, 1)
    return Pairs(sign * lead[square], p[square], units[square])


def ranks(
    scores: Float[np.ndarray, "methods units"],
    models: Shaped[np.ndarray, " units"],
    *,
    better: Literal["lower", "higher"],
    confidence: float = 0.95,
) -> Ranking:
    """Ranks of the mean scores, their intervals, and the methods tied with the best.

    The rank of a method counts the methods that it beats on the units where both have a score, less those that beat it
    there, which without NaN is the rank of its mean of the models' means. Its interval goes from 1 + the number of
    methods that are significantly better to the number of methods less that of the significantly worse, by ``paired_p``
    corrected by ``holm`` over all tests of the method (Mogstad, Romano, Shaikh and Wilhelm 2024: the marginal
    confidence set of a rank). Ties with the best come from the tests of the best.

    Raises:
        ValueError: when ``better`` is neither "lower" nor "higher".
    """
    pairs = compare_pairs(scores, models, better=better)
    scored = ~np.isnan(scores).all(axis=1)
    rank, low, high = np.full((3, len(scores)), np.nan)
    if not scored.any():
        return Ranking(rank, low, high, np.zeros(len(scores), dtype=bool))
    # Methods that it beats less those that beat it; without NaN leads are differences of means, and this ranks these.
    rank[scored] = stats.rankdata(-np.nansum(np.sign(pairs.lead[scored]), axis=1))
    corrected = holm(pairs.p)
    apart = corrected <= 1 - confidence  # False of NaN
    low[scored] = 1 + (apart & (pairs.lead < 0)).sum(1)[scored]
    high[scored] = scored.sum() - (apart & (pairs.lead > 0)).sum(1)[scored]
    best = rank == np.nanmin(rank)
    together = (corrected > 1 - confidence) | np.eye(len(scores), dtype=bool)
    tied = (together & (pairs.units >= ENOUGH))[best].any(0)
    return Ranking(rank, np.fmin(low, rank), np.fmax(high, rank), tied)
