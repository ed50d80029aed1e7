import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import DescrStatsW

from benchmarks.board.aggregate import aggregate, rows_of
from benchmarks.papers.claims import Bound, Comparison, interval, measure
from benchmarks.papers.paper_claims import (
    AS_PRINTED,
    BACKGROUND,
    BSHAP_DISTANCE,
    BSHAP_RANKS,
    CLAIMS,
    DARK,
    DISTRACTORS,
    FOUND,
    FOUND_OF_SEVERAL,
    GAME,
    LOCALISATION,
    SHADOW,
    SIG_BEATS_SINGLE,
    STRONGEST,
)
from benchmarks.papers.quantities import check, column, distance_from_mean
from benchmarks.run.records import read_run
from sig.registry import metrics
from tests.benchmarks.run_maker import RunMaker, papers_run

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
REMOVAL = column("iaccuracy", "iaccuracy", better="lower")


@pytest.fixture
def board_of(tmp_path):
    def build(scores, repetitions=REPETITIONS):
        task = {"repetitions": repetitions, "budgets": [10]}
        maker = RunMaker(tmp_path / "run", dict.fromkeys(scores, "made-up"), {"game": task, "other": task})
        for label, values in scores.items():
            for repetition, score in enumerate(values[:repetitions]):
                maker.cell("game", repetition, label, {"spearman_game": [score]}, budget=10, rows=len(label))
                maker.cell("other", repetition, label, {"iaccuracy": [score]}, budget=10)
        for repetition in range(repetitions):
            maker.problem("game", repetition, checks={"r2": 0.9 + 0.01 * repetition})
        return aggregate(read_run(maker.write()))

    return build


@pytest.fixture(scope="module", params=[True, False])
def papers(request, tmp_path_factory):
    """A run on which everything that ICG claims holds, or nothing; and which."""
    maker = papers_run(tmp_path_factory.mktemp("papers") / "run", holds=request.param)
    return aggregate(read_run(maker.write())), request.param


def comparison(methods, rivals, score=GAME):
    return Comparison(paper="", text="", scores=(score,), methods=methods, rivals=rivals)


def bound(method, score=GAME, **sides):
    return Bound(paper="", text="", scores=(score,), methods=(method,), **sides)


def verdicts(table):
    return {(row.method, row.rival): row.verdict for row in table.itertuples()}


def verdict(board, claim):
    (row,) = rows_of(measure(board, claim))
    return row["verdict"]


# --- comparisons


def test_held_not_held_and_undecided(board_of):
    table = measure(board_of(SCORES), SIG_BEATS_SINGLE)
    assert verdicts(table) == {
        ("sig-game", "ig-zero"): "held",
        ("sig-game", "ig-mean"): "undecided",
        ("sig-size-uniform", "ig-zero"): "not held",
        ("sig-size-uniform", "ig-mean"): "not held",
    }
    assert set(table["task"]) == {"game"}


def test_difference_and_p_by_hand(board_of):
    claim = comparison(("sig-game", "sig-size-uniform"), ("ig-zero",))
    game, size_uniform = rows_of(measure(board_of(SCORES), claim))
    assert game["mean"] == pytest.approx(0.2)
    assert game["low"] < 0.2 < game["high"]
    assert size_uniform["mean"] == pytest.approx(-0.2)
    assert size_uniform["p"] < 1e-9  # the same loss in every repetition
    (mean,) = rows_of(measure(board_of(SCORES), comparison(("ig-mean",), ("ig-zero",))))
    # 0.2 and then 0.1 more or less: t = 0.2 / (0.1 sqrt(10 / 9) / sqrt(10)) = 6, on 9 degrees of freedom
    assert mean["p"] == pytest.approx(2 * scipy.stats.t.sf(6, 9))
    assert mean["units"] == REPETITIONS


def test_where_lower_is_better_the_lower_one_is_better(board_of):
    board = board_of(SCORES)
    assert verdict(board, comparison(("sig-size-uniform",), ("ig-zero",), REMOVAL)) == "held"
    assert verdict(board, comparison(("ig-zero",), ("sig-size-uniform",), REMOVAL)) == "not held"


def test_all_scores_of_a_claim_are_corrected_together(board_of):
    one = comparison(("ig-zero",), ("ig-mean",))
    two = Comparison(paper="", text="", scores=(GAME, GAME), methods=("ig-zero",), rivals=("ig-mean",))
    board = board_of(SCORES)
    (alone,) = measure(board, one)["p"]
    assert measure(board, two)["p"].tolist() == pytest.approx([2 * alone, 2 * alone])


def test_spreads_and_rows_are_those_of_the_methods(board_of):
    row = measure(board_of(SCORES), AS_PRINTED).iloc[0]
    assert (row["spread"], row["rival_spread"]) == pytest.approx((np.std(BASE, ddof=1),) * 2)
    assert (row["rows"], row["rival_rows"]) == (len("sig-algorithm1"), len("sig-size-uniform"))
    row = measure(board_of(SCORES), comparison(("ig-zero",), ("ig-mean",))).iloc[0]
    assert row["rival_spread"] == pytest.approx(np.std(BASE + FLIPS, ddof=1))


