"""Score cells again on the published models, as their records say, and compare."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from benchmarks.board.aggregate import aggregate
from benchmarks.publish.difference import Difference, Stage, compare_values, find_cause, find_cause_of_problem
from benchmarks.publish.statements import Statements, hangs_on_rounding, list_ranks, list_tiers, list_verdicts
from benchmarks.publish.tolerance import DRAWS, CellPair, compare_problems
from benchmarks.run.cells import Group, plan
from benchmarks.run.executor import Finished
from benchmarks.run.progress import RunProgress
from benchmarks.run.records import CellRecord, CellSpec, Document, Position, ProblemRecord, ProblemSpec, Run
from benchmarks.run.worker import CellResult, Setting
from sig.plugins import UnknownName
from training.store.published import PublishedModels

PERTURBED: Final = Path(__file__).with_name("perturbed.py")  # the plug-in that perturbs problems
TASK_PERTURBED: Final = "perturbed-by-rounding"
NUMBERS: Final = frozenset({"scores", "curves", "part_shares", "maps", "checks", "truths", "series"})

RARE: Final = 0.02  # of the cells
BOARDS: Final = 40  # with scores of perturbed models, at most

D = TypeVar("D", bound=Document)
R = TypeVar("R", ProblemRecord, CellRecord)
Score = Callable[[Sequence[Group]], Iterable[Finished]]  # gives the record of each problem, and of each cell


def draw_cells(cells: Sequence[CellRecord], count: int | None, digest: str) -> list[CellRecord]:
    """So many cells, in their order; all of them where ``count`` is None.

    There are equally many of each task, as far as it has as many. They are drawn by a generator whose seed is a
    SHA-256, in hex, so that nobody chooses which. Whatever is among fewer cells is among more.
    """
    rng = np.random.default_rng(int(digest, 16))
    by_task: dict[str, list[int]] = defaultdict(list)
    for at, cell in enumerate(cells):
        by_task[cell.task].append(at)
    turns = [(turn, int(at)) for of_task in by_task.values() for turn, at in enumerate(rng.permutation(of_task))]
    drawn = sorted(turns, key=lambda one: one[0])[:count]  # stable: tasks take turns
    return [cells[at] for at in sorted(at for _, at in drawn)]


@dataclass(frozen=True)
class Rerun:
    """Cells of a run that were scored again: the new records of their problems by key, and both records of each."""

    run: Run
    problems: Mapping[str, ProblemRecord]
    cells: Sequence[CellPair]

    def list_differences(self, planned: Mapping[Position, CellSpec]) -> list[Difference]:
        """All differences of problems and of cells, with their likely causes; ``planned`` is what this code plans."""
        published = {problem.key: problem for problem in self.run.problems}
        keys = {position[:2]: cell.problem for position, cell in planned.items()}
        differences = [
            difference.because(find_cause_of_problem(problem, again, keys.get(problem.position)))
            for key, problem in published.items()
            if (again := self.problems.get(key))
            for difference in compare_problems(problem, again)
        ]
        for pair in self.cells:
            key, spec = pair.published.problem, planned.get(pair.published.position)
            for difference in pair.list_differences():
                records = (published[key], self.problems[key]), (pair.published, pair.again)
                differences.append(difference.because(find_cause(*records, spec, difference.metric)))
        return differences


def rescore(
    run: Run, wanted: Sequence[CellRecord], score: Score, progress: RunProgress, draws: Sequence[int] = DRAWS
) -> Rerun:
    """Score cells of a run again, those that differ also on perturbed problems, with more ``draws`` each time."""
    problems: dict[str, ProblemRecord] = {}
    cells: dict[str, CellRecord] = {}
    groups = _make_groups(run, wanted)
    for finished in score(groups):
        if isinstance(finished, ProblemRecord):
            problems[finished.key] = finished
            progress.finished(finished)
        elif isinstance(finished, CellResult):
            cells[finished.record.key] = finished.record
            progress.finished(finished.record)
    pairs = [CellPair(cell, cells[cell.key]) for cell in wanted]
    _perturb(groups, pairs, score, progress, draws)
    return Rerun(run, problems, pairs)


def _make_groups(run: Run, wanted: Sequence[CellRecord]) -> list[Group]:
    """The cells as their records ask for them, by problem."""
    by_problem: dict[str, list[CellSpec]] = defaultdict(list)
    for cell in wanted:
        by_problem[cell.problem].append(_take(CellSpec, cell))
    return [
        Group(_take(ProblemSpec, problem), by_problem[problem.key])
        for problem in run.problems
        if problem.key in by_problem
    ]


def _take(spec: type[D], record: Document) -> D:
    """The part of a record that a spec has."""
    return spec.model_validate(record.model_dump(include=set(spec.model_fields)))


def _perturb(
    groups: Sequence[Group], pairs: Sequence[CellPair], score: Score, progress: RunProgress, draws: Sequence[int]
) -> None:
    """Run the cells that differ by more than the plain tolerance on perturbed problems too.

    What has no use for more draws gets no more: cells that differ in more than numbers; and all, where so many are left
    that they are not what happens rarely.
    """
    done = 0
    for more in draws:
        left = {one.published.position: one for one in pairs if one.may_be_rounding and one.list_differences()}
        if not left or (done and len(left) > RARE * len(pairs) + 1):
            return
        progress.tell(f"{len(left):,} cells differ, and are run {more} times more, to see how far rounding moves them")
        for finished in score(_perturb_groups(groups, left.keys(), range(done, done + more))):
            if isinstance(finished, CellResult) and finished.record.status == "ok":
                left[finished.record.position].perturbed.append(finished.record)
        done += more


def _perturb_groups(groups: Sequence[Group], cells: Collection[Position], draws: Sequence[int]) -> list[Group]:
    """These cells on perturbed problems, under keys of their own."""
    chosen = [
        (group.problem, [cell for cell in group.cells if isinstance(cell, CellSpec) and cell.position in cells])
        for group in groups
    ]
    return [
        Group(
            _perturb_problem(problem, draw),
            [cell.model_copy(update={"key": f"{cell.key} {draw}"}) for cell in of_problem],
        )
        for problem, of_problem in chosen
        if of_problem
        for draw in draws
    ]


def _perturb_problem(problem: ProblemSpec, draw: int) -> ProblemSpec:
    options = {"kind": problem.kind, "options": problem.task_options, "draw": draw}
    return problem.model_copy(update={"kind": TASK_PERTURBED, "task_options": options, "key": f"{problem.key} {draw}"})


# ---- the stage ---------------------------------------------------------------------------------------------------


def check_scores(rerun: Rerun, setting: Setting) -> Stage:
    """The differences of problems, of cells, and of what the board says with the new scores for the published."""
    differences = rerun.list_differences(_plan_again(rerun.run, setting))
    of_board, on_rounding = compare_boards(rerun)
    first = next(((one.cause, f"as of {one.where}") for one in differences if one.cause), None)
    reason = first or ("processor", "scores changed within their tolerance, but two of them are that close")
    differences += [one.because(reason) for one in of_board]
    notes = []
    if perturbed := sum(bool(pair.perturbed) for pair in rerun.cells):
        notes = [f"{perturbed:,} cells were run {DRAWS[0]} times more, or oftener, to see how far rounding moves them"]
    if on_rounding:
        listed = "; ".join(map(str, on_rounding))
        notes.append(f"{len(on_rounding)} ranks and verdicts hang on rounding: {listed}")
    checked = {"problems": len(rerun.problems), "cells": len(rerun.cells)}
    largest = _find_largest(rerun.cells)
    return Stage(name="rescore", checked=checked, differences=differences, largest=largest, notes=notes)


def _plan_again(run: Run, setting: Setting) -> dict[Position, CellSpec]:
    """The cells as this code plans them; none where it does not know a method, a metric or a task."""
    keys = {problem.key for problem in run.problems}
    digests = ["", *([PublishedModels(setting.models).digest] if setting.models else [])]  # trained, or published
    try:
        plans = [plan(run.manifest.suite, run.allocations, models=models) for models in digests]
    except UnknownName:
        return {}
    groups = max(plans, key=lambda groups: sum(group.problem.key in keys for group in groups))
    return {cell.position: cell for group in groups for cell in group.cells if isinstance(cell, CellSpec)}


def _find_largest(pairs: Sequence[CellPair]) -> dict[str, float]:
    largest: dict[str, float] = {}
    for one in pairs:
        for name, difference in one.measure():
            metric = one.published.facts[name].metric if name in one.published.facts else name
            largest[metric] = max(largest.get(metric, 0.0), difference)
    return dict(sorted(largest.items()))


def compare_boards(rerun: Rerun) -> tuple[list[Difference], list[Difference]]:
    """Ranks, ties, tiers and verdicts that are others with the new scores; then those of which that hangs on rounding.

    Costs and runtimes stay as published. What differs is put beside boards with the scores of the perturbed models,
    until what was published is among what they say: on each, every problem has a draw of its own, as rounding has.
    """
    run = rerun.run
    problems = [_put_in_place(problem, rerun.problems.get(problem.key)) for problem in run.problems]

    def state(draws: Mapping[str, int]) -> Statements:
        new = {one.published.key: _choose(one, draws) for one in rerun.cells}
        cells = [_put_in_place(cell, new.get(cell.key)) for cell in run.cells]
        return _state(replace(run, cells=cells, problems=problems))

    differences = left = list(compare_values(_state(run), state({})))
    if not any(one.perturbed for one in rerun.cells):
        return differences, []
    drawn = sorted({one.published.problem for one in rerun.cells})
    rng, perturbed = np.random.default_rng(0), list[Statements]()
    while left and len(perturbed) < BOARDS:
        perturbed.append(state(dict(zip(drawn, rng.integers(sum(DRAWS), size=len(drawn)).tolist(), strict=True))))
        left = [one for one in left if not hangs_on_rounding(one, perturbed)]
    return left, [one for one in differences if one not in left]


def _choose(pair: CellPair, draws: Mapping[str, int]) -> CellRecord:
    """The record as it was perturbed at the draw of its problem, of those that it has; the plain one without any."""
    if not (draws and pair.perturbed):
        return pair.again
    return pair.perturbed[draws[pair.published.problem] % len(pair.perturbed)]


def _state(run: Run) -> Statements:
    board = aggregate(run)
    return {**list_ranks(board), **list_tiers(board), **list_verdicts(board)}


def _put_in_place(published: R, again: R | None) -> R:
    """The published record with the new numbers in it."""
    if again is None or again.status != "ok":
        return published
    names = NUMBERS & set(type(published).model_fields)
    return published.model_copy(update={name: getattr(again, name) for name in names})
