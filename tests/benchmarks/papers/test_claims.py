import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import DescrStatsW

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.claims import Bound, Comparison
from benchmarks.papers.ledger import Outcome, Side
from benchmarks.papers.quantities import check, find_tasks, score
from benchmarks.run.records import read_run
from tests.benchmarks.run_maker import RunMaker

REPETITIONS = 10
BASE = np.linspace(0.3, 0.6, REPETITIONS)
FLIPS = 0.1 * (-1.0) ** np.arange(REPETITIONS)
SCORES = {
    "sig-game": BASE + 0.2 + 0.01 * FLIPS,
    "sig-size-uniform": BASE - 0.2,
    "ig-zero": BASE,
    "ig-mean": BASE + 0.2 + FLIPS,
    "sig-algorithm1": BASE - 0.1,
}
GAME = score("spearman with game", "spearman", truth="game")
REMOVAL = score("iaccuracy", "iaccuracy")


@pytest.fixture
def board_of(tmp_path):
    def build(scores, repetitions=REPETITIONS):
        task = {"repetitions": repetitions, "budgets": [10]}
        maker = RunMaker(tmp_path / "run", dict.fromkeys(scores, "made-up"), {"game": task, "other": task})
        for label, values in scores.items():
            for repetition, value in enumerate(values[:repetitions]):
                maker.cell("game", repetition, label, {"spearman_game": [value]}, budget=10, rows=len(label))
                maker.cell("other", repetition, label, {"iaccuracy": [value]}, budget=10)
        for repetition in range(repetitions):
            maker.problem("game", repetition, checks={"r2": 0.9 + 0.01 * repetition})
        return aggregate(read_run(maker.write()))

    return build


def comparison(methods, rivals, *scores):
    return Comparison(find_tasks, scores or (GAME,), methods, rivals)


SIG_AGAINST_SINGLE = comparison(("sig-game", "sig-size-uniform"), ("ig-zero", "ig-mean", "ig-random"))


def bound(method, quantity=GAME, **side):
    return Bound(find_tasks, (quantity,), (method,), Side(**side))


def verdict(board, claim):
    (row,) = claim.test(board)
    return row["verdict"]


# --- comparisons


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
    game, size_uniform = comparison(("sig-game", "sig-size-uniform"), ("ig-zero",)).test(board_of(SCORES))
    assert game["mean"] == pytest.approx(0.2)
    assert game["low"] < 0.2 < game["high"]
    assert size_uniform["mean"] == pytest.approx(-0.2)
    assert size_uniform["p"] < 1e-9  # the same loss in every repetition
    (mean,) = comparison(("ig-mean",), ("ig-zero",)).test(board_of(SCORES))
    # 0.2 and then 0.1 more or less: t = 0.2 / (0.1 sqrt(10 / 9) / sqrt(10)) = 6, on 9 degrees of freedom
    assert mean["p"] == pytest.approx(2 * scipy.stats.t.sf(6, 9))
    assert mean["units"] == REPETITIONS


def test_where_lower_is_better_the_lower_one_is_better(board_of):
    board = board_of(SCORES)
    assert verdict(board, comparison(("sig-size-uniform",), ("ig-zero",), REMOVAL)) == "held"
    assert verdict(board, comparison(("ig-zero",), ("sig-size-uniform",), REMOVAL)) == "not held"


def test_all_scores_of_a_claim_are_corrected_together(board_of):
    board = board_of(SCORES)
    (alone,) = comparison(("ig-zero",), ("ig-mean",)).test(board)
    both = comparison(("ig-zero",), ("ig-mean",), GAME, GAME).test(board)
    assert [row["p"] for row in both] == pytest.approx([2 * alone["p"], 2 * alone["p"]])


