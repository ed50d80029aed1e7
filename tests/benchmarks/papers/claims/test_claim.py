import numpy as np

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.claims import Bound
from benchmarks.papers.evidence import find_tasks
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.claims.examples import (
    BASE,
    FLIPS,
    GAME,
    REPETITIONS,
    SCORES,
    SIG_AGAINST_SINGLE,
    bound,
    superiority,
    verdict,
)
from tests.benchmarks.run_maker import RunMaker

# --- models


def test_one_model_gives_a_verdict_about_itself_only(board_of_one_model):
    board = board_of_one_model({"ig-zero": BASE, "ig-mean": BASE + 0.2 + FLIPS})
    better = superiority(("ig-mean",), ("ig-zero",))
    assert better(board).verdict == "held (this model only)"
    assert superiority(("ig-zero",), ("ig-mean",))(board).verdict == "not held (this model only)"
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
    assert superiority(("sig-game",), ("ig-zero",))(board).verdict == "held"
    finding = superiority(("sig-game",), ("ig-zero", "ig-mean"))(board)
    assert (finding.verdict, finding.measured.split("; ")[-1]) == ("undecided", "nothing of ig-mean")
    assert superiority(("ig-zero",), ("sig-game", "ig-mean"))(board).verdict == "not held"


# --- in words


def test_few_comparisons_are_listed_and_many_counted(board_of):
    board = board_of(SCORES)
    few = superiority(("ig-mean",), ("ig-zero",))(board)
    assert few.verdict == "held"
    assert few.measured.startswith("spearman with game of ig-mean - ig-zero: 0.200 [0.1")
    assert few.measured.endswith("] on game")
    many = superiority(("sig-game", "sig-size-uniform"), ("ig-zero", "ig-mean", "sig-algorithm1"))(board)
    assert many.verdict == "not held"
    assert many.measured == (  # of BASE + 0.2 and BASE - 0.2 with BASE + 0.2 and with BASE - 0.1
        "of 6 tests 2 held, 3 not held, 1 undecided; differences -0.400 to 0.300 in spearman with game"
    )


def test_bounds_are_told_with_what_is_claimed(board_of):
    finding = bound("ig-zero", above=0.1)(board_of({"ig-zero": (0.8, 0.7, 0.9)}, repetitions=3))
    assert finding.measured.startswith(
        "spearman with game of ig-zero: 0.800 [0.387, 0.946] on game"  # by log-odds within [-1, 1]
    )
    assert finding.measured.endswith("(claimed above 0.1)")
    assert finding.verdict == "held"


def test_many_bounds_are_counted_with_what_is_claimed(board_of):
    claim = Bound(find_tasks, (GAME,), tuple(SCORES), above=0.0)
    assert claim(board_of(SCORES)).measured == (  # the means of BASE and what is added to it
        "of 5 tests 5 held; means 0.250 to 0.650 in spearman with game (claimed above 0)"
    )


def test_tables_show_each_test(board_of):
    scores = np.arange(REPETITIONS) / 64
    board = board_of({"sig-game": scores + 0.25, "ig-zero": scores})  # exact in binary: the difference has no noise
    (row,) = superiority(("sig-game",), ("ig-zero",)).tabulate(board)
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
