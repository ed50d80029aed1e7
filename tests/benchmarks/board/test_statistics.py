"""Statistics against hand-solved cases, textbooks, scipy and statsmodels; coverage is in ``test_coverage``."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from benchmarks.board.statistics import (
    ENOUGH,
    Interval,
    compare_pairs,
    count_independent,
    difference_interval,
    has_changed,
    holm,
    mean_interval,
    paired_p,
    ranks,
)

NAN = np.nan
ONE = np.zeros(100, dtype=int)  # the model of each unit, where there is one
EACH = np.arange(100)  # where each unit has its own
SHARE = (0.0, 1.0)

scores = arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.integers(-3, 3)).map(
    lambda a: a.astype(float)
)


def bounds(samples: object, models: np.ndarray, **options: object) -> tuple[float, float]:
    """The ends of the interval of the mean; one model for each unit, or as many as are given."""
    x = np.array(samples, dtype=float)
    found = mean_interval(x, models[: len(x)], **options)  # type: ignore[arg-type]
    return found.low, found.high


# --- mean_interval


def test_the_interval_over_models_is_students_of_their_means() -> None:
    # means 1, 2, 6: mean 3, s^2 = 7, and t(2) at 97.5 % is 4.302653
    samples, models = np.array([0.0, 2, 2, 2, 2, 6, 6]), np.array(["a", "a", "b", "b", "b", "c", "c"])
    found = mean_interval(samples, models)
    half = 4.302653 * np.sqrt(7 / 3)
    assert (found.mean, found.low, found.high) == pytest.approx((3, 3 - half, 3 + half), abs=1e-5)
    assert (found.models, found.units) == (3, 7)


def test_explicands_of_one_model_are_the_units_of_a_statement_about_it() -> None:
    x = np.random.default_rng(0).normal(size=12)
    found = mean_interval(x, ONE[:12])
    assert (found.low, found.high) == pytest.approx(DescrStatsW(x).tconfint_mean())
    assert (found.models, found.units) == (1, 12)
    assert bounds(x, EACH) == pytest.approx((found.low, found.high))  # as many models with an explicand each


def test_the_wider_interval_of_models_and_explicands_counts() -> None:
    alike = np.array([[0.0, 1], [0, 1], [0, 1]])  # the models' means agree: nothing is seen of how they vary
    assert bounds(alike.ravel(), EACH // 2) == pytest.approx(DescrStatsW(alike.ravel()).tconfint_mean())
    unlike = np.array([[0.0, 0.1], [0.5, 0.6], [1, 1.1]])
    assert bounds(unlike.ravel(), EACH // 2) == pytest.approx(DescrStatsW(unlike.mean(1)).tconfint_mean())


def test_the_interval_within_limits_is_students_on_log_odds() -> None:
    samples = np.array([0.2, 0.3, 0.7])
    mean, half = 0.4, 4.302653 * np.std(samples, ddof=1) / np.sqrt(3)
    centre, width = special.logit(mean), half / (mean * (1 - mean))  # d logit / d mean
    expected = special.expit([centre - width, centre + width])
    assert_allclose(bounds(samples, EACH, limits=SHARE), expected, rtol=1e-6)
    assert_allclose(bounds(4 * samples - 2, EACH, limits=(-2.0, 2.0)), 4 * expected - 2, rtol=1e-6)
    positive = mean * np.exp(np.array([-1, 1]) * half / mean)  # d log / d mean
    assert_allclose(bounds(samples, EACH, limits=(0.0, np.inf)), positive, rtol=1e-6)
    assert_allclose(bounds(-samples, EACH, limits=(-np.inf, 0.0)), -positive[::-1], rtol=1e-6)
    assert bounds(samples, EACH, limits=(-np.inf, np.inf)) == bounds(samples, EACH)


@given(
    arrays(np.int64, st.integers(2, 9), elements=st.integers(0, 16)).map(lambda a: a / 16),
    arrays(np.int64, 9, elements=st.integers(0, 3)),
    st.booleans(),
)
@settings(deadline=None)
def test_intervals_hold_the_mean_and_keep_within_limits(x: np.ndarray, models: np.ndarray, mirrored: bool) -> None:
    models = models[: len(x)]
    found = mean_interval(1 - x if mirrored else x, models, limits=SHARE)
    assert -1e-12 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= 1 + 1e-12
    assert found.low < found.high
    assert found.mean == pytest.approx(np.mean([(1 - x if mirrored else x)[models == m].mean() for m in set(models)]))
    mirror = mean_interval(x if mirrored else 1 - x, models, limits=SHARE)
    assert (mirror.low, mirror.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)


@pytest.mark.parametrize("models", [ONE, EACH, EACH // 3], ids=["one model", "a model each", "three each"])
@pytest.mark.parametrize("units", [2, 10, 100])
def test_equal_scores_have_the_interval_of_clopper_and_pearson(units: int, models: np.ndarray) -> None:
    never = scipy_stats.binomtest(0, units).proportion_ci(method="exact")
    always = scipy_stats.binomtest(units, units).proportion_ci(method="exact")
    assert bounds(np.zeros(units), models, limits=SHARE) == pytest.approx((never.low, never.high))
    assert bounds(np.ones(units), models, limits=SHARE) == pytest.approx((always.low, always.high))
    assert bounds(np.ones(units), models, limits=(-1.0, 1.0)) == pytest.approx((2 * always.low - 1, 1))
    equal = bounds(np.full(units, 0.3), models, limits=SHARE)
    assert equal == pytest.approx((0.3 - 0.3 * never.high, 0.3 + 0.7 * never.high))


def test_hits_and_misses_have_the_exact_interval_which_a_miss_lowers() -> None:
    lows = [bounds([1.0] * hits + [0.0] * (36 - hits), ONE, limits=SHARE)[0] for hits in (36, 35)]
    assert lows == pytest.approx([0.025 ** (1 / 36), 0.8547], abs=1e-4)  # the second from tables


def test_equal_scores_without_two_limits_say_nothing_of_others() -> None:
    for limits in (None, (0.0, np.inf), (-np.inf, 1.0)):
        assert np.isnan(bounds(np.full(9, 0.3), EACH, limits=limits)).all()
        assert np.isnan(bounds(np.zeros(9), ONE, limits=limits)).all()


def test_undefined_scores_and_models_without_any_are_left_out() -> None:
    x, models = np.array([0.1, 0.4, 0.2, 0.8]), np.array([3, 3, 5, 5])
    more = np.array([NAN, *x, NAN, NAN]), np.array([3, *models, 7, 8])
    assert mean_interval(*more, limits=SHARE) == mean_interval(x, models, limits=SHARE)
    one = mean_interval(np.array([0.1, 0.4, NAN]), np.array([3, 3, 5]))
    assert (one.models, one.units) == (1, 2)


def test_a_single_score_has_no_interval_and_none_no_mean() -> None:
    single = mean_interval(np.array([NAN, 0.5]), EACH[:2], limits=SHARE)
    assert (single.mean, single.models, single.units) == (0.5, 1, 1)
    assert np.isnan([single.low, single.high]).all()
    for none in (np.array([]), np.array([NAN, NAN])):
        nothing = mean_interval(none, EACH[: len(none)])
        assert (nothing.models, nothing.units) == (0, 0)
        assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()


def test_intervals_narrow_with_confidence() -> None:
    x = np.random.default_rng(0).uniform(size=30)
    for models in (ONE, EACH // 10):
        low, high = bounds(x, models, limits=SHARE)
        inner_low, inner_high = bounds(x, models, limits=SHARE, confidence=0.5)
        assert low < inner_low < x.mean() < inner_high < high


def test_scores_of_rounding_outside_the_limits_count_as_within() -> None:
    assert bounds([1 + 1e-9] * 4, ONE, limits=SHARE) == bounds([1.0] * 4, ONE, limits=SHARE)
    with pytest.raises(ValueError, match="a score is 1.1, expected 0.0 to 1.0; state its limits"):
        bounds([0.5, 1.1], ONE, limits=SHARE)


def test_far_spread_positive_scores_have_an_end_that_is_infinite() -> None:
    low, high = bounds([1e-9, 1e9], EACH, limits=(0.0, np.inf))
    assert low < 1e4
    assert high > 1e14


# --- difference_interval


def test_the_interval_of_a_difference_by_hand() -> None:
    """0.5 - 0.3, less the root of 0.06^2 + 0.08^2, and more by that of 0.03^2 + 0.04^2."""
    a, b = Interval(0.3, 0.26, 0.38, 5, 50), Interval(0.5, 0.44, 0.53, 5, 50)
    assert_allclose(difference_interval(a, b), (0.1, 0.25))
    assert_allclose(difference_interval(b, a), (-0.25, -0.1))
    assert has_changed(a, b)
    assert not has_changed(a, Interval(0.5, 0.3, 0.53, 5, 50))  # 0.2, less the root of 0.2^2 + 0.08^2
    assert not has_changed(Interval(0.5, 0.5, 0.5, 5, 50), Interval(0.5 + 9e-6, 0.5 + 9e-6, 0.5 + 9e-6, 5, 50))


def test_nothing_has_changed_where_there_is_no_interval() -> None:
    a, b = Interval(0.3, 0.26, 0.38, 5, 50), Interval(0.9, NAN, NAN, 1, 1)
    assert np.isnan(difference_interval(a, b)).all()
    assert not has_changed(a, b)


def test_the_interval_of_a_difference_of_large_normal_samples_is_that_of_the_z_test() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 4000), rng.normal(0.1, 3, 2000)
    a, b = (mean_interval(of, np.arange(len(of))) for of in (x, y))
    half = 1.959964 * np.sqrt(x.var(ddof=1) / 4000 + y.var(ddof=1) / 2000)
    size = y.mean() - x.mean()
    low, high = difference_interval(a, b)
    assert_allclose([(low + high) / 2, (high - low) / 2], [size, half], rtol=1e-3)


# --- paired_p


def p_of_three(difference: list[float]) -> float:
    """The t-distribution with two degrees of freedom has a closed form: P(|T| > t) = 1 - t / sqrt(2 + t^2)."""
    t = abs(np.mean(difference)) / (np.std(difference, ddof=1) / np.sqrt(3))
    return float(1 - t / np.sqrt(2 + t**2))


@pytest.mark.parametrize("models", [ONE, EACH], ids=["one model", "a model each"])
@pytest.mark.parametrize(
    ("difference", "p"),
    [
        ([1, 2, 3], p_of_three([1, 2, 3])),
        ([1, -2, 3], p_of_three([1, -2, 3])),
        ([0.1, 0.2, -0.3], 1),  # no difference, though the sum is not zero in floating point
        ([0, 0, 0], 1),
        ([5], 1),
        ([5, 5], 1 / 2),  # of four outcomes of two fair coins, two have them alike
        ([-5] * 10, 1 / 512),
        ([1, 1, 1, 0, -1], 10 / 16),  # of four coins, at most one or at least three are heads
    ],
)
def test_paired_p_by_hand(difference: list[float], p: float, models: np.ndarray) -> None:
    a = np.array(difference, dtype=float)
    assert_allclose(paired_p(a, np.zeros(len(a)), models[: len(a)]), p, atol=1e-12)


def test_the_larger_p_of_models_and_explicands_counts() -> None:
    models = EACH[:6] // 2
    unlike = np.array([1, 1.1, 2, 2.1, 3, 3.1])  # models vary more than explicands: the means are 1.05, 2.05, 3.05
    assert_allclose(paired_p(unlike, 0 * unlike, models), p_of_three([1.05, 2.05, 3.05]))
    alike = np.array([1.0, 3, 1, 3, 1, 3.01])  # the models' means differ less than chance would have them
    assert_allclose(paired_p(alike, 0 * alike, models), DescrStatsW(alike).ttest_mean(0)[1])
    steady = np.ones(6)  # nor do explicands
    assert paired_p(steady, 0 * steady, models) == 1 / 32


def test_many_explicands_do_not_make_up_for_few_models() -> None:
    shift = np.repeat([0.1, 0.5, 0.0], 1000)
    difference = shift + np.random.default_rng(0).normal(scale=0.01, size=3000)
    assert paired_p(difference, 0 * difference, ONE.repeat(30)) < 1e-50
    assert 0.1 < paired_p(difference, 0 * difference, EACH[:3].repeat(1000)) < 0.5


def test_contrary_signs_of_models_and_explicands_tell_nothing() -> None:
    difference, models = np.array([1.0, 1.01, *np.full(40, -1.0), -1.01]), np.array([0, 1, *[2] * 41])
    more_of_them = np.concatenate([difference, 1.02 * np.ones(1)]), np.array([*models, 3])
    assert np.mean([1, 1.01, -1.0, 1.02]) > 0 > more_of_them[0].mean()
    assert paired_p(more_of_them[0], 0 * more_of_them[0], more_of_them[1]) == 1


def test_hits_and_misses_take_mcnemars_test() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.random((2, 40)) < [[0.8], [0.5]]).astype(float)
    table = [[((a == x) & (b == y)).sum() for y in (0, 1)] for x in (0, 1)]
    assert_allclose(paired_p(a, b, ONE[:40]), mcnemar(table, exact=True).pvalue)


@given(arrays(np.int64, st.integers(2, 8), elements=st.integers(-5, 5)).filter(lambda a: len(set(abs(a)) - {0}) > 1))
@settings(deadline=None)
def test_paired_p_agrees_with_statsmodels(difference: np.ndarray) -> None:
    a = difference / 7
    assert_allclose(paired_p(a + 1, np.ones(len(a)), ONE[: len(a)]), DescrStatsW(a).ttest_mean(0)[1], rtol=1e-6)


@given(
    arrays(np.int64, st.integers(2, 9), elements=st.integers(-2, 5)).filter(lambda a: len(set(abs(a)) - {0}) > 1),
    arrays(np.int64, 9, elements=st.integers(0, 3)),
)
@settings(deadline=None)
def test_differences_are_significant_where_their_interval_leaves_zero_out(a: np.ndarray, models: np.ndarray) -> None:
    difference, models = a / 7, models[: len(a)]
    found = mean_interval(difference, models)
    p = paired_p(difference, 0 * difference, models)
    if min(abs(found.low), abs(found.high)) > 1e-6:  # not at the very end
        assert (p < 0.05) == (found.low > 0 or found.high < 0)


def test_rounding_is_no_difference() -> None:
    a = np.random.default_rng(0).uniform(size=10)
    assert paired_p(a + 0.9e-5, a, EACH[:10]) == 1
    assert paired_p(a + 1.1e-5, a, EACH[:10]) < 0.05
    large = 1000 + a
    assert paired_p(large + 0.9e-2, large, EACH[:10]) == 1
    assert paired_p(large + 1.1e-2, large, EACH[:10]) < 0.05


def test_methods_that_differ_by_rounding_share_a_rank() -> None:
    a = np.random.default_rng(0).uniform(size=10)
    rounding = np.random.default_rng(1).normal(scale=1e-6, size=10)
    for moved in (a + rounding, a - rounding):
        assert ranks(np.stack([a, moved, a + 1e-3]), EACH[:10], better="lower").rank.tolist() == [1.5, 1.5, 3]
    rare = a + 5e-5 * (np.arange(10) == 3)  # beyond rounding on one explicand, but not in the mean
    assert ranks(np.stack([a, rare]), EACH[:10], better="lower").rank.tolist() == [1.5, 1.5]


def test_paired_p_tests_each_row_on_its_shared_units() -> None:
    b = np.array([[0.0, 0.0, 0.0, 0.0, NAN]])
    a = np.array([[1.0, 2.0, 3.0, NAN, 9.0], [1.0, -2.0, 3.0, NAN, 9.0], [NAN, NAN, NAN, NAN, 9.0]])
    for models in (ONE, EACH):
        assert_allclose(paired_p(a, b, models[:5]), [p_of_three([1, 2, 3]), p_of_three([1, -2, 3]), 1])


def test_independent_units_are_models_or_explicands_of_a_single_one() -> None:
    table = np.array([[1.0, 1, 1, 1], [1, NAN, NAN, 1], [1, 1, NAN, NAN], [NAN, NAN, NAN, NAN]])
    assert_array_equal(count_independent(table, np.array([0, 0, 1, 1])), [2, 2, 2, 0])
    assert_array_equal(count_independent(table, np.array([0, 0, 1, 2])), [3, 2, 2, 0])
    assert_array_equal(count_independent(table, ONE[:4]), [4, 2, 2, 0])


# --- holm


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.03, 0.04 times 3, 2, 1: 0.03, 0.06, and 0.04 raised to the 0.06 before it
    assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    assert_allclose(holm(np.array([0.6, 0.9])), [1, 1])
    assert_allclose(holm(np.array([0.02])), [0.02])
    rows = holm(np.array([[0.04, NAN, 0.01, 0.03], [NAN, NAN, NAN, 0.02]]))  # what is no test is not corrected for
    assert_allclose(rows, [[0.06, NAN, 0.03, 0.06], [NAN, NAN, NAN, 0.02]])


def test_holm_agrees_with_statsmodels() -> None:
    p_values = np.random.default_rng(0).beta(0.3, 2, size=(3, 30)).round(2)  # small, with ties
    assert_allclose(holm(p_values), [multipletests(row, method="holm")[1] for row in p_values])


# --- compare_pairs


def test_pairs_are_compared_both_ways_on_shared_units() -> None:
    table = np.array([[1.0, 2, 3, NAN], [0.0, 0, 0, 9], [NAN, NAN, NAN, 1], [NAN] * 4])
    pairs = compare_pairs(table, EACH[:4], better="higher")
    assert_array_equal(pairs.lead[:3, :3], [[0, 2, NAN], [-2, 0, 8], [NAN, -8, 0]])
    p = p_of_three([1, 2, 3])
    assert_allclose(pairs.p, [[NAN, p, NAN, NAN], [p, NAN, 1, NAN], [NAN, 1, NAN, NAN], [NAN] * 4])
    assert_array_equal(pairs.units, [[3, 3, 0, 0], [3, 4, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    lower = compare_pairs(table, EACH[:4], better="lower")
    assert_array_equal(lower.lead, -pairs.lead)


# --- ranks


def test_ranks_by_hand() -> None:
    table = np.array([[0.1, 0.2, 0.3], [0.7, 0.8, 0.9], [0.3, 0.1, 0.2], [0.5, 0.5, 0.5]])
    up, down = (ranks(table, EACH[:3], better=way) for way in ("higher", "lower"))
    assert_array_equal(up.rank, [3.5, 1, 3.5, 2])  # first and third have one mean, in another order
    assert_array_equal(down.rank, [1.5, 4, 1.5, 3])
    # The second leads the others by .6 (always: p = 1/4), .6 (p = .027) and .3 (p = .035); times 3 none is below 5 %.
    assert_array_equal([up.low, up.high], [[1] * 4, [4] * 4])
    assert not up.tied.any()  # three units are too few to say so


def test_rank_intervals_count_the_significantly_better_and_worse() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.1, size=(5, 12))
    table = np.array([0.0, 1, 1, 2, 5])[:, None] + noise - noise.mean(1, keepdims=True)  # means as written
    table[1] += 1e-3
    ranking = ranks(table, EACH[:12], better="higher")
    assert_array_equal(ranking.rank, [5, 3, 4, 2, 1])
    assert_array_equal(ranking.low, [5, 3, 3, 2, 1])
    assert_array_equal(ranking.high, [5, 4, 4, 2, 1])
    assert_array_equal(ranking.tied, [False, False, False, False, True])


def test_rank_intervals_hold_the_true_rank() -> None:
    rng = np.random.default_rng(0)
    true = np.array([0.0, 0.3, 0.3, 0.6, 1])
    first, last = np.array([5, 3, 3, 2, 1]), np.array([5, 4, 4, 2, 1])  # of ranks that equal ones may be given
    held = np.zeros(5)
    for _ in range(300):
        ranking = ranks(true[:, None] + rng.normal(scale=0.5, size=(5, 6)), EACH[:6], better="higher")
        held += (ranking.low <= first) & (ranking.high >= last)
    assert (held / 300 >= 0.92).all()


@given(scores, st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_ranks_are_those_of_the_means_of_models(table: np.ndarray, per_model: int) -> None:
    models = EACH[: table.shape[1]] // per_model
    higher = ranks(table, models, better="higher")
    means = np.mean([table[:, models == m].mean(1) for m in np.unique(models)], axis=0).round(9)
    assert_array_equal(higher.rank, scipy_stats.rankdata(-means))
    lower = ranks(table, models, better="lower")
    assert_array_equal(lower.rank, len(table) + 1 - higher.rank)
    assert_array_equal(lower.low, len(table) + 1 - higher.high)
    assert (higher.low <= higher.rank).all()
    assert (higher.rank <= higher.high).all()


@given(scores, st.data())
@settings(max_examples=50, deadline=None)
def test_ranks_do_not_see_how_hard_a_unit_is(table: np.ndarray, data: st.DataObject) -> None:
    shift = data.draw(arrays(np.int64, table.shape[1], elements=st.integers(-9, 9)))
    models = EACH[: table.shape[1]] // 2
    before, after = (ranks(t, models, better="higher") for t in (table, table + shift))
    for name in ("rank", "low", "high", "tied"):
        assert_array_equal(getattr(before, name), getattr(after, name))


@given(scores, st.data())
@settings(max_examples=50, deadline=None)
def test_ranks_do_not_depend_on_the_order_of_methods(table: np.ndarray, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(len(table)))))
    whole, shuffled = (ranks(t, EACH[: table.shape[1]], better="higher") for t in (table, table[order]))
    for name in ("rank", "low", "high", "tied"):
        assert_array_equal(getattr(shuffled, name), getattr(whole, name)[order])


def test_rounding_breaks_no_ties() -> None:
    rng = np.random.default_rng(0)
    same_mean = np.stack([rng.permutation(50) / 10 for _ in range(20)])
    assert len(set(same_mean.sum(1))) > 1  # in floating point, the order of summation shows
    ranking = ranks(same_mean, ONE[:50], better="higher")
    assert_array_equal(ranking.rank, np.full(20, 10.5))
    assert ranking.tied.all()


def test_rank_intervals_are_paired() -> None:
    # Units differ far more than methods do; only paired tests see that the order never changes.
    hardness = np.random.default_rng(0).normal(scale=100, size=20)
    ranking = ranks(np.stack([hardness, hardness + 1, hardness + 2]), EACH[:20], better="higher")
    assert_array_equal([ranking.low, ranking.high], [[3, 2, 1]] * 2)
    assert_array_equal(ranking.tied, [False, False, True])


def balanced_ranks(table: np.ndarray) -> np.ndarray:
    """Ranks by the number of methods beaten less those that win, on the units where both have a score."""
    balance = np.zeros(len(table))
    for i, own in enumerate(table):
        for other in table:
            shared = ~np.isnan(own) & ~np.isnan(other)
            balance[i] += np.sign(own[shared].sum() - other[shared].sum())
    return np.asarray(scipy_stats.rankdata(-balance))


def test_ranks_with_undefined_scores_agree_with_a_loop() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(0, 9, (4, 12)) + np.arange(4.0)[:, None]
    table[rng.random(table.shape) < 0.3] = NAN
    table[2] = table[1] + 1  # two methods that are undefined on the same units
    ranking = ranks(table, EACH[:12], better="higher")
    assert_array_equal(ranking.rank, balanced_ranks(table))
    for i in range(4):
        rivals = [j for j in range(4) if j != i]
        p = multipletests([paired_p(table[i], table[j], EACH[:12]) for j in rivals], method="holm")[1]
        ahead = np.array([np.nanmean(table[i] - table[j]) for j in rivals]) > 0
        low, high = 1 + ((p <= 0.05) & ~ahead).sum(), 4 - ((p <= 0.05) & ahead).sum()
        assert (ranking.low[i], ranking.high[i]) == (min(low, ranking.rank[i]), max(high, ranking.rank[i]))


def test_ties_with_the_best_are_paired_and_corrected() -> None:
    rng = np.random.default_rng(0)
    best = rng.normal(size=100)
    near, far = best - rng.normal(0.01, 1, 100), best - rng.normal(1, 1, 100)
    assert_array_equal(ranks(np.stack([far, best, near]), EACH, better="higher").tied, [False, True, True])
    # One test at p = .018 rejects; three of them, corrected, do not.
    behind = -np.array([0.0, 1, 2, 3, 4, 2])
    assert_array_equal(ranks(np.stack([behind * 0, behind]), EACH[:6], better="higher").tied, [True, False])
    four = np.stack([behind * 0, behind, behind, behind])
    assert ranks(four, EACH[:6], better="higher").tied.all()


def test_ties_need_enough_models_and_explicands_only_of_a_single_one() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4 * ENOUGH))
    enough = EACH[: 4 * ENOUGH] // 4
    assert ranks(x, enough, better="higher").tied.all()
    assert not ranks(x, np.minimum(enough, ENOUGH - 2), better="higher").tied.any()
    assert ranks(x, 0 * enough, better="higher").tied.all()
    assert not ranks(x[:, : ENOUGH - 1], 0 * enough[: ENOUGH - 1], better="higher").tied.any()
    few = x.copy()
    few[np.argmin(x.mean(1)), 4:] = NAN  # a rival with a score on too few models
    assert ranks(few, enough, better="higher").tied.sum() == 2


def test_a_best_method_with_one_unit_ties_with_nobody() -> None:
    table = np.vstack([np.full(20, NAN), np.random.default_rng(0).normal(size=(3, 20))])
    table[0, 0] = 9
    ranking = ranks(table, EACH[:20], better="higher")
    assert ranking.rank[0] == 1
    assert not ranking.tied.any()


def test_methods_are_compared_where_both_have_a_score() -> None:
    # The first has the highest mean, but only because the hard unit is undefined for it; where both are, it loses.
    table = np.array([[0.8, 0.8, NAN], [0.9, 0.9, 0.1], [NAN, NAN, NAN]])
    ranking = ranks(table, EACH[:3], better="higher")
    assert_array_equal(ranking.rank, [2, 1, NAN])
    assert_array_equal(np.isnan([ranking.low, ranking.high]), [[False, False, True]] * 2)
    assert not ranking.tied[2]


def test_ranks_of_little() -> None:
    one_unit = ranks(np.array([[1.0], [3.0], [2.0]]), EACH[:1], better="higher")
    assert_array_equal([one_unit.rank, one_unit.low, one_unit.high], [[3, 1, 2], [1, 1, 1], [3, 3, 3]])
    assert not one_unit.tied.any()
    assert_array_equal(ranks(np.array([[1.0, 2.0]]), EACH[:2], better="lower").rank, [1])
    nothing = ranks(np.full((2, 3), NAN), EACH[:3], better="lower")
    assert np.isnan(nothing.rank).all()
    assert not nothing.tied.any()


@pytest.mark.usefixtures("as_users_run_it")
def test_ranks_reject_an_unknown_direction() -> None:
    with pytest.raises(ValueError, match="better is 'up', expected 'lower' or 'higher'"):
        ranks(np.ones((2, 2)), EACH[:2], better="up")  # type: ignore[arg-type]
