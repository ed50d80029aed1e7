import math
import re

import pandas as pd
import pytest
import scipy.stats

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.measurements import compare_with_criteria, format_ends, format_median, report_means
from benchmarks.papers.sig.games import GAME
from benchmarks.papers.verdicts import Finding, Range
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import RunMaker, papers_run, small_run


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


def test_means_and_their_intervals(small):
    finding = report_means(GAME, ("ig-zero", "nobody"), small, ["game"])
    assert finding.verdict == "measured"
    low, high = map(float, re.findall(r"\[(.*), (.*)\]", finding.measured)[0])
    assert finding.measured.startswith("spearman with game on game: ig-zero 0.800 [")
    # Student's interval of three models with spread 0.1, 0.8 +- 4.30 * 0.1 / 3^.5, on the log-odds of [-1, 1]
    odds, half = 1.8 / 0.2, scipy.stats.t.ppf(0.975, 2) * 0.1 / 3**0.5 * (1 / 1.8 + 1 / 0.2)
    ends = [2 * (odds * math.exp(sign * half)) / (1 + odds * math.exp(sign * half)) - 1 for sign in (-1, 1)]
    assert (low, high) == pytest.approx(ends, abs=0.001)
    assert report_means(GAME, ("nobody",), small, ["game"]).verdict == "not in this run"


def test_means_of_one_model_say_so(tmp_path):
    maker = RunMaker(tmp_path / "run", {"ig-zero": "a"}, {"game": {"repetitions": 1, "budgets": [10]}})
    maker.cell("game", 0, "ig-zero", {"spearman_game": [0.2, 0.4, 0.6]}, budget=10)
    finding = report_means(GAME, ("ig-zero",), aggregate(read_run(maker.write())), ["game"])
    assert finding.measured.endswith("] (this model only)")


def test_the_ends_of_what_is_defined():
    assert format_ends(pd.Series([0.1, 0.3, float("nan")])) == "0.200 (0.100 to 0.300)"
    assert format_ends(pd.Series([0.5, 0.5]), digits=2) == "0.50"
    assert format_ends(pd.Series([float("nan")])) == "-"


def test_a_median_is_not_drawn_away_by_one_model():
    assert format_median(pd.Series([0.0, 1.0, 100.0]), digits=1) == "1.0 (0.0 to 100.0)"
    assert format_median(pd.Series([0.5, 0.5, float("nan")]), digits=1) == "0.5"
    assert format_median(pd.Series([float("nan")])) == "-"


def test_models_that_miss_what_is_asked(tmp_path):
    board = aggregate(read_run(papers_run(tmp_path / "run").write()))
    snacks = {"accuracy": Range(above=0.99), "neutrality_gap": Range(below=0.0225)}
    finding = compare_with_criteria(board, ["snacks", "snacks-logit"], **snacks)
    accuracy = "accuracy 0.992 (0.991 to 0.992) on snacks (asked: above 0.99)"
    gap = "neutrality_gap 0.021 (0.020 to 0.023) on snacks (asked: below 0.0225)"  # 0.023 in the last repetition
    assert finding.measured == f"{accuracy}; {gap}; not met by every model; trained anew: 1 over 4 models"
    assert finding.verdict == "criterion"
    kept = compare_with_criteria(board, ["snacks"], accuracy=Range(above=0.99), neutrality_gap=Range(below=0.0235))
    assert "; met by every model; " in kept.measured
    assert compare_with_criteria(board, find_tasks(board), r2=Range(above=0.9)) == Finding("", "not in this run")


def test_a_training_that_failed_misses_the_criterion(tmp_path):
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, {"snacks": {"repetitions": 2, "budgets": [5]}})
    maker.problem("snacks", 0, checks={"accuracy": 0.98})
    maker.problem("snacks", 1, status="failed", reason="NotConverged: no")
    finding = compare_with_criteria(aggregate(read_run(maker.write())), ["snacks"], accuracy=Range(above=0.9))
    assert finding == Finding(
        "accuracy 0.980 on snacks (asked: above 0.9); not met by every model; no usable model from 1 seeds", "criterion"
    )
