"""What a run would take, before anything is started: cells, model rows and time of each method."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from benchmarks.run.cells import plan
from benchmarks.run.records import CellRecord, CellSpec, ProblemRecord
from benchmarks.run.storage import RecordError, read_run
from benchmarks.run.suite import Suite

EXPLICANDS: Final = 10  # of a task without a record
SECONDS_PER_ROW: Final = 2e-5  # where there is no record at all: the mean of suite default, on one core of 2024
RECORDS, RATE, UNKNOWN = "records", "rate", "unknown"


@dataclass(frozen=True)
class Estimate:
    """The number, model rows and seconds of one method's cells; ``sources`` counts them by where that is from."""

    method: str
    cells: int
    rows: int
    seconds: float
    sources: Mapping[str, int]


def estimate_methods(
    suite: Suite, problems: Sequence[ProblemRecord] = (), cells: Sequence[CellRecord] = ()
) -> list[Estimate]:
    """An estimate for each method of a suite, in its order.

    A cell takes what its records took, the mean over repetitions; without any, its budget for each explicand, at the
    seconds that a row took on the same task, or else on all; a method without budget and record is unknown.
    """
    known, found = _PastCosts(problems, cells), defaultdict[str, list[tuple[str, int, float]]](list)
    for cell in (cell for group in plan(suite) for cell in group.cells):
        if isinstance(cell, CellSpec):
            found[cell.label].append(known.estimate(cell))
    return [
        Estimate(label, len(each), sum(e[1] for e in each), sum(e[2] for e in each), Counter(e[0] for e in each))
        for label, each in found.items()
    ]


def describe_run(suite: Suite, directories: Iterable[Path], workers: int) -> Table:
    """A table of the estimates, from the records in the first of the directories that holds a run."""
    directory, problems, cells = next(_read(directories), (None, [], []))
    estimates = estimate_methods(suite, problems, cells)
    table = Table(box=box.SIMPLE_HEAD, title=escape(f"suite {suite.name}: what a run would take"))
    for name in ("method", "cells", "model rows", "seconds", "estimated from"):
        table.add_column(name, justify="left" if name in ("method", "estimated from") else "right")
    for one in estimates:
        sources = ", ".join(f"{source} ({count})" for source, count in one.sources.items())
        table.add_row(Text(one.method), str(one.cells), f"{one.rows:,}", f"{one.seconds:,.1f}", sources)
    seconds = sum(one.seconds for one in estimates)
    count, rows = sum(one.cells for one in estimates), sum(one.rows for one in estimates)
    table.add_section()
    table.add_row("all", str(count), f"{rows:,}", f"{seconds:,.1f}", f"{seconds / workers:,.1f} s on {workers} workers")
    preparing = sum(problem.seconds for problem in problems)
    where = escape(str(directory or "earlier runs (there are none)"))
    table.caption = (
        f"records: what these cells took in {where}; rate: budget, at the "
        f"seconds of a row there or {SECONDS_PER_ROW:g}, for as many explicands as the task has there or {EXPLICANDS}; "
        "unknown: neither record nor budget. Rows count forward and backward ones. Scores, allocations of budgets and "
        f"training come on top{f'; preparing the problems took {preparing:,.0f} s there' if preparing else ''}."
    )
    return table


class _PastCosts:
    """Rows and seconds of cells that have a record, whatever code computed them."""

    def __init__(self, problems: Sequence[ProblemRecord], cells: Sequence[CellRecord]) -> None:
        self._explicands = {problem.task: problem.explicands for problem in problems if problem.status == "ok"}
        self._costs: dict[object, list[tuple[int, float]]] = defaultdict(list)
        self._of_task: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for cell in cells:
            if cell.cost is not None:
                cost = (cell.cost.forward_rows + cell.cost.backward_rows, cell.cost.seconds)
                self._costs[_identify(cell)].append(cost)
                self._of_task[cell.task].append(cost)

    def estimate(self, cell: CellSpec) -> tuple[str, int, float]:
        """Source, rows and seconds of a cell that is to be run."""
        if costs := self._costs.get(_identify(cell)):
            return RECORDS, round(mean(rows for rows, _ in costs)), mean(seconds for _, seconds in costs)
        if cell.budget is None:
            return UNKNOWN, 0, 0.0
        rows = cell.budget * self._explicands.get(cell.task, EXPLICANDS)
        return RATE, rows, rows * self._rate(cell.task)

    def _rate(self, task: str) -> float:
        costs = self._of_task.get(task) or [cost for costs in self._of_task.values() for cost in costs]
        rows = sum(rows for rows, _ in costs)
        return sum(seconds for _, seconds in costs) / rows if rows else SECONDS_PER_ROW


def _identify(cell: CellSpec) -> object:
    sweep = cell.sweep and (cell.sweep.name, str(cell.sweep.value))
    return cell.task, cell.label, cell.budget, sweep


def _read(directories: Iterable[Path]) -> Iterator[tuple[Path, list[ProblemRecord], list[CellRecord]]]:
    for directory in directories:
        try:
            run = read_run(directory)
        except RecordError:
            continue
        if run.cells:
            yield directory, run.problems, run.cells
