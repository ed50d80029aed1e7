"""Check that a published suite is whole: every file against the manifest, every cell of the plan."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.publish import NotVerifiable
from benchmarks.publish.difference import Difference, Stage, compare_values
from benchmarks.publish.manifest import (
    LOCK,
    PUBLISHED,
    SOURCES,
    PublishedManifest,
    check_files,
    list_data,
    read_manifest,
)
from benchmarks.run.cells import plan
from benchmarks.run.records import CellRecord, CellSpec, Position, Run
from benchmarks.run.storage import find_archive
from benchmarks.run.suite import Suite
from benchmarks.run.suite_files import SUITES, load_suite
from datasets.cache import PROJECT
from datasets.digest import hash_file
from sig.registry import methods

NO_MORE: Final = "no other stage can be verified, since records are missing; restore them: git checkout -- {}"


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


def check_integrity(directory: Path, run: Run) -> Stage:
    """Files that are missing, added or different; cells that are missing, failed, or lack a score or their reason."""
    manifest, lacking = read_manifest(directory), list_lacking(directory, run)
    differences = [
        *check_files(directory),
        *_compare_manifest(run, manifest),
        *(_blame_record(file, "its record", None, "a run consists of it") for file in lacking),
        *_compare_plan(run, manifest),
        *(found for cell in run.cells for found in _check_cell(cell)),
    ]
    return Stage(
        name="integrity",
        checked={"files": len(manifest.files), "cells": len(run.manifest.cells)},
        differences=differences,
        notes=[*_compare_checkout(manifest), *([NO_MORE.format(directory)] if lacking else [])],
    )


def list_lacking(directory: Path, run: Run) -> list[str]:
    """Files and records that are missing of the archive, without which no other stage can start."""
    return [*(name for name, there in find_archive(directory).items() if not there.exists()), *run.missing]


def _blame_record(where: str, was: str, now: str | None, why: str) -> Difference:
    return Difference(where=where, was=was, now=now, cause="record", why=why)


def _compare_manifest(run: Run, manifest: PublishedManifest) -> Iterator[Difference]:
    """Differences of manifest and records; contributed cells may be of another commit, no problem is."""
    if not run.problems:  # then they are missing, which is told already
        return
    provenance = run.problems[0].provenance
    stated = _describe(manifest.suite, manifest.commit, manifest.data, manifest.provenance.model_dump())
    recorded = _describe(run.manifest.suite.name, provenance.commit or "none", list_data(run), provenance.model_dump())
    for one in compare_values(stated, recorded):
        yield one.because(("suite", "its records"))


def _describe(suite: str, commit: str, data: dict[str, str], provenance: dict[str, object]) -> dict[str, object]:
    named: dict[str, object] = {"suite": suite, "commit": commit}
    named |= {f"data: {name}": data[name] for name in sorted(data)}
    named |= {f"provenance: {name}": value for name, value in provenance.items()}
    return {f"{PUBLISHED}: {name}": value for name, value in named.items()}


def _compare_plan(run: Run, manifest: PublishedManifest) -> Iterator[Difference]:
    """Cells of the suite, as the run has it and, where that is the published one, as the project has it."""
    planned = dict.fromkeys(one for suite in (run.manifest.suite, *_find_own(manifest)) for one in _plan(suite))
    there = {cell.position for cell in run.cells}
    for position in planned:
        if position not in there:
            yield _blame_record(str(position), "a cell of the suite", None, "the plan")


def _find_own(manifest: PublishedManifest) -> Iterator[Suite]:
    file = SUITES / f"{manifest.suite}.toml"
    if file.exists() and hash_file(file) == manifest.suite_file:
        yield load_suite(manifest.suite)


def _plan(suite: Suite) -> Iterator[Position]:
    return (cell.position for group in plan(suite) for cell in group.cells if isinstance(cell, CellSpec))


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
    yield _blame_record(str(cell), "scores, or a reason", found, "its record")


def _has_column(cell: CellRecord, label: str) -> bool:
    columns = [column for column, facts in cell.facts.items() if facts.label == label]
    return bool(columns) and all(column in cell.scores or column in cell.metric_notes for column in columns)


def _compare_checkout(manifest: PublishedManifest) -> Iterator[str]:
    """Notes on a checkout that is not as it was when the suite was published, which may explain differences."""
    if hash_file(PROJECT / LOCK) != manifest.lock:
        yield f"{LOCK} is another one than when the suite was published"
    if manifest.suite_file and not list(_find_own(manifest)):
        yield f"the suite {manifest.suite!r} of this checkout is another one than was published"
