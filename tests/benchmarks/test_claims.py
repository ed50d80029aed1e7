import numpy as np
import pytest
import scipy.stats

from benchmarks.claims import CLAIMS, Claim, measure
from benchmarks.leaderboard import aggregate, rows_of
from benchmarks.records import read_run
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


@pytest.fixture
def board_of(tmp_path):
    def build(scores, repetitions=REPETITIONS):
        task = {"repetitions": repetitions, "budgets": [10]}
        maker = RunMaker(tmp_path / "run", dict.fromkeys(scores, "made-up"), {"game": task, "other": task})
        for label, values in scores.items():
            for repetition, score in enumerate(values[:repetitions]):
                maker.cell("game", repetition, label, {"spearman_game": [score]}, budget=10, rows=len(label))
                maker.cell("other", repetition, label, {"iaccuracy": [score]}, budget=10)
        return aggregate(read_run(maker.write()))

    return build


def verdicts(table):
    return {(row.method, row.rival): row.verdict for row in table.itertuples()}


def test_held_not_held_and_undecided(board_of):
    table = measure(board_of(SCORES), CLAIMS[0])
    assert verdicts(table) == {
        ("sig-game", "ig-zero"): "held",
        ("sig-game", "ig-mean"): "undecided",
        ("sig-size-uniform", "ig-zero"): "not held",
        ("sig-size-uniform", "ig-mean"): "not held",
    }
    assert set(table["task"]) == {"game"}


def test_difference_and_p_by_hand(board_of):
    claim = Claim("", ("sig-game", "sig-size-uniform"), ("ig-zero",))
    game, size_uniform = rows_of(measure(board_of(SCORES), claim))
    assert game["difference"] == pytest.approx(0.2)
    assert game["low"] < 0.2 < game["high"]
    assert size_uniform["difference"] == pytest.approx(-0.2)
    assert size_uniform["p"] < 1e-9  # the same loss in every repetition
    (mean,) = rows_of(measure(board_of(SCORES), Claim("", ("ig-mean",), ("ig-zero",))))
    # 0.2 and then 0.1 more or less: t = 0.2 / (0.1 sqrt(10 / 9) / sqrt(10)) = 6, on 9 degrees of freedom
    assert mean["p"] == pytest.approx(2 * scipy.stats.t.sf(6, 9))


def test_spreads_and_rows_are_those_of_the_methods(board_of):
    row = measure(board_of(SCORES), CLAIMS[2]).iloc[0]
    assert row["spread"] == row["rival_spread"] == pytest.approx(np.std(BASE, ddof=1))
    assert (row["rows"], row["rival_rows"]) == (len("sig-algorithm1"), len("sig-size-uniform"))
    row = measure(board_of(SCORES), Claim("", ("ig-zero",), ("ig-mean",))).iloc[0]
    assert row["rival_spread"] == pytest.approx(np.std(BASE + FLIPS, ddof=1))


def test_a_single_repetition_stays_undecided(board_of):
    table = measure(board_of(SCORES, repetitions=1), CLAIMS[0])
    assert set(table["verdict"]) == {"undecided"}


def test_equal_methods_are_undecided(board_of):
    table = measure(board_of({"sig-algorithm1": BASE, "sig-size-uniform": BASE}), CLAIMS[2])
    assert table[["difference", "p", "verdict"]].iloc[0].tolist() == [0, 1, "undecided"]


def test_methods_that_were_not_run_are_left_out(board_of):
    assert measure(board_of({"ig-zero": BASE}), CLAIMS[0]).empty
