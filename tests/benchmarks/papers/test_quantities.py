import numpy as np
import pandas as pd
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.quantities import (
    MODEL,
    check,
    collect_first_shown,
    collect_shown,
    emulation,
    find_columns,
    find_tasks,
    read_checks,
    relate,
    scale_rows,
    score,
    subtract,
    sweep,
    take_evidence,
)
from benchmarks.run.storage import read_run
from sig.registry import metrics
from tests.benchmarks.run_maker import RunMaker, certainty_run, papers_run, small_run


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return aggregate(read_run(papers_run(tmp_path_factory.mktemp("papers") / "run").write()))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


@pytest.mark.parametrize(("paper", "task"), [("SIG", "game"), ("ES", "pictures"), ("ICG", "pictures")])
def test_evidence_is_of_the_tasks_that_reproduce_the_paper(tmp_path, paper, task):
    maker = small_run(tmp_path / "run")
    maker.tasks = {**maker.tasks, "pictures": {**maker.tasks["pictures"], "reproduces": ["ES", "ICG"]}}
    board = aggregate(read_run(maker.write()))
    evidence = take_evidence(board, paper)
    assert find_tasks(evidence) == [task]
    assert {problem.task for problem in evidence.run.problems} == {task}
    assert {cell.task for cell in evidence.run.cells} == set(evidence.units["task"]) == {task}
    assert set(evidence.columns["task"]) == set(evidence.coverage.index.get_level_values("task")) == {task}
    assert set(evidence.shown) == {task} - {"game"}
    assert find_tasks(board) == ["game", "pictures"]


def test_a_model_counts_for_the_first_task_that_reproduces_the_paper(tmp_path):
    maker = papers_run(tmp_path / "run")
    maker.tasks = {**maker.tasks, "snacks": {**maker.tasks["snacks"], "reproduces": []}}
    evidence = take_evidence(aggregate(read_run(maker.write())), "ICG")
    assert len(read_checks(evidence, "accuracy", ["snacks-logit"])) == 4


def test_a_network_emulates_its_game_by_r2(small):
    # game 1, 2, 3 of variance 2/3; the networks have 1.1, 1.9 and 3, 3.1 and 3.2: sums of squares .02, .03 and .06
    found = emulation("r2").values(small, "game")
    assert list(found.loc[MODEL]) == pytest.approx([1 - 0.02 / 2, 1 - 0.03 / 2, 1 - 0.06 / 2])
    assert emulation("r2").values(small, "pictures").empty


def test_tasks_by_kind_and_options(papers):
    assert find_tasks(papers, "burnt-snacks") == ["snacks", "snacks-logit"]
    assert find_tasks(papers, "burnt-snacks", output="logit") == ["snacks-logit"]
    assert find_tasks(papers, "burnt-snacks", output="logit", unheard_of=1) == ["snacks-logit"]
    assert find_tasks(papers, "local-minimum", output="probability") == ["minimum"]  # the default
    assert find_tasks(papers, "local-minimum", output="logit") == []
    assert len(find_tasks(papers)) == 5


def test_columns_by_what_they_measure(small, papers):
    assert find_columns(small, "game", "spearman", truth="model") == ["spearman_model"]
    assert find_columns(small, "pictures", "iaccuracy") == ["iaccuracy", "iaccuracy_mean"]
    assert find_columns(small, "pictures", "iaccuracy", removal="mean") == ["iaccuracy_mean"]
    assert find_columns(papers, "snacks", "attribution_strayed", measure="distractors") == [
        "distractors"
    ]  # the default
    assert find_columns(small, "game", "iaccuracy") == []


def test_scores_are_those_of_the_column_with_the_facts_of_the_metric(small):
    quantity = score("order", "spearman", truth="game")
    pd.testing.assert_frame_equal(quantity.values(small, "game"), small.scores("game", "spearman_game"))
    assert quantity.values(small, "pictures").empty
    assert (quantity.better, quantity.limits) == ("higher", (-1, 1))
    assert score("", "iaccuracy").better == metrics["iaccuracy"].better == "lower"


