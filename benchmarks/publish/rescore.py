"""Score cells again on the published models, as their records say, and compare."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from distributed import Client

from benchmarks.board.aggregate import aggregate
from benchmarks.publish.causes import Reason, find_cause, find_cause_of_problem
from benchmarks.publish.comparison import Comparison, Differing, compare_problems
from benchmarks.publish.standings import (
    Statements,
    compare_statements,
    hangs_on_rounding,
    list_standings,
    list_verdicts,
)
from benchmarks.publish.tolerance import DRAWS
from benchmarks.publish.verification import Difference, Level
from benchmarks.run.cells import Group, plan
from benchmarks.run.executor import execute
from benchmarks.run.progress import RunProgress
from benchmarks.run.records import CellRecord, CellSpec, ProblemRecord, ProblemSpec, Run
from benchmarks.run.worker import CellResult, Setting
from sig.plugins import UnknownName
from training.store.published import PublishedModels

Place = tuple[str, int, str, int | None, str]
MOVED: Final = Path(__file__).with_name("moved.py")
TASK_MOVED: Final = "moved-by-rounding"
NUMBERS: Final = ("scores", "curves", "part_shares", "maps", "checks", "truths", "series")

RARE: Final = 0.02  # of the cells
BOARDS: Final = 40  # with scores of moved models, at most

R = TypeVar("R", ProblemRecord, CellRecord)


def draw_cells(cells: Sequence[CellRecord], count: int | None, digest: str) -> list[CellRecord]:
    """So many cells, in their order; all of them where ``count`` is None.

    There are equally many of each task, as far as it has as many. They are drawn by a generator whose seed is a
    SHA-256, in hex, so that nobody chooses which. Whatever is among fewer cells is among more.
    """
    rng = np.random.default_rng(int(digest, 16))
    by_task: dict[str, list[int]] = defaultdict(list)
    for at, cell in enumerate(cells):
        by_task[cell.task].append(at)
    turns = [(turn, int(at)) for places in by_task.values() for turn, at in enumerate(rng.permutation(places))]
    drawn = sorted(turns, key=lambda one: one[0])[:count]  # stable: tasks take turns
    return [cells[at] for at in sorted(at for _, at in drawn)]


def find_place(cell: CellSpec) -> Place:
    """Where a cell stands in a suite, whatever the code: task, repetition, label, budget, point of a sweep."""
    point = f"{cell.sweep.name} {cell.sweep.value}" if cell.sweep else ""
    return cell.task, cell.repetition, cell.label, cell.budget, point


def name_cell(cell: CellSpec) -> str:
    """A cell, in words."""
    task, repetition, label, budget, point = find_place(cell)
    spent = f", {budget:,} rows" if budget else ""
    return f"{label} on {task}, repetition {repetition}{spent}{f', {point}' if point else ''}"


def rescore(run: Run, wanted: Sequence[CellRecord], client: Client, setting: Setting, progress: RunProgress) -> Level:
    """Compare cells and their problems, and then what the board says with the new scores in place of the published."""
    problems: dict[str, ProblemRecord] = {}
    cells: dict[str, CellRecord] = {}
    groups = _make_groups(run, wanted)
    for finished in execute(client, groups, setting):
        if isinstance(finished, ProblemRecord):
            problems[finished.key] = finished
            progress.finished(finished)
        elif isinstance(finished, CellResult):
            cells[finished.record.key] = finished.record
            progress.finished(finished.record)
    comparisons = [Comparison(cell, cells[cell.key]) for cell in wanted]
    _move(groups, comparisons, client, setting, progress)
    return _judge(run, problems, comparisons, _plan_again(run, setting))


def _make_groups(run: Run, wanted: Sequence[CellRecord]) -> list[Group]:
    """The cells as their records ask for them, by problem."""
    by_problem: dict[str, list[CellSpec]] = defaultdict(list)
    for cell in wanted:
        by_problem[cell.problem].append(CellSpec.model_validate(_take(cell, CellSpec)))
    return [
        Group(ProblemSpec.model_validate(_take(problem, ProblemSpec)), by_problem[problem.key])
        for problem in run.problems
        if problem.key in by_problem
    ]


def _take(record: CellRecord | ProblemRecord, spec: type[CellSpec] | type[ProblemSpec]) -> dict[str, Any]:
    return record.model_dump(include=set(spec.model_fields))


def _move(
    groups: Sequence[Group],
    comparisons: Sequence[Comparison],
    client: Client,
    setting: Setting,
    progress: RunProgress,
) -> None:
    """Have those that differ by more than the plain tolerance run on problems moved by rounding.

    What has no use for more draws gets no more: cells that differ in more than numbers; and all, where so many are left
    that they are not what happens rarely.
    """
    done = 0
    for draws in DRAWS:
        left = {one.published.key: one for one in comparisons if one.may_be_rounding and one.list_differing()}
        if not left or (done and len(left) > RARE * len(comparisons) + 1):
            return
        progress.tell(f"{len(left):,} cells differ, and are run {draws} times more, to see how far rounding moves them")
        for record in _score_moved(groups, left.keys(), range(done, done + draws), client, setting):
            left[record.key.split()[0]].moved.append(record)
        done += draws


def _score_moved(
    groups: Sequence[Group], keys: Collection[str], draws: Sequence[int], client: Client, setting: Setting
) -> Iterator[CellRecord]:
    """Records of the cells with these keys on problems moved by rounding, those that are ok."""
    chosen = [(group.problem, [cell for cell in group.cells if cell.key in keys]) for group in groups]
    moved = [
        Group(_move_problem(problem, draw), [cell.model_copy(update={"key": f"{cell.key} {draw}"}) for cell in cells])
        for problem, cells in chosen
        if cells
        for draw in draws
    ]
    for finished in execute(client, moved, replace(setting, plugins=(*setting.plugins, MOVED))):
        if isinstance(finished, CellResult) and finished.record.status == "ok":
            yield finished.record


def _move_problem(problem: ProblemSpec, draw: int) -> ProblemSpec:
    options = {"kind": problem.kind, "options": problem.task_options, "draw": draw}
    return problem.model_copy(update={"kind": TASK_MOVED, "task_options": options, "key": f"{problem.key} {draw}"})


def _plan_again(run: Run, setting: Setting) -> dict[Place, CellSpec]:
    """The cells as this code plans them, by place; none where it does not know a method, a metric or a task."""
    keys = {problem.key for problem in run.problems}
    digests = (
        ["", PublishedModels(setting.models).digest] if setting.models else [""]
    )  # they were trained, or published
    try:
        plans = [plan(run.manifest.suite, run.allocations, models=models) for models in digests]
    except UnknownName:
        return {}
    groups = max(plans, key=lambda groups: sum(group.problem.key in keys for group in groups))
    return {find_place(cell): cell for group in groups for cell in group.cells if isinstance(cell, CellSpec)}


# ---- judging -----------------------------------------------------------------------------------------------------


def _judge(
    run: Run,
    problems: Mapping[str, ProblemRecord],
    comparisons: Sequence[Comparison],
    planned: Mapping[Place, CellSpec],
) -> Level:
    """All differences: of problems, of cells, of what the board says."""
    published = {problem.key: problem for problem in run.problems}
    keys = {(cell.task, cell.repetition): cell.problem for cell in planned.values()}
    pairs = [(published[key], problems[key]) for key in published if key in problems]
    differences = [
        _tell(f"problem {a.task}, repetition {a.repetition}", differing, reason)
        for a, b in pairs
        for reason in [find_cause_of_problem(a, b, keys.get((a.task, a.repetition)))]
        for differing in compare_problems(a, b)
    ]
    for one in comparisons:
        of_problem = published[one.published.problem], problems[one.published.problem]
        plan_of_cell = planned.get(find_place(one.published))
        for differing in one.list_differing():
            reason = find_cause(of_problem, (one.published, one.again), plan_of_cell, differing.label)
            differences.append(_tell(name_cell(one.published), differing, reason))
    of_board, on_rounding = _compare_boards(run, problems, comparisons)
    differences += _blame_board(of_board, differences)
    checked = {"problems": len(pairs), "cells": len(comparisons)}
    unstable = sum(bool(one.moved) for one in comparisons)
    notes = [f"{unstable:,} cells were run {DRAWS[0]} times more, or oftener, to see how far rounding moves them"]
    if on_rounding:
        listed = ", ".join(f"{one.what} ({one.published}, here {one.found})" for one in on_rounding)
        notes.append(f"{len(on_rounding)} places and verdicts hang on rounding: {listed}")
    return Level(
        name="rescore",
        checked=checked,
        differences=differences,
        largest=_find_largest(comparisons),
        notes=notes if unstable else [],
    )


def _tell(where: str, differing: Differing, reason: Reason) -> Difference:
    cause, why = reason
    where = f"{where}: {differing.what}"
    return Difference(where=where, published=differing.published, found=differing.found, cause=cause, why=why)


def _find_largest(comparisons: Sequence[Comparison]) -> dict[str, float]:
    largest: dict[str, float] = {}
    for one in comparisons:
        for name, difference in one.measure():
            metric = one.published.facts[name].metric if name in one.published.facts else name
            largest[metric] = max(largest.get(metric, 0.0), difference)
    return dict(sorted(largest.items()))


def _compare_boards(
    run: Run, problems: Mapping[str, ProblemRecord], comparisons: Sequence[Comparison]
) -> tuple[list[Differing], list[Differing]]:
    """Ranks, ties, tiers and verdicts that are others with the new scores, and of these what hangs on rounding.

    Costs and runtimes stay as published. What differs is put beside boards with the scores of the moved models, until
    what was published is among what they say: on each, every problem has a draw of its own, as rounding has.
    """
    prepared = [_put_in_place(problem, problems.get(problem.key)) for problem in run.problems]

    def state(draws: Mapping[str, int]) -> Statements:
        new = {one.published.key: _choose(one, draws) for one in comparisons}
        cells = [_put_in_place(cell, new.get(cell.key)) for cell in run.cells]
        return _state(replace(run, cells=cells, problems=prepared))

    differing = list(compare_statements(_state(run), state({})))
    if not any(one.moved for one in comparisons):
        return differing, []
    at = sorted({one.published.problem for one in comparisons})
    rng, moved, left = np.random.default_rng(0), list[Statements](), differing
    while left and len(moved) < BOARDS:
        moved.append(state(dict(zip(at, rng.integers(sum(DRAWS), size=len(at)).tolist(), strict=True))))
        left = [one for one in left if not hangs_on_rounding(one, moved)]
    return left, [one for one in differing if one not in left]


def _choose(one: Comparison, draws: Mapping[str, int]) -> CellRecord:
    """The record as it was moved at the draw of its problem, of those that it has; the plain one where it has none."""
    if not (draws and one.moved):
        return one.again
    return one.moved[draws[one.published.problem] % len(one.moved)]


def _state(run: Run) -> Statements:
    board = aggregate(run)
    return {**list_standings(board), **list_verdicts(board)}


def _blame_board(differing: Sequence[Differing], found: Sequence[Difference]) -> list[Difference]:
    first = next(((one.cause, f"as of {one.where}") for one in found), None)
    reason: Reason = first or ("processor", "scores moved within their tolerance, but two of them are that close")
    return [_tell("the board", one, reason) for one in differing]


def _put_in_place(published: R, again: R | None) -> R:
    """The published record with the new numbers in it."""
    if again is None or again.status != "ok":
        return published
    names = {"scores", "curves", "part_shares", "maps", "checks", "truths", "series"} & set(
        type(published).model_fields
    )
    return published.model_copy(update={name: getattr(again, name) for name in names})
