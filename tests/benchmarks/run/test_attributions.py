"""Attributions beside the records: kept, loaded by name, and scored by metrics that come later."""

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from benchmarks.run import runner, scoring
from benchmarks.run.attributions import attributions, read_attribution, write_attribution
from benchmarks.run.records import CellRecord
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import RecordError, read_run
from benchmarks.run.suite import Suite
from benchmarks.run.worker import Setting
from sig.guard import AttributionResult, Guard
from sig.registry import Cost, Metric

SUITE = """
methods = ["toy-exact", "toy-noise", "toy-refuses", "ig-zero"]
repetitions = 2
[[tasks]]
name = "t"
kind = "toy"
options = { style = "truthful" }
budgets = [3, 20]
metrics = ["toy-mean", "completeness"]
"""
Load = Callable[..., Suite]
Start = Callable[..., str]


@pytest.fixture
def start(toy: Path, tmp_path: Path, suite_of: Load) -> Start:
    """Runs a suite in one folder and returns what it showed."""

    def start(text: str) -> str:
        shown = io.StringIO()
        run_suite(suite_of(text), tmp_path / "run", workers=1, console=Console(file=shown), setting=Setting((toy,)))
        return shown.getvalue()

    return start


def cells(directory: Path) -> dict[tuple[str, int, int | None], CellRecord]:
    return {(cell.label, cell.repetition, cell.budget): cell for cell in read_run(directory / "run").cells}


def test_every_attribution_is_kept_and_can_be_loaded_by_name(start: Start, tmp_path: Path) -> None:
    start(SUITE)
    run = tmp_path / "run"
    for (label, repetition, budget), cell in cells(tmp_path).items():
        if cell.status != "ok":
            continue
        found = attributions(run, "t", label, repetition=repetition, budget=budget)
        assert found.shape == (3, 4)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.mean(1), np.array(cell.scores["toy-mean"], dtype=float), rtol=1e-6)
        if cell.headline:
            assert cell.maps is not None
            np.testing.assert_array_equal(cell.maps.decode(), found[[0, 2]])
    headline = attributions(run, "t", "toy-noise", repetition=1)
    np.testing.assert_array_equal(headline, attributions(run, "t", "toy-noise", repetition=1, budget=20))


def test_by_the_name_of_a_suite(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(SUITE)
    (tmp_path / "results" / "runs").mkdir(parents=True)
    (tmp_path / "run").rename(tmp_path / "results" / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    assert attributions("mine", "t", "toy-exact").shape == (3, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("game", "toy-exact", {}), "unknown task 'game'; expected one of t"),
        (("t", "toy-exakt", {}), "unknown label 'toy-exakt'; did you mean 'toy-exact'"),
        (("t", "toy-exact", {"repetition": 5}), "unknown repetition '5'"),
        (("t", "toy-noise", {"budget": 4}), "unknown budget '4'; expected one of 20, 3"),
        (("t", "toy-refuses", {}), "'toy-refuses' has no attribution on 't', it skipped: no use here"),
    ],
)
def test_what_is_not_there_is_said(start: Start, tmp_path: Path, arguments: tuple, message: str) -> None:  # type: ignore[type-arg]
    start(SUITE)
    task, method, more = arguments
    with pytest.raises(ValueError, match=message):
        attributions(tmp_path / "run", task, method, **more)


def test_an_attribution_that_is_missing_or_damaged_is_said(start: Start, tmp_path: Path) -> None:
    start(SUITE)
    file = tmp_path / "run" / cells(tmp_path)["toy-exact", 0, None].attribution_file
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(RecordError, match="the attribution is damaged"):
        attributions(tmp_path / "run", "t", "toy-exact")
    file.unlink()
    with pytest.raises(RecordError, match="no such file; run the suite again"):
        attributions(tmp_path / "run", "t", "toy-exact")


