"""A method is contributed to a small published suite, honestly and not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.publish import NotMerged
from benchmarks.publish.integrity import check_integrity
from benchmarks.publish.manifest import PUBLISHED, check_files, list_files, write_manifest
from benchmarks.publish.merge_contribution import merge
from benchmarks.run.records import CellRecord, Run
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import read_run, write_archive
from benchmarks.run.suite_files import load_suite
from benchmarks.run.worker import Setting
from datasets.digest import hash_file
from tests.benchmarks.commands import Call
from training.store.sources import forget_files

pytestmark = pytest.mark.slow  # whole runs, in processes of their own

SUITE = """
methods = ["ig-zero", "random-attribution"]
[[tasks]]
name = "features"
kind = "two-feature"
budgets = [20, 60]
metrics = ["spearman", "completeness", "runtime"]
"""
METHOD = """
import torch
from sig import Explicand, method

@method("{name}", family="mine", source="here", spend=("samples", "steps"), gradient=False)
def run(e: Explicand, *, samples: int = 2, steps: int = 3, generator: torch.Generator) -> torch.Tensor:
    e.scores(e.inputs, torch.arange(len(e.inputs)))
    return e.inputs + torch.rand(e.inputs.shape, generator=generator) / (samples * steps)
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("work")
    (root / "small.toml").write_text(SUITE)
    quiet = Console(quiet=True)
    run_suite(load_suite(str(root / "small.toml")), root / "run", workers=1, console=quiet, setting=Setting())
    folder, run = root / "results" / "small", read_run(root / "run")
    write_archive(run, folder)
    (folder / "models").mkdir()
    write_manifest(folder, run, run.problems[0].provenance.commit or "none")
    return root


@pytest.fixture
def contributed(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registries: None, call: Call) -> Path:
    """A contribution, in a copy of where the suite is published; its method is registered no more."""
    shutil.copytree(published / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugin").mkdir()
    file = tmp_path / "plugin" / "theirs.py"
    file.write_text(METHOD.format(name="theirs"))
    assert call("try", file, "--suite", "small", "--workers", "1")[0] == 0
    code, printed, _ = call("contribute", file, "--suite", "small", "--to", "contributed/theirs")
    assert code == 0
    assert "theirs for suite small" in printed
    return tmp_path / "contributed" / "theirs"


def seal(folder: Path) -> None:
    """Make the manifest fit what is in the folder, as a dishonest author would."""
    content = json.loads((folder / PUBLISHED).read_text())
    content["files"] = {name: file.model_dump() for name, file in list_files(folder).items()}
    (folder / PUBLISHED).write_text(json.dumps(content))


def rewrite(folder: Path, change: Callable[[CellRecord], CellRecord]) -> None:
    run = read_run(folder)
    write_archive(
        Run(run.directory, run.manifest, run.problems, run.allocations, [*map(change, run.cells)], []), folder
    )
    seal(folder)


def test_an_honest_contribution_is_set_on_the_board(contributed: Path, call: Call) -> None:
    into = Path("results/small")
    before = {file: hash_file(file) for file in (into / "records").iterdir()}
    code, printed, lines = call("merge", contributed, "--into", into, "--cells", "all")
    assert (code, lines) == (0, [])
    assert "theirs is on the board of results/small" in printed
    assert check_files(into) == []
    assert {file: hash_file(file) for file in before} == before
    assert (into / "methods" / "theirs.py").read_text() == METHOD.format(name="theirs")
    run = read_run(into)
    assert run.missing == []
    assert check_integrity(into, run).differences == []
    assert [choice.label for choice in run.manifest.suite.methods] == ["ig-zero", "random-attribution", "theirs"]
    assert "theirs" in (into / "leaderboard.md").read_text()
    code, _, lines = call("merge", contributed, "--into", into)
    assert (code, "the board has a method 'theirs' already" in lines[0]) == (2, True)


def test_scores_that_were_changed_are_found(contributed: Path) -> None:
    column = next(name for name in read_run(contributed).cells[0].scores if name.startswith("spearman"))

    def improve(cell: CellRecord) -> CellRecord:
        return cell.model_copy(update={"scores": {**cell.scores, column: [0.123] * len(cell.scores[column])}})

    rewrite(contributed, improve)
    before = hash_file(Path("results/small") / PUBLISHED)
    with pytest.raises(
        NotMerged, match=rf"theirs on features, repetition 0, \d+ rows: {column}, explicand 0: was 0.123"
    ):
        merge(contributed, Path("results/small"))
    assert hash_file(Path("results/small") / PUBLISHED) == before
    assert check_files(Path("results/small")) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method_seed": 7}, "was drawn with seed 7, expected"),
        ({"options": {"samples": 1, "steps": 1}}, "was drawn with seed|spends its budget as"),
        ({"metrics": []}, "has other metrics than the suite"),
        ({"headline": True}, "is on the leaderboard with a budget of 20"),
        ({"repetition": 5}, "has a cell on features, repetition 5"),
        ({"status": "failed", "reason": "why"}, "cells failed"),
    ],
)
def test_what_its_author_must_not_choose_is_refused(contributed: Path, change: dict[str, object], message: str) -> None:
    def alter(cell: CellRecord) -> CellRecord:
        return cell.model_copy(update=change) if cell.budget == 20 else cell

    run = read_run(contributed)
    cells = [alter(cell) for cell in run.cells]
    manifest = run.manifest.model_copy(update={"cells": [cell.file for cell in cells]})
    write_archive(Run(run.directory, manifest, run.problems, run.allocations, cells, []), contributed)
    seal(contributed)
    with pytest.raises(NotMerged, match=message):
        merge(contributed, Path("results/small"))


