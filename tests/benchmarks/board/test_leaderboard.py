from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.board.aggregate import SEED, Board, aggregate, find_option, list_rows
from benchmarks.board.leaderboard import write_note
from benchmarks.run.records import read_run
from sig import stats
from sig.registry import metrics
from tests.benchmarks.run_maker import WHERE, RunMaker, small_run


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


def row(board: Board, task: str, method: str, column: str, budget: int | None = 100) -> dict[str, Any]:
    table = board.summary[board.summary["task"] == task]
    chosen = table[(table["method"] == method) & (table["column"] == column)]
    (found,) = list_rows(chosen[chosen["budget"].isna() if budget is None else chosen["budget"] == budget])
    return found


def test_a_unit_is_an_explicand_of_a_repetition(board):
    units = board.units[(board.units["task"] == "pictures") & (board.units["method"] == "sig-game")]
    units = units[units["column"] == "iaccuracy"]
    assert list(zip(units["repetition"], units["explicand"], strict=True)) == [
        (r, e) for r in range(3) for e in range(4)
    ]
    assert units["score"].tolist() == [0.1, 0.3] * 6


def test_mean_spread_and_counts_by_hand(board):
    found = row(board, "game", "ig-zero", "spearman_game")
    assert found["mean"] == pytest.approx(0.8)
    assert found["spread"] == pytest.approx(0.1)  # standard deviation of 0.8, 0.7, 0.9
    assert (found["units"], found["undefined"], found["repetitions"]) == (3, 0, 3)
    found = row(board, "pictures", "sig-game", "iaccuracy")
    assert found["mean"] == pytest.approx(0.2)
    assert found["spread"] == pytest.approx(0)  # scores differ within repetitions, their means do not
    assert (found["units"], found["repetitions"]) == (12, 3)


def test_undefined_scores_are_counted_and_left_out_of_the_mean(board):
    found = row(board, "pictures", "sig-game", "100%_right")
    assert found["mean"] == pytest.approx((0.7 + 0.9 + 0.7) / 3)
    assert (found["units"], found["undefined"]) == (9, 3)


def test_the_interval_is_over_units(board):
    found = row(board, "pictures", "sig-game", "iaccuracy")
    assert (found["low"], found["high"]) == stats.interval(np.array([0.1, 0.3] * 6), seed=SEED)
    found = row(board, "pictures", "ig-zero", "iaccuracy")
    assert found["low"] == found["high"] == 0.5


def test_costs_are_per_explicand(board):
    assert row(board, "pictures", "sig-game", "iaccuracy")["rows"] == 80  # 320 rows for four explicands
    assert row(board, "pictures", "sig-game", "iaccuracy")["seconds"] == pytest.approx(0.5)
    assert row(board, "game", "ig-zero", "spearman_game", budget=10)["rows"] == 9


def test_lower_budgets_are_summarised_but_not_ranked(board):
    found = row(board, "game", "sig-game", "spearman_game", budget=10)
    assert found["mean"] == pytest.approx(0.6)
    assert not found["headline"]
    assert np.isnan(found["rank"])


def test_sweeps_are_kept_apart(board):
    swept = board.units[board.units["sweep"] == "N"]
    assert swept["value"].tolist() == [50, 200] * 3
    summary = board.summary[(board.summary["task"] == "game") & (board.summary["column"] == "spearman_game")]
    assert summary.loc[summary["method"] == "sig-game", "budget"].tolist() == [10, 100]


def test_higher_and_lower_is_better(board):
    ranks = {m: row(board, "game", m, "spearman_game")["rank"] for m in ("sig-game", "ig-zero")}
    assert ranks == {"sig-game": 1, "ig-zero": 2}
    assert row(board, "game", "random-attribution", "spearman_game", budget=None)["rank"] == 3
    ranks = {m: row(board, "pictures", m, "iaccuracy")["rank"] for m in ("icg", "sig-game", "ig-zero")}
    assert ranks == {"icg": 1.5, "sig-game": 1.5, "ig-zero": 3}


def test_rank_intervals_and_ties(board):
    sure = row(board, "pictures", "ig-zero", "iaccuracy")
    assert (sure["rank_low"], sure["rank_high"], sure["tied"]) == (3, 3, False)
    for method in ("icg", "sig-game"):  # sig-game is 0.1 better as often as it is 0.1 worse
        unsure = row(board, "pictures", method, "iaccuracy")
        assert (unsure["rank_low"], unsure["rank_high"], unsure["tied"]) == (1, 2, True)


def test_the_same_loss_in_every_repetition_is_no_tie(board):
    assert row(board, "game", "sig-game", "spearman_game")["tied"]
    assert not row(board, "game", "ig-zero", "spearman_game")["tied"]


def test_costs_are_not_ranked(board):
    assert np.isnan(row(board, "game", "sig-game", "completeness")["rank"])


def test_a_method_that_failed_once_is_ranked_on_the_rest(board):
    found = row(board, "pictures", "broken", "iaccuracy", budget=None)
    assert (found["units"], found["repetitions"], found["rank"]) == (8, 2, 5)


