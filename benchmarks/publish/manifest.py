"""The manifest of a published suite: SHA-256 and size of every file, and what its numbers come from.

A published suite is a folder, by default ``results/<suite>``::

    manifest.json              ``PublishedManifest``
    run.json.xz, records/, ..  the run's records (``benchmarks.run.storage``)
    models/                    the models they are scored on (``training.store.published``)
    methods/                   the sources of contributed methods
    leaderboard.*, ...         the report
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from benchmarks.publish.difference import Cause, Difference, compare_values
from benchmarks.run.fields import Provenance
from benchmarks.run.provenance import get_now, is_model
from benchmarks.run.records import SCHEMA_VERSION, Document, Run
from benchmarks.run.storage import ARCHIVE, read, write
from benchmarks.run.suite_files import SUITES
from datasets.cache import PROJECT
from datasets.digest import hash_file

PUBLISHED: Final = "manifest.json"
MODELS: Final = "models"
SOURCES: Final = "methods"
RECORDS: Final = ("records/", "problems.", "allocations.", "splits.")
LOCK: Final = "requirements.lock"


class PublishedFile(Document):
    """One file as it was published: its SHA-256 and its size in bytes."""

    sha256: str
    bytes: int

    def __str__(self) -> str:
        return f"SHA-256 {self.sha256[:12]}.. of {self.bytes:,} bytes"


class PublishedManifest(Document):
    """The content of ``manifest.json``.

    Attributes:
        suite: its name.
        commit: that all records were computed at.
        report_commit: that wrote the report; empty where it is the same.
        created: when it was published.
        files: all but this one, by their path relative to the folder.
        data: SHA-256 of the data of each problem, by ``<task>/<repetition>/<name>``.
        lock: SHA-256 of the lock file of packages.
        suite_file: SHA-256 of the suite's TOML file; empty where the suite does not come with the project.
        provenance: of the first record.
    """

    schema_version: Literal[5] = SCHEMA_VERSION
    suite: str
    commit: str
    report_commit: str = ""
    created: datetime
    files: dict[str, PublishedFile]
    data: dict[str, str]
    lock: str
    suite_file: str
    provenance: Provenance


def write_manifest(directory: Path, run: Run, commit: str, report_commit: str = "") -> PublishedManifest:
    """Describe what is in the folder, which holds a run's archive, models and report, and write that there.

    ``report_commit`` is given where it is not the records' commit.
    """
    suite = run.manifest.suite.name
    suite_file = SUITES / f"{suite}.toml"
    manifest = PublishedManifest(
        suite=suite,
        commit=commit,
        report_commit=report_commit,
        created=get_now(),
        files=list_files(directory),
        data=list_data(run),
        lock=hash_file(PROJECT / LOCK),
        suite_file=hash_file(suite_file) if suite_file.exists() else "",
        provenance=run.problems[0].provenance,
    )
    write(manifest, directory / PUBLISHED)
    return manifest


def read_manifest(directory: Path) -> PublishedManifest:
    """The manifest of a published suite.

    Raises:
        RecordError: when it is no such manifest.
        OSError: when it cannot be read.
    """
    return read(PublishedManifest, directory / PUBLISHED)


def check_files(directory: Path) -> list[Difference]:
    """Each file that is missing, added or different, by what the folder's manifest says.

    Raises:
        RecordError, OSError: as in ``read_manifest``.
    """
    return compare_files(read_manifest(directory).files, list_files(directory))


def compare_files(stated: Mapping[str, PublishedFile], found: Mapping[str, PublishedFile]) -> list[Difference]:
    """Each file that is missing, added or different."""
    differences = sorted(compare_values(stated, found), key=lambda one: one.where)
    return [one.because((_find_cause_of_file(one.where), "SHA-256")) for one in differences]


def _find_cause_of_file(name: str) -> Cause:
    if name.startswith(f"{MODELS}/"):
        return "model"
    if name.startswith(RECORDS):
        return "record"
    return "suite" if name == ARCHIVE else "report"


def list_files(directory: Path) -> dict[str, PublishedFile]:
    """Every file below a folder but its manifest, by its relative path."""
    files = sorted(file for file in directory.rglob("*") if file.is_file() and file != directory / PUBLISHED)
    return {
        file.relative_to(directory).as_posix(): PublishedFile(sha256=hash_file(file), bytes=file.stat().st_size)
        for file in files
    }


def list_data(run: Run) -> dict[str, str]:
    """SHA-256 of the data of each problem, by ``<task>/<repetition>/<name>``."""
    return {
        f"{problem.task}/{problem.repetition}/{name}": sha256
        for problem in run.problems
        for name, sha256 in problem.provenance.data.items()
        if not is_model(name)
    }


def list_models(run: Run) -> set[str]:
    """SHA-256 of the weights that the problems were made with."""
    return {sha256 for problem in run.problems for name, sha256 in problem.provenance.data.items() if is_model(name)}
