"""The suite once more with newly trained models: other data, models and backgrounds, of the same kind.

Verdicts have to be the same, and no mean may have changed by more than chance and rounding, as in ``compare``, but at a
confidence of 1 - 0.05 / means over the methods that a column of a task scores (Bonferroni), since one of twenty means
changes by chance at 95 %; how many do is noted. Nothing is known of the spread over models where there is one, so that
its means are not judged.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.statistics import Interval, mean_interval
from benchmarks.publish.compare import has_changed
from benchmarks.publish.difference import Difference, Stage, compare_values
from benchmarks.publish.statements import list_verdicts
from benchmarks.publish.tolerance import SECONDS
from benchmarks.run.suite import Suite

WRONG: Final = 0.05  # the probability that any mean of a column is said to have changed that has not

Measure = Callable[..., Interval]  # gives a mean and its interval at a ``confidence``


def draw_anew(suite: Suite) -> Suite:
    """The suite with other seeds of data, models and backgrounds, which are shared among tasks as before."""
    tasks = [task.model_copy(update={"seeds": f"{task.seeds or task.name}-anew"}) for task in suite.tasks]
    return suite.model_copy(update={"tasks": tasks})


def compare_retrained(published: Board, again: Board) -> Stage:
    """Verdicts of the ledger and its tests that are others, and means that changed by more than chance."""
    verdicts = list_verdicts(published)
    differences = [
        difference.because(("chance", "a verdict over other models"))
        for difference in compare_values(verdicts, list_verdicts(again))
    ]
    judged = changed = alone = 0
    for fact in list_rows(published.columns[published.columns["unit"] != SECONDS]):
        measures, new = (_measure_methods(board, fact) for board in (published, again))
        both = {method: (measures[method], new[method]) for method in measures if method in new}
        for method, (a, b) in both.items():
            if min(a().models, b().models) < 2:
                alone += 1
                continue
            judged += 1
            changed += has_changed(a(), b())
            confidence = 1 - WRONG / len(both)
            was, now = a(confidence=confidence), b(confidence=confidence)
            if has_changed(was, now):
                where = f"mean {fact['column']} of {method} on {fact['task']}"
                why = f"more than chance explains, at {confidence:.2%} for this mean"
                differences.append(Difference(where=where, was=was, now=now, cause="chance", why=why))
    notes = [
        f"{changed:,} of {judged:,} means changed by more than chance explains at 95 %, where up to {judged / 20:,.0f} "
        f"are expected to; {alone:,} means of one model are not judged"
    ]
    return Stage(
        name="retrain", checked={"verdicts": len(verdicts), "means": judged}, differences=differences, notes=notes
    )


def _measure_methods(board: Board, fact: Mapping[str, Any]) -> dict[str, Measure]:
    """By method, what measures its mean in a column at the headline budget."""
    scores = board.scores(fact["task"], fact["column"])
    models = board.find_models(fact["task"], scores.columns)
    return {
        str(method): partial(mean_interval, row, models, limits=tuple(fact["range"]))
        for method, row in zip(scores.index, scores.to_numpy(float), strict=True)
    }
