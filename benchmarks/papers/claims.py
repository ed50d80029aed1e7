"""Claims about methods, put to the test on the records of a run.

A *comparison* says that some methods score better than others: paired over units, with p-values of t-tests that are
Holm-corrected over the tests of one task for one claim. A *bound* says that a mean lies above or below a number; it is
judged by its 95 % interval over units. Scores are those at the headline budget.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.board.aggregate import SEED, Board
from benchmarks.board.tables import BETTER, NONE, format_interval, format_number
from benchmarks.papers.ledger import HELD, NOT_HELD, UNDECIDED, Outcome, Side, combine_verdicts, list_measured
from benchmarks.papers.quantities import Quantity, Selection
from sig import stats

SIGNIFICANT: Final = 0.05
MOST: Final = 4  # comparisons of a claim that are listed one by one

Row = dict[str, Any]


@dataclass(frozen=True)
class Claim(ABC):
    """Something said about methods.

    Attributes:
        tasks: that it is about, of those that reproduce the paper.
        scores: what it is about.
        methods: labels of whom.
    """

    tasks: Selection
    scores: Sequence[Quantity]
    methods: Sequence[str]

    def __call__(self, board: Board) -> Outcome:
        """What was measured, and the verdict over all tests."""
        tests = self.test(board)
        return list_measured([self._describe(tests)], combine_verdicts([row["verdict"] for row in tests]))

    def test(self, board: Board) -> list[Row]:
        """A row for each task, score and method, or pair of methods, that the run has numbers for.

        ``task, score, better, method``, the ``mean`` with its 95 % interval ``low, high``, the number of ``units``, and
        the ``verdict``.
        """
        return [row for task in self.tasks(board) for row in self._test_on(board, task)]

    def tabulate(self, board: Board) -> list[dict[str, str]]:
        """Texts by heading, of each test."""
        return [self._show(row) for row in self.test(board)]

    @abstractmethod
    def _test_on(self, board: Board, task: str) -> Iterator[Row]: ...

    @abstractmethod
    def _describe(self, tests: Sequence[Row]) -> str: ...

    @abstractmethod
    def _show(self, row: Row) -> dict[str, str]: ...


@dataclass(frozen=True)
class Bound(Claim):
    """The mean score of each method lies on a side: held where its whole interval does, not held where none of it."""

    side: Side

    def _test_on(self, board: Board, task: str) -> Iterator[Row]:
        for score in self.scores:
            values = score.values(board, task)
            for method in (name for name in self.methods if name in values.index):
                samples = values.loc[method].dropna().to_numpy()
                if len(samples):
                    low, high = stats.bounded_interval(samples, score.limits)
                    about = {"task": task, "score": score.name, "better": score.better, "method": method}
                    mean = {"mean": float(samples.mean()), "low": low, "high": high, "units": len(samples)}
                    yield {**about, **mean, "verdict": self.side.judge(low, high)}

    def _describe(self, tests: Sequence[Row]) -> str:
        return f"{_list_tests(tests)} (claimed {self.side})" if tests else ""

    def _show(self, row: Row) -> dict[str, str]:
        return {
            **{name: row[name] for name in ("task", "score", "method")},
            "mean": format_interval(row["mean"], row["low"], row["high"]),
            "claimed": str(self.side),
            "verdict": row["verdict"],
            "units": str(row["units"]),
        }


@dataclass(frozen=True)
class Comparison(Claim):
    """Each method scores better than each rival: held where p is at most 5 %, not held where it is so for worse.

    The ``mean`` of a test is that of the differences method - ``rival``, with the corrected ``p``. Of both it has the
    ``spread`` (standard deviation of the repetitions' means) and the model ``rows`` (``rival_spread``, ``rival_rows``).
    """

    rivals: Sequence[str]

    def _test_on(self, board: Board, task: str) -> Iterator[Row]:
        pairs = [(score, *pair) for score in self.scores for pair in self._find_pairs(score.values(board, task))]
        p_values = [float(stats.paired_p(own.to_numpy(), rival.to_numpy())) for _, own, rival in pairs]
        for (score, own, rival), p in zip(pairs, stats.holm(np.array(p_values)), strict=True):
            difference = (own - rival).to_numpy()
            mean, (low, high) = float(np.nanmean(difference)), stats.interval(difference, seed=SEED)
            about = {"task": task, "score": score.name, "better": score.better, "method": own.name, "rival": rival.name}
            found = {"mean": mean, "low": low, "high": high, "units": int(np.isfinite(difference).sum()), "p": p}
            spreads = {"spread": _measure_spread(own), "rival_spread": _measure_spread(rival)}
            rows, rival_rows = (_count_rows(board, task, str(one.name)) for one in (own, rival))
            verdict = _judge_gain(mean if score.better == "higher" else -mean, p)
            yield {**about, **found, **spreads, "rows": rows, "rival_rows": rival_rows, "verdict": verdict}

    def _find_pairs(self, values: pd.DataFrame) -> Iterator[tuple[pd.Series, pd.Series]]:
        """Scores of methods and rivals that have some on a unit in common."""
        for method, rival in product(self.methods, self.rivals):
            if {method, rival} <= set(values.index) and values.loc[[method, rival]].notna().all().any():
                yield values.T[method], values.T[rival]

    def _describe(self, tests: Sequence[Row]) -> str:
        return _list_tests(tests) if len(tests) <= MOST else _count_tests(tests)

    def _show(self, row: Row) -> dict[str, str]:
        spreads = row["spread"], row["rival_spread"]
        return {
            "task": row["task"],
            "score": f"{row['score']} {BETTER[row['better']]}",
            "method": row["method"],
            "against": row["rival"],
            "difference": format_interval(row["mean"], row["low"], row["high"]),
            "p (Holm)": format_number(row["p"]),
            "verdict": row["verdict"],
            "spreads": " / ".join(map(format_number, spreads)),
            "steadier": NONE if np.isnan(spreads).any() else "yes" if spreads[0] < spreads[1] else "no",
            "rows": " / ".join(format_number(row[name], whole=True) for name in ("rows", "rival_rows")),
        }


def _count_rows(board: Board, task: str, method: str) -> float:
    """Per explicand; NaN for what is compared with methods but is none, such as a truth."""
    known = method in board.methods.index
    return float(board.cost_and_coverage(task, method)["rows"]) if known else float("nan")


def _measure_spread(values: pd.Series) -> float:
    return float(values.groupby(level="repetition").mean().std())


def _judge_gain(gain: float, p: float) -> str:
    if p > SIGNIFICANT or gain == 0:
        return UNDECIDED
    return HELD if gain > 0 else NOT_HELD


def _list_tests(tests: Sequence[Row]) -> str:
    """The mean of each test, task by task."""
    means: dict[str, list[str]] = {}
    for row in tests:
        who = " - ".join(row[name] for name in ("method", "rival") if name in row)
        mean = format_interval(row["mean"], row["low"], row["high"])
        means.setdefault(f"{row['score']} of {who}", []).append(f"{mean} on {row['task']}")
    return "; ".join(f"{what}: {', '.join(of_tasks)}" for what, of_tasks in means.items())


def _count_tests(tests: Sequence[Row]) -> str:
    verdicts = [row["verdict"] for row in tests]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in (HELD, UNDECIDED, NOT_HELD))
    ends = [
        f"{format_number(means.min())} to {format_number(means.max())} in {score}"
        for score, means in pd.DataFrame(tests).groupby("score")["mean"]
    ]
    return f"of {len(tests)} tests {counts}; differences from {', '.join(ends)}"
