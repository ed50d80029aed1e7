import pandas as pd
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.evidence import read_checks
from benchmarks.papers.quantities import MODEL, check, emulation, relate, score, subtract, sweep
from benchmarks.run.storage import read_run
from sig.registry import metrics
from tests.benchmarks.run_maker import papers_run, small_run


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return aggregate(read_run(papers_run(tmp_path_factory.mktemp("papers") / "run").write()))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


def test_a_network_emulates_its_game_by_r2(small):
    # game 1, 2, 3 of variance 2/3; the networks have 1.1, 1.9 and 3, 3.1 and 3.2: sums of squares .02, .03 and .06
    found = emulation("r2", see=("figure",)).values(small, "game")
    assert list(found.loc[MODEL]) == pytest.approx([1 - 0.02 / 2, 1 - 0.03 / 2, 1 - 0.06 / 2])
    assert emulation("r2", see=("figure",)).values(small, "pictures").empty


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
