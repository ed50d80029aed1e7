"""No cell can touch another: what misbehaves fails alone, and what follows is computed on an untouched problem."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.run.cells import plan
from benchmarks.run.records import CellRecord
from benchmarks.run.suite import Suite
from benchmarks.run.worker import CellResult, Setting, _problem, run_cells
from datasets.problem import Problem, task
from sig.explicand import Explicand
from sig.plugins import load_plugin
from sig.registry import Trial, methods, metric

MISCONDUCT = Path(__file__).parents[2] / "sig" / "misconduct.py"
GOOD = ["ig-zero", "expected-gradients", "sig-game", "permutation-shapley", "captum/GradientShap"]
SUITE = """
methods = [{methods}]
[[tasks]]
name = "t"
kind = "victim"
budgets = [5, 30]
metrics = [{metrics}]
"""
Run = Callable[..., list[CellRecord]]


@pytest.fixture(autouse=True)
def registered(registries: None) -> Iterator[None]:
    """The plug-in, a task with a model that has weights, buffers and a mode, and metrics that write."""

    @task("victim")
    def victim(*, seed: int) -> Problem:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Softplus(), nn.Linear(8, 2))
            e = Explicand(
                model.eval().requires_grad_(False), torch.rand(4, 5), torch.tensor([0, 1, 0, 1]), torch.rand(6, 5),
                torch.arange(5), background_classes=torch.arange(6) % 2,
            )  # fmt: skip
        return Problem(e, truths={"made up": torch.rand(4, 5)}, regions={"left": torch.arange(20).view(4, 5) % 5 < 2})

    @metric("writes-truth", better="lower", range=(0, 1), against_truth=True)
    def writes_truth(trial: Trial) -> torch.Tensor:
        assert trial.truth is not None
        trial.truth.zero_()
        return torch.zeros(len(trial.attribution))

    @metric("writes-regions", better="lower", range=(0, 1))
    def writes_regions(trial: Trial) -> torch.Tensor:
        trial.regions["left"].fill_(True)
        return torch.zeros(len(trial.attribution))

    load_plugin(MISCONDUCT)
    _problem.cache_clear()
    yield
    _problem.cache_clear()


@pytest.fixture
def run(suite_of: Callable[..., Suite]) -> Run:
    def run(names: list[str], metric_names: tuple[str, ...] = ("spearman", "completeness")) -> list[CellRecord]:
        quoted = [", ".join(f'"{name}"' for name in listed) for listed in (names, metric_names)]
        (group,) = plan(suite_of(SUITE.format(methods=quoted[0], metrics=quoted[1])))
        return [one.record for one in run_cells(group.problem, group.cells, Setting()) if isinstance(one, CellResult)]

    return run


def bad() -> list[str]:
    return [entry.name for entry in methods if entry.name.startswith("bad-")]


def test_misconduct_fails_alone_and_says_why(run: Run) -> None:
    names = bad()
    assert len(names) > 15
    good = run(GOOD)
    assert all(record.status == "ok" for record in good if record.budget == 30)
    mixed = run([*names, *GOOD])
    scores = {(record.label, record.budget): record.scores for record in good}
    for record in mixed:
        if record.label in names:
            assert record.status == "failed"
            assert record.reason.startswith("Interference: ")
            assert record.scores == {}
        else:
            assert record.scores == scores[record.label, record.budget]


@pytest.mark.parametrize("position", range(26))
def test_what_follows_any_of_them_is_as_without(run: Run, position: int) -> None:
    names = bad()
    name = names[position % len(names)]
    expected = {(r.label, r.budget): (r.scores, r.cost and r.cost.forward_rows) for r in run(GOOD)}
    after = [record for record in run([name, *GOOD]) if record.label != name]
    assert {(r.label, r.budget): (r.scores, r.cost and r.cost.forward_rows) for r in after} == expected


def test_a_metric_that_writes_fails_and_spoils_nothing(run: Run) -> None:
    plain = run(["ig-zero", "sig-game"])
    spoiled = run(["ig-zero", "sig-game"], ("writes-truth", "writes-regions", "spearman", "completeness"))
    for record, before in zip(spoiled, plain, strict=True):
        assert record.status == "failed"
        assert "metric 'writes-truth' changed truth 'made up'" in record.metric_notes["writes-truth_made up"]
        assert "metric 'writes-regions' changed region 'left'" in record.metric_notes["writes-regions"]
        assert {name: record.scores[name] for name in before.scores} == before.scores


def test_the_suite_of_this_test_would_notice(run: Run) -> None:
    """Scores do depend on what the plug-ins change."""
    before = run(["ig-zero"])
    _problem.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sig.guard.Guard._put_back", lambda self: [])
        spoiled = run(["bad-writes-inputs", "ig-zero"])
    _problem.cache_clear()
    assert [r.scores for r in spoiled if r.label == "ig-zero"] != [r.scores for r in before]
