"""What is measured of single figures, tables and numbers of the papers, for the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from benchmarks.board.aggregate import Board, rows_of
from benchmarks.board.tables import format_number, format_seconds
from benchmarks.papers.ledger import (
    HELD,
    NOT_HELD,
    REPLACED,
    UNDECIDED,
    Outcome,
    Outcomes,
    listed,
    mean_scores,
    together,
)
from benchmarks.papers.paper_claims import MINIMUM, MIXTURE, PROBABILITY, SNACKS
from benchmarks.papers.paper_tables import (
    CLOSED_FORMS,
    EG_AT,
    ESTIMATES,
    PRINTED_AT_A,
    PRINTED_OF_EG,
    by_maximum,
    stacked,
    truths,
    with_ends,
)
from benchmarks.papers.quantities import check, first_shown, maps, tasks_of

TWO_FEATURE: Final = "two-feature"
SIG_AND_ZERO: Final = ("sig-game", "ig-zero")

Models = Float[np.ndarray, " models"]


# ---- trained models ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """That a check of a trained model, a number, lies above or below another; infinite where nothing is asked."""

    check: str
    above: float = -np.inf
    below: float = np.inf

    def __str__(self) -> str:
        return f"above {self.above:g}" if np.isfinite(self.above) else f"below {self.below:g}"

    def kept(self, values: Models) -> bool:
        return bool(((values > self.above) & (values < self.below)).all())


def every_model(kind: str, *asked: Asked, **options: Any) -> Outcomes:
    """Held where every model of the tasks keeps to all that is asked, else not held.

    A task whose training led to no usable model counts as not held.
    """
    options = {**MIXTURE, **options}

    def outcome(board: Board) -> Outcome:
        texts, kept = [], []
        tasks = tasks_of(board, kind, **options)
        for one in asked:
            by_task = {task: _checks(board, one.check, task) for task in tasks}
            found = {task: values for task, values in by_task.items() if len(values)}
            kept += [one.kept(values) for values in found.values()]
            parts = ", ".join(f"{with_ends(values)} on {task}" for task, values in found.items())
            texts.append(f"{one.check} {parts} (asked: {one})" if parts else "")
        anew = _trained_anew(board, *tasks) if kept else ""
        failed = len(_failed(board, tasks))
        none = f"no usable model from {failed} seeds" if failed else ""
        return listed([*texts, anew, none], HELD if all(kept) and not failed else NOT_HELD)

    return outcome


def networks(board: Board) -> Outcome:
    """How the network that takes the place of the paper's trained, and the paper's own where the run has it."""
    why = "trained with damage it does not leave chance from every seed, and a smaller network takes its place"
    found = [text for name in ("small", "paper") if (text := _network(board, name))]
    return Outcome("; ".join([why, *(found or ["this run has neither"])]), REPLACED)


def boundaries(board: Board) -> Outcome:
    """Where the models of the run are undecided between the classes."""
    values = _checks(board, "boundary", *tasks_of(board, MINIMUM, **MIXTURE))
    found = f"here {with_ends(values, 4)} over {len(values)} models" if len(values) else "this run has none"
    return Outcome(f"each model has a boundary of its own, from which its BShap values are computed: {found}", REPLACED)


def _network(board: Board, name: str) -> str:
    chosen = tasks_of(board, SNACKS, **MIXTURE, network=name)
    failed = _failed(board, chosen)
    accuracy = _checks(board, "accuracy", *chosen)
    parts = [f"accuracy {with_ends(accuracy)}" if len(accuracy) else "", _trained_anew(board, *chosen)]
    parts += [f"no usable model from {len(failed)} of {len(failed) + len(accuracy)} seeds"] if failed else []
    return f"{name} network: {', '.join(filter(None, parts))}" if any(parts) else ""


def _failed(board: Board, tasks: list[str]) -> set[int]:
    """Seeds of the problems that could not be prepared."""
    return {
        problem.problem_seed for problem in board.run.problems if problem.task in tasks and problem.status == "failed"
    }


def _trained_anew(board: Board, *tasks: str) -> str:
    restarts = _checks(board, "restarts", *tasks)
    return f"trained anew: {restarts.sum():.0f} over {len(restarts)} models" if len(restarts) else ""


def _checks(board: Board, name: str, *tasks: str) -> Models:
    tables = (check(name).values(board, task) for task in tasks)
    return np.concatenate([np.empty(0), *(table.to_numpy().ravel() for table in tables)])


# ---- SIG ---------------------------------------------------------------------------------------------------------


def sweep_ends(board: Board) -> Outcome:
    """Mean scores on games at both ends of each sweep."""
    swept = board.units[board.units["sweep"] != ""]
    swept = swept[swept["column"].astype(str) == swept["task"].astype(str).map(board.game_columns)]
    texts = []
    for (task, option), points in swept.groupby(["task", "option"], observed=True, sort=False):
        line = points.groupby("value", sort=False)["score"].mean()
        ends = (f"{format_number(line.iloc[at])} at {str(line.index[at]).removesuffix('.0')}" for at in (0, -1))
        texts.append(f"{option} on {task}: {', '.join(ends)}")
    return listed(texts)


def runtimes(board: Board) -> Outcome:
    """Seconds per explicand on games."""
    methods = [name for name in SIG_AND_ZERO if name in board.methods.index]
    costs = [(task, name, board.cost_and_coverage(task, name)) for task in board.game_columns for name in methods]
    return listed(
        f"{name} {format_seconds(cost['seconds'])} s for {format_number(cost['rows'], whole=True)} rows on {task}"
        for task, name, cost in costs
        if cost["ok"]
    )


def removal(*, patches: bool) -> Outcomes:
    """iAccuracy, where the squares around the pixels are removed with them, or not."""

    def outcome(board: Board) -> Outcome:
        facts = rows_of(board.columns[board.columns["metric"] == "iaccuracy"])
        chosen = [(row["task"], row["column"]) for row in facts if bool(row["options"].get("patch")) == patches]
        return listed(mean_scores(name, task, board.scores(task, name), SIG_AND_ZERO) for task, name in chosen)

    return outcome


def directions(board: Board) -> list[str]:
    """Labels of SIG in every direction that the suite has."""
    choices = [choice for choice in board.run.manifest.suite.methods if choice.name == "sig-game"]
    return [choice.label for choice in choices if choice.options.keys() <= {"direction"}]


# ---- ICG ---------------------------------------------------------------------------------------------------------


def printed_shap(board: Board) -> Outcome:
    """The closed form would have to round to what is printed."""
    shaps = [shown for task in tasks_of(board, TWO_FEATURE) for shown in truths(board, task).get("shap", {}).values()]
    values = {float(shap[0, 0]) for shap in shaps}
    agree = all(round(value, 2) == PRINTED_AT_A for value in values)
    return listed((f"{format_number(value)} by the closed form" for value in values), HELD if agree else NOT_HELD)


def errors(board: Board) -> Outcome:
    """How far methods are from the closed forms that they estimate."""
    return listed(text for task in tasks_of(board, TWO_FEATURE) for text in _errors_on(board, task))


def _errors_on(board: Board, task: str) -> Iterator[str]:
    forms = {name: stacked(shown).mean(0) for name, shown in truths(board, task).items()}
    for method, shown in maps(board, task).items():
        if (form := ESTIMATES.get(method, "")) in forms:
            error = float(np.abs(stacked(shown) - forms[form]).max())
            yield f"{method} within {format_number(error)} of {CLOSED_FORMS[form]}"


def printed_eg(board: Board) -> Outcome:
    """Whether the printed value lies between the smallest and the largest over the models."""
    by_task = {task: _eg_over_models(board, task) for task in tasks_of(board, MINIMUM, **PROBABILITY)}
    found = {task: values for task, values in by_task.items() if len(values)}
    texts = (f"{with_ends(values)} over {len(values)} models on {task}" for task, values in found.items())
    return listed(texts, together([_between(PRINTED_OF_EG, values) for values in found.values()]))


def _eg_over_models(board: Board, task: str) -> Models:
    shown = maps(board, task).get("expected-gradients", {})
    at = np.isclose(first_shown(board, task), EG_AT)
    return np.asarray(by_maximum(stacked(shown)[:, 0])[:, at].ravel() if shown else np.empty(0))


def _between(value: float, values: Models) -> str:
    if len(values) < 2:
        return UNDECIDED
    return HELD if values.min() <= value <= values.max() else NOT_HELD


def saliency_maps(board: Board) -> Outcome:
    """How many methods have maps of pictures."""
    pictures = dict.fromkeys(p.task for p in board.run.problems if p.shown_inputs is not None and len(p.features) == 3)
    return listed(f"{len(found)} methods on {task}" for task in pictures if (found := maps(board, task)))
