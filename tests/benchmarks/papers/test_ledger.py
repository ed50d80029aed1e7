import math
import re

import pandas as pd
import pytest
import scipy.stats

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.ledger import (
    Outcome,
    Side,
    ask_every_model,
    combine_verdicts,
    format_ends,
    list_measured,
    qualify,
    report_means,
)
from benchmarks.papers.quantities import find_tasks
from benchmarks.papers.sig.games import GAME
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import RunMaker, papers_run, small_run


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


def test_the_verdict_over_several_tests():
    assert combine_verdicts(["held", "held"]) == "held"
    assert combine_verdicts(["held", "undecided"]) == "undecided"
    assert combine_verdicts(["held", "undecided", "not held"]) == "not held"
    assert combine_verdicts(["held", "held (this model only)"]) == "held (this model only)"
    assert combine_verdicts(["held", "not held (this model only)", "undecided"]) == "not held (this model only)"
    assert combine_verdicts(["held (this model only)", "too few models", "held"]) == "too few models"
    assert combine_verdicts([]) == "undecided"


@pytest.mark.parametrize(
    ("models", "held", "not_held", "undecided"),
    [
        (1, "held (this model only)", "not held (this model only)", "undecided"),
        (2, "too few models", "too few models", "too few models"),
        (3, "held", "not held", "undecided"),
    ],
)
def test_verdicts_are_about_models(models, held, not_held, undecided):
    assert [qualify(verdict, models) for verdict in ("held", "not held", "undecided")] == [held, not_held, undecided]


def test_what_was_not_measured_is_not_in_the_run():
    assert list_measured(["", "a", "b"]) == Outcome("a; b", "measured")
    assert list_measured([""]) == Outcome("", "not in this run")


def test_means_and_their_intervals(small):
    outcome = report_means(GAME, ("ig-zero", "nobody"), small)
    assert outcome.verdict == "measured"
    low, high = map(float, re.findall(r"\[(.*), (.*)\]", outcome.measured)[0])
    assert outcome.measured.startswith("spearman with game on game: ig-zero 0.800 [")
    # Student's interval of three models with spread 0.1, 0.8 +- 4.30 * 0.1 / 3^.5, on the log-odds of [-1, 1]
    odds, half = 1.8 / 0.2, scipy.stats.t.ppf(0.975, 2) * 0.1 / 3**0.5 * (1 / 1.8 + 1 / 0.2)
    ends = [2 * (odds * math.exp(sign * half)) / (1 + odds * math.exp(sign * half)) - 1 for sign in (-1, 1)]
    assert (low, high) == pytest.approx(ends, abs=0.001)
    assert report_means(GAME, ("nobody",), small).verdict == "not in this run"


def test_means_of_one_model_say_so(tmp_path):
    maker = RunMaker(tmp_path / "run", {"ig-zero": "a"}, {"game": {"repetitions": 1, "budgets": [10]}})
    maker.cell("game", 0, "ig-zero", {"spearman_game": [0.2, 0.4, 0.6]}, budget=10)
    outcome = report_means(GAME, ("ig-zero",), aggregate(read_run(maker.write())))
    assert outcome.measured.endswith("] (this model only)")


def test_the_ends_of_what_is_defined():
    assert format_ends(pd.Series([0.1, 0.3, float("nan")])) == "0.200 (0.100 to 0.300)"
    assert format_ends(pd.Series([0.5, 0.5]), digits=2) == "0.50"
    assert format_ends(pd.Series([float("nan")])) == "-"


def test_sides():
    assert Side(above=0.5).judge(0.6, 0.7) == Side(below=0.8).judge(0.6, 0.7) == "held"
    assert Side(above=0.8).judge(0.6, 0.7) == Side(below=0.5).judge(0.6, 0.7) == "not held"
    assert Side(above=0.65).judge(0.6, 0.7) == Side(above=0.5).judge(float("nan"), float("nan")) == "undecided"
    assert str(Side(above=0.5)) == "above 0.5"


def test_models_that_miss_what_is_asked(tmp_path):
    board = aggregate(read_run(papers_run(tmp_path / "run").write()))
    snacks = {"accuracy": Side(above=0.99), "neutrality_gap": Side(below=0.0225)}
    outcome = ask_every_model(lambda board: find_tasks(board, "burnt-snacks"), board, **snacks)
    accuracy = "accuracy 0.992 (0.991 to 0.992) on snacks (asked: above 0.99)"
    gap = "neutrality_gap 0.021 (0.020 to 0.023) on snacks (asked: below 0.0225)"  # 0.023 in the last repetition
    assert outcome.measured == f"{accuracy}; {gap}; not met by every model; trained anew: 1 over 4 models"
    assert outcome.verdict == "criterion"
    kept = ask_every_model(
        lambda board: ["snacks"], board, accuracy=Side(above=0.99), neutrality_gap=Side(below=0.0235)
    )
    assert "; met by every model; " in kept.measured
    assert ask_every_model(find_tasks, board, r2=Side(above=0.9)) == Outcome("", "not in this run")


def test_a_training_that_failed_misses_the_criterion(tmp_path):
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, {"snacks": {"repetitions": 2, "budgets": [5]}})
    maker.problem("snacks", 0, checks={"accuracy": 0.98})
    maker.problem("snacks", 1, status="failed", reason="NotConverged: no")
    outcome = ask_every_model(find_tasks, aggregate(read_run(maker.write())), accuracy=Side(above=0.9))
    assert outcome == Outcome(
        "accuracy 0.980 on snacks (asked: above 0.9); not met by every model; no usable model from 1 seeds", "criterion"
    )
