import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from sig.stats import bounded_interval, holm, interval, paired_p, ranks

NAN = np.nan

scores = arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.integers(-3, 3)).map(
    lambda a: a.astype(float)
)


# --- interval


def test_interval_covers_the_mean_of_normal_data() -> None:
    draws = np.random.default_rng(0).normal(loc=3.0, size=(400, 40))
    bounds = np.array([interval(x, resamples=500, seed=i) for i, x in enumerate(draws)])
    covered = ((bounds[:, 0] <= 3) & (bounds[:, 1] >= 3)).mean()
    assert 0.91 <= covered <= 0.97  # 95 %, three standard errors of a proportion of 400 below, and a little narrow
    # the length that normal theory gives
    assert_allclose((bounds[:, 1] - bounds[:, 0]).mean(), 2 * 1.96 / np.sqrt(40), rtol=0.05)


def test_interval_narrows_with_confidence_and_uses_its_seed() -> None:
    x = np.random.default_rng(0).normal(size=30)
    low, high = interval(x, seed=0)
    inner_low, inner_high = interval(x, confidence=0.5, seed=0)
    assert low < inner_low < x.mean() < inner_high < high
    assert interval(x, seed=0) == (low, high)
    assert interval(x, seed=1) != (low, high)


def test_interval_of_few_or_equal_samples() -> None:
    assert interval(np.array([0.3]), seed=0) == (0.3, 0.3)
    assert interval(np.full(11, 0.3), seed=0) == (0.3, 0.3)
    assert np.isnan(interval(np.array([NAN, NAN]), seed=0)).all()
    assert np.isnan(interval(np.array([]), seed=0)).all()
    assert interval(np.array([0.0, 1.0]), seed=0) == (0, 1)


def test_interval_leaves_undefined_samples_out() -> None:
    x = np.random.default_rng(0).normal(size=30)
    assert interval(np.concatenate([[NAN], x, [NAN]]), seed=0) == interval(x, seed=0)


def test_interval_agrees_with_scipy() -> None:
    x = np.random.default_rng(0).exponential(size=23)
    expected = scipy_stats.bootstrap((x,), np.mean, n_resamples=1200, batch=500, method="percentile", rng=3)
    assert_allclose(interval(x, resamples=1200, seed=3), expected.confidence_interval, rtol=1e-12)


# --- paired_p


def p_of_three(difference: list[float]) -> float:
    """The t-distribution with two degrees of freedom has a closed form: P(|T| > t) = 1 - t / sqrt(2 + t^2)."""
    t = abs(np.mean(difference)) / (np.std(difference, ddof=1) / np.sqrt(3))
    return float(1 - t / np.sqrt(2 + t**2))


@pytest.mark.parametrize("units", [2, 10, 100])
def test_equal_scores_have_the_interval_of_clopper_and_pearson(units: int) -> None:
    never = scipy_stats.binomtest(0, units).proportion_ci(method="exact")
    always = scipy_stats.binomtest(units, units).proportion_ci(method="exact")
    assert bounded_interval(np.zeros(units), (0.0, 1.0)) == pytest.approx((never.low, never.high))
    assert bounded_interval(np.ones(units), (0.0, 1.0)) == pytest.approx((always.low, always.high))
    assert bounded_interval(np.ones(units), (-1.0, 1.0)) == pytest.approx((2 * always.low - 1, 1))
    low, high = bounded_interval(np.full(units, 0.3), (0.0, 1.0))
    assert (low, high) == pytest.approx((0.3 - 0.3 * never.high, 0.3 + 0.7 * never.high))


def test_hits_and_misses_have_the_exact_interval_which_a_miss_lowers() -> None:
    lows = [bounded_interval(np.array([1.0] * hits + [0.0] * (36 - hits)), (0.0, 1.0))[0] for hits in (36, 35)]
    assert lows == pytest.approx([0.025 ** (1 / 36), 0.8547], abs=1e-4)  # the second from tables


def test_bounded_intervals_are_students_within_the_limits() -> None:
    samples = np.array([0.0] * 9 + [0.9])
    assert bounded_interval(samples, (-1.0, 1.0)) == pytest.approx(DescrStatsW(samples).tconfint_mean())
    assert bounded_interval(samples, (0.0, 1.0))[0] == 0
    assert bounded_interval(1 - samples, (0.0, 1.0))[1] == 1
    assert bounded_interval(samples, (-1.0, 1.0))[0] < 0


def test_a_single_sample_has_no_bounded_interval() -> None:
    assert np.isnan(bounded_interval(np.array([0.5]), (0.0, 1.0))).all()


