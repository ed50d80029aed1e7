"""Claims about methods, put to the test on the records of a run, at the headline budget.

Models are what a claim is about (``sig.stats``): with a single one the verdict is labelled as being about it only, and
two are too few. A *bound* says that a mean lies above or below a number, *closeness* that two means differ by less than
a margin, *flatness* that a mean changes by less than a margin along an option: these are judged by 95 % intervals. A
*comparison* says that some methods score better than others, *steadiness* that they vary less between repetitions:
these are judged by p-values.

A claim is held where all of its tests are, which needs no correction (Berger 1982). It is not held where one of them
goes against it; so p-values are Holm-corrected over the tests of the claim, and intervals have to lie on the other side
at Holm's levels.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Float, Int

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import BETTER, format_interval, format_number
from benchmarks.papers.ledger import (
    HELD,
    NOT_HELD,
    UNDECIDED,
    VERDICTS,
    Outcome,
    Side,
    combine_verdicts,
    list_measured,
    qualify,
)
from benchmarks.papers.quantities import Limits, Quantity, Selection
from sig import stats

SIGNIFICANT: Final = 0.05
MOST: Final = 4  # tests of a claim that are listed one by one

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
        """What was measured, and the verdict over all tests; it cannot be held where a method has no numbers at all."""
        tests = self.test(board)
        texts = [self._describe(tests), self._list_missing(tests)] if tests else []
        verdicts = [row["verdict"] for row in tests]
        return list_measured(texts, combine_verdicts([*verdicts, UNDECIDED] if all(texts) else verdicts))

    @abstractmethod
    def test(self, board: Board) -> list[Row]:
        """A row for each task, score and method, or pair of methods, that the run has numbers for.

        ``task, score, better, method``, the ``mean`` with its 95 % interval ``low, high``, the numbers of ``units`` and
        ``models``, and the ``verdict``.
        """

    def tabulate(self, board: Board) -> list[dict[str, str]]:
        """Texts by heading, of each test."""
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


# ---- judged by intervals -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """Numbers of units, with the model of each; their range, and what they are of, as columns of a test."""

    about: Row
    values: Float[np.ndarray, " units"]
    models: Int[np.ndarray, " units"]
    limits: Limits | None


def judge_samples(samples: Sequence[Sample], side: Side) -> list[Row]:
    """A test for each sample: held where the whole interval of its mean lies on the side.

    Not held where all of it lies on the other side, by Holm's procedure over the samples: at a confidence of
    1 - 0.05 / (samples - those found already), as long as there are more.
    """
    found = [measure_mean(sample) for sample in samples]
    verdicts = [side.judge(mean.low, mean.high) for mean in found]
    against = {at for at, verdict in enumerate(verdicts) if verdict == NOT_HELD}
    sure: set[int] = set()
    while against - sure:
        confidence = 1 - SIGNIFICANT / (len(samples) - len(sure))
        wider = {at: measure_mean(samples[at], confidence) for at in against - sure}
        more = {at for at, mean in wider.items() if side.judge(mean.low, mean.high) == NOT_HELD}
        if not more:
            break
        sure |= more
    for at in against - sure:
        verdicts[at] = UNDECIDED
    judged = zip(samples, found, verdicts, strict=True)
    return [{**one.about, **vars(mean), "verdict": qualify(verdict, mean.models)} for one, mean, verdict in judged]


def measure_mean(sample: Sample, confidence: float = 1 - SIGNIFICANT) -> stats.Interval:
    """The mean over models, with its interval."""
    return stats.mean_interval(sample.values, sample.models, limits=sample.limits, confidence=confidence)


@dataclass(frozen=True)
class IntervalClaim(Claim):
    """A claim that some means lie on a side."""

    def test(self, board: Board) -> list[Row]:
        samples = [sample for task in self.tasks(board) for sample in self._collect(board, task)]
        return judge_samples([sample for sample in samples if np.isfinite(sample.values).any()], self._side)

    @property
    @abstractmethod
    def _side(self) -> Side: ...

    @abstractmethod
    def _collect(self, board: Board, task: str) -> Iterator[Sample]: ...

    def _describe(self, tests: Sequence[Row]) -> str:
        return f"{_tell_tests(tests, 'means')} (claimed {self._side})"

    def _show(self, row: Row) -> dict[str, str]:
        return {
            **{name: row[name] for name in ("task", "score", "method")},
            **({"against": row["rival"]} if "rival" in row else {}),
            "mean": format_interval(row["mean"], row["low"], row["high"]),
            "claimed": str(self._side),
            "verdict": row["verdict"],
            "models": str(row["models"]),
            "units": str(row["units"]),
        }


@dataclass(frozen=True)
class Bound(IntervalClaim):
    """The mean score of each method lies on a side."""

    side: Side

    @property
    def _side(self) -> Side:
        return self.side

    def _collect(self, board: Board, task: str) -> Iterator[Sample]:
        for score in self.scores:
            table = score.values(board, task)
            for method in (name for name in self.methods if name in table.index):
                about = {"task": task, "score": score.name, "better": score.better, "method": method}
                yield _make_sample(board, task, table.T[method], about, score.limits)


@dataclass(frozen=True)
class Closeness(IntervalClaim):
    """The mean scores of each method and each rival differ by less than a margin.

    So it is an equivalence test, of differences unit by unit: that no difference was found would not show that there is
    none (Schuirmann 1987, here with the 95 % interval in place of the 90 % one).
    """

    rivals: Sequence[str]
    margin: float

    @property
    def _side(self) -> Side:
        return Side(above=-self.margin, below=self.margin)

    def _collect(self, board: Board, task: str) -> Iterator[Sample]:
        for score in self.scores:
            for own, rival in find_pairs(score.values(board, task), self.methods, self.rivals):
                about = {"task": task, "score": score.name, "better": score.better}
                about |= {"method": str(own.name), "rival": str(rival.name)}
                yield _make_sample(board, task, own - rival, about, _range_of_difference(score))

    def _list_named(self) -> Sequence[str]:
        return (*self.methods, *self.rivals)


@dataclass(frozen=True)
class Flatness(IntervalClaim):
    """The mean score changes by less than a margin along an option that is swept.

    The ``scores`` are sweeps (``quantities.sweep``). Looked at are the values from a ``share`` of the largest one on:
    the difference from the score at the largest value for each of the others, and the change from the smallest to the
    largest along the line that least squares fit to score and logarithm of the option, unit by unit.
    """

    share: float
    margin: float

    @property
    def _side(self) -> Side:
        return Side(above=-self.margin, below=self.margin)

    def _collect(self, board: Board, task: str) -> Iterator[Sample]:
        for score in self.scores:
            table = score.values(board, task)
            for method in (name for name in self.methods if name in table.index):
                points = table.loc[method].sort_index()
                points = points[points.index >= self.share * points.index.max()]
                for what, change in _measure_changes(points):
                    about = {"task": task, "score": f"{score.name}, {what}", "better": score.better, "method": method}
                    yield _make_sample(board, task, change, about | {"sweep": score.name}, None)

    def _describe(self, tests: Sequence[Row]) -> str:
        return f"{_tell_tests(tests, 'changes', by='sweep')} (claimed {self._side})"


def _measure_changes(points: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Of scores by value and unit."""
    if len(points) < 2:
        return
    logs = np.log(points.index.to_numpy(float))
    largest = points.index[-1]
    for value, scores in points.iloc[:-1].iterrows():
        yield f"{value:g} less {largest:g}", scores - points.loc[largest]
    centred = logs - logs.mean()
    slope = points.mul(centred, axis=0).sum(skipna=False) / (centred**2).sum()
    yield f"fitted change from {points.index[0]:g} to {largest:g}", slope * (logs[-1] - logs[0])


