import numpy as np
import pytest
import scipy.stats

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.claims import Steadiness
from benchmarks.papers.claims.pairs import compare_spreads
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.quantities import score
from benchmarks.papers.verdicts import Finding
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.claims.examples import (
    BASE,
    FLIPS,
    GAME,
    REMOVAL,
    REPETITIONS,
    SCORES,
    SIG_AGAINST_SINGLE,
    bound,
    superiority,
    verdict,
)
from tests.benchmarks.run_maker import RunMaker

# --- superiority


def test_held_not_held_and_undecided(board_of):
    rows = SIG_AGAINST_SINGLE.test(board_of(SCORES))
    assert {(row["method"], row["rival"]): row["verdict"] for row in rows} == {
        ("sig-game", "ig-zero"): "held",
        ("sig-game", "ig-mean"): "undecided",
        ("sig-size-uniform", "ig-zero"): "not held",
        ("sig-size-uniform", "ig-mean"): "not held",
    }
    assert {row["task"] for row in rows} == {"game"}


def test_difference_and_p_by_hand(board_of):
    game, size_uniform = superiority(("sig-game", "sig-size-uniform"), ("ig-zero",)).test(board_of(SCORES))
    assert game["mean"] == pytest.approx(0.2)
    assert game["low"] < 0.2 < game["high"]
    assert size_uniform["mean"] == pytest.approx(-0.2)
    assert size_uniform["p"] == pytest.approx(
        2**-9
    )  # the same loss in ten repetitions, by the sign test; not corrected:
    assert size_uniform["p"] > game["p"]  # it is the larger one
    (mean,) = superiority(("ig-mean",), ("ig-zero",)).test(board_of(SCORES))
    # 0.2 and then 0.1 more or less: t = 0.2 / (0.1 sqrt(10 / 9) / sqrt(10)) = 6, on 9 degrees of freedom
    assert mean["p"] == pytest.approx(2 * scipy.stats.t.sf(6, 9))
    assert mean["units"] == REPETITIONS


def test_where_lower_is_better_the_lower_one_is_better(board_of):
    board = board_of(SCORES)
    assert verdict(board, superiority(("sig-size-uniform",), ("ig-zero",), REMOVAL)) == "held"
    assert verdict(board, superiority(("ig-zero",), ("sig-size-uniform",), REMOVAL)) == "not held"


def test_all_scores_of_a_claim_are_corrected_together(board_of):
    board = board_of(SCORES)
    (alone,) = superiority(("ig-zero",), ("ig-mean",)).test(board)
    both = superiority(("ig-zero",), ("ig-mean",), GAME, GAME).test(board)
    assert [row["p"] for row in both] == pytest.approx([2 * alone["p"], 2 * alone["p"]])


def test_all_tasks_of_a_claim_are_corrected_together(tmp_path):
    task = {"repetitions": REPETITIONS, "budgets": [10]}
    maker = RunMaker(tmp_path / "run", dict.fromkeys(SCORES, "made-up"), {"one": task, "two": task})
    for name in ("one", "two"):
        for repetition in range(REPETITIONS):
            for label in ("ig-zero", "ig-mean"):
                maker.cell(name, repetition, label, {"spearman_game": [SCORES[label][repetition]]}, budget=10)
    rows = superiority(("ig-mean",), ("ig-zero",)).test(aggregate(read_run(maker.write())))
    assert [row["p"] for row in rows] == pytest.approx([2 * 2 * scipy.stats.t.sf(6, 9)] * 2)


def test_spreads_and_cost_are_those_of_the_methods(board_of):
    (row,) = superiority(("sig-algorithm1",), ("sig-size-uniform",)).test(board_of(SCORES))
    assert (row["spread"], row["rival_spread"]) == pytest.approx((np.std(BASE, ddof=1),) * 2)
    assert (row["cost"], row["rival_cost"]) == (len("sig-algorithm1"), len("sig-size-uniform"))
    (row,) = superiority(("ig-zero",), ("ig-mean",)).test(board_of(SCORES))
    assert row["rival_spread"] == pytest.approx(np.std(BASE + FLIPS, ddof=1))


