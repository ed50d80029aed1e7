"""Is what was published all there, and as it was? Every file against the manifest, every cell of the plan."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.publish import NotVerifiable
from benchmarks.publish.manifest import (
    LOCK,
    PUBLISHED,
    PublishedManifest,
    compare_files,
    list_data,
    list_files,
    read_manifest,
)
from benchmarks.publish.publish import SOURCES
from benchmarks.publish.rescore import find_place, name_cell
from benchmarks.publish.verification import Cause, Difference, Level
from benchmarks.run.cells import plan
from benchmarks.run.records import CellRecord, CellSpec, Run
from benchmarks.run.storage import ARCHIVE, find_archive
from benchmarks.run.suite import Suite
from benchmarks.run.suite_files import SUITES, load_suite
from datasets.cache import PROJECT
from datasets.digest import hash_file
from sig.registry import methods

MODELS: Final = "models/"
RECORDS: Final = ("records/", "problems.", "allocations.", "splits.")
NO_MORE: Final = "no other level can be verified, since records are missing; restore them: git checkout -- {}"


def require_methods(directory: Path, suite: Suite) -> None:
    """Raise ``NotVerifiable`` where a method of the suite is not registered.

    The source of a contributed method is not loaded by itself: whoever verifies has to trust it first.
    """
    known = {method.name for method in methods}
    unknown = [repr(choice.name) for choice in suite.methods if choice.name not in known]
    if unknown:
        files = [str(file) for file in sorted((directory / SOURCES).glob("*.py"))] or ["FILE"]
        raise NotVerifiable(
            f"{directory} has methods that are not registered: {', '.join(unknown)}; look at their source, then add "
            f"{' '.join(f'--plugin {file}' for file in files)}"
        )


def check_integrity(directory: Path, run: Run) -> Level:
    """Files that are missing, added or different; cells that are missing, failed, or lack a score or their reason."""
    manifest = read_manifest(directory)
    differences = [*blame_files(directory, manifest), *_compare_manifest(run, manifest)]
    lacking = list_lacking(directory, run)
    differences += [_blame_missing(file) for file in lacking]
    differences += [*_compare_plan(run, manifest), *(found for cell in run.cells for found in _check_cell(cell))]
    return Level(
        name="integrity",
        checked={"files": len(manifest.files), "cells": len(run.manifest.cells)},
        differences=differences,
        notes=[*_compare_checkout(manifest), *([NO_MORE.format(directory)] if lacking else [])],
    )


def list_lacking(directory: Path, run: Run) -> list[str]:
    """Files and records that are missing of the archive, without which no other level can start."""
    return [*(name for name, there in find_archive(directory).items() if not there.exists()), *run.missing]


def blame_files(directory: Path, manifest: PublishedManifest) -> list[Difference]:
    """Files that are missing, added or different."""
    return [_blame_file(line) for line in compare_files(manifest.files, list_files(directory))]


def _blame_file(line: str) -> Difference:
    """A line of ``compare_files`` as a difference."""
    name, _, what = line.partition(": ")
    cause: Cause = "report"
    if name.startswith(MODELS):
        cause = "model"
    elif name.startswith(RECORDS):
        cause = "record"
    elif name == ARCHIVE:
        cause = "suite"
    published = "no such file" if what.startswith("added") else what.partition("published as ")[2] or "a file"
    return Difference(
        where=name, published=published, found=what.partition(", published")[0], cause=cause, why="SHA-256"
    )


def _blame_missing(file: str) -> Difference:
    return Difference(where=file, published="records", found="missing", cause="record", why="a run consists of it")


def _compare_manifest(run: Run, manifest: PublishedManifest) -> Iterator[Difference]:
    """What the manifest says that the records say too; contributed cells may be of another commit, no problem is."""
    if not run.problems:  # then they are missing, which is told already
        return
    provenance, data = run.problems[0].provenance, list_data(run)
    pairs = {
        "suite": (manifest.suite, run.manifest.suite.name),
        "commit": (manifest.commit, provenance.commit or "none"),
    }
    for name in sorted({*manifest.data, *data}):
        pairs[f"data: {name}"] = manifest.data.get(name, "nothing"), data.get(name, "nothing")
    stated, recorded = manifest.provenance.model_dump(), provenance.model_dump()
    pairs |= {f"provenance: {name}": (str(stated[name]), str(recorded[name])) for name in stated}
    for name, (published, found) in pairs.items():
        if published != found:
            yield Difference(
                where=f"{PUBLISHED}: {name}", published=published, found=found, cause="suite", why="its records"
            )


def _compare_plan(run: Run, manifest: PublishedManifest) -> Iterator[Difference]:
    """Cells of the suite, as the run has it and, where that is the published one, as the project has it."""
    there = {find_place(cell) for cell in run.cells}
    suites = [run.manifest.suite, *_find_own(manifest)]
    planned = {find_place(cell): cell for suite in suites for cell in _plan(suite)}
    for place, cell in planned.items():
        if place not in there:
            yield Difference(
                where=name_cell(cell), published="a cell of the suite", found="missing", cause="record", why="the plan"
            )


def _find_own(manifest: PublishedManifest) -> Iterator[Suite]:
    file = SUITES / f"{manifest.suite}.toml"
    if file.exists() and hash_file(file) == manifest.suite_file:
        yield load_suite(manifest.suite)


def _plan(suite: Suite) -> list[CellSpec]:
    return [cell for group in plan(suite) for cell in group.cells if isinstance(cell, CellSpec)]


def _check_cell(cell: CellRecord) -> Iterator[Difference]:
    lacking = [metric.label for metric in cell.metrics if not _has_column(cell, metric.label)]
    if cell.status == "failed":
        found = f"failed: {cell.reason}"
    elif cell.status == "skipped" and not cell.reason:
        found = "skipped without a reason"
    elif cell.status == "ok" and lacking:
        found = f"no score and no note of {', '.join(lacking)}"
    else:
        return
    yield Difference(
        where=name_cell(cell), published="scores, or a reason", found=found, cause="record", why="its record"
    )


def _has_column(cell: CellRecord, label: str) -> bool:
    columns = [column for column, facts in cell.facts.items() if facts.label == label]
    return bool(columns) and all(column in cell.scores or column in cell.metric_notes for column in columns)


def _compare_checkout(manifest: PublishedManifest) -> Iterator[str]:
    """What is not as it was where the suite was published: it may explain what other levels find."""
    if hash_file(PROJECT / LOCK) != manifest.lock:
        yield f"{LOCK} is another one than when the suite was published"
    if manifest.suite_file and not list(_find_own(manifest)):
        yield f"the suite {manifest.suite!r} of this checkout is another one than was published"
