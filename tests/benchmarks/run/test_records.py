import json
import math
import os
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.run.fields import ColumnFacts, EncodedArray, Provenance, SweepPoint
from benchmarks.run.records import CellRecord, Manifest, ProblemRecord
from benchmarks.run.storage import RUN_MANIFEST, RecordError, read, read_run, write
from benchmarks.run.suite import Suite

WHEN = datetime(2024, 1, 1, tzinfo=UTC)
ORIGIN = Provenance(
    commit=None,
    dirty=None,
    python="3",
    packages={},
    device="cpu",
    processor="A processor",
    instructions="AVX2",
    native_bf16=False,
    threads=1,
    data={},
    started_at=WHEN,
)


def cell(**changes: Any) -> CellRecord:
    facts = {
        "task": "t",
        "kind": "toy",
        "task_options": {},
        "repetition": 0,
        "problem": "p",
        "label": "ig",
        "method": "ig",
        "family": "f",
        "source": "s",
        "control": False,
        "options": {"steps": 5},
        "budget": 10,
        "headline": True,
        "sweep": None,
        "metrics": [],
        "problem_seed": 1,
        "method_seed": 2,
        "attribution_key": "0123456789",
        "metric_keys": {},
        "key": "9876543210",
        "status": "ok",
        "provenance": ORIGIN,
    }
    return CellRecord.model_validate({**facts, **changes})


def problem(**changes: Any) -> ProblemRecord:
    facts = {
        "task": "t",
        "kind": "toy",
        "task_options": {},
        "repetition": 0,
        "problem_seed": 1,
        "key": "abcdefghij",
        "status": "ok",
        "provenance": ORIGIN,
    }
    return ProblemRecord.model_validate({**facts, **changes})


def manifest(**changes: Any) -> Manifest:
    suite = Suite.model_validate(
        {"name": "s", "methods": ["m"], "tasks": [{"name": "t", "kind": "k", "budgets": [1], "metrics": ["m"]}]}
    )
    return Manifest.model_validate({"suite": suite, "problems": [], "cells": [], "started_at": WHEN, **changes})


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_scores_survive_to_the_last_bit(scores: list[float | None]) -> None:
    record = cell(scores={"column": scores})
    assert CellRecord.model_validate_json(record.model_dump_json()).scores["column"] == scores


