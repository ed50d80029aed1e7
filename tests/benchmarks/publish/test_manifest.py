import hashlib
from pathlib import Path

import pytest

from benchmarks.publish.manifest import PublishedFile, check_files, list_models, read_manifest, write_manifest
from benchmarks.run.storage import RecordError, read_run, write_archive
from datasets.cache import PROJECT
from tests.benchmarks.run_maker import WHERE, RunMaker, small_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive with a manifest, and a file of its own below it."""
    run = read_run(small_run(tmp_path / "run").write())
    write_archive(run, tmp_path / "published")
    (tmp_path / "published" / "figures").mkdir()
    (tmp_path / "published" / "figures" / "one.png").write_bytes(b"picture")
    write_manifest(tmp_path / "published", run, "abc")
    return tmp_path / "published"


def test_it_has_every_file_with_its_hash(folder: Path) -> None:
    manifest = read_manifest(folder)
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert {*manifest.files, "manifest.json"} == names
    picture = manifest.files["figures/one.png"]
    assert (picture.sha256, picture.bytes) == (hashlib.sha256(b"picture").hexdigest(), 7)
    assert manifest.lock == hashlib.sha256((PROJECT / "requirements.lock").read_bytes()).hexdigest()
    assert (manifest.suite, manifest.commit, manifest.suite_file) == ("made-up", "abc", "")
    assert check_files(folder) == []


def test_what_differs_is_named(folder: Path) -> None:
    (folder / "figures" / "one.png").write_bytes(b"other picture")
    (folder / "records" / "icg.jsonl.xz").unlink()
    (folder / "extra.txt").touch()
    added, changed, missing = check_files(folder)
    assert (added.where, added.was, added.cause) == ("extra.txt", None, "report")
    assert (missing.where, missing.now, missing.cause) == ("records/icg.jsonl.xz", None, "record")
    was, now = (hashlib.sha256(content).hexdigest() for content in (b"picture", b"other picture"))
    assert (changed.was, changed.now) == (PublishedFile(sha256=was, bytes=7), PublishedFile(sha256=now, bytes=13))
    assert str(changed) == (
        f"figures/one.png: was SHA-256 {was[:12]}.. of 7 bytes, now SHA-256 {now[:12]}.. of 13 bytes; "
        "likely cause: report (SHA-256)"
    )


def test_a_damaged_manifest_is_named(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    with pytest.raises(RecordError, match=r"manifest\.json: .*damaged"):
        check_files(folder)


def test_models_and_data_come_from_the_problems(tmp_path: Path) -> None:
    maker = RunMaker(tmp_path / "run", {"m": "x"}, {"t": {"budgets": [1], "repetitions": 2}})
    for repetition in range(2):
        data = {"checkpoint": f"a{repetition}", "checkpoint_without_damage": "b", "digits": "c"}
        maker.problem("t", repetition, provenance=WHERE.model_copy(update={"data": data}))
    run = read_run(maker.write())
    assert list_models(run) == {"a0", "a1", "b"}
    (tmp_path / "published").mkdir()
    assert write_manifest(tmp_path / "published", run, "abc").data == {"t/0/digits": "c", "t/1/digits": "c"}
