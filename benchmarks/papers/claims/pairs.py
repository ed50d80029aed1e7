"""Claims judged by p-values of pairs: that methods score better than others, or vary less."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Float, Int

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board
from benchmarks.board.tables import BETTER, format_interval, format_number
from benchmarks.papers.claims.claim import (
    SIGNIFICANT,
    Claim,
    Row,
    count_verdicts,
    describe_tests,
    find_pairs,
    format_range,
)
from benchmarks.papers.quantities import Quantity
from benchmarks.papers.verdicts import HELD, NOT_HELD, UNDECIDED, qualify

Models = Int[np.ndarray, " units"]  # of each unit


@dataclass(frozen=True)
class PairedClaim(Claim):
    """A claim that each method is better than each rival: held where p is at most 5 %, not held where so for worse.

    The ``mean`` of a test is that of the differences method - ``rival``, with the corrected ``p``. Of both it has the
    ``spread`` (standard deviation of the repetitions' means) and the ``cost``, model rows forward and backward per
    explicand (``rival_spread``, ``rival_cost``).
    """

    rivals: Sequence[str]

    def test(self, board: Board) -> list[Row]:
        tests = [row for task in self.tasks(board) for row in self._test_on(board, task)]
        p_values = statistics.holm(np.array([row["p"] for row in tests]))
        for row, p in zip(tests, p_values, strict=True):
            row |= {"p": float(p), "verdict": qualify(_judge_gain(row["gain"], p), row["models"])}
        return tests

    def _test_on(self, board: Board, task: str) -> Iterator[Row]:
        for score in self.scores:
            for own, rival in find_pairs(score.values(board, task), self.methods, self.rivals):
                models = board.find_models(task, own.index)
                found = statistics.mean_interval((own - rival).to_numpy(float), models)
                about = {"task": task, "score": score.name, "better": score.better}
                about |= {"method": str(own.name), "rival": str(rival.name)}
                spreads = {"spread": _measure_spread(own), "rival_spread": _measure_spread(rival)}
                cost, rival_cost = (_count_rows(board, task, str(one.name)) for one in (own, rival))
                gain, p = self._compare(own, rival, models, score)
                yield {**about, **vars(found), **spreads, "cost": cost, "rival_cost": rival_cost, "gain": gain, "p": p}

    @abstractmethod
    def _compare(self, own: pd.Series, rival: pd.Series, models: Models, score: Quantity) -> tuple[float, float]:
        """A number that is positive where the method is better, and the p-value."""

    def _list_named(self) -> Sequence[str]:
        return (*self.methods, *self.rivals)

    def _describe(self, tests: Sequence[Row]) -> str:
        return describe_tests(tests, "differences")

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
            "models": str(row["models"]),
            "spreads": " / ".join(map(format_number, spreads)),
            "cost": " / ".join(format_number(row[name], whole=True) for name in ("cost", "rival_cost")),
        }


@dataclass(frozen=True)
class Superiority(PairedClaim):
    """Each method scores better than each rival, by ``statistics.paired_p``."""

    def _compare(self, own: pd.Series, rival: pd.Series, models: Models, score: Quantity) -> tuple[float, float]:
        pair = own.to_numpy(float), rival.to_numpy(float)
        mean = statistics.mean_interval(pair[0] - pair[1], models).mean
        return mean if score.better == "higher" else -mean, float(statistics.paired_p(*pair, models))


@dataclass(frozen=True)
class Steadiness(PairedClaim):
    """The scores of each method vary less between repetitions than those of each rival, by ``compare_spreads``."""

    def _compare(self, own: pd.Series, rival: pd.Series, models: Models, score: Quantity) -> tuple[float, float]:
        return compare_spreads(*(one.groupby(level="repetition").mean().to_numpy() for one in (own, rival)))

    def _describe(self, tests: Sequence[Row]) -> str:
        verdicts = count_verdicts([row["verdict"] for row in tests])
        spreads = {(row["task"], row[of]): row[by] for row in tests for of, by in _ROLES}
        by_method = pd.Series(spreads).groupby(level=1, sort=False)
        ends = (f"{name} {format_range(of)}" for name, of in by_method)
        return f"of {len(tests)} tests {verdicts}; standard deviation over repetitions: {', '.join(ends)}"


_ROLES: Final = (("method", "spread"), ("rival", "rival_spread"))


def compare_spreads(
    own: Float[np.ndarray, " repetitions"], rival: Float[np.ndarray, " repetitions"]
) -> tuple[float, float]:
    """The standard deviation of ``rival`` less that of ``own``, and the p-value that both are equal.

    Both are scored on the same models, so that the samples are paired, and scores are bounded and skewed. So it is
    Pitman (1939) and Morgan's (1939) test, cov(a + b, a - b) = var a - var b, with Spearman's rank correlation of sums
    and differences, which holds its level without normal scores (McCulloch 1987). Of n pairs no p-value is below
    2 / n!, that of a perfect order. It is 1 where ranks contradict the standard deviations, and of fewer than three.
    """
    both = ~(np.isnan(own) | np.isnan(rival))
    a, b = own[both], rival[both]
    if len(a) < 3:
        return 0.0, 1.0
    gain = float(b.std(ddof=1) - a.std(ddof=1))
    sums, differences = a + b, a - b
    if math.isclose(gain, 0, abs_tol=statistics.FLOAT64_ROUNDING) or np.ptp(sums) == 0 or np.ptp(differences) == 0:
        return 0.0, 1.0
    found = scipy.stats.spearmanr(sums, differences)
    if found.statistic * gain >= 0:  # where a varies less, sums and differences correlate negatively
        return gain, 1.0
    return gain, float(max(found.pvalue, 2 / math.factorial(len(a))))


def _count_rows(board: Board, task: str, method: str) -> float:
    """Model rows per explicand; NaN for what is compared with methods but is none, such as a truth."""
    known = method in board.methods.index
    return float(board.cost_and_coverage(task, method)["cost"]) if known else float("nan")


def _measure_spread(values: pd.Series) -> float:
    return float(values.groupby(level="repetition").mean().std())


def _judge_gain(gain: float, p: float) -> str:
    if not p <= SIGNIFICANT or gain == 0:
        return UNDECIDED
    return HELD if gain > 0 else NOT_HELD
