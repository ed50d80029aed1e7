"""The suite once more with newly trained models: other data, models and backgrounds, of the same kind.

With k published models, whose means of a score have mean m and standard deviation s, the mean over k' new models lies
with 95 % probability in Student's prediction interval

    m +- t(k - 1) s sqrt(1 / k + 1 / k'),

where the models' means are normal. As for ``benchmarks.board.statistics.mean_interval`` it is widened by the same
interval over all n and n' explicands, which takes them as independent, and by the published interval itself, so that
models that agree by chance, or scores that are all hits, have no interval of length zero. With one published model
nothing is known of the spread over models, and its means are not judged.

One of twenty means lies outside by chance. So outside counts as a difference only beyond the interval at a confidence
of 1 - 0.05 / means, over the methods that a column of a task scores (Bonferroni); how many lie outside the 95 %
interval is noted.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board, list_rows
from benchmarks.publish.comparison import Differing
from benchmarks.publish.standings import compare_statements, list_verdicts
from benchmarks.publish.tolerance import SECONDS
from benchmarks.publish.verification import Difference, Level
from benchmarks.run.suite import Suite
from sig.registry import RANGE_ROUNDING

CONFIDENCE: Final = 0.95


class Sample(NamedTuple):
    """Scores of a method in one column: ``values`` of units, and the model of each."""

    values: np.ndarray
    models: np.ndarray


def draw_anew(suite: Suite) -> Suite:
    """The suite with other seeds of data, models and backgrounds, which are shared among tasks as before."""
    tasks = [task.model_copy(update={"seeds": f"{task.seeds or task.name}-anew"}) for task in suite.tasks]
    return suite.model_copy(update={"tasks": tasks})


def predict_mean(
    published: Sample, new: Sample, limits: statistics.Limits, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The interval in which the mean over the new models lies with this probability, if they are of the same kind.

    NaN where fewer than two published models have a score.
    """
    means, of_new = (_average_models(sample) for sample in (published, new))
    if len(means) < 2 or not len(of_new):
        return np.nan, np.nan
    mean = float(means.mean())
    units, of_new_units = (sample.values[~np.isnan(sample.values)] for sample in (published, new))
    half = max(
        _predict_half(means, len(of_new), confidence),
        _predict_half(units, len(of_new_units), confidence),
    )
    known = statistics.mean_interval(*published, limits=limits, confidence=confidence)
    return min(mean - half, known.low), max(mean + half, known.high)


def _average_models(sample: Sample) -> np.ndarray:
    """Mean of the defined scores of each model that has any."""
    return pd.Series(sample.values).groupby(sample.models).mean().dropna().to_numpy()


def _predict_half(x: np.ndarray, new: int, confidence: float) -> float:
    n = len(x)
    return float(special.stdtrit(n - 1, (1 + confidence) / 2) * x.std(ddof=1) * np.sqrt(1 / n + 1 / new))


def compare_retrained(published: Board, again: Board) -> Level:
    """Verdicts of the ledger and its tests that are others, and means outside of their prediction intervals."""
    verdicts = list_verdicts(published)
    differences = [
        _tell(differing, "a verdict over other models")
        for differing in compare_statements(verdicts, list_verdicts(again))
    ]
    judged = outside = alone = 0
    for means in _list_columns(published, again):
        known = [one for one in means if one is not None]
        alone += len(means) - len(known)
        judged += len(known)
        outside += sum(one.outside for one in known)
        differences += [_tell(one.differing, one.why) for one in known if one.differing]
    notes = [
        f"{outside:,} of {judged:,} means lie outside their 95 % prediction intervals, where {judged / 20:,.0f} are "
        f"expected to; {alone:,} means of one model are not judged"
    ]
    checked = {"verdicts": len(verdicts), "means": judged}
    return Level(name="retrain", checked=checked, differences=differences, notes=notes)


class _Mean(NamedTuple):
    """Whether the new mean lies outside the 95 % interval; and what differs, where it lies far outside."""

    outside: bool
    differing: Differing | None
    why: str


def _list_columns(published: Board, again: Board) -> Iterator[list[_Mean | None]]:
    """The means of all methods in each column of each task; None where nothing can be said."""
    for fact in list_rows(published.columns[published.columns["unit"] != SECONDS]):
        task, column = fact["task"], fact["column"]
        samples, of_new = (_list_samples(board, task, column) for board in (published, again))
        both = {method: (samples[method], of_new[method]) for method in samples if method in of_new}
        yield [
            _judge_mean(f"mean {column} of {method} on {task}", *pair, tuple(fact["range"]), len(both))
            for method, pair in both.items()
        ]


def _list_samples(board: Board, task: str, column: str) -> dict[str, Sample]:
    scores = board.scores(task, column)
    models = board.find_models(task, scores.columns)
    return {str(method): Sample(row, models) for method, row in zip(scores.index, scores.to_numpy(float), strict=True)}


def _judge_mean(what: str, published: Sample, new: Sample, limits: statistics.Limits, means: int) -> _Mean | None:
    usual, corrected = (
        predict_mean(published, new, limits, confidence) for confidence in (CONFIDENCE, 1 - (1 - CONFIDENCE) / means)
    )
    if np.isnan(usual).any():
        return None
    mean = statistics.mean_interval(*new, limits=limits).mean
    was = statistics.mean_interval(*published, limits=limits).mean
    if _holds(corrected, mean):
        return _Mean(not _holds(usual, mean), None, "")
    why = f"its prediction interval at {1 - (1 - CONFIDENCE) / means:.2%} is {corrected[0]:.4g} to {corrected[1]:.4g}"
    return _Mean(True, Differing(what, f"{was:.4g}", f"{mean:.4g}"), why)


def _holds(interval: tuple[float, float], mean: float) -> bool:
    slack = RANGE_ROUNDING * max(1.0, abs(mean))
    return interval[0] - slack <= mean <= interval[1] + slack


def _tell(differing: Differing, why: str) -> Difference:
    return Difference(
        where=differing.what, published=differing.published, found=differing.found, cause="chance", why=why
    )
