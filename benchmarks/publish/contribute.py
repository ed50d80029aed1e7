"""Write a method that somebody contributes: a folder with its source, its records and a manifest.

::

    manifest.json              ``Contribution``, with the SHA-256 of all the others
    <method>.py                the source, one file
    run.json, records/, ...    its records on the problems of a published suite (``benchmarks.run.storage``)

``benchmarks.publish.merge_contribution`` sets it on a board.
"""

import shutil
from pathlib import Path
from typing import Literal

from benchmarks.publish import NotMerged
from benchmarks.publish.joining import join_methods
from benchmarks.publish.manifest import MODELS, PUBLISHED, PublishedFile, list_files
from benchmarks.publish.photographs import withhold_photographs
from benchmarks.publish.tryout import OWN, find_published, find_registered, plan_methods, read_published
from benchmarks.run import RUNS
from benchmarks.run.cells import plan
from benchmarks.run.records import SCHEMA_VERSION, Document, count_failed, slugify
from benchmarks.run.storage import read_run, write, write_archive
from datasets.cache import PROJECT
from datasets.digest import hash_file
from training.store.published import PublishedModels
from training.store.sources import source_files

PACKAGES = ("sig", "datasets", "training", "benchmarks")


class Contribution(Document):
    """The manifest of a contribution.

    Attributes:
        suite: name of the published suite.
        published: SHA-256 of that suite's manifest.
        source: name of the file.
        methods: that it registers.
        files: all but this one, by their path relative to the folder.
    """

    schema_version: Literal[5] = SCHEMA_VERSION
    suite: str
    published: str
    source: str
    methods: list[str]
    files: dict[str, PublishedFile]


def contribute(file: Path, suite: str, to: Path) -> Contribution:
    """Write the folder of a contribution from what ``try`` has left.

    Raises:
        NotMerged: when the file was not tried, or changed since, or a cell failed, or the folder is there already.
        RecordError: when what is published or was tried cannot be read.
    """
    kind, names = find_registered(file)
    directory = RUNS / f"try-{slugify(file.stem)}" / OWN
    again = f"python -m benchmarks try {file} --suite {suite}"
    if kind != "method" or not directory.is_dir():
        what = f"has a {kind}, expected a method" if kind != "method" else f"was not tried yet; run {again}"
        raise NotMerged(f"{file} {what}")
    if others := [other.name for other in source_files(file) - {file.resolve()} if not _is_of_project(other)]:
        raise NotMerged(f"{file} imports {', '.join(sorted(others))} beside it, expected one file; put all into it")
    published, own = read_published(suite), read_run(directory)
    digest = PublishedModels(find_published(suite) / MODELS).digest
    planned = [
        cell for group in plan(plan_methods(published, names), own.allocations, models=digest) for cell in group.cells
    ]
    if {cell.key for cell in planned} != {cell.key for cell in own.cells}:
        raise NotMerged(f"{file} or the suite changed since it was tried, or only some tasks were; run {again}")
    if reasons := [*join_methods(published, own).differing, *filter(None, [count_failed(own)])]:
        raise NotMerged(f"{file} cannot be contributed: {reasons[0]}")
    if to.exists():
        raise NotMerged(f"{str(to)!r} is there already; remove it, or name another folder with --to")
    write_archive(withhold_photographs(own), to)
    shutil.copy(file, to / file.name)
    found = Contribution(
        suite=published.manifest.suite.name,
        published=hash_file(find_published(suite) / PUBLISHED),
        source=file.name,
        methods=names,
        files=list_files(to),
    )
    write(found, to / PUBLISHED)
    return found


def _is_of_project(file: Path) -> bool:
    return any(file.is_relative_to(PROJECT / package) for package in PACKAGES)
