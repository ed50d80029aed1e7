import numpy as np
import pandas as pd
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.evidence import (
    collect_first_shown,
    collect_shown,
    find_columns,
    find_tasks,
    read_checks,
    scale_rows,
    take_evidence,
)
from benchmarks.run.storage import read_run
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
