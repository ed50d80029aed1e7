"""Verifying a small published suite, and copies of it in which one thing was changed."""

import json
import lzma
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks.board.report import write_report
from benchmarks.papers.supplement import supplement_report
from benchmarks.publish import rescore as rescoring
from benchmarks.publish.difference import Difference
from benchmarks.publish.manifest import PUBLISHED, list_models, write_manifest
from benchmarks.publish.verify import STAGES, Extent, Verification, verify
from benchmarks.run.records import Run
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import ARCHIVE, read_run, write_archive
from benchmarks.run.suite import MethodChoice
from benchmarks.run.suite_files import load_suite
from benchmarks.run.worker import Setting
from sig.registry import methods, metrics
from tests.benchmarks.commands import Call
from training.store.published import collect_models

pytestmark = pytest.mark.slow  # whole runs, in processes of their own


SUITE = """
methods = ["ig-zero", "sig-game", "icg", "random-attribution"]
[[tasks]]
name = "features"
kind = "two-feature"
repetitions = 1
reproduces = ["ICG"]
budgets = [20, 60]
metrics = ["spearman", "completeness", "runtime"]

[[tasks]]
name = "grid"
kind = "gridworld"
options = { rows = 2, cols = 2, reward = "r1" }
repetitions = 2
reproduces = ["SIG", "ES"]
budgets = [60]
limit = 100
metrics = ["spearman", "completeness"]
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("verify")
    (root / "tiny.toml").write_text(SUITE)
    suite = load_suite(str(root / "tiny.toml"))
    run_suite(suite, root / "run", workers=1, console=Console(quiet=True), setting=Setting())
    return write_published(read_run(root / "run"), root / "tiny")


def write_published(run: Run, folder: Path) -> Path:
    """What ``publish`` writes, also outside a checkout or with changes in it."""
    write_archive(run, folder)
    collect_models(list_models(run), folder / "models", folder / "models")
    write_report(folder, supplement_report)
    write_manifest(folder, run, name_commit(run))
    return folder


def name_commit(run: Run) -> str:
    return run.problems[0].provenance.commit or "none"


@pytest.fixture
def published(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "tiny"))


def find(folder: Path, *stages: str, **extent: Any) -> Verification:
    return verify(folder, Extent(stages, cells=None, **extent), Setting(), Console(quiet=True))


def of_stage(found: Verification, name: str) -> list[Difference]:
    return next(stage.differences for stage in found.stages if stage.name == name)


def change_records(folder: Path, method: str, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the published records of a method, and nothing else."""
    file = folder / "records" / f"{method}.jsonl.xz"
    records = [json.loads(line) for line in lzma.decompress(file.read_bytes()).splitlines()]
    change(records)
    file.write_bytes(lzma.compress("".join(f"{json.dumps(record)}\n" for record in records).encode()))


def raise_a_score(records: list[dict[str, Any]]) -> None:
    chosen = next(record for record in records if record["task"] == "grid" and record["headline"])
    assert chosen["scores"]["spearman_game"][0] != 0.125
    chosen["scores"]["spearman_game"][0] = 0.125


def forge(folder: Path) -> None:
    """Have the manifest follow from whatever the records now are."""
    run = read_run(folder)
    write_manifest(folder, run, name_commit(run))


def test_what_was_published_is_as_published(published: Path) -> None:
    found = find(published, *STAGES)
    assert found.passed
    assert found.first is None
    assert [stage.name for stage in found.stages] == ["integrity", "derive", "rescore"]
    cells = len(read_run(published).cells)
    assert found.stages[0].checked == {"files": len(list(published.rglob("*.*"))) - 1, "cells": cells}
    assert found.stages[2].checked == {"problems": 3, "cells": cells}
    assert "runtime" not in found.stages[2].largest
    assert found.stages[2].largest == dict.fromkeys(["attribution", "completeness", "spearman"], 0.0)


