import re

import pandas as pd
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.ledger import (
    Outcome,
    Side,
    ask_every_model,
    combine_verdicts,
    format_ends,
    list_measured,
    report_means,
)
from benchmarks.papers.quantities import find_tasks
from benchmarks.papers.sig import GAME
from benchmarks.run.records import read_run
from tests.benchmarks.run_maker import RunMaker, papers_run, small_run


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


def test_the_verdict_over_several_tests():
    assert combine_verdicts(["held", "held"]) == "held"
    assert combine_verdicts(["held", "undecided"]) == "undecided"
    assert combine_verdicts(["held", "undecided", "not held"]) == "not held"


def test_what_was_not_measured_is_not_in_the_run():
    assert list_measured(["", "a", "b"]) == Outcome("a; b", "measured")
    assert list_measured([""]) == Outcome("", "not in this run")


def test_means_and_their_intervals(small):
    outcome = report_means(GAME, ("ig-zero", "nobody"), small)
    assert outcome.verdict == "measured"
    assert re.fullmatch(r"spearman with game on game: ig-zero 0\.800 \[0\.7\d\d, 0\.\d+\]", outcome.measured)
    assert report_means(GAME, ("nobody",), small).verdict == "not in this run"


def test_the_ends_of_what_is_defined():
    assert format_ends(pd.Series([0.1, 0.3, float("nan")])) == "0.200 [0.100, 0.300]"
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
    assert outcome == Outcome(
        "accuracy 0.992 [0.991, 0.992] on snacks (asked: above 0.99); neutrality_gap 0.021 [0.020, 0.023] on snacks "
        "(asked: below 0.0225); trained anew: 1 over 4 models",
        "not held",  # 0.023 in the last repetition
    )
    kept = ask_every_model(
        lambda board: ["snacks"], board, accuracy=Side(above=0.99), neutrality_gap=Side(below=0.0235)
    )
    assert kept.verdict == "held"
    assert ask_every_model(find_tasks, board, r2=Side(above=0.9)) == Outcome("", "not in this run")


def test_a_training_that_failed_is_held_against_the_paper(tmp_path):
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, {"snacks": {"repetitions": 2, "budgets": [5]}})
    maker.problem("snacks", 0, checks={"accuracy": 0.98})
    maker.problem("snacks", 1, status="failed", reason="NotConverged: no")
    outcome = ask_every_model(find_tasks, aggregate(read_run(maker.write())), accuracy=Side(above=0.9))
    assert outcome == Outcome("accuracy 0.980 on snacks (asked: above 0.9); no usable model from 1 seeds", "not held")
