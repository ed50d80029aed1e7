"""A method that somebody contributes: a folder with its source, its records and a manifest, to be set on a board.

::

    manifest.json              ``Contribution``, with the SHA-256 of all the others
    <method>.py                the source, one file
    run.json, records/, ...    its records on the problems of a published suite (``benchmarks.run.storage``)

``merge`` believes nothing of it. Every hash, what was asked of the method, its seeds and how it spends its budgets have
to be as the published suite has them. Cells, drawn at random when it is merged, are attributed again in a process that
is sealed off (``benchmarks.run.isolation.sealed``), and scored here by the project's code on the published models. They
have to be as contributed, within the tolerance of ``benchmarks.publish.tolerance``.
"""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, TypeVar

from benchmarks.board.report import write_report
from benchmarks.papers.supplement import supplement_report
from benchmarks.publish import NotMerged
from benchmarks.publish.comparison import Comparison
from benchmarks.publish.joining import join_methods
from benchmarks.publish.manifest import (
    PUBLISHED,
    PublishedFile,
    compare_files,
    list_files,
    read_manifest,
    write_manifest,
)
from benchmarks.publish.photographs import withhold_photographs
from benchmarks.publish.publish import MODELS, SOURCES, beside, put_in_place, restore
from benchmarks.publish.rescore import draw_cells
from benchmarks.publish.tryout import OWN, find_published, find_registered, plan_methods, read_published
from benchmarks.run import RUNS
from benchmarks.run.cells import plan
from benchmarks.run.isolation.process import Limits, NoAnswer
from benchmarks.run.isolation.sealed import LIMITS, CellRequest, attribute_apart
from benchmarks.run.records import (
    SCHEMA_VERSION,
    CellRecord,
    CellSpec,
    Document,
    ProblemSpec,
    Run,
    count_failed,
    slugify,
)
from benchmarks.run.scoring import EarlierResult
from benchmarks.run.storage import read, read_run, write, write_archive
from benchmarks.run.suite import MethodChoice, TaskChoice
from benchmarks.run.worker import CellResult, Setting, run_cells
from datasets.cache import PROJECT
from datasets.digest import hash_file
from sig.guard import AttributionResult
from training.seeds import derive_seed
from training.store.published import PublishedModels
from training.store.sources import source_files

SAMPLED: Final = 20  # cells attributed again, unless asked otherwise
NAMED: Final = 3  # differences in a message

M = TypeVar("M", bound=Document)


class Contribution(Document):
    """What was contributed.

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
    published_as = hash_file(find_published(suite) / PUBLISHED)
    facts = {"suite": published.manifest.suite.name, "published": published_as, "source": file.name, "methods": names}
    found = Contribution.model_validate({**facts, "files": list_files(to)})
    write(found, to / PUBLISHED)
    return found


def _is_of_project(file: Path) -> bool:
    return any(file.is_relative_to(PROJECT / package) for package in ("sig", "datasets", "training", "benchmarks"))


def merge(folder: Path, into: Path, *, cells: int | None = SAMPLED, limits: Limits = LIMITS) -> list[str]:
    """Set a contribution on the board of a published suite, if it stands what is asked of it; the methods' names.

    Raises:
        NotMerged: when it does not, with the reason; then nothing is changed.
        RecordError: when what is published, or the contribution, cannot be read.
    """
    restore(into.resolve())
    if not (folder / PUBLISHED).is_file():
        raise NotMerged(
            f"{folder} is no contribution, it has no {PUBLISHED}; write one: python -m benchmarks contribute FILE "
            f"--to {folder}"
        )
    contribution, own, published = read(Contribution, folder / PUBLISHED), read_run(folder), read_published(str(into))
    reasons = [*_blame_files(folder, contribution, into), *_blame_records(contribution, own, published)]
    if reasons:
        raise NotMerged(f"{folder} cannot be merged: {_list_some(reasons)}")
    joined = join_methods(published, own)
    if joined.differing:
        raise NotMerged(f"{folder} is not about the published problems: {_list_some(joined.differing)}")
    before = hash_file(into / PUBLISHED)
    sample = draw_cells(joined.new, cells, secrets.token_hex())
    if reasons := list(rescore_apart(folder / contribution.source, sample, joined.run, into, limits)):
        raise NotMerged(f"{folder} cannot be merged: {_list_some(reasons)}")
    if hash_file(into / PUBLISHED) != before or compare_files(read_manifest(into).files, list_files(into)):
        raise NotMerged(f"{into} is not as published; restore it (git checkout {into}), then merge again")
    _set_on_board(folder / contribution.source, joined.run, joined.new, into)
    return contribution.methods


# ---- what speaks against it --------------------------------------------------------------------------------------


def _blame_files(folder: Path, contribution: Contribution, into: Path) -> Iterator[str]:
    yield from compare_files(contribution.files, list_files(folder))
    name = contribution.source
    if Path(name).name != name or Path(name).suffix != ".py" or not (folder / name).is_file():
        yield f"its source is {name!r}, expected a Python file in the folder"
    elif (into / SOURCES / name).exists():
        yield f"the board has a source {name!r} already; rename the file, then try and contribute it again"


def _blame_records(contribution: Contribution, own: Run, published: Run) -> Iterator[str]:
    """What is not as the published suite has it, of what decides scores beside the method's code."""
    suite, names = published.manifest.suite, contribution.methods
    if taken := {choice.label for choice in suite.methods} & set(names):
        yield f"the board has a method {taken.pop()!r} already; give it another name"
        return
    wanted = plan_methods(published, names)
    if own.manifest.suite.methods != wanted.methods or _by_name(own) != {task.name: task for task in wanted.tasks}:
        yield "its suite is not the published one with these methods alone; try it again"
        return
    if own.missing or count_failed(own):
        yield f"of its records {len(own.missing)} are missing, {count_failed(own) or 'none failed'}"
    yield from _blame_places(own, published, wanted.methods)
    yield from (reason for cell in own.cells if (reason := _blame_cell(cell, own, published)))


