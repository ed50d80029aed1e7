import json
import lzma
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmarks.run.fields import EncodedArray
from benchmarks.run.records import AllocationRecord, Run
from benchmarks.run.storage import (
    ALLOCATIONS,
    ARCHIVE,
    RUN_MANIFEST,
    RecordError,
    find_archive,
    read_archive,
    read_run,
    write,
    write_archive,
)
from tests.benchmarks.run_maker import WHERE, RunMaker, certainty_run, papers_run, small_run

RUNS = [small_run, certainty_run, papers_run]


def text(directory: Path) -> dict[str, bytes]:
    return {file.relative_to(directory).as_posix(): file.read_bytes() for file in directory.rglob("*.*")}


def assert_equal(one: Run, other: Run) -> None:
    """Record by record, as models and as the JSON that is written of them."""
    assert one.manifest == other.manifest
    for of_one, of_other in (
        (one.problems, other.problems),
        (one.allocations, other.allocations),
        (one.cells, other.cells),
    ):
        assert [record.model_dump_json() for record in of_one] == [record.model_dump_json() for record in of_other]
        assert list(of_one) == list(of_other)
    assert one.missing == other.missing


@pytest.mark.parametrize("make", RUNS)
def test_every_record_comes_back_as_it_was(make: Callable[[Path], RunMaker], tmp_path: Path) -> None:
    run = read_run(make(tmp_path / "run").write())
    files = write_archive(run, tmp_path / "archive")
    assert sorted(files) == sorted(file for file in (tmp_path / "archive").rglob("*") if file.is_file())
    assert_equal(read_run(tmp_path / "archive"), run)
    assert run.cells


def test_what_is_not_there_is_missing_as_in_the_run(tmp_path: Path) -> None:
    run = read_run(small_run(tmp_path / "run").write(without=["icg"], finished=False))
    write_archive(run, tmp_path / "archive")
    assert len(run.missing) == 6
    assert_equal(read_run(tmp_path / "archive"), run)


def test_a_method_without_its_file_is_missing(tmp_path: Path) -> None:
    run = read_run(small_run(tmp_path / "run").write())
    write_archive(run, tmp_path / "archive")
    (tmp_path / "archive" / "records" / "icg.jsonl.xz").unlink()
    found = read_run(tmp_path / "archive")
    assert found.missing == [cell.file for cell in run.cells if cell.label == "icg"]
    assert found.cells == [cell for cell in run.cells if cell.label != "icg"]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    directory = small_run(tmp_path / "run").write()
    for name in ("one", "two"):
        write_archive(read_run(directory), tmp_path / name)
    write_archive(read_archive(tmp_path / "one"), tmp_path / "again")
    assert text(tmp_path / "one") == text(tmp_path / "two") == text(tmp_path / "again")


def test_other_tools_read_it(tmp_path: Path) -> None:
    """A file for each method, its records in the order of the suite, by xz and pandas alone."""
    run = read_run(small_run(tmp_path / "run").write())
    write_archive(run, tmp_path / "archive")
    folder = tmp_path / "archive" / "records"
    assert sorted(file.name for file in folder.iterdir()) == sorted({f"{cell.label}.jsonl.xz" for cell in run.cells})
    table = pd.read_json(folder / "sig-game.jsonl.xz", lines=True, precise_float=True)
    expected = [cell for cell in run.cells if cell.label == "sig-game"]
    assert table["scores"].tolist() == [cell.scores for cell in expected]
    shown = subprocess.run(["xz", "-dc", folder / "icg.jsonl.xz"], capture_output=True, text=True, check=True).stdout
    assert [json.loads(line)["reason"] for line in shown.splitlines()] == [
        c.reason for c in run.cells if c.label == "icg"
    ]


def test_labels_that_make_the_same_name_share_a_file(tmp_path: Path) -> None:
    maker = RunMaker(tmp_path / "run", {"a b": "x", "a_b": "x"}, {"t": {"budgets": [1]}})
    maker.problem("t", 0)
    for label in maker.families:
        maker.cell("t", 0, label, {"100%_right": [1.0]})
    run = read_run(maker.write())
    write_archive(run, tmp_path / "archive")
    assert [file.name for file in (tmp_path / "archive" / "records").iterdir()] == ["a_b.jsonl.xz"]
    assert_equal(read_run(tmp_path / "archive"), run)


# ---- numbers ------------------------------------------------------------------------------------------------------

numbers = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1 + 0.2, math.nextafter(1, 2)]),
)
columns = st.dictionaries(st.sampled_from(["100%_right", "dark", "completeness"]), st.lists(numbers, max_size=5))


