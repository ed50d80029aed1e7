"""The suite once more with newly trained models: other data, models and backgrounds, of the same kind.

Verdicts have to be the same, and no mean may have changed by more than chance and rounding, as in ``compare``, but at a
confidence of 1 - 0.05 / means over the methods that a column of a task scores (Bonferroni), since one of twenty means
changes by chance at 95 %; how many do is noted. Nothing is known of the spread over models where there is one, so that
its means are not judged.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.statistics import Interval, Limits, has_changed, mean_interval
from benchmarks.publish.difference import Difference, Stage, compare_values
from benchmarks.publish.statements import list_verdicts
from benchmarks.publish.tolerance import SECONDS
from benchmarks.run.suite import Suite

WRONG: Final = 0.05  # the probability that any mean of a column is said to have changed that has not

Measure = Callable[..., Interval]  # gives a mean and its interval at a ``confidence``, by default 95 %


class _MeanPair(NamedTuple):
    """A mean over the published models and over the new ones, and the confidence at which it is judged."""

    where: str
    published: Measure
    again: Measure
    confidence: float


def draw_anew(suite: Suite) -> Suite:
    """The suite with other seeds of data, models and backgrounds, which are shared among tasks as before."""
    tasks = [task.model_copy(update={"seeds": f"{task.seeds or task.name}-anew"}) for task in suite.tasks]
    return suite.model_copy(update={"tasks": tasks})


def compare_retrained(published: Board, again: Board) -> Stage:
    """Verdicts of the ledger and its tests that are others, and means that changed by more than chance."""
    verdicts, pairs = list_verdicts(published), list(_pair_means(published, again))
    of_verdicts = compare_values(verdicts, list_verdicts(again))
    judged = [pair for pair in pairs if min(pair.published().models, pair.again().models) > 1]
    changed = sum(has_changed(pair.published(), pair.again()) for pair in judged)
    notes = [
        f"{changed:,} of {len(judged):,} means changed by more than chance explains at 95 %, where up to "
        f"{len(judged) / 20:,.0f} are expected to; {len(pairs) - len(judged):,} means of one model are not judged"
    ]
    return Stage(
        name="retrain",
        checked={"verdicts": len(verdicts), "means": len(judged)},
        differences=[
            *(difference.because(("chance", "a verdict over other models")) for difference in of_verdicts),
            *(difference for pair in judged if (difference := _judge(pair))),
        ],
        notes=notes,
    )


def _pair_means(published: Board, again: Board) -> Iterator[_MeanPair]:
    """The means of all methods in each column of each task, but for runtimes."""
    for fact in list_rows(published.columns[published.columns["unit"] != SECONDS]):
        task, column, limits = fact["task"], fact["column"], tuple(fact["range"])
        before, new = (_measure_methods(board, task, column, limits) for board in (published, again))
        both = [method for method in before if method in new]
        for method in both:
            where = f"mean {column} of {method} on {task}"
            yield _MeanPair(where, before[method], new[method], 1 - WRONG / len(both))


def _measure_methods(board: Board, task: str, column: str, limits: Limits) -> dict[str, Measure]:
    """A function for each method that measures its mean at the headline budget."""
    scores = board.scores(task, column)
    models = board.find_models(task, scores.columns)
    rows = zip(scores.index, scores.to_numpy(float), strict=True)
    return {str(method): partial(mean_interval, row, models, limits=limits) for method, row in rows}


def _judge(pair: _MeanPair) -> Difference | None:
    was, now = pair.published(confidence=pair.confidence), pair.again(confidence=pair.confidence)
    if not has_changed(was, now):
        return None
    why = f"more than chance explains, at {pair.confidence:.2%} for this mean"
    return Difference(where=pair.where, was=was, now=now, cause="chance", why=why)
