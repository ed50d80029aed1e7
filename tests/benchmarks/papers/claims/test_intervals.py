import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import DescrStatsW

from benchmarks.board import statistics
from benchmarks.papers.claims import Bound, Closeness, Flatness
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.quantities import check, sweep
from tests.benchmarks.papers.claims.examples import (
    BASE,
    FLIPS,
    GAME,
    REPETITIONS,
    SCORES,
    bound,
    superiority,
    verdict,
)

# --- bounds


def test_a_bound_holds_where_the_whole_interval_is_on_its_side(board_of):
    board = board_of(SCORES)
    low, high = DescrStatsW(BASE).tconfint_mean()
    interval = statistics.mean_interval(BASE, np.arange(REPETITIONS), limits=(-1.0, 1.0))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.005)
    low, high = interval.low, interval.high
    row = bound("ig-zero", above=0.0).test(board)[0]
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((BASE.mean(), low, high))
    for side, other in (
        ({"above": low - 0.01}, {"below": low - 0.01}),
        ({"below": high + 0.01}, {"above": high + 0.01}),
    ):
        assert verdict(board, bound("ig-zero", **side)) == "held"
        assert verdict(board, bound("ig-zero", **other)) == "not held"
    for within in (low + 0.01, high - 0.01):
        assert verdict(board, bound("ig-zero", above=within)) == "undecided"
        assert verdict(board, bound("ig-zero", below=within)) == "undecided"
    assert verdict(board, bound("ig-zero", above=low - 0.01, below=high + 0.01)) == "held"


def test_a_bound_on_a_check_of_the_models(board_of):
    (row,) = bound("trained model", check("r2"), above=0.9).test(board_of(SCORES))
    assert (row["task"], row["units"], row["verdict"]) == ("game", REPETITIONS, "held")
    assert row["mean"] == pytest.approx(0.945)


def test_scores_that_all_lie_at_a_limit_of_the_metric_have_an_exact_interval(board_of):
    (row,) = bound("ig-zero", above=0.0).test(board_of({"ig-zero": np.ones(REPETITIONS)}))
    always = scipy.stats.binomtest(REPETITIONS, REPETITIONS).proportion_ci(method="exact")
    assert (row["low"], row["high"]) == pytest.approx((2 * always.low - 1, 1))  # of correlations, in [-1, 1]


def test_a_bound_needs_holms_correction_to_be_not_held(board_of):
    board = board_of({"ig-zero": BASE, "ig-mean": BASE, "sig-game": BASE})
    at_95, at_97 = (
        statistics.mean_interval(BASE, np.arange(REPETITIONS), limits=(-1.0, 1.0), confidence=1 - 0.05 / tests).high
        for tests in (1, 2)
    )
    between = (at_95 + at_97) / 2
    assert verdict(board, Bound(find_tasks, (GAME,), ("ig-zero",), above=between)) == "not held"
    two = Bound(find_tasks, (GAME,), ("ig-zero", "ig-mean"), above=between)
    assert {row["verdict"] for row in two.test(board)} == {"undecided"}
    far = Bound(find_tasks, (GAME,), ("ig-zero", "ig-mean"), above=0.9)
    assert {row["verdict"] for row in far.test(board)} == {"not held"}


# --- closeness


def close(margin, *scores):
    return Closeness(find_tasks, scores or (GAME,), ("ig-zero",), ("ig-mean",), margin)


def test_closeness_is_shown_and_not_assumed(board_of):
    board = board_of({"ig-zero": BASE, "ig-mean": BASE + 0.02 + FLIPS / 10})
    low, high = DescrStatsW(-0.02 - FLIPS / 10).tconfint_mean()
    (row,) = close(0.05).test(board)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((-0.02, low, high), abs=1e-4)
    assert verdict(board, close(-low + 0.001)) == "held"
    assert verdict(board, close(-low - 0.001)) == "undecided"
    assert verdict(board, close(-high - 0.001)) == "not held"


def test_too_much_noise_is_not_closeness(board_of):
    board = board_of({"ig-zero": BASE, "ig-mean": BASE + 3 * FLIPS})
    assert superiority(("ig-zero",), ("ig-mean",))(board).verdict == "undecided"  # no difference is found,
    assert verdict(board, close(0.05)) == "undecided"  # which does not make them close
    assert verdict(board, close(0.9)) == "held"


def test_closeness_is_in_both_directions(board_of):
    for shift in (0.2, -0.2):
        board = board_of({"ig-zero": BASE, "ig-mean": BASE + shift + FLIPS / 10})
        assert verdict(board, close(0.1)) == "not held"
        assert verdict(board, close(0.3)) == "held"


# --- flatness along an option

OVER = sweep("score over N", "spearman", "samples", truth="game")
NOISE = 0.002 * (-1.0) ** np.arange(6)


def flat(share=0.0, margin=0.05):
    return Flatness(find_tasks, (OVER,), ("sig-game",), share, margin)


def test_a_score_that_stays_is_flat(swept_board):
    board = swept_board({1: 0.1 + NOISE, 50: 0.8 + NOISE, 100: 0.8 + NOISE / 2, 200: 0.801 - NOISE})
    assert flat(share=0.25)(board).verdict == "held"
    assert flat(share=0.0)(board).verdict == "not held"  # 0.1 at 1
    assert flat(share=0.25, margin=0.0005)(board).verdict == "undecided"


def test_a_trend_is_not_flat(swept_board):
    board = swept_board(
        {value: 0.1 * np.log2(value) + NOISE * factor for value, factor in ((50, 1), (100, -1), (200, 1))}
    )
    rows = {row["score"]: row for row in flat().test(board)}
    assert list(rows) == [
        "score over N, 50 less 200",
        "score over N, 100 less 200",
        "score over N, fitted change from 50 to 200",
    ]
    assert [row["mean"] for row in rows.values()] == pytest.approx([-0.2, -0.1, 0.2])
    assert flat()(board).verdict == "not held"


def test_many_changes_are_counted_for_the_whole_sweep(swept_board):
    board = swept_board(
        {value: 0.1 * index + NOISE * (-1) ** index for index, value in enumerate((1, 10, 50, 100, 200))}
    )
    assert flat()(board).measured == (
        "of 5 tests 3 not held, 2 undecided; "
        "changes -0.400 to 0.381 in score over N (claimed above -0.05 and below 0.05)"
    )


def test_the_fitted_line_is_numpys(swept_board):
    scores = {1: [0.1, 0.2, 0.4], 10: [0.5, 0.1, 0.3], 50: [0.2, 0.6, 0.3]}
    row = flat().test(swept_board(scores))[-1]
    slopes = [np.polyfit(np.log([1, 10, 50]), of_model, 1)[0] for of_model in np.array(list(scores.values())).T]
    assert row["mean"] == pytest.approx(np.mean(slopes) * np.log(50))
    assert row["models"] == 3


def test_a_single_value_is_no_sweep(swept_board, board_of):
    assert flat()(swept_board({200: 0.8 + NOISE})).verdict == "not in this run"
    assert flat()(board_of(SCORES)).verdict == "not in this run"