def test_differences_are_of_units_and_have_their_own_limits(small):
    game, model = (score(truth, "spearman", truth=truth) for truth in ("game", "model"))
    lost = subtract("lost", game, model)
    assert lost.values(small, "game").to_numpy()[0].tolist() == [0, 0, 0]
    assert lost.limits == pytest.approx((-2, 2))
    assert subtract("", game, score("", "shadow")).values(small, "game").empty


def test_ratios_are_of_units(small):
    ratio = relate("", score("", "spearman", truth="game"), "ig-zero")
    table = ratio.values(small, "game")
    assert list(table.loc["sig-game"]) == pytest.approx([0.9 / 0.8, 0.8 / 0.7, 1.0 / 0.9])
    assert list(table.loc["ig-zero"]) == pytest.approx([1, 1, 1])
    assert relate("", score("", "spearman", truth="game"), "nobody").values(small, "game").empty


def test_sweeps_have_a_row_for_each_value(small):
    table = sweep("", "spearman", "samples", truth="game").values(small, "game")
    assert list(table.index) == [("sig-game", 50), ("sig-game", 200)]
    assert table.to_numpy()[0].tolist() == pytest.approx([0.7, 0.6, 0.8])
    assert sweep("", "spearman", "fraction", truth="game").values(small, "game").empty
    assert sweep("", "spearman", "samples", truth="game").values(small, "pictures").empty


def test_checks_of_models_have_a_unit_for_each_repetition(small, papers):
    table = check("r2").values(small, "game")
    assert list(table.index) == [MODEL]
    assert table.columns.get_level_values("repetition").tolist() == [0, 1, 2]
    assert table.to_numpy().ravel() == pytest.approx([0.97, 0.98, 0.99])
    assert check("r2").values(small, "pictures").size == 0
    # both outputs of Burnt Snacks are explained of the same models, which count for the first task
    assert len(read_checks(papers, "accuracy", ["snacks", "snacks-logit"])) == 4
    assert check("accuracy").values(papers, "snacks-logit").size == 0


def test_what_is_shown_by_hand(tmp_path):
    board = aggregate(read_run(certainty_run(tmp_path / "run").write()))
    shown = collect_shown(board, "minimum")
    assert list(shown) == ["scores (truth)", "bshap (truth)", "icg", "ig-zero"]
    assert shown["icg"].to_numpy().tolist() == [[2, 1, -4], [4, 4, 4]]
    first = collect_first_shown(board, "minimum")["bshap (truth)"]
    assert first.to_numpy().tolist() == [[-1, 0.5, 2]] * 2
    assert list(first.columns) == pytest.approx([0.1, 0.7, 0.9])
    assert collect_first_shown(board, "unheard-of") == {}


def test_explicands_stand_one_after_the_other(papers):
    shown = collect_shown(papers, "bumps")["bshap (truth)"]
    assert shown.iloc[0].tolist() == pytest.approx([0, 1, 0.5, 0.5])
    assert collect_first_shown(papers, "bumps")["bshap (truth)"].iloc[0].tolist() == pytest.approx([0, 1])


def test_scaled_rows_keep_their_labels():
    rows = pd.DataFrame([[2.0, 1.0, -4.0], [-1.0, -2.0, -3.0]], index=[3, 5], columns=[0.1, 0.7, 0.9])
    scaled = scale_rows(rows, "maximum")
    assert scaled.loc[3].to_dict() == {0.1: 1, 0.7: 0.5, 0.9: -2}
    assert scaled.loc[5].isna().all()


def test_a_run_without_tasks_of_a_paper(tmp_path):
    maker = RunMaker(tmp_path / "run", {"ig-zero": "a"}, {"t": {"repetitions": 1, "budgets": [5]}})
    maker.cell("t", 0, "ig-zero", {"spearman_game": [0.5]}, budget=5)
    evidence = take_evidence(aggregate(read_run(maker.write())), "SIG")
    assert (find_tasks(evidence), evidence.run.cells, evidence.shown) == ([], [], {})
    assert np.size(read_checks(evidence, "r2", [])) == 0