@pytest.mark.parametrize(
    ("file", "cause"),
    [
        ("leaderboard.csv", "report"),
        ("allocations.jsonl.xz", "record"),
        ("models/*.pt", "model"),
        ("run.json.xz", "suite"),
    ],
)
def test_one_byte_is_found(published: Path, file: str, cause: str) -> None:
    (chosen, *_) = sorted(published.glob(file))
    content = bytearray(chosen.read_bytes())
    content[-2] ^= 1  # an xz file stays readable but for its last bytes, which are checked
    chosen.write_bytes(content)
    found = find(published, "integrity")
    assert not found.passed
    named = [difference for difference in of_stage(found, "integrity") if chosen.name in difference.where]
    assert named
    assert named[0].cause == cause


def test_files_that_are_missing_or_added_are_found(published: Path) -> None:
    (published / "leaderboard.tex").unlink()
    (published / "note.txt").write_text("mine")
    wheres = {difference.where: difference for difference in of_stage(find(published, "integrity"), "integrity")}
    assert wheres["leaderboard.tex"].now is None
    assert wheres["note.txt"].was is None


@pytest.mark.parametrize("field", ["suite", "commit", "data", "provenance"])
def test_a_manifest_that_is_not_of_its_records_is_found(published: Path, field: str) -> None:
    manifest = json.loads((published / PUBLISHED).read_bytes())
    other = {
        "suite": "default",
        "commit": "1" * 40,
        "data": {**manifest["data"], "grid/0/data": "1" * 64},
        "provenance": {**manifest["provenance"], "python": "2.7"},
    }
    (published / PUBLISHED).write_text(json.dumps({**manifest, field: other[field]}))
    first, *others = of_stage(find(published, "integrity"), "integrity")
    assert not others
    assert first.where.startswith(f"manifest.json: {field}")
    assert (first.cause, first.why) == ("suite", "its records")


def test_a_changed_score_is_found_by_integrity_and_by_deriving(published: Path) -> None:
    change_records(published, "ig-zero", raise_a_score)
    found = find(published, "integrity", "derive")
    assert of_stage(found, "integrity")[0].where == "records/ig-zero.jsonl.xz"
    assert of_stage(found, "derive")[0].where == "leaderboard.md"


def test_a_score_that_the_manifest_follows_is_found_by_scoring_again(published: Path) -> None:
    change_records(published, "ig-zero", raise_a_score)
    forge(published)
    found = find(published, "integrity", "rescore")
    assert not of_stage(found, "integrity")
    assert found.first is not None
    assert found.first.where == "ig-zero on grid, repetition 0, 60 rows: spearman_game, explicand 0"
    assert (found.first.was, found.first.cause) == (0.125, "record")
    ranks = [difference for difference in of_stage(found, "rescore") if difference.where.startswith("rank of ")]
    assert all("as of ig-zero on grid" in difference.why for difference in ranks)


def test_a_changed_runtime_is_not_found_by_scoring_again(published: Path) -> None:
    def slow_down(records: list[dict[str, Any]]) -> None:
        for record in records:
            record["cost"]["seconds"] += 100
            if "runtime" in record["scores"]:
                record["scores"]["runtime"] = [100.0 for _ in record["scores"]["runtime"]]

    change_records(published, "ig-zero", slow_down)
    forge(published)
    assert find(published, "rescore").passed


def test_another_model_is_found(published: Path) -> None:
    first, second = sorted((published / "models").glob("*.pt"))
    for kind in ("pt", "json", "csv"):
        shutil.copyfile(first.with_suffix(f".{kind}"), second.with_suffix(f".{kind}"))
    forge(published)
    found = find(published, "integrity", "rescore")
    assert not of_stage(found, "integrity")
    assert found.first is not None
    assert found.first.where.startswith("problem grid, repetition ")
    assert found.first.cause == "model"
    of_cells = [difference for difference in of_stage(found, "rescore") if difference.where.startswith("ig-zero on")]
    assert of_cells
    assert {difference.cause for difference in of_cells} == {"model"}
    assert len({difference.where.partition(":")[0] for difference in of_cells}) == 1  # of one repetition


