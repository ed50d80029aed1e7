"""A small suite from its run to a board that others verify and contribute to, and the same on a Dask cluster."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from rich.console import Console

from benchmarks import cli
from benchmarks.board.report import write_report
from benchmarks.papers.supplement import supplement_report
from benchmarks.run.records import CellRecord
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import read_run
from benchmarks.run.suite_files import load_suite
from benchmarks.run.worker import Setting
from tests.benchmarks.commands import Call
from tests.benchmarks.publish.test_contribution import seal
from tests.benchmarks.publish.test_verify import change_records, forge, write_published
from tests.leftovers import nothing_registered

SUITE = """
methods = ["ig-zero", "kernel-shap", "random-attribution"]
[[tasks]]
name = "features"
kind = "two-feature"
budgets = [20, 60]
metrics = ["spearman", "completeness", "runtime"]
"""
METHOD = """
import torch
from sig import Explicand, method

@method("theirs", family="mine", source="here", spend=("samples",), gradient=False)
def run(e: Explicand, *, samples: int = 2, generator: torch.Generator) -> torch.Tensor:
    e.scores(e.inputs, torch.arange(len(e.inputs)))
    return e.inputs + torch.rand(e.inputs.shape, generator=generator) / samples
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which suite ``small`` was run, in ``run``, and published, in ``results/small``."""
    root = tmp_path_factory.mktemp("original")
    (root / "small.toml").write_text(SUITE)
    suite = load_suite(str(root / "small.toml"))
    run_suite(suite, root / "run", workers=1, console=Console(quiet=True), setting=Setting())
    write_published(read_run(root / "run"), root / "results" / "small")
    return root


@pytest.fixture(scope="module")
def contributed(original: Path) -> Path:
    """The same, where a method was tried and contributed, in ``contributed``."""
    (original / "plugin").mkdir()
    file = original / "plugin" / "theirs.py"
    file.write_text(METHOD)
    with pytest.MonkeyPatch.context() as patch, nothing_registered():
        patch.chdir(original)
        patch.setattr(sys, "excepthook", sys.excepthook)  # which typer replaces
        for command in (["try", "--workers", "1"], ["contribute", "--to", "contributed"]):
            patch.setattr(sys, "argv", ["benchmarks", *command, str(file), "--suite", "small"])
            cli.main()
    return original


@pytest.fixture
def published(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(original / "results" / "small", tmp_path / "results" / "small"))


@pytest.fixture
def contribution(contributed: Path, published: Path, tmp_path: Path, registries: None) -> Path:
    return Path(shutil.copytree(contributed / "contributed", tmp_path / "contributed"))


def improve(records: list[dict[str, Any]]) -> None:
    for record in records:
        column = next(name for name in record["scores"] if name.startswith("spearman"))
        record["scores"][column][0] = 0.125


def test_what_was_published_is_as_published(published: Path, call: Call) -> None:
    code, shown, errors = call("verify", published, "--cells", "4", "--workers", "1", "--json", "found.json")
    assert (code, errors) == (0, [])
    assert " and 4 cells: as published" in shown
    found = json.loads(Path("found.json").read_bytes())
    assert found["passed"]


def test_a_score_that_was_tampered_with_is_found(published: Path, call: Call) -> None:
    change_records(published, "ig-zero", improve)
    write_report(published, supplement_report)
    forge(published)  # so that only scoring the cells again can tell
    code, _, errors = call("verify", published, "--cells", "all", "--workers", "1")
    assert code == 1
    assert "ig-zero on features" in errors[0]


def test_an_honest_contribution_is_set_on_the_board(contribution: Path, published: Path, call: Call) -> None:
    code, shown, errors = call("merge", contribution, "--into", published, "--cells", "2")
    assert (code, errors) == (0, [])
    assert "theirs is on the board" in shown
    assert "theirs" in (published / "leaderboard.md").read_text()
    assert (published / "methods" / "theirs.py").read_text() == METHOD


def test_a_contribution_with_other_scores_is_refused(contribution: Path, published: Path, call: Call) -> None:
    change_records(contribution, "theirs", improve)
    seal(contribution)
    before = (published / "leaderboard.md").read_bytes()
    code, _, errors = call("merge", contribution, "--into", published, "--cells", "2")
    assert code == 2
    assert "theirs on features" in errors[0]
    assert (published / "leaderboard.md").read_bytes() == before
    assert not (published / "methods").exists()


def test_two_workers_of_a_cluster_find_the_same(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on other machines: workers are processes of their own, and share nothing with this one."""
    for name in ("PYTHONHASHSEED", "__DASK_PARENT_PID"):
        monkeypatch.setenv(name, "0")  # Dask sets them for its processes, and leaves them set
    suite = load_suite(str(original / "small.toml"))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        run_suite(suite, tmp_path, workers=1, console=Console(quiet=True), setting=Setting(), scheduler=address)
    there, here = read_run(tmp_path), read_run(original / "run")
    assert [judge(cell) for cell in there.cells] == [judge(cell) for cell in here.cells]
    assert [problem.truths for problem in there.problems] == [problem.truths for problem in here.problems]


def judge(cell: CellRecord) -> tuple[object, ...]:
    """What does not depend on where and when it was computed."""
    scores = {column: values for column, values in cell.scores.items() if column != "runtime"}
    rows = cell.cost and (cell.cost.forward_rows, cell.cost.backward_rows)
    return cell.file, cell.status, cell.reason, cell.options, scores, cell.curves, cell.maps, rows