@pytest.mark.parametrize(
    ("difference", "p"),
    [
        ([1, 2, 3], p_of_three([1, 2, 3])),
        ([1, -2, 3], p_of_three([1, -2, 3])),
        ([0.1, 0.2, -0.3], 1),  # no difference, though the sum is not zero in floating point
        ([0, 0, 0], 1),
        ([5], 1),
        ([5, 5], 0),
    ],
)
def test_paired_p_by_hand(difference: list[float], p: float) -> None:
    a = np.array(difference, dtype=float)
    assert_allclose(paired_p(a, np.zeros(len(a))), p, atol=1e-12)


@given(arrays(np.int64, st.integers(2, 8), elements=st.integers(-5, 5)).filter(lambda a: np.ptp(a) > 0))
@settings(deadline=None)
def test_paired_p_agrees_with_statsmodels(difference: np.ndarray) -> None:
    a = difference / 7
    assert_allclose(paired_p(a + 1, np.ones(len(a))), DescrStatsW(a).ttest_mean(0)[1], rtol=1e-6)


def test_rounding_is_no_difference() -> None:
    a = np.random.default_rng(0).uniform(size=10)
    assert paired_p(a * (1 + 1e-12), a) == 1
    assert paired_p(a * (1 + 1e-6), a) < 0.05


def test_paired_p_tests_each_row_on_its_shared_units() -> None:
    b = np.array([[0.0, 0.0, 0.0, 0.0, NAN]])
    a = np.array([[1.0, 2.0, 3.0, NAN, 9.0], [1.0, -2.0, 3.0, NAN, 9.0], [NAN, NAN, NAN, NAN, 9.0]])
    assert_allclose(paired_p(a, b), [p_of_three([1, 2, 3]), p_of_three([1, -2, 3]), 1])


def test_paired_p_rejects_as_often_as_it_says() -> None:
    null = np.random.default_rng(0).normal(size=(1000, 12))
    assert 0.03 <= (paired_p(null, np.zeros((1, 12))) <= 0.05).mean() <= 0.07


# --- holm


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.03, 0.04 times 3, 2, 1: 0.03, 0.06, and 0.04 raised to the 0.06 before it
    assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    assert_allclose(holm(np.array([0.6, 0.9])), [1, 1])
    assert_allclose(holm(np.array([0.02])), [0.02])


def test_holm_agrees_with_statsmodels() -> None:
    p_values = np.random.default_rng(0).beta(0.3, 2, size=30).round(2)  # small, with ties
    assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


# --- ranks


def test_ranks_by_hand() -> None:
    table = np.array([[0.1, 0.2, 0.3], [0.7, 0.8, 0.9], [0.3, 0.1, 0.2], [0.5, 0.5, 0.5]])
    up, down = ranks(table, better="higher", seed=0), ranks(table, better="lower", seed=0)
    assert_array_equal(up.rank, [3.5, 1, 3.5, 2])  # first and third have one mean, in another order
    assert_array_equal(down.rank, [1.5, 4, 1.5, 3])
    # p = 0 against the first, whose distance never changes; .027 and .035 corrected for three tests are both .053
    assert_array_equal(up.tied_with_best, [False, True, True, True])
    # the second beats the others on every unit, hence in every resample
    assert (up.low[1], up.high[1], down.low[1], down.high[1]) == (1, 1, 4, 4)
    assert (up.low[0], up.high[0]) == (3, 4)


@given(scores)
@settings(max_examples=50, deadline=None)
def test_ranks_are_those_of_the_means(table: np.ndarray) -> None:
    higher = ranks(table, better="higher", resamples=20, seed=0)
    assert_array_equal(higher.rank, scipy_stats.rankdata(-table.sum(1)))  # exact: sums of integers
    lower = ranks(table, better="lower", resamples=20, seed=0)
    assert_array_equal(lower.rank, len(table) + 1 - higher.rank)


@given(scores, st.data())
@settings(max_examples=50, deadline=None)
def test_ranks_do_not_see_how_hard_a_unit_is(table: np.ndarray, data: st.DataObject) -> None:
    shift = data.draw(arrays(np.int64, table.shape[1], elements=st.integers(-9, 9)))
    before = ranks(table, better="higher", resamples=50, seed=0)
    after = ranks(table + shift, better="higher", resamples=50, seed=0)
    for name in ("rank", "low", "high", "tied_with_best"):
        assert_array_equal(getattr(before, name), getattr(after, name))


@given(scores, st.data())
@settings(max_examples=50, deadline=None)
def test_ranks_do_not_depend_on_the_order_of_methods(table: np.ndarray, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(len(table)))))
    whole, shuffled = (ranks(t, better="higher", resamples=50, seed=0) for t in (table, table[order]))
    for name in ("rank", "low", "high"):
        assert_array_equal(getattr(shuffled, name), getattr(whole, name)[order])


