"""Set a contributed method (``benchmarks.publish.contribute``) on the board of a published suite.

``merge`` believes nothing of it. Every hash, what was asked of the method, its seeds and how it spends its budgets have
to be as the published suite has them. Cells, drawn at random when it is merged, are attributed again in a process of
their own (``benchmarks.run.isolation.sealed``), and scored here by the project's code on the published models. They
have to be as contributed, within the plain tolerance of ``benchmarks.publish.tolerance``: a contributed method is not
run on perturbed problems.
"""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.board.report import write_report
from benchmarks.papers.supplement import supplement_report
from benchmarks.publish import NotMerged
from benchmarks.publish.contribute import Contribution
from benchmarks.publish.difference import Difference
from benchmarks.publish.joining import join_methods
from benchmarks.publish.manifest import (
    MODELS,
    PUBLISHED,
    SOURCES,
    check_files,
    compare_files,
    list_files,
    read_manifest,
    write_manifest,
)
from benchmarks.publish.publish import beside, put_in_place, restore
from benchmarks.publish.rescore import Score, draw_cells, rescore
from benchmarks.publish.tryout import plan_methods, read_published
from benchmarks.run.cells import Group
from benchmarks.run.executor import Finished
from benchmarks.run.isolation.process import Limits, NoAnswer
from benchmarks.run.isolation.sealed import LIMITS, CellRequest, attribute_apart
from benchmarks.run.progress import RunProgress
from benchmarks.run.provenance import describe_provenance, get_now
from benchmarks.run.records import AllocationRecord, CellRecord, CellSpec, Run, count_failed
from benchmarks.run.scoring import EarlierResult
from benchmarks.run.storage import read, read_run, write_archive
from benchmarks.run.suite import MethodChoice, TaskChoice
from benchmarks.run.worker import CellResult, Setting, prepare, run_cells
from datasets.digest import hash_file
from training.seeds import derive_seed

SAMPLED: Final = 20  # cells attributed again, unless asked otherwise
NAMED: Final = 3  # reasons in a message


def merge(folder: Path, into: Path, *, cells: int | None = SAMPLED, limits: Limits | None = None) -> list[str]:
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
    _require_none(
        [*_blame_files(folder, contribution, into), *_blame_records(contribution, own, published)],
        f"{folder} cannot be merged",
    )
    joined, source = join_methods(published, own), folder / contribution.source
    _require_none(joined.differing, f"{folder} is not about the published problems")
    before = hash_file(into / PUBLISHED)
    sample = draw_cells(joined.new, cells, secrets.token_hex())
    _require_none(_rescore(source, joined.run, sample, into, limits or LIMITS), f"{folder} cannot be merged")
    if hash_file(into / PUBLISHED) != before or check_files(into):
        raise NotMerged(f"{into} is not as published; restore it (git checkout {into}), then merge again")
    _set_on_board(source, joined.run, joined.new, into)
    return contribution.methods


def _require_none(reasons: Sequence[str | Difference], what: str) -> None:
    if reasons:
        more = f"; and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
        raise NotMerged(f"{what}: {'; '.join(map(str, reasons[:NAMED]))}{more}")


# ---- what speaks against it --------------------------------------------------------------------------------------


def _blame_files(folder: Path, contribution: Contribution, into: Path) -> Iterator[str | Difference]:
    yield from compare_files(contribution.files, list_files(folder))
    name = contribution.source
    if Path(name).name != name or Path(name).suffix != ".py" or not (folder / name).is_file():
        yield f"its source is {name!r}, expected a Python file in the folder"
    elif (into / SOURCES / name).exists():
        yield f"the board has a source {name!r} already; rename the file, then try and contribute it again"


def _blame_records(contribution: Contribution, own: Run, published: Run) -> Iterator[str]:
    """Reasons that lie in what decides scores beside the method's code, and is not as the published suite has it."""
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
    yield from _blame_positions(own, published, wanted.methods)
    yield from (reason for cell in own.cells if (reason := _blame_cell(cell, own, published)))


