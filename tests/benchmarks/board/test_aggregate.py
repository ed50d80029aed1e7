from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

from benchmarks.board.aggregate import Board, aggregate, find_option, list_rows
from benchmarks.run.storage import read_run
from sig.registry import Cost, metrics
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


def test_a_cell_without_any_score_has_unknown_costs(tmp_path):
    maker = RunMaker(tmp_path / "run", {"m": "x"}, {"t": {"budgets": [1], "repetitions": 1}})
    maker.problem("t", 0)
    maker.cell("t", 0, "m", {}, cost=Cost(1.0, 10, 10, 100))
    (cell,) = list_rows(aggregate(read_run(maker.write())).cells)
    assert (cell["status"], cell["method"]) == ("ok", "m")
    assert np.isnan([cell["rows"], cell["cost"], cell["seconds"]]).all()


def test_mean_spread_and_counts_by_hand(board):
    found = row(board, "game", "ig-zero", "spearman_game")
    assert found["mean"] == pytest.approx(0.8)
    assert found["spread"] == pytest.approx(0.1)  # standard deviation of 0.8, 0.7, 0.9
    assert (found["models"], found["units"], found["undefined"]) == (3, 3, 0)
    found = row(board, "pictures", "sig-game", "iaccuracy")
    assert found["mean"] == pytest.approx(0.2)
    assert found["spread"] == pytest.approx(0)  # scores differ within repetitions, their means do not
    assert (found["models"], found["units"]) == (3, 12)


def test_undefined_scores_are_counted_and_left_out_of_the_mean(board):
    found = row(board, "pictures", "sig-game", "100%_right")
    assert found["mean"] == pytest.approx((0.7 + 0.9 + 0.7) / 3)
    assert (found["units"], found["undefined"]) == (9, 3)


def test_the_interval_is_over_models_or_explicands_whichever_is_wider(board):
    found = row(board, "game", "sig-game", "spearman_game")  # 0.9, 0.8, 1.0, between -1 and 1
    half = 4.302653 * 0.1 / np.sqrt(3) / 2 / (0.95 * 0.05)  # of the log-odds of 0.95: 0.9 on the scale of 0 to 1
    expected = 2 * special.expit(special.logit(0.95) + np.array([-1, 1]) * half) - 1
    assert (found["low"], found["high"]) == pytest.approx(expected, abs=1e-6)
    found = row(board, "pictures", "sig-game", "iaccuracy")  # each model has the mean 0.2 of 0.1 and 0.3
    half = 2.200985 * np.std([0.1, 0.3] * 6, ddof=1) / np.sqrt(12) / (0.2 * 0.8)
    expected = special.expit(special.logit(0.2) + np.array([-1, 1]) * half)
    assert (found["low"], found["high"]) == pytest.approx(expected, abs=1e-6)
    found = row(board, "pictures", "ig-zero", "iaccuracy")  # always 0.5
    assert (found["low"], found["high"]) == pytest.approx((0.5 * 0.025 ** (1 / 12), 1 - 0.5 * 0.025 ** (1 / 12)))


def test_models_count_alike_whatever_the_number_of_their_scores(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "x"}, {"t": {"repetitions": 2, "budgets": [10]}})
    maker.cell("t", 0, "a", {"iaccuracy": [0.2, 0.4, None]}, budget=10)
    maker.cell("t", 1, "a", {"iaccuracy": [None, None, 0.9]}, budget=10)
    (found,) = list_rows(aggregate(read_run(maker.write())).summary)
    assert found["mean"] == pytest.approx((0.3 + 0.9) / 2)
    assert (found["models"], found["units"], found["undefined"]) == (2, 3, 3)


def test_costs_are_per_explicand(board):
    assert row(board, "pictures", "sig-game", "iaccuracy")["rows"] == 80  # 320 rows for four explicands
    assert row(board, "pictures", "sig-game", "iaccuracy")["seconds"] == pytest.approx(0.5)
    assert row(board, "game", "ig-zero", "spearman_game", budget=10)["rows"] == 9


def test_peak_memory_is_of_the_batch_and_its_mean_over_models(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "x", "b": "y"}, {"t": {"repetitions": 2, "budgets": [10]}})
    for repetition, peak in enumerate((300, 500)):
        maker.cell("t", repetition, "a", {"spearman_game": [0.5, 0.7]}, budget=10, cost=Cost(1.0, 20, 0, peak))
        maker.cell("t", repetition, "b", {"spearman_game": [0.5, 0.7]}, budget=10, cost=Cost(1.0, 20, 0, None))
    board = aggregate(read_run(maker.write()))
    assert row(board, "t", "a", "spearman_game", budget=10)["peak_bytes"] == 400
    assert np.isnan(row(board, "t", "b", "spearman_game", budget=10)["peak_bytes"])


