"""Claims judged by 95 % intervals: that means lie above or below a number, are close, or stay the same."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board
from benchmarks.board.tables import format_interval
from benchmarks.papers.claims.claim import SIGNIFICANT, Claim, Row, describe_tests, find_pairs
from benchmarks.papers.quantities import Limits, Quantity
from benchmarks.papers.verdicts import NOT_HELD, UNDECIDED, Range, qualify


@dataclass(frozen=True)
class UnitValues:
    """Numbers of units, whose mean is judged.

    Attributes:
        about: columns of the test, such as task, score and method.
        values: one number for each unit.
        models: the trained model of each unit.
        limits: the smallest and the largest possible number, if there are such.
    """

    about: Row
    values: Float[np.ndarray, " units"]
    models: Int[np.ndarray, " units"]
    limits: Limits | None


def judge_samples(samples: Sequence[UnitValues], claimed: Range) -> list[Row]:
    """A test for each sample: held where the whole interval of its mean lies in the range that is claimed.

    Not held where all of it lies beyond an end, by Holm's procedure over the samples: at a confidence of
    1 - 0.05 / (samples - those found already), as long as there are more.
    """
    found = [measure_mean(sample) for sample in samples]
    verdicts = [claimed.judge(mean.low, mean.high) for mean in found]
    against = {at for at, verdict in enumerate(verdicts) if verdict == NOT_HELD}
    sure: set[int] = set()
    while against - sure:
        confidence = 1 - SIGNIFICANT / (len(samples) - len(sure))
        wider = {at: measure_mean(samples[at], confidence) for at in against - sure}
        more = {at for at, mean in wider.items() if claimed.judge(mean.low, mean.high) == NOT_HELD}
        if not more:
            break
        sure |= more
    for at in against - sure:
        verdicts[at] = UNDECIDED
    judged = zip(samples, found, verdicts, strict=True)
    return [{**one.about, **vars(mean), "verdict": qualify(verdict, mean.models)} for one, mean, verdict in judged]


def measure_mean(sample: UnitValues, confidence: float = 1 - SIGNIFICANT) -> statistics.Interval:
    """The mean over models, with its interval."""
    return statistics.mean_interval(sample.values, sample.models, limits=sample.limits, confidence=confidence)


@dataclass(frozen=True)
class IntervalClaim(Claim):
    """A claim that some means lie in a range."""

    def test(self, board: Board) -> list[Row]:
        samples = [sample for task in self.tasks(board) for sample in self._collect(board, task)]
        return judge_samples([sample for sample in samples if np.isfinite(sample.values).any()], self.claimed)

    @property
    @abstractmethod
    def claimed(self) -> Range:
        """The range in which each mean lies, as is claimed."""

    @abstractmethod
    def _collect(self, board: Board, task: str) -> Iterator[UnitValues]: ...

    def _describe(self, tests: Sequence[Row]) -> str:
        return f"{describe_tests(tests, 'means')} (claimed {self.claimed})"

    def _show(self, row: Row) -> dict[str, str]:
        return {
            **{name: row[name] for name in ("task", "score", "method")},
            **({"against": row["rival"]} if "rival" in row else {}),
            "mean": format_interval(row["mean"], row["low"], row["high"]),
            "claimed": str(self.claimed),
            "verdict": row["verdict"],
            "models": str(row["models"]),
            "units": str(row["units"]),
        }


@dataclass(frozen=True)
class Bound(IntervalClaim):
    """The mean score of each method lies above a number, below one, or both."""

    above: float = field(default=-np.inf, kw_only=True)
    below: float = field(default=np.inf, kw_only=True)

    @property
    def claimed(self) -> Range:
        return Range(above=self.above, below=self.below)

    def _collect(self, board: Board, task: str) -> Iterator[UnitValues]:
        for score in self.scores:
            table = score.values(board, task)
            for method in (name for name in self.methods if name in table.index):
                about = {"task": task, "score": score.name, "better": score.better, "method": method}
                yield _take_units(board, task, table.T[method], about, score.limits)


@dataclass(frozen=True)
class Closeness(IntervalClaim):
    """The mean scores of each method and each rival differ by less than a margin.

    So it is an equivalence test, of differences unit by unit: that no difference was found would not show that there is
    none (Schuirmann 1987, here with the 95 % interval in place of the 90 % one).
    """

    rivals: Sequence[str]
    margin: float

    @property
    def claimed(self) -> Range:
        return Range(above=-self.margin, below=self.margin)

    def _collect(self, board: Board, task: str) -> Iterator[UnitValues]:
        for score in self.scores:
            for own, rival in find_pairs(score.values(board, task), self.methods, self.rivals):
                about = {"task": task, "score": score.name, "better": score.better}
                about |= {"method": str(own.name), "rival": str(rival.name)}
                yield _take_units(board, task, own - rival, about, _range_of_difference(score))

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
    def claimed(self) -> Range:
        return Range(above=-self.margin, below=self.margin)

    def _collect(self, board: Board, task: str) -> Iterator[UnitValues]:
        for score in self.scores:
            table = score.values(board, task)
            for method in (name for name in self.methods if name in table.index):
                points = table.loc[method].sort_index()
                points = points[points.index >= self.share * points.index.max()]
                for what, change in _measure_changes(points):
                    about = {"task": task, "score": f"{score.name}, {what}", "better": score.better, "method": method}
                    yield _take_units(board, task, change, about | {"sweep": score.name}, None)

    def _describe(self, tests: Sequence[Row]) -> str:
        return f"{describe_tests(tests, 'changes', by='sweep')} (claimed {self.claimed})"


def _measure_changes(points: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """The changes of scores by value and unit: from each value to the largest, and along the fitted line."""
    if len(points) < 2:
        return
    logs = np.log(points.index.to_numpy(float))
    largest = points.index[-1]
    for value, scores in points.iloc[:-1].iterrows():
        yield f"{value:g} less {largest:g}", scores - points.loc[largest]
    centred = logs - logs.mean()  # least squares of y on x: slope = sum of (x - mean x) y over sum of (x - mean x)^2
    slope = points.mul(centred, axis=0).sum(skipna=False) / (centred**2).sum()
    yield f"fitted change from {points.index[0]:g} to {largest:g}", slope * (logs[-1] - logs[0])


def _take_units(board: Board, task: str, values: pd.Series, about: Row, limits: Limits | None) -> UnitValues:
    return UnitValues(about, values.to_numpy(float), board.find_models(task, values.index), limits)


def _range_of_difference(score: Quantity) -> Limits | None:
    low, high = score.limits
    return (low - high, high - low) if np.isfinite(score.limits).all() else None
