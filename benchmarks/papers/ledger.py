"""The ledger of the reproduction: what the papers say, what a run measured of it, and whether it held.

The papers' files have the entries. Each holds what its paper says, and measures it on the board of the tasks that
reproduce the paper, so that no number of a run is typed in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.board.aggregate import SEED, Board
from benchmarks.board.figures import Drawing
from benchmarks.board.tables import NONE, Table, format_interval
from benchmarks.papers.quantities import Quantity, Selection, find_tasks, read_checks
from benchmarks.run.suite import Paper
from sig import stats

HELD: Final = "held"
NOT_HELD: Final = "not held"
UNDECIDED: Final = "undecided"
MEASURED: Final = "measured"
REPLACED: Final = "replaced"
READING: Final = "reading"
NOT_BUILT: Final = "not built"
NOT_RUN: Final = "not in this run"
VERDICTS: Final = (HELD, NOT_HELD, UNDECIDED, MEASURED, REPLACED, READING, NOT_BUILT, NOT_RUN)


@dataclass(frozen=True)
class Outcome:
    """What was measured, in words, and one of ``VERDICTS``, whose meanings ``reproduction.md`` explains."""

    measured: str
    verdict: str


@dataclass(frozen=True)
class Entry:
    """A figure, a table or a claim of a paper.

    Attributes:
        item: where it stands.
        says: what the paper says, as far as it is known here; empty where it is only asked here.
        by: from the board to what was measured; a claim is put to the test.
        see: names of pages and figures, in which ``{task}`` stands for each task looked at.
        reading: what makes it precise, where the paper does not.
        asked: the claim that is put to the test, where the paper does not say it.
    """

    item: str
    says: str
    by: Callable[[Board], Outcome]
    see: Sequence[str] = ()
    reading: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Publication:
    """A paper, and all that is said of it.

    Attributes:
        name: as suites and the ledger call it.
        title: and where it was published.
        entries: of the ledger.
        tables: those that it prints, beside what the run gives.
        figures: those that make sense for it only.
    """

    name: Paper
    title: str
    entries: Sequence[Entry]
    tables: Callable[[Board], Iterable[Table]] = lambda board: ()
    figures: Sequence[Callable[[Board], Iterable[Drawing]]] = ()


# ---- ways to an outcome ------------------------------------------------------------------------------------------


def state(verdict: str, why: str) -> Callable[[Board], Outcome]:
    """The same whatever the run holds."""
    return lambda board: Outcome(why, verdict)


def list_measured(texts: Iterable[str], verdict: str = MEASURED) -> Outcome:
    """What was measured, one thing after the other, empty ones left out; not in this run where nothing was."""
    text = "; ".join(filter(None, texts))
    return Outcome(text, verdict if text else NOT_RUN)


def combine_verdicts(verdicts: Sequence[str]) -> str:
    """The verdict over several tests."""
    if NOT_HELD in verdicts:
        return NOT_HELD
    return HELD if set(verdicts) == {HELD} else UNDECIDED


def report_means(quantity: Quantity, methods: Sequence[str], board: Board) -> Outcome:
    """Mean scores of methods, task by task."""
    tables = {task: quantity.values(board, task) for task in find_tasks(board)}
    return list_measured(format_means(quantity.name, task, values, methods) for task, values in tables.items())


def format_means(score: str, task: str, values: pd.DataFrame, methods: Sequence[str]) -> str:
    """Mean scores of methods with their 95 % intervals; empty where none has any."""
    samples = [(name, values.loc[name].dropna().to_numpy()) for name in methods if name in values.index]
    texts = [f"{name} {format_interval(of.mean(), *stats.interval(of, seed=SEED))}" for name, of in samples if len(of)]
    return f"{score} on {task}: {', '.join(texts)}" if texts else ""


def format_ends(values: pd.Series, digits: int = 3) -> str:
    """The mean, and in brackets the smallest and the largest where they differ; undefined ones are left out."""
    if values.isna().all():
        return NONE
    mean, low, high = (f"{value:z.{digits}f}" for value in (values.mean(), values.min(), values.max()))
    return mean if low == high else f"{mean} [{low}, {high}]"


# ---- trained models ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Side:
    """Above a number, below another; infinite where nothing is said."""

    above: float = -np.inf
    below: float = np.inf

    def judge(self, low: float, high: float) -> str:
        """Held where all from ``low`` to ``high`` lies on this side, not held where all lies on the other."""
        if self.above < low and high < self.below:
            return HELD
        return NOT_HELD if high < self.above or low > self.below else UNDECIDED

    def __str__(self) -> str:
        sides = (("above", self.above), ("below", self.below))
        return " and ".join(f"{side} {bound:g}" for side, bound in sides if np.isfinite(bound))


def ask_every_model(tasks: Selection, board: Board, **asked: Side) -> Outcome:
    """Held where the checks of every model of the tasks are on the side asked, else not held.

    A task whose training led to no usable model counts as not held.
    """
    texts, kept = [], []
    for name, side in asked.items():
        checks = {task: found for task in tasks(board) if len(found := read_checks(board, name, [task]))}
        kept += [side.judge(found.min(), found.max()) == HELD for found in checks.values()]
        parts = ", ".join(f"{format_ends(found)} on {task}" for task, found in checks.items())
        texts.append(f"{name} {parts} (asked: {side})" if parts else "")
    failed = len(find_failed_seeds(board, tasks(board)))
    none = f"no usable model from {failed} seeds" if failed else ""
    anew = count_trained_anew(board, tasks(board)) if kept else ""
    return list_measured([*texts, anew, none], HELD if all(kept) and not failed else NOT_HELD)


def find_failed_seeds(board: Board, tasks: Sequence[str]) -> set[int]:
    """Seeds of the problems that could not be prepared."""
    return {p.problem_seed for p in board.run.problems if p.task in tasks and p.status == "failed"}


def count_trained_anew(board: Board, tasks: Sequence[str]) -> str:
    """How many seeds had not led to a usable model."""
    restarts = read_checks(board, "restarts", tasks)
    return f"trained anew: {restarts.sum():.0f} over {len(restarts)} models" if len(restarts) else ""