def test_the_cost_is_rows_forward_and_backward(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "x", "b": "y"}, {"t": {"repetitions": 1, "budgets": [10, 100]}})
    for label, backward in (("a", 100), ("b", 102)):
        about: dict[str, Any] = {"distance": 0.2, "options": {"samples": 5}, "cost": Cost(1.0, 100, backward, None)}
        maker.cell("t", 0, label, {"spearman_game": [0.5, 0.7]}, budget=100, **about)
    board = aggregate(read_run(maker.write()))
    found = row(board, "t", "b", "spearman_game")
    assert (found["rows"], found["backward_rows"], found["cost"], found["seconds"]) == (50, 51, 101, 0.5)
    assert (found["distance"], found["options"]) == (0.2, {"samples": 5})
    assert (board.over_budget("t", "a"), board.over_budget("t", "b")) == (None, 100)
    assert row(board, "t", "a", "spearman_game")["rank"] == 1
    assert np.isnan(found["rank"])


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


def test_rank_intervals_count_who_is_significantly_better_or_worse(board):
    sure = row(board, "pictures", "ig-zero", "iaccuracy")
    assert (sure["rank_low"], sure["rank_high"]) == (3, 3)
    for method in ("icg", "sig-game"):  # sig-game is 0.1 better as often as it is 0.1 worse
        unsure = row(board, "pictures", method, "iaccuracy")
        assert (unsure["rank_low"], unsure["rank_high"]) == (1, 2)
    found = row(board, "game", "ig-zero", "spearman_game")
    # 0.1 worse than sig-game in each of three models, which has p = 1/4; 0.7 to 0.9 better than the control: p = .005
    assert (found["rank_low"], found["rank_high"]) == (1, 2)


def test_three_models_are_too_few_for_a_tie(board):
    assert not board.summary["tied"].fillna(False).any()
    assert board.has_too_few_units("game", "spearman_game")
    assert board.has_too_few_units("pictures", "iaccuracy")  # of four explicands each


CLOSE = {"a": [0.5, 0.6, 0.7, 0.6, 0.5], "b": [0.6, 0.5, 0.6, 0.7, 0.5], "far": [0.1, 0.15, 0.2, 0.1, 0.15]}


def close_run(directory: Any, *, models: int = 5, control: str = "", **outcome: Any) -> RunMaker:
    """Methods a and b with equal means, and one far behind; an explicand of each model."""
    families = {name: "control" if name == control else "x" for name in CLOSE}
    maker = RunMaker(directory / "run", families, {"t": {"repetitions": 5, "budgets": [100]}})
    for repetition in range(5):
        about = WHERE.model_copy(update={"data": {"checkpoint": str(repetition % models)}})
        maker.problem("t", repetition, provenance=about, **outcome)
        for name, scores in CLOSE.items():
            maker.cell("t", repetition, name, {"spearman_game": [scores[repetition]]}, budget=100)
    return maker


def tied(board: Board) -> list[str]:
    return board.summary.loc[board.summary["tied"].fillna(False).astype(bool), "method"].tolist()


def test_five_models_may_tie(tmp_path):
    board = aggregate(read_run(close_run(tmp_path).write()))
    assert tied(board) == ["a", "b"]
    assert not board.has_too_few_units("t", "spearman_game")


def test_repetitions_of_fewer_models_do_not(tmp_path):
    board = aggregate(read_run(close_run(tmp_path, models=4).write()))
    assert tied(board) == []
    assert board.has_too_few_units("t", "spearman_game")
    assert board.summary["models"].tolist() == [4, 4, 4]


def test_explicands_of_a_single_model_are_units_of_a_statement_about_it(tmp_path):
    board = aggregate(read_run(close_run(tmp_path, models=1).write()))
    assert tied(board) == ["a", "b"]
    assert board.summary["models"].tolist() == [1, 1, 1]
    assert board.summary["units"].tolist() == [5, 5, 5]


def test_a_control_is_never_tied_with_the_best(tmp_path):
    board = aggregate(read_run(close_run(tmp_path, control="b").write()))
    assert tied(board) == ["a"]
    assert row(board, "t", "b", "spearman_game")["rank"] == 1.5