def test_rounding_breaks_no_ties() -> None:
    rng = np.random.default_rng(0)
    same_mean = np.stack([rng.permutation(50) / 10 for _ in range(20)])
    assert len(set(same_mean.sum(1))) > 1  # in floating point, the order of summation shows
    assert_array_equal(ranks(same_mean, better="higher", seed=0).rank, np.full(20, 10.5))


def test_rank_intervals_resample_units_for_all_methods_together() -> None:
    # Units differ far more than methods do; only a paired bootstrap sees that the order never changes.
    hardness = np.random.default_rng(0).normal(scale=100, size=20)
    ranking = ranks(np.stack([hardness, hardness + 1, hardness + 2]), better="higher", seed=0)
    assert_array_equal(ranking.low, [3, 2, 1])
    assert_array_equal(ranking.high, [3, 2, 1])
    assert_array_equal(ranking.tied_with_best, [False, False, True])


def test_rank_interval_agrees_with_a_loop() -> None:
    table = np.random.default_rng(0).normal(size=(4, 15)) + 0.2 * np.arange(4)[:, None]
    ranking = ranks(table, better="higher", resamples=4000, seed=0)
    rng = np.random.default_rng(1)
    drawn = [scipy_stats.rankdata(-table[:, rng.integers(0, 15, 15)].mean(1)) for _ in range(4000)]
    assert_array_equal([ranking.low, ranking.high], np.quantile(drawn, [0.025, 0.975], axis=0))


def balanced_ranks(table: np.ndarray) -> np.ndarray:
    """Ranks by the number of methods beaten less those that win, on the units where both have a score."""
    balance = np.zeros(len(table))
    for i, own in enumerate(table):
        for other in table:
            shared = ~np.isnan(own) & ~np.isnan(other)
            balance[i] += np.sign(own[shared].sum() - other[shared].sum())
    return np.asarray(scipy_stats.rankdata(-balance))


def test_rank_interval_with_undefined_scores_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(0, 9, (4, 12)) + np.arange(4.0)[:, None]
    table[rng.random(table.shape) < 0.3] = NAN
    table[2] = table[1] + 1  # two methods that are undefined on the same units
    ranking = ranks(table, better="higher", resamples=600, seed=5)
    expected = scipy_stats.bootstrap(
        (np.arange(12),),
        lambda drawn: balanced_ranks(table[:, drawn]),
        vectorized=False,
        n_resamples=600,
        batch=500,
        method="percentile",
        rng=5,
    ).confidence_interval
    assert_array_equal(ranking.rank, balanced_ranks(table))
    assert_array_equal([ranking.low, ranking.high], [expected.low, expected.high])


def test_ties_with_the_best_are_paired_and_corrected() -> None:
    rng = np.random.default_rng(0)
    best = rng.normal(size=100)
    near, far = best - rng.normal(0.01, 1, 100), best - rng.normal(1, 1, 100)
    assert_array_equal(ranks(np.stack([far, best, near]), better="higher", seed=0).tied_with_best, [False, True, True])
    # One test at p = .018 rejects; three of them, corrected, do not.
    behind = -np.array([0.0, 1, 2, 3, 4, 2])
    assert_array_equal(ranks(np.stack([behind * 0, behind]), better="higher", seed=0).tied_with_best, [True, False])
    four = np.stack([behind * 0, behind, behind, behind])
    assert ranks(four, better="higher", seed=0).tied_with_best.all()


def test_methods_are_compared_where_both_have_a_score() -> None:
    # The first has the highest mean, but only because the hard unit is undefined for it; where both are, it loses.
    table = np.array([[0.8, 0.8, NAN], [0.9, 0.9, 0.1], [NAN, NAN, NAN]])
    ranking = ranks(table, better="higher", seed=0)
    assert_array_equal(ranking.rank, [2, 1, NAN])
    assert_array_equal(np.isnan([ranking.low, ranking.high]), [[False, False, True]] * 2)
    assert not ranking.tied_with_best[2]


def test_ranks_of_little() -> None:
    one_unit = ranks(np.array([[1.0], [3.0], [2.0]]), better="higher", seed=0)
    assert_array_equal([one_unit.rank, one_unit.low, one_unit.high], [[3, 1, 2]] * 3)
    assert one_unit.tied_with_best.all()
    assert_array_equal(ranks(np.array([[1.0, 2.0]]), better="lower", seed=0).rank, [1])
    nothing = ranks(np.full((2, 3), NAN), better="lower", seed=0)
    assert np.isnan(nothing.rank).all()
    assert not nothing.tied_with_best.any()


@pytest.mark.usefixtures("as_users_run_it")
def test_ranks_reject_an_unknown_direction() -> None:
    with pytest.raises(ValueError, match="better is 'up', expected 'lower' or 'higher'"):
        ranks(np.ones((2, 2)), better="up", seed=0)  # type: ignore[arg-type]