def test_a_single_repetition_stays_undecided(board_of):
    board = board_of(SCORES, repetitions=1)
    assert {row["verdict"] for row in SIG_AGAINST_SINGLE.test(board)} == {"undecided"}
    (row,) = bound("ig-zero", above=0.0).test(board)
    assert (row["mean"], row["verdict"]) == (pytest.approx(0.3), "undecided")
    assert np.isnan([row["low"], row["high"]]).all()


def test_equal_methods_are_undecided(board_of):
    board = board_of({"sig-algorithm1": BASE, "sig-size-uniform": BASE})
    (row,) = superiority(("sig-algorithm1",), ("sig-size-uniform",)).test(board)
    assert (row["mean"], row["p"], row["verdict"]) == (0, 1, "undecided")


def test_methods_that_were_not_run_are_left_out(board_of):
    board = board_of({"ig-zero": BASE})
    assert SIG_AGAINST_SINGLE.test(board) == []
    assert bound("ig-mean", above=0.0).test(board) == []
    assert bound("ig-zero", score("shadow", "shadow"), above=0.0).test(board) == []
    assert SIG_AGAINST_SINGLE(board) == Finding("", "not in this run")


# --- spreads


def test_a_smaller_spread_is_steadier(board_of):
    rng = np.random.default_rng(0)
    board = board_of({"ig-zero": 0.5 + 0.01 * rng.standard_normal(10), "ig-mean": 0.5 + 0.1 * rng.standard_normal(10)})
    steady, unsteady = (
        Steadiness(find_tasks, (GAME,), *names)
        for names in ((("ig-zero",), ("ig-mean",)), (("ig-mean",), ("ig-zero",)))
    )
    assert steady(board).verdict == "held"
    assert unsteady(board).verdict == "not held"
    assert steady(board).measured.startswith("of 1 tests 1 held; standard deviation over repetitions: ig-zero 0.0")


def test_alike_spreads_are_undecided(board_of):
    board = board_of({"ig-zero": BASE, "ig-mean": BASE[::-1] + 0.1})
    assert Steadiness(find_tasks, (GAME,), ("ig-zero",), ("ig-mean",))(board).verdict == "undecided"


def test_a_constant_score_is_steadier_than_a_varying_one():
    gain, p = compare_spreads(np.full(6, 0.5), np.arange(6.0))
    assert gain == pytest.approx(np.arange(6.0).std(ddof=1))
    assert p == pytest.approx(2 / 720)  # a perfect order of six, one way or the other
    assert compare_spreads(np.arange(6.0), np.full(6, 0.5)) == pytest.approx((-gain, p))
    assert compare_spreads(np.full(6, 0.5), np.full(6, 0.7)) == (0, 1)
    assert compare_spreads(np.array([1.0, 2.0]), np.array([1.0, 9.0])) == (0, 1)


def test_three_repetitions_tell_no_spreads_apart():
    assert compare_spreads(np.array([0.5, 0.5, 0.5]), np.array([0.0, 0.4, 1.0]))[1] == pytest.approx(1 / 3)


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_equal_spreads_of_skewed_scores_are_seldom_told_apart(shared):
    """The test of ten repetitions at the 5 % level, with scores that are skewed and shared in part."""
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(2000):
        common, own, rival = rng.beta(8, 2, size=(3, 10))
        pair = (shared * common + (1 - shared) * each for each in (own, rival))
        wrong += compare_spreads(*pair)[1] <= 0.05
    assert wrong / 2000 < 0.07


def test_spreads_that_differ_fourfold_are_mostly_told_apart():
    rng = np.random.default_rng(2)
    pairs = 0.5 + rng.standard_normal((500, 2, 10)) * np.array([[0.02], [0.08]])
    assert np.mean([compare_spreads(own, rival)[1] <= 0.05 for own, rival in pairs]) > 0.8