def test_the_truth_itself_is_marked_and_not_ranked(tmp_path):
    board = aggregate(read_run(close_run(tmp_path, exact={"game": ["a"], "model": ["b"]}).write()))
    assert board.exact("t", "spearman_game") == {"a"}
    assert board.exact("t", "iaccuracy") == frozenset()
    assert np.isnan(row(board, "t", "a", "spearman_game")["rank"])
    assert row(board, "t", "a", "spearman_game")["mean"] == pytest.approx(0.58)
    assert row(board, "t", "b", "spearman_game")["rank"] == 1


def test_another_implementation_is_not_ranked_beside_the_first(tmp_path):
    families = {"captum/IntegratedGradients": "x", "ig": "x", "other": "x", "captum/Other": "x"}
    maker = RunMaker(tmp_path / "run", families, {"t": {"repetitions": 1, "budgets": [100]}})
    twins = {"captum/IntegratedGradients": "ig-zero", "captum/Other": "not-in-the-run"}
    names = {"ig": "ig-zero"}  # under a label of the suite's own
    for label, score in zip(families, (0.9, 0.9, 0.8, 0.7), strict=True):
        about: dict[str, Any] = {"method": names.get(label, label), "same_as": twins.get(label, "")}
        maker.cell("t", 0, label, {"spearman_game": [score]}, budget=100, **about)
    board = aggregate(read_run(maker.write()))
    assert board.same_as == {"captum/IntegratedGradients": "ig"}
    ranks = board.summary.set_index("method")["rank"]
    assert np.isnan(ranks["captum/IntegratedGradients"])
    assert ranks.drop("captum/IntegratedGradients").to_dict() == {"ig": 1, "other": 2, "captum/Other": 3}


def test_costs_are_not_ranked(board):
    assert np.isnan(row(board, "game", "sig-game", "completeness")["rank"])


def test_a_method_that_failed_once_is_ranked_on_the_rest(board):
    found = row(board, "pictures", "broken", "iaccuracy", budget=None)
    assert (found["units"], found["models"], found["rank"]) == (8, 2, 5)


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


def test_paired_tests_by_family_of_tasks(board):
    assert list(board.paired_tests) == ["made-up"]  # the kind of both tasks
    results = board.paired_tests["made-up"].results
    assert list(results.index) == list(results.columns) == list(board.methods.index)
    assert results.loc["sig-game", "ig-zero"] == "win"  # on "pictures"; on "game" three models decide nothing
    assert results.loc["ig-zero", "sig-game"] == "loss"
    assert results.loc["sig-game", "icg"] == "undecided"
    assert results.loc["sig-game", "sig-game"] == ""


def test_families_are_as_the_suite_says(tmp_path):
    task = {"repetitions": 1, "budgets": [100]}
    tasks = {"one": {**task, "family": "f"}, "two": {**task, "family": "g"}, "three": {**task, "family": "f"}}
    maker = RunMaker(tmp_path / "run", {"a": "x", "b": "x"}, tasks)
    for name, of_a, of_b in (("one", 0.5, 0.5), ("two", 0.9, 0.1), ("three", 0.1, 0.9)):
        for label, score in (("a", of_a), ("b", of_b)):
            maker.cell(name, 0, label, {"spearman_game": [score] * 12}, budget=100)
    board = aggregate(read_run(maker.write()))
    assert {family: tests.results.loc["a", "b"] for family, tests in board.paired_tests.items()} == {
        "f": "loss",
        "g": "win",
    }
    overall: Any = board.overall.set_index("method")
    assert overall[["wins", "ties", "undecided", "losses", "families"]].loc["a"].tolist() == [1, 0, 0, 1, 2]
    assert overall["family"].to_dict() == {"a": "x", "b": "x"}
    assert overall["tier"].tolist() == [1, 1]


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
    assert found == [("first", 0), ("first", 1), ("untrained", 0)]  # nothing tells the models of "untrained" apart


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
    assert board.paired_tests == {}
    assert board.coverage["missing"].tolist() == [2]


def test_methods_that_spend_more_than_the_budget_are_not_ranked(tmp_path):
    maker = RunMaker(tmp_path / "run", {"dear": "a", "cheap": "b"}, {"t": {"repetitions": 1, "budgets": [10, 100]}})
    for label, rows, score in (("dear", 101, 0.9), ("cheap", 100, 0.5)):
        maker.cell("t", 0, label, {"spearman_game": [score]}, rows=rows)
    board = aggregate(read_run(maker.write()))
    assert board.over_budget("t", "dear") == 100
    assert board.over_budget("t", "cheap") is None
    summary = board.summary.set_index("method")
    assert summary.loc["dear", "mean"] == 0.9
    assert pd.isna(summary["rank"]["dear"])
    assert summary.loc["cheap", "rank"] == 1