def test_a_single_repetition_stays_undecided(board_of):
    board = board_of(SCORES, repetitions=1)
    assert set(measure(board, SIG_BEATS_SINGLE)["verdict"]) == {"undecided"}
    (row,) = rows_of(measure(board, bound("ig-zero", above=0.0)))
    assert (row["mean"], row["verdict"]) == (pytest.approx(0.3), "undecided")
    assert np.isnan([row["low"], row["high"]]).all()


def test_equal_methods_are_undecided(board_of):
    table = measure(board_of({"sig-algorithm1": BASE, "sig-size-uniform": BASE}), AS_PRINTED)
    assert table[["mean", "p", "verdict"]].iloc[0].tolist() == [0, 1, "undecided"]


def test_methods_that_were_not_run_are_left_out(board_of):
    board = board_of({"ig-zero": BASE})
    assert measure(board, SIG_BEATS_SINGLE).empty
    assert measure(board, bound("ig-mean", above=0.0)).empty
    assert measure(board, bound("ig-zero", SHADOW, above=0.0)).empty


# --- bounds


def test_a_bound_holds_where_the_whole_interval_is_on_its_side(board_of):
    board = board_of(SCORES)
    low, high = DescrStatsW(BASE).tconfint_mean()
    row = rows_of(measure(board, bound("ig-zero", above=0.0)))[0]
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
    board = board_of(SCORES)
    (row,) = rows_of(measure(board, bound("trained model", check("r2"), above=0.9)))
    assert (row["task"], row["units"], row["verdict"]) == ("game", REPETITIONS, "held")
    assert row["mean"] == pytest.approx(0.945)


@pytest.mark.parametrize("units", [2, 10, 100])
def test_equal_scores_have_the_interval_of_clopper_and_pearson(units):
    never = scipy.stats.binomtest(0, units).proportion_ci(method="exact")
    always = scipy.stats.binomtest(units, units).proportion_ci(method="exact")
    assert interval(np.zeros(units), (0.0, 1.0)) == pytest.approx((never.low, never.high))
    assert interval(np.ones(units), (0.0, 1.0)) == pytest.approx((always.low, always.high))
    low, high = interval(np.ones(units), (-1.0, 1.0))
    assert (low, high) == pytest.approx((2 * always.low - 1, 1))


def test_hits_and_misses_have_the_exact_interval_which_a_miss_lowers():
    lows = [interval(np.array([1.0] * hits + [0.0] * (36 - hits)), (0.0, 1.0))[0] for hits in (36, 35)]
    assert lows == pytest.approx([0.025 ** (1 / 36), 0.8547], abs=1e-4)  # the second from tables


def test_two_models_say_nothing_of_stability():
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert np.isnan(distance_from_mean(rows[:2], rows[0])).all()
    mean = rows.mean(0)
    assert distance_from_mean(rows, rows[0]) == pytest.approx([np.sqrt(((row - mean) ** 2).mean()) for row in rows])


def test_intervals_stay_within_the_limits():
    samples = np.array([0.0] * 9 + [0.9])
    assert interval(samples, (0.0, 1.0))[0] == 0
    assert interval(1 - samples, (0.0, 1.0))[1] == 1
    assert interval(samples, (-1.0, 1.0))[0] < 0


# --- the papers' claims


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.paper == "ICG"], ids=lambda claim: claim.text)
def test_claims_of_icg_hold_where_they_should(papers, claim):
    board, holds = papers
    table = measure(board, claim)
    assert len(table)
    assert set(table["verdict"]) == {"held" if holds else "not held"}


def test_claims_are_about_the_tasks_they_name(papers):
    board, _ = papers
    tasks = {claim.text: set(measure(board, claim)["task"]) for claim in CLAIMS if claim.paper == "ICG"}
    assert tasks["Expected gradients never find the dark squares in the probability"] == {"snacks"}
    assert tasks["ICG always attributes a dark square, in probability and logit"] == {"snacks", "snacks-logit"}
    assert tasks["Training with damage costs no accuracy"] == {"minimum", "snacks", "space"}


@pytest.mark.parametrize(
    ("quantity", "metric"),
    [
        *((quantity, "attribution_transfer") for quantity in (LOCALISATION, STRONGEST, FOUND, FOUND_OF_SEVERAL, DARK)),
        *((quantity, "attribution_strayed") for quantity in (DISTRACTORS, BACKGROUND)),
        *((quantity, "spearman") for quantity in (GAME, BSHAP_RANKS)),
        (BSHAP_DISTANCE, "local_minimum"),
        (SHADOW, "shadow"),
    ],
)
def test_claims_see_metrics_as_they_are_registered(quantity, metric):
    assert (quantity.better, quantity.limits) == (metrics[metric].better, metrics[metric].range)