def _by_name(run: Run) -> dict[str, TaskChoice]:
    return {task.name: task for task in run.manifest.suite.tasks}


def _blame_positions(own: Run, published: Run, choices: Sequence[MethodChoice]) -> Iterator[str]:
    """Reasons against methods that have not one cell for each budget of each problem, or one of a cost of its own."""
    budgets: dict[tuple[str, int, str], list[int | None]] = {}
    for cell in own.cells:
        budgets.setdefault(cell.position[:3], []).append(cell.budget)
    asked = {task.name: list(task.budgets) for task in published.manifest.suite.tasks}
    wanted = {(*problem.position, choice.label) for problem in published.problems for choice in choices}
    for task, repetition, label in sorted(wanted ^ budgets.keys()):
        has = "no" if (task, repetition, label) in wanted else "a"
        yield f"{label} has {has} cell on {task}, repetition {repetition}"
    for (task, repetition, label), found in budgets.items():
        if (task, repetition, label) in wanted and found not in ([None], asked[task]):
            yield f"{label} has budgets {found} on {task}, expected {asked[task]}, or none"


def _blame_cell(cell: CellRecord, own: Run, published: Run) -> str:
    """The reason against a cell whose budget, seed or metrics are not those that anybody gets; empty for none."""
    task = next(task for task in published.manifest.suite.tasks if task.name == cell.task)
    of_cell = (one for one in own.allocations if (one.task, one.label) == (cell.task, cell.label))
    allocations: AllocationRecord | None = next(of_cell, None)
    allocation = allocations.choose(cell.budget) if allocations and cell.budget else None
    seed = derive_seed(cell.task, cell.repetition, cell.label, cell.budget, cell.options)
    if cell.method_seed != seed:
        return f"{cell} was drawn with seed {cell.method_seed}, expected {seed}"
    if allocation and cell.options != allocation.options:
        return f"{cell} spends its budget as {cell.options}, its allocations say {allocation.options}"
    if cell.metrics != task.metrics or cell.sweep is not None:
        return f"{cell} has other metrics than the suite"
    if cell.headline != (cell.budget in (None, task.headline)):
        return f"{cell} is {'' if cell.headline else 'not '}on the leaderboard with a budget of {cell.budget}"
    return ""


# ---- scored again ------------------------------------------------------------------------------------------------


def _rescore(
    source: Path, run: Run, sample: Sequence[CellRecord], into: Path, limits: Limits
) -> Sequence[str | Difference]:
    """The differences of the sample, attributed and scored again, from its records."""
    score = _score_apart(source, (into / MODELS).resolve(), limits)
    try:
        rerun = rescore(run, sample, score, RunProgress(len(sample), Console(quiet=True)), draws=())
    except NoAnswer as error:
        return [f"{source.name} could not be run again: {error}"]
    return rerun.list_differences({cell.position: cell for cell in sample})


def _score_apart(source: Path, models: Path, limits: Limits) -> Score:
    """Attributes cells in a process of its own, and scores them here."""
    setting = Setting(models=models)

    def score(groups: Sequence[Group]) -> Iterator[Finished]:
        asked = [
            CellRequest(problem=group.problem, cell=cell)
            for group in groups
            for cell in group.cells
            if isinstance(cell, CellSpec)
        ]
        yield from (prepare(group.problem, setting) for group in groups)
        for one, (outcome, found) in zip(asked, attribute_apart(source, models, asked, limits), strict=True):
            if found is None:
                fields = {**one.cell.model_dump(), "status": outcome.status, "reason": outcome.reason}
                where = describe_provenance(started_at=get_now())
                yield CellResult(CellRecord.model_validate({**fields, "provenance": where}))
            else:
                yield from run_cells(one.problem, [one.cell], setting, {one.cell.key: EarlierResult(attributed=found)})

    return score


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
