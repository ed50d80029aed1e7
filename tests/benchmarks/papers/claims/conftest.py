import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.run.fields import SweepPoint
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.claims.examples import REPETITIONS
from tests.benchmarks.run_maker import WHERE, RunMaker


@pytest.fixture
def board_of(tmp_path):
    def build(scores, repetitions=REPETITIONS):
        task = {"repetitions": repetitions, "budgets": [10]}
        maker = RunMaker(tmp_path / "run", dict.fromkeys(scores, "made-up"), {"game": task, "other": task})
        for label, values in scores.items():
            for repetition, value in enumerate(values[:repetitions]):
                maker.cell("game", repetition, label, {"spearman_game": [value]}, budget=10, rows=len(label))
                maker.cell("other", repetition, label, {"iaccuracy": [value]}, budget=10)
        for repetition in range(repetitions):
            maker.problem("game", repetition, checks={"r2": 0.9 + 0.01 * repetition})
        return aggregate(read_run(maker.write()))

    return build


@pytest.fixture
def board_of_one_model(tmp_path):
    """The scores of each method are those of explicands of a single model."""

    def build(scores):
        maker = RunMaker(
            tmp_path / "run", dict.fromkeys(scores, "made-up"), {"game": {"repetitions": 1, "budgets": [10]}}
        )
        for label, values in scores.items():
            maker.cell("game", 0, label, {"spearman_game": list(values)}, budget=10, provenance=WHERE)
        return aggregate(read_run(maker.write()))

    return build


@pytest.fixture
def swept_board(tmp_path):
    """By value of N, the scores of each repetition."""

    def build(scores):
        maker = RunMaker(tmp_path / "run", {"sig-game": "made-up"}, {"game": {"repetitions": 1, "budgets": [10]}})
        for value, of_repetitions in scores.items():
            point = SweepPoint(name="N", option="samples", value=value)
            for repetition, one in enumerate(of_repetitions):
                maker.cell("game", repetition, "sig-game", {"spearman_game": [one]}, sweep=point)
        return aggregate(read_run(maker.write()))

    return build