def test_spreads_and_rows_are_those_of_the_methods(board_of):
    (row,) = comparison(("sig-algorithm1",), ("sig-size-uniform",)).test(board_of(SCORES))
    assert (row["spread"], row["rival_spread"]) == pytest.approx((np.std(BASE, ddof=1),) * 2)
    assert (row["rows"], row["rival_rows"]) == (len("sig-algorithm1"), len("sig-size-uniform"))
    (row,) = comparison(("ig-zero",), ("ig-mean",)).test(board_of(SCORES))
    assert row["rival_spread"] == pytest.approx(np.std(BASE + FLIPS, ddof=1))


def test_a_single_repetition_stays_undecided(board_of):
    board = board_of(SCORES, repetitions=1)
    assert {row["verdict"] for row in SIG_AGAINST_SINGLE.test(board)} == {"undecided"}
    (row,) = bound("ig-zero", above=0.0).test(board)
    assert (row["mean"], row["verdict"]) == (pytest.approx(0.3), "undecided")
    assert np.isnan([row["low"], row["high"]]).all()


def test_equal_methods_are_undecided(board_of):
    board = board_of({"sig-algorithm1": BASE, "sig-size-uniform": BASE})
    (row,) = comparison(("sig-algorithm1",), ("sig-size-uniform",)).test(board)
    assert (row["mean"], row["p"], row["verdict"]) == (0, 1, "undecided")


def test_methods_that_were_not_run_are_left_out(board_of):
    board = board_of({"ig-zero": BASE})
    assert SIG_AGAINST_SINGLE.test(board) == []
    assert bound("ig-mean", above=0.0).test(board) == []
    assert bound("ig-zero", score("shadow", "shadow"), above=0.0).test(board) == []
    assert SIG_AGAINST_SINGLE(board) == Outcome("", "not in this run")


# --- bounds


def test_a_bound_holds_where_the_whole_interval_is_on_its_side(board_of):
    board = board_of(SCORES)
    low, high = DescrStatsW(BASE).tconfint_mean()
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


# --- in words


def test_few_comparisons_are_listed_and_many_counted(board_of):
    board = board_of(SCORES)
    few = comparison(("ig-mean",), ("ig-zero",))(board)
    assert few.verdict == "held"
    assert few.measured.startswith("spearman with game of ig-mean - ig-zero: 0.200 [0.1")
    assert few.measured.endswith("] on game")
    many = comparison(("sig-game", "sig-size-uniform"), ("ig-zero", "ig-mean", "sig-algorithm1"))(board)
    assert many.verdict == "not held"
    assert many.measured == (  # of BASE + 0.2 and BASE - 0.2 with BASE + 0.2 and with BASE - 0.1
        "of 6 tests 2 held, 1 undecided, 3 not held; differences from -0.400 to 0.300 in spearman with game"
    )


def test_bounds_are_told_with_what_is_claimed(board_of):
    outcome = bound("ig-zero", above=0.1)(board_of({"ig-zero": (0.8, 0.7, 0.9)}, repetitions=3))
    assert outcome.measured.startswith(
        "spearman with game of ig-zero: 0.800 [0.552, 1.000] on game"
    )  # 4.30 * 0.1 / 3^.5
    assert outcome.measured.endswith("(claimed above 0.1)")
    assert outcome.verdict == "held"


def test_tables_show_each_test(board_of):
    scores = np.arange(REPETITIONS) / 64
    board = board_of({"sig-game": scores + 0.25, "ig-zero": scores})  # exact in binary: the difference has no noise
    (row,) = comparison(("sig-game",), ("ig-zero",)).tabulate(board)
    assert row == {
        "task": "game",
        "score": "spearman with game ↑",
        "method": "sig-game",
        "against": "ig-zero",
        "difference": "0.250",
        "p (Holm)": "0.000",
        "verdict": "held",
        "spreads": "0.047 / 0.047",
        "steadier": "no",
        "rows": "8 / 7",
    }
    (row,) = bound("ig-zero", above=-0.1, below=0.9).tabulate(board)
    assert row["claimed"] == "above -0.1 and below 0.9"
    assert (row["units"], row["verdict"]) == ("10", "held")