def _make_sample(board: Board, task: str, values: pd.Series, about: Row, limits: Limits | None) -> Sample:
    return Sample(about, values.to_numpy(float), board.find_models(task, values.index), limits)


def _range_of_difference(score: Quantity) -> Limits | None:
    low, high = score.limits
    return (low - high, high - low) if np.isfinite(score.limits).all() else None


# ---- judged by p-values ------------------------------------------------------------------------------------------


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
        p_values = stats.holm(np.array([row["p"] for row in tests]))
        for row, p in zip(tests, p_values, strict=True):
            row |= {"p": float(p), "verdict": qualify(_judge_gain(row["gain"], p), row["models"])}
        return tests

    def _test_on(self, board: Board, task: str) -> Iterator[Row]:
        for score in self.scores:
            for own, rival in find_pairs(score.values(board, task), self.methods, self.rivals):
                models = board.find_models(task, own.index)
                found = stats.mean_interval((own - rival).to_numpy(float), models)
                about = {"task": task, "score": score.name, "better": score.better}
                about |= {"method": str(own.name), "rival": str(rival.name)}
                spreads = {"spread": _measure_spread(own), "rival_spread": _measure_spread(rival)}
                cost, rival_cost = (_count_rows(board, task, str(one.name)) for one in (own, rival))
                gain, p = self._compare(own, rival, models, score)
                yield {**about, **vars(found), **spreads, "cost": cost, "rival_cost": rival_cost, "gain": gain, "p": p}

    @abstractmethod
    def _compare(
        self, own: pd.Series, rival: pd.Series, models: Int[np.ndarray, " units"], score: Quantity
    ) -> tuple[float, float]:
        """A number that is positive where the method is better, and the p-value."""

    def _list_named(self) -> Sequence[str]:
        return (*self.methods, *self.rivals)

    def _describe(self, tests: Sequence[Row]) -> str:
        return _tell_tests(tests, "differences")

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
class Comparison(PairedClaim):
    """Each method scores better than each rival, by ``stats.paired_p``."""

    def _compare(
        self, own: pd.Series, rival: pd.Series, models: Int[np.ndarray, " units"], score: Quantity
    ) -> tuple[float, float]:
        pair = own.to_numpy(float), rival.to_numpy(float)
        mean = stats.mean_interval(pair[0] - pair[1], models).mean
        return mean if score.better == "higher" else -mean, float(stats.paired_p(*pair, models))