@pytest.fixture
def attributed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Labels of the methods that attribute, in order; workers are this process."""
    called: list[str] = []

    def recording(guarded: scoring.GuardedProblem, cell: CellRecord) -> AttributionResult:
        called.append(cell.label)
        return scoring.attribute(guarded, cell)

    def here(client: object, groups: list, setting: Setting) -> object:  # type: ignore[type-arg]
        for group in groups:
            yield worker.prepare(group.problem, setting)
            known = {key: find() for key, find in group.known.items()}
            yield from worker.run_cells(group.problem, group.cells, setting, known)

    from benchmarks.run import worker

    monkeypatch.setattr(worker, "attribute", recording)
    monkeypatch.setattr(runner, "execute", here)
    return called


def test_a_new_metric_scores_what_is_there(start: Start, tmp_path: Path, attributed: list[str]) -> None:
    start(SUITE)
    before = cells(tmp_path)
    assert len(attributed) == 2 * (1 + 2 + 1 + 2)
    attributed.clear()
    more = SUITE.replace('["toy-mean", ', '["toy-distance", "toy-curve", "toy-mean", ')
    start(more)
    assert attributed == []  # a method that refused is not asked again either
    after = cells(tmp_path)
    for place, cell in after.items():
        if cell.status == "ok":
            assert list(cell.facts) == [
                "toy-distance_exact",
                "toy-distance_reversed",
                "toy-curve",
                "toy-mean",
                "completeness",
            ]
            assert cell.scores["toy-mean"] == before[place].scores["toy-mean"]
            assert cell.scores.get("completeness") == before[place].scores.get("completeness")
            assert cell.cost == before[place].cost
            assert cell.maps == before[place].maps
    fresh = tmp_path / "run"
    fresh.rename(tmp_path / "first")
    start(more)
    assert {place: cell.scores for place, cell in cells(tmp_path).items()} == {p: c.scores for p, c in after.items()}


def test_only_the_metric_that_changed_is_computed(
    start: Start, tmp_path: Path, attributed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(SUITE)
    before = cells(tmp_path)
    scored: list[str] = []
    score = Guard.score

    def recording(self: Guard, metric: Metric, *arguments: Any, **named: Any) -> torch.Tensor:
        scored.append(metric.name)
        return score(self, metric, *arguments, **named)

    monkeypatch.setattr(Guard, "score", recording)
    start(SUITE.replace('"toy-mean"', '{name = "toy-mean", options = {add = 1}}'))
    assert set(scored) == {"toy-mean"}
    assert len(scored) == sum(cell.status == "ok" for cell in before.values())
    after = cells(tmp_path)
    changed = np.array(after["toy-exact", 0, None].scores["toy-mean"], dtype=float)
    np.testing.assert_allclose(changed, np.array(before["toy-exact", 0, None].scores["toy-mean"], dtype=float) + 1)


def test_dropping_a_metric_computes_nothing(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(SUITE)
    monkeypatch.setattr(runner, "start_local_cluster", lambda workers: pytest.fail("workers were started"))
    assert "12 reused" in start(SUITE.replace('["toy-mean", "completeness"]', '["toy-mean"]'))
    assert all(set(cell.scores) <= {"toy-mean"} for cell in cells(tmp_path).values())


def test_the_order_of_metrics_is_that_of_the_suite(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(SUITE)
    before = cells(tmp_path)["toy-exact", 0, None]
    monkeypatch.setattr(runner, "start_local_cluster", lambda workers: pytest.fail("workers were started"))
    start(SUITE.replace('["toy-mean", "completeness"]', '["completeness", "toy-mean"]'))
    after = cells(tmp_path)["toy-exact", 0, None]
    assert (list(before.facts), list(after.facts)) == (["toy-mean", "completeness"], ["completeness", "toy-mean"])
    assert after.scores == before.scores


def test_an_attribution_that_was_deleted_is_computed_again(start: Start, tmp_path: Path, attributed: list[str]) -> None:
    start(SUITE)
    attributed.clear()
    (tmp_path / "run" / cells(tmp_path)["toy-exact", 1, None].attribution_file).unlink()
    start(SUITE)
    assert attributed == ["toy-exact"]
    assert attributions(tmp_path / "run", "t", "toy-exact", repetition=1).shape == (3, 4)


def test_a_new_headline_keeps_attributions(start: Start, tmp_path: Path, attributed: list[str]) -> None:
    start(SUITE)
    attributed.clear()
    start(SUITE.replace("[3, 20]", "[3]"))
    assert attributed == []
    assert cells(tmp_path)["toy-noise", 0, 3].maps is not None


def test_a_damaged_attribution_is_computed_again(start: Start, tmp_path: Path, attributed: list[str]) -> None:
    start(SUITE)
    attributed.clear()
    file = tmp_path / "run" / cells(tmp_path)["toy-exact", 1, None].attribution_file
    file.write_bytes(b"PK nonsense")
    shown = start(SUITE.replace('"toy-mean"', '"toy-curve", "toy-mean"'))
    assert "the attribution is damaged; it is computed again" in shown.replace("\n", " ").replace("  ", " ")
    assert attributed == ["toy-exact"]


def test_files_hold_arrays_and_nothing_that_is_executed(tmp_path: Path) -> None:
    file = tmp_path / "some" / "a.npz"
    found = AttributionResult(torch.tensor([[1.0, -2.0]]), Cost(0.5, 7, 3, None), torch.tensor([4.0]))
    write_attribution(found, "key", file)
    again = read_attribution(file, "key")
    assert again is not None
    assert torch.equal(again.attribution, found.attribution)
    assert again.change is not None
    assert again.change.tolist() == [4.0]
    assert again.cost == found.cost
    assert read_attribution(file, "another key") is None
    whole = file.read_bytes()
    for place in range(0, len(whole), 7):  # whatever is damaged, nothing but a RecordError comes of it
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with suppress(RecordError):
            read_attribution(file, "key")
    np.savez(tmp_path / "bad.npz", key=np.array("key"), cost=np.array([{}], dtype=object))
    with pytest.raises(RecordError, match="damaged"):
        read_attribution(tmp_path / "bad.npz", "key")