def test_a_file_that_is_not_as_its_manifest_says_is_refused(contributed: Path) -> None:
    (contributed / "theirs.py").write_text("import os")
    with pytest.raises(NotMerged, match=r"theirs\.py: was SHA-256"):
        merge(contributed, Path("results/small"))


def test_a_source_that_changed_since_is_not_contributed(contributed: Path, call: Call) -> None:
    file = contributed.parents[1] / "plugin" / "never.py"
    file.write_text(METHOD.format(name="never"))
    code, _, lines = call("contribute", file, "--suite", "small", "--to", "contributed/never")
    assert code == 2
    assert "was not tried yet; run python -m benchmarks try" in lines[0]
    code, _, lines = call("contribute", file.with_name("theirs.py"), "--suite", "small", "--to", contributed)
    assert code == 2
    assert "is there already" in lines[0]


def test_what_lies_beside_the_source_is_not_contributed(contributed: Path, call: Call) -> None:
    file = contributed.parents[1] / "plugin" / "theirs.py"
    (file.with_name("helper.py")).write_text("x = 1")
    file.write_text(f"import helper\n{file.read_text()}")
    forget_files()
    code, _, lines = call("contribute", file, "--suite", "small", "--to", "contributed/again")
    assert code == 2
    assert "theirs.py imports helper.py beside it, expected one file; put all into it" in lines[0]


def test_the_source_of_another_method_is_kept(contributed: Path) -> None:
    (Path("results/small") / "methods").mkdir()
    (Path("results/small") / "methods" / "theirs.py").write_text("another's")
    with pytest.raises(NotMerged, match="the board has a source 'theirs.py' already; rename the file, then try"):
        merge(contributed, Path("results/small"))
    assert (Path("results/small") / "methods" / "theirs.py").read_text() == "another's"


def test_a_folder_without_a_manifest_is_no_contribution(tmp_path: Path, call: Call) -> None:
    code, _, lines = call("merge", tmp_path, "--into", tmp_path)
    assert code == 2
    assert f"{tmp_path} is no contribution, it has no manifest.json; write one: python -m benchmarks contr" in lines[0]