def test_a_model_that_is_gone_is_found(published: Path) -> None:
    for file in (published / "models").glob("*"):
        file.unlink()
    found = find(published, "integrity", "rescore")
    assert {difference.cause for difference in of_stage(found, "integrity")} == {"model"}
    of_problem = next(found for found in of_stage(found, "rescore") if found.where.startswith("problem grid"))
    assert of_problem.cause == "model"
    assert "MissingModel" in str(of_problem.now)


def test_a_dropped_cell_is_found(published: Path) -> None:
    change_records(published, "sig-game", lambda records: records.__delitem__(-1))
    run = read_run(published)
    assert len(run.missing) == 1
    assert run.missing[0] in {difference.where for difference in of_stage(find(published, "integrity"), "integrity")}

    manifest = run.manifest.model_copy(update={"cells": [cell.file for cell in run.cells]})  # and from the list too
    (published / ARCHIVE).write_bytes(lzma.compress(f"{manifest.model_dump_json()}\n".encode()))
    forge(published)
    (difference,) = of_stage(find(published, "integrity"), "integrity")
    assert difference.where.startswith("sig-game on grid, repetition 1, 60 rows")
    assert difference.now is None


def test_a_cell_without_a_score_or_a_reason_is_found(published: Path) -> None:
    def empty(records: list[dict[str, Any]]) -> None:
        chosen = next(record for record in records if record["task"] == "grid")
        if chosen["status"] == "skipped":
            chosen["reason"] = ""
        else:
            del chosen["scores"]["completeness"], chosen["facts"]["completeness"]

    for method in ("icg", "ig-zero"):
        change_records(published, method, empty)
    forge(published)
    lacking = {found.where.split()[0]: found.now for found in of_stage(find(published, "integrity"), "integrity")}
    assert lacking == {"icg": "skipped without a reason", "ig-zero": "no score and no note of completeness"}