def _by_name(run: Run) -> dict[str, TaskChoice]:
    return {task.name: task for task in run.manifest.suite.tasks}


def _blame_places(own: Run, published: Run, choices: Sequence[MethodChoice]) -> Iterator[str]:
    """Each method has one cell for each budget of each problem, or one where it has a cost of its own."""
    budgets: dict[tuple[str, int, str], list[int | None]] = {}
    for cell in own.cells:
        budgets.setdefault((cell.task, cell.repetition, cell.label), []).append(cell.budget)
    asked = {task.name: list(task.budgets) for task in published.manifest.suite.tasks}
    places = {(p.task, p.repetition, choice.label) for p in published.problems for choice in choices}
    for place in sorted(places ^ budgets.keys()):
        yield f"{place[2]} has {'no' if place in places else 'a'} cell on {place[0]}, repetition {place[1]}"
    for place, found in budgets.items():
        if place in places and found not in ([None], asked[place[0]]):
            yield f"{place[2]} has budgets {found} on {place[0]}, expected {asked[place[0]]}, or none"


def _blame_cell(cell: CellRecord, own: Run, published: Run) -> str:
    """Whether budget, seed and metrics are what anybody gets."""
    where = f"{cell.label} on {cell.task}, repetition {cell.repetition}"
    task = next(task for task in published.manifest.suite.tasks if task.name == cell.task)
    allocations = next(
        (
            allocation
            for allocation in own.allocations
            if (allocation.task, allocation.label) == (cell.task, cell.label)
        ),
        None,
    )
    allocation = allocations.choose(cell.budget) if allocations and cell.budget else None
    seed = derive_seed(cell.task, cell.repetition, cell.label, cell.budget, cell.options)
    if cell.method_seed != seed:
        return f"{where} was drawn with seed {cell.method_seed}, expected {seed}"
    if allocation and cell.options != allocation.options:
        return f"{where} spends its budget as {cell.options}, its allocations say {allocation.options}"
    if cell.metrics != task.metrics or cell.sweep is not None:
        return f"{where} has other metrics than the suite"
    if cell.headline != (cell.budget in (None, task.headline)):
        return f"{where} is {'' if cell.headline else 'not '}on the leaderboard with a budget of {cell.budget}"
    return ""


# ---- scored again ------------------------------------------------------------------------------------------------


def rescore_apart(
    source: Path, cells: Sequence[CellRecord], run: Run, published: Path, limits: Limits
) -> Iterator[str]:
    """A line for everything in which cells of a run, attributed and scored again, are not as they are recorded."""
    models = (published / MODELS).resolve()
    problems = {problem.key: problem for problem in run.problems}
    asked = [
        CellRequest(problem=_keep(ProblemSpec, problems[cell.problem]), cell=_keep(CellSpec, cell)) for cell in cells
    ]
    try:
        for cell, one, (outcome, found) in zip(
            cells, asked, attribute_apart(source, models, asked, limits), strict=True
        ):
            if outcome.status != cell.status:
                yield f"{_name(cell)} is {outcome.status} {outcome.reason}, contributed as {cell.status} {cell.reason}"
            elif found is not None:
                yield from _compare(cell, _score(one, found, Setting(models=models)))
    except NoAnswer as error:
        yield f"{source.name} could not be run again: {error}"


def _score(one: CellRequest, found: AttributionResult, setting: Setting) -> CellRecord:
    (result,) = run_cells(one.problem, [one.cell], setting, {one.cell.key: EarlierResult(attributed=found)})
    assert isinstance(result, CellResult)  # it is a cell that was asked for
    return result.record


def _compare(cell: CellRecord, again: CellRecord) -> Iterator[str]:
    for differing in Comparison(cell, again).list_differing():
        yield f"{_name(cell)}: {differing.what} is {differing.found}, contributed as {differing.published}"


def _keep(model: type[M], record: Document) -> M:
    """The part of a record that a spec has."""
    return model.model_validate(record.model_dump(include=set(model.model_fields)))


def _name(cell: CellRecord) -> str:
    return f"{cell.label} on {cell.task}, repetition {cell.repetition}, budget {cell.budget}"


def _list_some(reasons: Sequence[str]) -> str:
    more = f"; and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    return "; ".join(reasons[:NAMED]) + more


# ---- on the board ------------------------------------------------------------------------------------------------


def _set_on_board(source: Path, run: Run, new: Sequence[CellRecord], into: Path) -> None:
    """Write the suite with the new cells to the side, and put it in place."""
    target = into.resolve()
    folder = beside(target, "new")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        shutil.copytree(target, folder)
        write_archive(replace(run, cells=list(new)), folder)  # files of other methods stay as they are
        (folder / SOURCES).mkdir(exist_ok=True)
        shutil.copy(source, folder / SOURCES / source.name)
        write_report(folder, supplement_report)
        write_manifest(folder, run, read_manifest(target).commit)
        put_in_place(target, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