def test_series_survive(tmp_path: Path) -> None:
    series = {"training": {"images": [100.0, 200.0], "accuracy": [0.5, None]}, "certainty": {}}
    record = problem(series=series)
    write(record, tmp_path / "p.json")
    assert read(ProblemRecord, tmp_path / "p.json").series == series
    assert list(read(ProblemRecord, tmp_path / "p.json").series["training"]) == ["images", "accuracy"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_is_a_number_or_undefined(value: float) -> None:
    with pytest.raises(pydantic.ValidationError, match="finite"):
        cell(scores={"column": [value]})


def test_an_undefined_score_is_null_in_json(tmp_path: Path) -> None:
    write(cell(scores={"column": [None, 0.5]}), tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["scores"] == {"column": [None, 0.5]}


def test_an_infinite_range_survives() -> None:
    facts = ColumnFacts(
        label="l",
        metric="m",
        options={},
        truth="",
        better="lower",
        range=(0, math.inf),
        unit="s",
        source="",
        curve="",
        judges=True,
    )
    assert ColumnFacts.model_validate_json(facts.model_dump_json()) == facts


@pytest.mark.parametrize("shape", [(2, 3), (0, 3), (1, 28, 28), ()])
def test_arrays_survive(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype("f4")
    decoded = EncodedArray.model_validate_json(EncodedArray.of(array).model_dump_json()).decode()
    np.testing.assert_array_equal(decoded, array)
    assert decoded.shape == shape


def test_an_undefined_point_of_a_curve_survives() -> None:
    np.testing.assert_array_equal(EncodedArray.of([0.5, math.nan]).decode(), [0.5, math.nan])


def test_files_have_names_one_can_guess() -> None:
    assert cell().file == "records/t/0/ig-10-01234567.json"
    assert cell(budget=None).file == "records/t/0/ig-fixed-01234567.json"
    assert cell(label="captum/IG (x)").file == "records/t/0/captum_IG_x_-10-01234567.json"
    point = SweepPoint(name="samples", option="samples", value=20)
    assert cell(budget=None, sweep=point).file == "records/t/0/ig-samples-20-01234567.json"
    assert problem().file == "problems/t/0-abcdefgh.json"


@pytest.mark.parametrize(("where", "step"), [(os, "fsync"), (Path, "replace")])
def test_a_crash_while_writing_leaves_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, step: str
) -> None:
    def crash(*arguments: Any) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "c.json"
    write(cell(reason="old"), file)
    monkeypatch.setattr(where, step, crash)
    with pytest.raises(KeyboardInterrupt):
        write(cell(reason="new"), file)
    assert read(CellRecord, file).reason == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_text_is_on_disk_before_it_takes_the_files_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync, replace = os.fsync, Path.replace

    def watched_sync(descriptor: int) -> None:
        events.append(f"sync {os.fstat(descriptor).st_size} bytes")
        sync(descriptor)

    def watched_replace(here: Path, there: Path) -> Path:
        events.append(f"replace in {here.parent} to {there}")
        return replace(here, there)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    file = tmp_path / "c.json"
    write(cell(), file)
    assert events == [f"sync {file.stat().st_size} bytes", f"replace in {tmp_path} to {file}"]


def test_records_can_be_read_by_whom_the_user_lets_read(tmp_path: Path) -> None:
    write(cell(), tmp_path / "c.json")
    (tmp_path / "plain").touch()
    assert (tmp_path / "c.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema_version": 1}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(text)
    with pytest.raises(RecordError, match=r"c\.json: .*damaged or of another version") as error:
        read(CellRecord, file)
    assert "\n" not in str(error.value)


def test_a_record_of_another_version_is_not_understood_by_half(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    content = json.loads(cell().model_dump_json())
    file.write_text(json.dumps({**content, "schema_version": 0}))
    with pytest.raises(RecordError, match="schema_version"):
        read(CellRecord, file)
    file.write_text(json.dumps({**content, "colour": "red"}))
    with pytest.raises(RecordError, match="colour"):
        read(CellRecord, file)


def test_a_run_is_what_its_manifest_lists(tmp_path: Path) -> None:
    first, second = cell(), cell(label="other")
    for record in (first, second, cell(label="stale"), problem()):
        write(record, tmp_path / record.file)
    damaged = cell(label="damaged").file
    (tmp_path / damaged).write_text("{")
    listed = [second.file, first.file, damaged, "records/t/0/absent.json"]
    write(manifest(problems=[problem().file], cells=listed), tmp_path / RUN_MANIFEST)
    run = read_run(tmp_path)
    assert run.cells == [second, first]
    assert run.problems == [problem()]
    assert run.missing == [damaged, "records/t/0/absent.json"]


def test_a_folder_without_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"manifest\.json: no such file.*run the suite first"):
        read_run(tmp_path)


def test_a_cell_knows_its_position_and_how_it_is_called() -> None:
    point = SweepPoint(name="N", option="samples", value=50)
    cells = [cell(budget=1000, repetition=2), cell(budget=None), cell(budget=None, sweep=point)]
    assert [str(one) for one in cells] == [
        "ig on t, repetition 2, 1,000 rows",
        "ig on t, repetition 0",
        "ig on t, repetition 0, N = 50",
    ]
    assert cells[0].position == ("t", 2, "ig", 1000, "")
    other_code = {"key": "other", "attribution_key": "other", "problem": "other", "options": {"steps": 6}}
    assert cell(**other_code).position == cell().position
    assert len({one.position for one in cells}) == 3


def test_an_error_of_a_record_says_where_and_why_and_crosses_processes(tmp_path: Path) -> None:
    file = tmp_path / "cell.json"
    file.write_text("{")
    with pytest.raises(RecordError) as raised:
        read(CellRecord, file)
    again = pickle.loads(pickle.dumps(raised.value))
    for error in (raised.value, again):
        assert error.where == str(file)
        assert str(error) == f"{file}: {error.why}"
        assert error.why.endswith("the record is damaged or of another version")