def test_coverage(board):
    counts = board.coverage[["ok", "skipped", "failed", "missing"]]
    assert counts.loc[("game", "sig-game")].tolist() == [3, 0, 0, 0]
    assert counts.loc[("game", "icg")].tolist() == [0, 3, 0, 0]
    assert counts.loc[("pictures", "broken")].tolist() == [2, 0, 1, 0]
    assert board.cost_and_coverage("game", "icg")["reason"] == "the model is not certainty-aware"
    assert board.cost_and_coverage("game", "sig-game")["reason"] == ""
    assert board.cost_and_coverage("game", "sig-game")["rows"] == 99
    assert len(counts) == 2 * 5


def test_missing_records_are_counted(tmp_path):
    run = read_run(small_run(tmp_path / "run").write(without=["ig-zero"]))
    coverage = aggregate(run).coverage
    assert coverage.loc[("game", "ig-zero"), "missing"] == 3
    assert coverage.loc[("pictures", "ig-zero"), "missing"] == 3
    assert coverage["missing"].sum() == 6


def test_overall_is_the_mean_rank_over_tasks(board):
    overall = board.overall.set_index("method")
    assert overall.loc["sig-game", "mean_rank"] == (1 + 1.5) / 2
    assert overall.loc["ig-zero", "mean_rank"] == (2 + 3) / 2
    assert overall.loc["random-attribution", "mean_rank"] == (3 + 4) / 2
    assert overall["tasks"].to_dict() == {"sig-game": 2, "ig-zero": 2, "random-attribution": 2, "icg": 1, "broken": 1}
    assert list(overall.index) == [
        "sig-game",
        "ig-zero",
        "random-attribution",
        "icg",
        "broken",
    ]
    assert overall.loc["icg", "mean_rank"] < overall.loc["random-attribution", "mean_rank"]
    assert (overall.loc["sig-game", "low"], overall.loc["sig-game", "high"]) == (1, 1.5)


def test_methods_stand_by_family_with_controls_last(board):
    assert list(board.methods.index) == ["ig-zero", "sig-game", "icg", "broken", "random-attribution"]


def test_first_judges(board):
    assert board.first_judges == {"game": "spearman_game", "pictures": "iaccuracy"}
    first = board.first_scores(board.summary)
    assert set(zip(first["task"], first["column"], strict=True)) == set(board.first_judges.items())
    assert len(first) == 5 + 5  # on "game" two methods at two budgets and a control; on "pictures" five


def test_what_is_shown_of_each_repetition(board):
    assert list(board.shown) == ["pictures"]
    assert [shown.problem.repetition for shown in board.shown["pictures"]] == [0, 1, 2]
    for shown in board.shown["pictures"]:
        assert list(shown.maps) == ["ig-zero", "sig-game", "icg", "random-attribution"]  # "broken" has no maps
        assert shown.inputs.shape == shown.maps["icg"].shape == (2, 1, 6, 6)


def test_a_model_that_several_tasks_explain_counts_once(tmp_path):
    task = {"repetitions": 2, "budgets": [5]}
    maker = RunMaker(tmp_path / "run", {"a": "made-up"}, {"first": task, "second": task, "untrained": task})
    for name in ("first", "second", "untrained"):
        for repetition in range(2):
            data = {} if name == "untrained" else {"data": "d", "checkpoint": f"model {repetition}"}
            maker.problem(name, repetition, provenance=WHERE.model_copy(update={"data": data}))
    models = aggregate(read_run(maker.write())).models
    found = [(model.task, model.repetition) for model in models]
    assert found == [("first", 0), ("first", 1), ("untrained", 0), ("untrained", 1)]


@pytest.mark.parametrize(
    ("name", "chosen", "option", "value"),
    [
        ("iaccuracy", {"share": 0.5}, "share", 0.5),
        ("iaccuracy", {}, "share", 0.25),  # the default
        ("iaccuracy", {}, "no-such-option", None),
        ("of a plug-in that is not loaded", {"share": 0.5}, "share", 0.5),
        ("of a plug-in that is not loaded", {}, "share", None),
    ],
)
def test_an_option_is_as_chosen_or_the_default(name, chosen, option, value):
    assert find_option(metrics, name, chosen, option) == value


def test_a_run_without_a_single_record(tmp_path):
    maker = RunMaker(
        tmp_path / "run", {"ig-zero": "integrated-gradients"}, {"game": {"repetitions": 2, "budgets": [5]}}
    )
    board = aggregate(read_run(maker.write()))
    assert board.summary.empty
    assert board.overall.empty
    assert board.coverage["missing"].tolist() == [2]


def test_methods_that_spend_more_than_the_budget_are_told_and_not_ranked(tmp_path):
    maker = RunMaker(tmp_path / "run", {"dear": "a", "cheap": "b"}, {"t": {"repetitions": 1, "budgets": [10, 100]}})
    for label, rows, score in (("dear", 101, 0.9), ("cheap", 100, 0.5)):
        maker.cell("t", 0, label, {"spearman_game": [score]}, rows=rows)
    board = aggregate(read_run(maker.write()))
    assert board.over_budget("t", "dear") == 100
    assert board.over_budget("t", "cheap") is None
    assert write_note(board, "t", "dear") == "not ranked: more rows than the budget of 100"
    summary = board.summary.set_index("method")
    assert summary.loc["dear", "mean"] == 0.9
    assert pd.isna(summary["rank"]["dear"])
    assert summary.loc["cheap", "rank"] == 1
    assert write_note(board, "t", "cheap") == ""
