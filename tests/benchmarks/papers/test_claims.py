import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import DescrStatsW

from benchmarks.board import statistics
from benchmarks.board.aggregate import aggregate
from benchmarks.papers.interval_claims import Bound, Closeness, Flatness
from benchmarks.papers.ledger import Outcome, Side
from benchmarks.papers.paired_claims import Comparison, Steadiness, compare_spreads
from benchmarks.papers.quantities import check, find_tasks, score, sweep
from benchmarks.run.fields import SweepPoint
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import WHERE, RunMaker

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


@pytest.fixture
def board_of_one_model(tmp_path):
    """The scores of each method are those of explicands of a single model."""

    def build(scores):
        maker = RunMaker(
            tmp_path / "run", dict.fromkeys(scores, "made-up"), {"game": {"repetitions": 1, "budgets": [10]}}
        )
        for label, values in scores.items():
            maker.cell("game", 0, label, {"spearman_game": list(values)}, budget=10, provenance=WHERE)
        return aggregate(read_run(maker.write()))

    return build


@pytest.fixture
def swept_board(tmp_path):
    """By value of N, the scores of each repetition."""

    def build(scores):
        maker = RunMaker(tmp_path / "run", {"sig-game": "made-up"}, {"game": {"repetitions": 1, "budgets": [10]}})
        for value, of_repetitions in scores.items():
            point = SweepPoint(name="N", option="samples", value=value)
            for repetition, one in enumerate(of_repetitions):
                maker.cell("game", repetition, "sig-game", {"spearman_game": [one]}, sweep=point)
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
    assert size_uniform["p"] == pytest.approx(
        2**-9
    )  # the same loss in ten repetitions, by the sign test; not corrected:
    assert size_uniform["p"] > game["p"]  # it is the larger one
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


def test_all_tasks_of_a_claim_are_corrected_together(tmp_path):
    task = {"repetitions": REPETITIONS, "budgets": [10]}
    maker = RunMaker(tmp_path / "run", dict.fromkeys(SCORES, "made-up"), {"one": task, "two": task})
    for name in ("one", "two"):
        for repetition in range(REPETITIONS):
            for label in ("ig-zero", "ig-mean"):
                maker.cell(name, repetition, label, {"spearman_game": [SCORES[label][repetition]]}, budget=10)
    rows = comparison(("ig-mean",), ("ig-zero",)).test(aggregate(read_run(maker.write())))
    assert [row["p"] for row in rows] == pytest.approx([2 * 2 * scipy.stats.t.sf(6, 9)] * 2)


def test_spreads_and_cost_are_those_of_the_methods(board_of):
    (row,) = comparison(("sig-algorithm1",), ("sig-size-uniform",)).test(board_of(SCORES))
    assert (row["spread"], row["rival_spread"]) == pytest.approx((np.std(BASE, ddof=1),) * 2)
    assert (row["cost"], row["rival_cost"]) == (len("sig-algorithm1"), len("sig-size-uniform"))
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
    between = Side(above=(at_95 + at_97) / 2)
    assert verdict(board, Bound(find_tasks, (GAME,), ("ig-zero",), between)) == "not held"
    two = Bound(find_tasks, (GAME,), ("ig-zero", "ig-mean"), between)
    assert {row["verdict"] for row in two.test(board)} == {"undecided"}
    far = Bound(find_tasks, (GAME,), ("ig-zero", "ig-mean"), Side(above=0.9))
    assert {row["verdict"] for row in far.test(board)} == {"not held"}


# --- models


def test_one_model_gives_a_verdict_about_itself_only(board_of_one_model):
    board = board_of_one_model({"ig-zero": BASE, "ig-mean": BASE + 0.2 + FLIPS})
    better = comparison(("ig-mean",), ("ig-zero",))
    assert better(board).verdict == "held (this model only)"
    assert comparison(("ig-zero",), ("ig-mean",))(board).verdict == "not held (this model only)"
    assert bound("ig-zero", above=0.1)(board).verdict == "held (this model only)"
    assert bound("ig-zero", above=0.9)(board).verdict == "not held (this model only)"
    assert bound("ig-zero", above=0.45)(board).verdict == "undecided"
    (row,) = better.test(board)
    assert (row["models"], row["units"]) == (1, REPETITIONS)


def test_two_models_are_too_few(board_of):
    board = board_of(SCORES, repetitions=2)
    for claim in (bound("ig-zero", above=-0.9), bound("ig-zero", below=-0.9), SIG_AGAINST_SINGLE):
        assert {row["verdict"] for row in claim.test(board)} == {"too few models"}


def test_many_explicands_of_few_models_do_not_make_models(tmp_path):
    """A hundred explicands each would be sure of 0.5, but their three models are not."""
    maker = RunMaker(tmp_path / "run", {"ig-zero": "made-up"}, {"game": {"repetitions": 1, "budgets": [10]}})
    noise = np.linspace(-0.01, 0.01, 100)
    for repetition, mean in enumerate((0.2, 0.5, 0.8)):
        maker.cell("game", repetition, "ig-zero", {"spearman_game": list(mean + noise)}, budget=10)
    board = aggregate(read_run(maker.write()))
    assert verdict(board, bound("ig-zero", above=0.1)) == "undecided"
    assert verdict(board, bound("ig-zero", above=-0.9)) == "held"


def test_what_is_missing_keeps_a_claim_undecided(board_of):
    board = board_of({"sig-game": BASE + 0.2, "ig-zero": BASE})
    assert comparison(("sig-game",), ("ig-zero",))(board).verdict == "held"
    outcome = comparison(("sig-game",), ("ig-zero", "ig-mean"))(board)
    assert (outcome.verdict, outcome.measured.split("; ")[-1]) == ("undecided", "nothing of ig-mean")
    assert comparison(("ig-zero",), ("sig-game", "ig-mean"))(board).verdict == "not held"


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
    assert comparison(("ig-zero",), ("ig-mean",))(board).verdict == "undecided"  # no difference is found,
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
        "of 6 tests 2 held, 3 not held, 1 undecided; differences -0.400 to 0.300 in spearman with game"
    )


def test_bounds_are_told_with_what_is_claimed(board_of):
    outcome = bound("ig-zero", above=0.1)(board_of({"ig-zero": (0.8, 0.7, 0.9)}, repetitions=3))
    assert outcome.measured.startswith(
        "spearman with game of ig-zero: 0.800 [0.387, 0.946] on game"  # by log-odds within [-1, 1]
    )
    assert outcome.measured.endswith("(claimed above 0.1)")
    assert outcome.verdict == "held"


def test_many_bounds_are_counted_with_what_is_claimed(board_of):
    claim = Bound(find_tasks, (GAME,), tuple(SCORES), Side(above=0.0))
    assert claim(board_of(SCORES)).measured == (  # the means of BASE and what is added to it
        "of 5 tests 5 held; means 0.250 to 0.650 in spearman with game (claimed above 0)"
    )


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
        "p (Holm)": "0.002",
        "verdict": "held",
        "models": "10",
        "spreads": "0.047 / 0.047",
        "cost": "8 / 7",
    }
    (row,) = bound("ig-zero", above=-0.1, below=0.9).tabulate(board)
    assert row["claimed"] == "above -0.1 and below 0.9"
    assert (row["units"], row["verdict"]) == ("10", "held")
