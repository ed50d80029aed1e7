"""The ledger of the reproduction: what the papers say, what a run measured of it, and whether it held.

The papers' files have the entries. Each holds what its paper says, and measures it on the board of the tasks that
reproduce the paper, so that no number of a run is typed in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
import pandas as pd

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board
from benchmarks.board.figures import Drawing
from benchmarks.board.tables import NONE, Table, format_interval
from benchmarks.papers.quantities import Quantity, Selection, find_tasks, read_checks
from benchmarks.run.suite import Paper

HELD: Final = "held"
NOT_HELD: Final = "not held"
UNDECIDED: Final = "undecided"
HELD_HERE: Final = "held (this model only)"
NOT_HELD_HERE: Final = "not held (this model only)"
TOO_FEW: Final = "too few models"
MEASURED: Final = "measured"
CRITERION: Final = "criterion"
PROVED: Final = "proved"
REPLACED: Final = "replaced"
READING: Final = "reading"
SCHEMATIC: Final = "schematic"
NOT_TESTABLE: Final = "not testable here"
NOT_RUN: Final = "not in this run"
VERDICTS: Final = {
    HELD: "every test of it held.",
    NOT_HELD: "at least one test went against it.",
    UNDECIDED: "no test went against it, but not every one held, or a method that it is about has no numbers.",
    HELD_HERE: "held, but a task of it has a single trained model: another might do otherwise.",
    NOT_HELD_HERE: "likewise, a test went against it for a single trained model.",
    TOO_FEW: "nothing is said of models by two of them.",
    MEASURED: "measured or drawn, but the paper says nothing of it that could be put to the test.",
    CRITERION: "models are trained anew until they meet it, so that it is no finding.",
    PROVED: "a fact of mathematics, computed exactly here or in a test that is named.",
    REPLACED: "what the paper has does not serve; something else takes its place.",
    READING: "the paper leaves it open; one reading was chosen.",
    SCHEMATIC: "explains something, and shows no result.",
    NOT_TESTABLE: "cannot be tested in this project, for the reason given.",
    NOT_RUN: "this run has no records of it.",
}

Kind = Literal[
    "figure",
    "table",
    "theorem",
    "observation",
    "algorithm",
    "proposal",
    "definition",
    "equation",
    "setting",
    "claim",
    "critique",
    "asked here",
]
OWN: Final = ("critique", "asked here")  # of this project, not of a paper
ENOUGH_MODELS: Final = 3  # without which nothing is said about models, unless there is one, and of that one alone


@dataclass(frozen=True)
class Outcome:
    """What was measured, in words, and one of ``VERDICTS``."""

    measured: str
    verdict: str


@dataclass(frozen=True)
class Entry:
    """A figure, a table or a claim of a paper, or what this project says or asks of it.

    Attributes:
        item: where it stands.
        says: what the paper says; of a ``critique`` and of what is ``asked here``, what is put to the test.
        by: from the board to what was measured; a claim is put to the test.
        see: names of pages and figures, in which ``{task}`` stands for each task looked at.
        reading: what makes it precise, where the paper does not.
        printed: the paper's numbers.
        kind: what it is. A critique and what is asked here stand apart, and are not counted among a paper's claims.
        tasks: that it looks at; those of the claim, or all that reproduce the paper, where it is None.
        command: that computes it, where that is not running its tasks.
    """

    item: str
    says: str
    by: Callable[[Board], Outcome]
    see: Sequence[str] = ()
    reading: str = ""
    printed: str = ""
    kind: Kind = "claim"
    tasks: Selection | None = None
    command: str = ""

    @property
    def is_own(self) -> bool:
        """Whether this project says or asks it, and not the paper."""
        return self.kind in OWN


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


def compute(fact: Callable[[], Outcome]) -> Callable[[Board], Outcome]:
    """What needs no run, found out once."""
    found = cache(fact)
    return lambda board: found()


def list_measured(texts: Iterable[str], verdict: str = MEASURED) -> Outcome:
    """What was measured, one thing after the other, empty ones left out; not in this run where nothing was."""
    text = "; ".join(filter(None, texts))
    return Outcome(text, verdict if text else NOT_RUN)


def qualify(verdict: str, models: int) -> str:
    """The verdict of a test on so many trained models."""
    if models == 1:
        return {HELD: HELD_HERE, NOT_HELD: NOT_HELD_HERE}.get(verdict, verdict)
    return verdict if models >= ENOUGH_MODELS else TOO_FEW


def combine_verdicts(verdicts: Sequence[str]) -> str:
    """The verdict over several tests: the worst one, and undecided without any."""
    worst_first = (NOT_HELD, NOT_HELD_HERE, UNDECIDED, TOO_FEW, HELD_HERE, HELD)
    return next((verdict for verdict in worst_first if verdict in verdicts), UNDECIDED)


def report_means(quantity: Quantity, methods: Sequence[str], board: Board, tasks: Selection = find_tasks) -> Outcome:
    """Mean scores of methods, task by task."""
    return list_measured(format_means(quantity, methods, board, task) for task in tasks(board))


def format_means(quantity: Quantity, methods: Sequence[str], board: Board, task: str) -> str:
    """Mean scores of methods with their 95 % intervals; empty where none has any."""
    values = quantity.values(board, task)
    found = {
        name: statistics.mean_interval(
            values.loc[name].to_numpy(float), board.find_models(task, values.columns), limits=quantity.limits
        )
        for name in methods
        if name in values.index
    }
    texts = [f"{name} {format_interval(of.mean, of.low, of.high)}" for name, of in found.items() if of.units]
    alone = " (this model only)" if {of.models for of in found.values() if of.units} == {1} else ""
    return f"{quantity.name} on {task}: {', '.join(texts)}{alone}" if texts else ""


def format_ends(values: pd.Series, digits: int = 3) -> str:
    """The mean, and in brackets from the smallest to the largest where they differ; undefined ones are left out."""
    if values.isna().all():
        return NONE
    mean, low, high = (f"{value:z.{digits}f}" for value in (values.mean(), values.min(), values.max()))
    return mean if low == high else f"{mean} ({low} to {high})"


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
    """A criterion of accepting trained models: whether the checks of every model of the tasks are on the side asked.

    It is no finding, since models that miss it are trained anew. A training that led to no usable model misses it.
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
    met = ("met by every model" if all(kept) and not failed else "not met by every model") if kept else ""
    return list_measured([*texts, met, anew, none], CRITERION)


def find_failed_seeds(board: Board, tasks: Sequence[str]) -> set[int]:
    """Seeds of the problems that could not be prepared."""
    return {p.problem_seed for p in board.run.problems if p.task in tasks and p.status == "failed"}


def count_trained_anew(board: Board, tasks: Sequence[str]) -> str:
    """How many seeds had not led to a usable model."""
    restarts = read_checks(board, "restarts", tasks)
    return f"trained anew: {restarts.sum():.0f} over {len(restarts)} models" if len(restarts) else ""
