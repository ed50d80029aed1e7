"""What all claims have in common: tests on a board, a verdict over them, and how both are told."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import pandas as pd

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import format_interval, format_number
from benchmarks.papers.evidence import Selection
from benchmarks.papers.quantities import Quantity
from benchmarks.papers.verdicts import UNDECIDED, VERDICTS, Finding, combine_verdicts, list_measured

SIGNIFICANT: Final = 0.05
MOST: Final = 4  # tests of a claim that are listed one by one

Row = dict[str, Any]


@dataclass(frozen=True)
class Claim(ABC):
    """Something said about methods.

    Attributes:
        tasks: that it is about, of those that reproduce the paper.
        scores: that the methods are judged by.
        methods: labels of those that it is about.
    """

    tasks: Selection
    scores: Sequence[Quantity]
    methods: Sequence[str]

    def __call__(self, board: Board) -> Finding:
        """The means and the verdict over all tests, which cannot be held where a method has no numbers at all."""
        tests = self.test(board)
        texts = [self._describe(tests), self._list_missing(tests)] if tests else []
        verdicts = [row["verdict"] for row in tests]
        return list_measured(texts, combine_verdicts([*verdicts, UNDECIDED] if all(texts) else verdicts))

    @property
    def see(self) -> Sequence[str]:
        """Names of the pages and figures that show its scores."""
        return tuple(dict.fromkeys(name for score in self.scores for name in score.see))

    @abstractmethod
    def test(self, board: Board) -> list[Row]:
        """A row for each task, score and method, or pair of methods, that the run has numbers for.

        ``task, score, better, method``, the ``mean`` with its 95 % interval ``low, high``, the numbers of ``units`` and
        ``models``, and the ``verdict``.
        """

    def tabulate(self, board: Board) -> list[dict[str, str]]:
        """A row of texts by heading for each test."""
        return [self._show(row) for row in self.test(board)]

    @abstractmethod
    def _describe(self, tests: Sequence[Row]) -> str: ...

    @abstractmethod
    def _show(self, row: Row) -> dict[str, str]: ...

    def _list_named(self) -> Sequence[str]:
        return self.methods

    def _list_missing(self, tests: Sequence[Row]) -> str:
        there = {row.get(role) for row in tests for role in ("method", "rival")}
        missing = [name for name in self._list_named() if name not in there]
        return f"nothing of {', '.join(missing)}" if missing else ""


def find_pairs(
    values: pd.DataFrame, methods: Iterable[str], rivals: Iterable[str]
) -> Iterator[tuple[pd.Series, pd.Series]]:
    """The scores of each method and rival that have a unit in common."""
    for method, rival in product(methods, rivals):
        if {method, rival} <= set(values.index) and values.loc[[method, rival]].notna().all().any():
            yield values.T[method], values.T[rival]


def describe_tests(tests: Sequence[Row], what: str, *, by: str = "score") -> str:
    """The mean of each test in words; of many tests the counts of verdicts, and from where to where means go."""
    return _list_tests(tests) if len(tests) <= MOST else _count_tests(tests, what, by)


def _list_tests(tests: Sequence[Row]) -> str:
    """The mean of each test, task by task."""
    means: dict[str, list[str]] = {}
    for row in tests:
        who = " - ".join(row[name] for name in ("method", "rival") if name in row)
        mean = format_interval(row["mean"], row["low"], row["high"])
        means.setdefault(f"{row['score']} of {who}", []).append(f"{mean} on {row['task']}")
    return "; ".join(f"{what}: {', '.join(of_tasks)}" for what, of_tasks in means.items())


def _count_tests(tests: Sequence[Row], what: str, by: str) -> str:
    ends = [f"{format_range(means)} in {score}" for score, means in pd.DataFrame(tests).groupby(by, sort=False)["mean"]]
    counts = count_verdicts([row["verdict"] for row in tests])
    return f"of {len(tests)} tests {counts}; {what} {', '.join(ends)}"


def count_verdicts(verdicts: Sequence[str]) -> str:
    """The number of each verdict, in words."""
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS if verdict in verdicts)


def format_range(values: pd.Series) -> str:
    """The smallest and the largest; one number where they read the same."""
    return " to ".join(dict.fromkeys(format_number(end) for end in (values.min(), values.max())))