def test_other_code_of_a_method_or_a_metric_is_the_cause(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_records(published, "ig-zero", raise_a_score)
    forge(published)

    def with_other_code(kind: str, name: str) -> Difference:
        real = rescoring.plan  # type: ignore[attr-defined]

        def plan(*arguments: Any, **options: Any) -> Any:
            with monkeypatch.context() as patch:
                registry = methods if kind == "method" else metrics
                other = registry["bshap" if kind == "method" else "kendall"].run
                entry = registry[name]
                patch.setitem(registry._entries, name, type(entry)(**{**vars(entry), "run": other}))
                return real(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(rescoring, "plan", plan)
            found = find(published, "rescore")
        assert found.first is not None
        return found.first

    assert with_other_code("method", "ig-zero").cause == "method"
    assert with_other_code("metric", "spearman").cause == "metric"


def test_the_first_line_of_a_page_that_differs_is_told(published: Path) -> None:
    page = published / "leaderboard.tex"
    lines = page.read_text().splitlines()
    lines[3] += "0"
    page.write_text("\n".join(lines) + "\n")
    (difference,) = of_stage(find(published, "derive"), "derive")
    assert (difference.where, difference.was) == ("leaderboard.tex", lines[3])
    assert "line 4 is the first of 1 lines" in difference.why


def test_bytes_that_are_no_text_are_a_difference(published: Path) -> None:
    names = ["leaderboard.csv", "leaderboard.html", "leaderboard.md", "report-files.txt"]
    damaged = [*(published / name for name in names), next((published / "figures").glob("*.svg"))]
    for page in damaged:
        content = page.read_bytes()
        page.write_bytes(content[:9] + b"\xff" + content[10:])
    differing = {difference.where for difference in of_stage(find(published, "derive"), "derive")}
    assert {page.relative_to(published).as_posix() for page in damaged if page.suffix != ".txt"} <= differing
    assert any("\ufffd" in where for where in differing)  # a file of that name is listed, and not there


# ---- the command -------------------------------------------------------------------------------------------------


def test_exit_codes_and_summary(published: Path, call: Call, tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    code, shown, errors = call("verify", published, "--cells", "3", "--workers", "1", "--json", file)
    assert (code, errors) == (0, [])
    assert " and 3 cells: as published" in shown
    found = Verification.model_validate_json(file.read_bytes())
    assert found.passed
    assert found.commit == name_commit(read_run(published))

    change_records(published, "ig-zero", raise_a_score)
    code, shown, errors = call("verify", published, "--stage", "integrity", "--json", file)
    assert code == 1
    assert "records/ig-zero.jsonl.xz" in errors[0]
    assert "likely cause: record" in errors[0]
    found = Verification.model_validate_json(file.read_bytes())
    assert not found.passed
    assert found.first is not None
    assert found.first.where == "records/ig-zero.jsonl.xz"


def test_damaged_records_are_a_difference(published: Path, call: Call) -> None:
    (published / "records" / "ig-zero.jsonl.xz").write_bytes(b"nothing")
    code, _, errors = call("verify", published)
    assert code == 1
    assert "ig-zero.jsonl.xz" in errors[0]


@pytest.mark.parametrize("name", ["allocations.jsonl.xz", "problems.jsonl.xz", "records"])
def test_without_all_records_nothing_else_is_verified(published: Path, call: Call, tmp_path: Path, name: str) -> None:
    shutil.move(published / name, tmp_path / "aside")
    file = tmp_path / "found.json"
    code, shown, errors = call("verify", published, "--json", file)
    assert (code, len(errors)) == (1, 1)
    assert f"first difference: {name}" in errors[0]
    assert "no other stage can be verified, since records are missing; restore them: git checkout -- " in shown
    found = Verification.model_validate_json(file.read_bytes())
    assert [stage.name for stage in found.stages] == ["integrity"]
    assert not found.passed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "no such file, expected a published suite"),
        (("{}", "--cells", "some"), "--cells is 'some'"),
        (("{}", "--cells", "0"), "--cells is '0'"),
        (("{}", "--stage", "all"), "--stage is 'all'"),
        (("{}", "--level", "some"), "--stage is 'some'"),
        (("{}", "--json", "{}"), "is a folder, expected a file; name one in it"),
        (("{}", "--json", "{}/manifest.json/found.json"), "cannot be written: Not a directory in '"),
    ],
)
def test_a_bad_call(published: Path, call: Call, arguments: tuple[str, ...], message: str) -> None:
    code, shown, errors = call("verify", *(argument.format(published) for argument in arguments))
    assert (code, shown) == (2, "")
    assert message in errors[0]


def test_a_contributed_method_is_not_loaded_unasked(published: Path, call: Call) -> None:
    source = published / "methods" / "theirs.py"
    source.parent.mkdir()
    source.write_text("raise AssertionError('loaded')")
    manifest = read_run(published).manifest
    methods_of = [*manifest.suite.methods, MethodChoice(name="theirs", label="theirs")]
    suite = manifest.suite.model_copy(update={"methods": methods_of})
    changed = manifest.model_copy(update={"suite": suite})
    (published / ARCHIVE).write_bytes(lzma.compress(f"{changed.model_dump_json()}\n".encode()))
    forge(published)
    code, _, errors = call("verify", published)
    assert (code, len(errors)) == (2, 1)
    assert f"not registered: 'theirs'; look at their source, then add --plugin {source}" in errors[0]


def test_a_manifest_of_another_version_is_a_bad_call(published: Path, call: Call) -> None:
    manifest = json.loads((published / PUBLISHED).read_bytes())
    (published / PUBLISHED).write_text(json.dumps({**manifest, "schema_version": 1}))
    assert call("verify", published)[0] == 2


def test_new_models_are_judged(published: Path, tmp_path: Path) -> None:
    found = find(published, "integrity", retrained=tmp_path / "again")
    (stage,) = [stage for stage in found.stages if stage.name == "retrain"]
    assert stage.checked["means"] > 0
    again = read_run(tmp_path / "again")
    seeds = [{problem.problem_seed for problem in run.problems} for run in (again, read_run(published))]
    assert not seeds[0] & seeds[1]
    assert np.isfinite(
        np.array([value for cell in again.cells for value in cell.scores.get("spearman_game", [])], dtype=float)
    ).all()