@dataclass(frozen=True)
class Steadiness(PairedClaim):
    """The scores of each method vary less between repetitions than those of each rival, by ``compare_spreads``."""

    def _compare(
        self, own: pd.Series, rival: pd.Series, models: Int[np.ndarray, " units"], score: Quantity
    ) -> tuple[float, float]:
        return compare_spreads(*(one.groupby(level="repetition").mean().to_numpy() for one in (own, rival)))

    def _describe(self, tests: Sequence[Row]) -> str:
        verdicts = _count_verdicts([row["verdict"] for row in tests])
        spreads = {(row["task"], row[of]): row[by] for row in tests for of, by in _ROLES}
        by_method = pd.Series(spreads).groupby(level=1, sort=False)
        ends = (f"{name} {_format_range(of)}" for name, of in by_method)
        return f"of {len(tests)} tests {verdicts}; standard deviation over repetitions: {', '.join(ends)}"


_ROLES: Final = (("method", "spread"), ("rival", "rival_spread"))


def compare_spreads(
    own: Float[np.ndarray, " repetitions"], rival: Float[np.ndarray, " repetitions"]
) -> tuple[float, float]:
    """By how much the standard deviation of ``own`` is smaller, and the p-value that both are equal.

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
    if math.isclose(gain, 0, abs_tol=stats.EQUAL) or np.ptp(sums) == 0 or np.ptp(differences) == 0:
        return 0.0, 1.0
    found = scipy.stats.spearmanr(sums, differences)
    if found.statistic * gain >= 0:
        return gain, 1.0
    return gain, float(max(found.pvalue, 2 / math.factorial(len(a))))


# ---- helpers -----------------------------------------------------------------------------------------------------


def find_pairs(
    values: pd.DataFrame, methods: Iterable[str], rivals: Iterable[str]
) -> Iterator[tuple[pd.Series, pd.Series]]:
    """Scores of methods and rivals that have some on a unit in common."""
    for method, rival in product(methods, rivals):
        if {method, rival} <= set(values.index) and values.loc[[method, rival]].notna().all().any():
            yield values.T[method], values.T[rival]


def _count_rows(board: Board, task: str, method: str) -> float:
    """Per explicand; NaN for what is compared with methods but is none, such as a truth."""
    known = method in board.methods.index
    return float(board.cost_and_coverage(task, method)["cost"]) if known else float("nan")


def _measure_spread(values: pd.Series) -> float:
    return float(values.groupby(level="repetition").mean().std())


def _judge_gain(gain: float, p: float) -> str:
    if not p <= SIGNIFICANT or gain == 0:
        return UNDECIDED
    return HELD if gain > 0 else NOT_HELD


def _tell_tests(tests: Sequence[Row], what: str, *, by: str = "score") -> str:
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
    ends = [
        f"{_format_range(means)} in {score}" for score, means in pd.DataFrame(tests).groupby(by, sort=False)["mean"]
    ]
    counts = _count_verdicts([row["verdict"] for row in tests])
    return f"of {len(tests)} tests {counts}; {what} {', '.join(ends)}"


def _count_verdicts(verdicts: Sequence[str]) -> str:
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS if verdict in verdicts)


def _format_range(values: pd.Series) -> str:
    return " to ".join(dict.fromkeys(format_number(end) for end in (values.min(), values.max())))
