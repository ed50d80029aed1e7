"""Claims about methods, put to the test on the records of a run (``benchmarks.papers.paper_claims`` has those of the papers).

A *comparison* says that some methods score better than others: paired over units, with p-values of t-tests that are
Holm-corrected over the tests of one task for one claim. A *bound* says that a mean lies above or below a number; it is
judged by its 95 % interval over units. Scores are those at the headline budget.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Float

from benchmarks.board.aggregate import SEED, Board
from benchmarks.papers.quantities import Limits, Quantity, tasks_of
from sig import stats

SIGNIFICANT: Final = 0.05
ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class _Claim:
    """Something said about methods.

    Attributes:
        paper: that says it; "asked here" where none does.
        text: what it says.
        reading: what makes it precise, where the paper does not.
        scores: what it is about.
        methods: labels of whom.
        kind, options: of the tasks it is about; an empty kind means every task that has the scores.
    """

    paper: str
    text: str
    reading: str = ""
    scores: tuple[Quantity, ...]
    methods: tuple[str, ...]
    kind: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Comparison(_Claim):
    """Each of ``methods`` scores better than each of ``rivals``."""

    rivals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Bound(_Claim):
    """The mean score of each of ``methods`` lies above ``above``, below ``below``; infinite where nothing is said."""

    above: float = -np.inf
    below: float = np.inf


Claim = Comparison | Bound


def measure(board: Board, claim: Claim) -> pd.DataFrame:
    """One row per task, score and method, or pair of methods, that the run has numbers for.

    ``task, score, better, method``; the ``mean``, of a comparison that of the differences method - rival, with its 95 %
    interval ``low, high``; the number of ``units``; and the ``verdict``, "held", "not held" or "undecided".

    Of a comparison also the ``rival`` and the corrected ``p``, and of both methods the ``spread`` (standard deviation
    of the repetitions' means) and ``rows`` (``rival_spread``, ``rival_rows``). It held where the method is better and p
    at most 5 %, and did not where it is worse and p at most 5 %. A bound held where the whole interval lies on the
    claimed side, and did not where it lies on the other.
    """
    rows: list[dict[str, Any]] = []
    for task in tasks_of(board, claim.kind, **claim.options):
        rows += _compare(board, claim, task) if isinstance(claim, Comparison) else _bound(board, claim, task)
    return pd.DataFrame(rows)


def _bound(board: Board, claim: Bound, task: str) -> Iterator[dict[str, Any]]:
    for score in claim.scores:
        values = score.values(board, task)
        for method in (name for name in claim.methods if name in values.index):
            samples = values.loc[method].dropna().to_numpy()
            if len(samples):
                low, high = interval(samples, score.limits)
                about = {"task": task, "score": score.name, "better": score.better, "method": method}
                mean = {"mean": float(samples.mean()), "low": low, "high": high, "units": len(samples)}
                yield {**about, **mean, "verdict": _side(claim, low, high)}


def interval(samples: Float[np.ndarray, " units"], limits: Limits) -> tuple[float, float]:
    """Student's 95 % interval of the mean, within the limits; Clopper and Pearson's for hits and misses, or equal ones.

    Scores that all lie at one limit or the other are hits and misses, whose interval is exact. Student's interval of
    equal scores has no length, as if nothing else could ever come. But n units are compatible with a share of up to
    1 - 0.025^(1/n) of units that score otherwise, at worst at the other limit. A single unit has no interval: NaN.
    """
    n, mean = len(samples), float(samples.mean())
    if n == 1:
        return np.nan, np.nan
    if np.isin(samples, limits).all():
        share = scipy.stats.binomtest(int((samples == limits[1]).sum()), n).proportion_ci(1 - SIGNIFICANT)
        width = limits[1] - limits[0]
        return limits[0] + width * float(share.low), limits[0] + width * float(share.high)
    if np.ptp(samples) <= ROUNDING * abs(mean):
        unseen = 1 - (SIGNIFICANT / 2) ** (1 / n)
        return mean - unseen * (mean - limits[0]), mean + unseen * (limits[1] - mean)
    low, high = scipy.stats.t.interval(1 - SIGNIFICANT, n - 1, mean, scipy.stats.sem(samples))
    return max(float(low), limits[0]), min(float(high), limits[1])


def _side(claim: Bound, low: float, high: float) -> str:
    if claim.above < low and high < claim.below:
        return "held"
    return "not held" if high < claim.above or low > claim.below else "undecided"


def _compare(board: Board, claim: Comparison, task: str) -> Iterator[dict[str, Any]]:
    pairs = [pair for score in claim.scores for pair in _pairs(board, claim, task, score)]
    p_values = stats.holm(np.array([pair.p for pair in pairs]))
    for pair, p in zip(pairs, p_values, strict=True):
        difference = (pair.own - pair.other).to_numpy()
        mean, (low, high) = float(np.nanmean(difference)), stats.interval(difference, seed=SEED)
        yield {
            "task": task,
            "score": pair.score.name,
            "better": pair.score.better,
            "method": pair.own.name,
            "rival": pair.other.name,
            "mean": mean,
            "low": low,
            "high": high,
            "units": int(np.isfinite(difference).sum()),
            "p": p,
            "verdict": _verdict(mean if pair.score.better == "higher" else -mean, p),
            "spread": _spread(pair.own),
            "rival_spread": _spread(pair.other),
            "rows": board.cost_and_coverage(task, str(pair.own.name))["rows"],
            "rival_rows": board.cost_and_coverage(task, str(pair.other.name))["rows"],
        }


@dataclass(frozen=True)
class _Pair:
    """Two methods' scores on the same units."""

    score: Quantity
    own: pd.Series
    other: pd.Series

    @property
    def p(self) -> float:
        return float(stats.paired_p(self.own.to_numpy(), self.other.to_numpy()))


def _pairs(board: Board, claim: Comparison, task: str, score: Quantity) -> Iterator[_Pair]:
    """Pairs of methods that have scores on some unit in common."""
    values = score.values(board, task)
    for method, rival in product(claim.methods, claim.rivals):
        if {method, rival} <= set(values.index) and values.loc[[method, rival]].notna().all().any():
            yield _Pair(score, values.T[method], values.T[rival])


def _spread(values: pd.Series) -> float:
    return float(values.groupby(level="repetition").mean().std())


def _verdict(gain: float, p: float) -> str:
    if p > SIGNIFICANT or gain == 0:
        return "undecided"
    return "held" if gain > 0 else "not held"