@settings(max_examples=25, deadline=None)
@given(table=columns, cost=st.floats(0, 1e9), inputs=hnp.arrays("<f4", hnp.array_shapes(max_dims=3, min_side=0)))
def test_numbers_come_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any], cost: float, inputs: np.ndarray
) -> None:
    """Undefined and empty ones, the smallest, the largest, and the sign of zero too."""
    directory = tmp_path_factory.mktemp("run")
    maker = RunMaker(directory / "run", {"m": "x"}, {"t": {"budgets": [1]}})
    maker.problem("t", 0, shown_inputs=EncodedArray.of(inputs), seconds=cost)
    maker.cell("t", 0, "m", table, seconds=cost, maps=EncodedArray.of(inputs))
    run = read_run(maker.write())
    write_archive(run, directory / "archive")
    found = read_run(directory / "archive")
    assert_equal(found, run)
    assert {name: list(map(repr, of)) for name, of in found.cells[0].scores.items()} == {
        name: list(map(repr, of)) for name, of in table.items()
    }
    assert found.cells[0].maps is not None
    assert found.cells[0].maps.decode().tobytes() == inputs.tobytes()


@given(hnp.arrays("<f4", (3, 2, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_levels_are_near_what_they_stand_for(array: np.ndarray) -> None:
    found = EncodedArray.of_levels(array)
    largest = np.abs(array).max(axis=(1, 2), keepdims=True)
    assert found.decode().shape == array.shape
    assert np.all(np.abs(found.decode() - array) <= 0.016 * largest)
    assert np.all(found.decode() * array >= 0)  # no sign changes
    assert EncodedArray.of_levels(found.decode()).decode() == pytest.approx(found.decode(), rel=1e-6)


def test_levels_by_hand() -> None:
    """Of the largest, 4: a quarter has the square root 1/2, which is level 31.5, rounded to even."""
    found = EncodedArray.of_levels(np.array([[4.0, -4.0, 0.0, -1.0, 1e-5], [0.0, 0.0, 0.0, 0.0, 0.0]])).decode()
    assert found == pytest.approx(np.array([[4, -4, 0, -4 * (32 / 63) ** 2, 0], [0] * 5]), rel=1e-6)
    assert EncodedArray.of_levels(np.empty((0, 3, 3))).decode().shape == (0, 3, 3)


# ---- damage -------------------------------------------------------------------------------------------------------


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def change_a_field(file: Path) -> None:
    lines = lzma.decompress(file.read_bytes()).decode()
    file.write_bytes(lzma.compress(lines.replace('"schema_version":5', '"schema_version":3').encode()))


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, change_a_field, empty])
@pytest.mark.parametrize("name", ["records/icg.jsonl.xz", "problems.jsonl.xz", "run.json.xz"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[Path], None], name: str) -> None:
    write_archive(read_run(small_run(tmp_path / "run").write()), tmp_path / "archive")
    damage(tmp_path / "archive" / name)
    with pytest.raises(RecordError, match=f"{name}.*damaged") as raised:
        read_run(tmp_path / "archive")
    assert "\n" not in str(raised.value)


def archive_with_allocation(tmp_path: Path) -> Run:
    """A run with one allocation, also in the folder ``archive``."""
    maker = small_run(tmp_path / "run")
    spec = {"task": "game", "problem": "game0", "label": "icg", "method": "icg", "options": {}, "budgets": [10]}
    tried = [
        {"budget": 10, "options": {"steps": 5}, "distance": 1 / 3},
        {"budget": 10, "options": {}, "distance": None},
    ]
    allocation = AllocationRecord.model_validate(
        {**spec, "limit": 99, "seed": 1, "key": "abcdefgh", "status": "ok", "tried": tried, "provenance": WHERE}
    )
    run = read_run(maker.write())
    write(allocation, tmp_path / "run" / allocation.file)
    write(run.manifest.model_copy(update={"allocations": [allocation.file]}), tmp_path / "run" / RUN_MANIFEST)
    run = read_run(tmp_path / "run")
    assert run.allocations == [allocation]
    write_archive(run, tmp_path / "archive")
    return run


def test_allocations_are_kept(tmp_path: Path) -> None:
    assert_equal(archive_with_allocation(tmp_path), read_run(tmp_path / "archive"))


def test_what_was_published_under_earlier_names_is_read(tmp_path: Path) -> None:
    """Until 0.2 allocations were called splits: the file, the manifest's entry, and the folder in its paths."""
    run, archive = archive_with_allocation(tmp_path), tmp_path / "archive"
    (archive / ALLOCATIONS).rename(archive / "splits.jsonl.xz")
    manifest = json.loads(lzma.decompress((archive / ARCHIVE).read_bytes()))
    manifest["splits"] = [file.replace("allocations/", "splits/") for file in manifest.pop("allocations")]
    (archive / ARCHIVE).write_bytes(lzma.compress(json.dumps(manifest).encode()))
    assert_equal(read_run(archive), run)
    assert find_archive(archive)[ALLOCATIONS].name == "splits.jsonl.xz"
