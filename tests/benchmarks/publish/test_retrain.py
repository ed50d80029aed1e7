"""Runs of other models, made up, of the same kind and of another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.board.statistics import Interval
from benchmarks.publish.retrain import compare_retrained, draw_anew
from benchmarks.run.storage import read_run
from benchmarks.run.suite import MetricChoice
from tests.benchmarks.run_maker import RunMaker, small_run


def test_another_run_of_the_same_kind_passes_and_one_far_off_does_not(tmp_path: Path) -> None:
    def make(name: str, mean: float, seed: int) -> RunMaker:
        rng = np.random.default_rng(seed)
        maker = RunMaker(tmp_path / name, {"a": "x", "b": "y"}, {"t": {"repetitions": 5, "budgets": [10]}})
        for repetition in range(5):
            maker.problem("t", repetition)
            for label, about in (("a", mean), ("b", 0.2)):
                scores = {"100%_right": [float(about + 0.01 * rng.standard_normal()) for _ in range(4)]}
                maker.cell("t", repetition, label, scores, budget=10)
        return maker

    published, again, other = (
        aggregate(read_run(make(*about).write())) for about in (("p", 0.5, 0), ("a", 0.5, 1), ("o", 0.6, 2))
    )
    stage = compare_retrained(published, again)
    assert (stage.differences, stage.checked["means"]) == ([], 2)
    stage = compare_retrained(published, other)
    (difference,) = stage.differences
    assert difference.where == "mean 100%_right of a on t"
    assert difference.cause == "chance"
    assert difference.why == "more than chance explains, at 97.50% for this mean"
    assert isinstance(difference.now, Interval)
    assert difference.now.mean == pytest.approx(0.6, abs=0.01)
    assert "1 of 2 means changed by more than chance explains at 95 %" in stage.notes[0]


def test_means_of_one_model_are_not_judged(tmp_path: Path) -> None:
    boards = [aggregate(read_run(small_run(tmp_path / name).write())) for name in "ab"]
    alone = aggregate(replace(boards[1].run, cells=[cell for cell in boards[1].run.cells if not cell.repetition]))
    assert compare_retrained(boards[0], boards[1]).checked["means"] > 0
    stage = compare_retrained(boards[0], alone)
    assert stage.checked["means"] == 0
    assert stage.notes[0].startswith("0 of 0 means changed")


def test_new_seeds_are_shared_as_the_old_ones(tmp_path: Path) -> None:
    tasks = {name: {"budgets": [1], "seeds": seeds} for name, seeds in (("a", "both"), ("b", "both"), ("c", None))}
    suite = read_run(RunMaker(tmp_path / "run", {"m": "x"}, tasks).write()).manifest.suite
    before, after = ([task.seeds or task.name for task in one.tasks] for one in (suite, draw_anew(suite)))
    assert after[0] == after[1] != after[2]
    assert not set(before) & set(after)
    assert [task.metrics for task in suite.tasks] == [[MetricChoice(name="made-up", label="made-up")]] * 3
