"""From a run's records to tables: what every method scored on every task, and how sure that is.

A *unit* is an explicand of a repetition, and belongs to a trained model: means, intervals, ranks and paired tests are
over models (``benchmarks.board.statistics``). *Spread* is the standard deviation of the means of the repetitions.
Sweeps are kept apart: they are drawn, never ranked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from benchmarks.board import statistics
from benchmarks.board.frames import COSTS, make_cells, make_columns, make_units, name_model, number_models
from benchmarks.board.paired_tests import PairedTests, judge_family, judge_task, order_methods
from benchmarks.run.records import ProblemRecord, Run
from benchmarks.run.suite import TaskChoice
from sig.plugins import Registry

Features = Float[np.ndarray, "shown *features"]
Maps = Float[np.ndarray, "shown *places"]  # ``CellRecord.maps``: of each feature, or of fewer places

STATUSES: Final = ["ok", "skipped", "failed", "missing"]
GROUP: Final = ["task", "method", "budget", "headline", "column"]


@dataclass(frozen=True)
class AttributionMaps:
    """The explicands of a problem that figures show, and what each method attributed to them.

    Attributes:
        problem: its record.
        inputs: the explicands; NaN throughout where they are withheld.
        maps: the attributions by method, in the order of ``Board.methods``, as ``CellRecord.maps`` has them.
    """

    problem: ProblemRecord
    inputs: Features
    maps: Mapping[str, Maps]


@dataclass(frozen=True)
class Board:
    """A run as tidy frames; tasks, methods and columns are categories in the order of the suite.

    Attributes:
        run: the records.
        cells: one row per cell record: ``task, repetition, method, family, control, budget, headline, sweep, option,
            value, status, reason, distance, options``, and per explicand ``rows`` (forward), ``backward_rows``, their
            sum ``cost``, and ``seconds``; of the whole batch ``peak_bytes`` (``sig.registry.Cost``).
        units: one row per score: ``column, explicand, score``, of its cell ``task, repetition, method, budget,
            headline, sweep, option, value``, and its ``model``, a number.
        columns: one row per task and column of scores: ``task, column, metric, truth, better, range, unit, curve,
            judges, options``.
    """

    run: Run
    cells: pd.DataFrame
    units: pd.DataFrame
    columns: pd.DataFrame

    @cached_property
    def methods(self) -> pd.DataFrame:
        """``family`` and ``control`` by method: families in the order in which they first come, controls last."""
        facts = self.cells[self.cells["headline"]].drop_duplicates("method")[["method", "family", "control"]]
        number = facts.groupby("family", sort=False).ngroup()
        order = facts.assign(number=number).sort_values(["control", "number"], kind="stable")
        return order.drop(columns="number").set_index("method")

    @cached_property
    def controls(self) -> frozenset[str]:
        """Methods that do not see the model."""
        return frozenset(self.methods.index[self.methods["control"]])

    @cached_property
    def facts(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The rows of ``columns``, by task and column."""
        return {(row["task"], row["column"]): row for row in list_rows(self.columns)}

    @cached_property
    def tasks(self) -> dict[str, TaskChoice]:
        """The tasks of the suite, by name."""
        return {task.name: task for task in self.run.manifest.suite.tasks}

    def judges(self, task: str) -> list[str]:
        """The columns that judge methods on a task; the first one orders its board."""
        chosen = self.columns[(self.columns["task"] == task) & self.columns["judges"]]
        return chosen["column"].tolist()

    @cached_property
    def first_judges(self) -> dict[str, str]:
        """The first judging column, by task."""
        return {task: judges[0] for task in self.columns["task"].unique() if (judges := self.judges(task))}

    @cached_property
    def models(self) -> list[ProblemRecord]:
        """The first problem of every model that there is, in the order of the suite.

        A model is known by its checkpoint, or its weights where it was not trained, since several tasks may explain
        one; a task that states neither explains one model in all its repetitions.
        """
        first: dict[str, ProblemRecord] = {}
        for problem in self.run.problems:
            if problem.status == "ok":
                first.setdefault(name_model(problem), problem)
        return list(first.values())

    def find_models(self, task: str, units: pd.Index) -> Int[np.ndarray, " units"]:
        """The number of the model of each unit of a task, given by a level "repetition" of an index of units."""
        known = self._model_numbers
        return np.array([known[task, repetition] for repetition in units.get_level_values("repetition")], dtype=int)

    @cached_property
    def _model_numbers(self) -> dict[tuple[str, int], int]:
        return number_models(self.run)

    @cached_property
    def same_as(self) -> dict[str, str]:
        """Methods that are another implementation of one in the run, by the label of that one; they are not ranked."""
        labels = self._labels
        return {cell.label: labels[cell.same_as][0] for cell in self.run.cells if cell.same_as in labels}

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        """The labels of each registered method, in the order of the suite."""
        labels: dict[str, list[str]] = {}
        for name, label in dict.fromkeys((cell.method, cell.label) for cell in self.run.cells):
            labels.setdefault(name, []).append(label)
        return labels

    def exact(self, task: str, column: str) -> frozenset[str]:
        """The methods that compute the truth of a column; they are not ranked by it."""
        return self._exact.get((task, column), frozenset())

    @cached_property
    def _exact(self) -> dict[tuple[str, str], frozenset[str]]:
        names: dict[tuple[str, str], set[str]] = {}  # by task and truth
        for problem in self.run.problems:
            for truth, exact in problem.exact.items():
                names.setdefault((problem.task, truth), set()).update(exact)
        labels = {truth: frozenset(x for name in of for x in self._labels.get(name, ())) for truth, of in names.items()}
        none: frozenset[str] = frozenset()
        return {key: labels.get((row["task"], row["truth"]), none) for key, row in self.facts.items()}

    def has_too_few_units(self, task: str, column: str) -> bool:
        """Whether no method is scored on as many independent units as ties with the best need."""
        scores = self.scores(task, column)
        units = statistics.count_independent(scores.to_numpy(), self.find_models(task, scores.columns))
        return bool(max(units, default=0) < statistics.ENOUGH)

    def first_scores(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a frame with ``task`` and ``column`` that are about a task's first judging column."""
        return frame[frame["column"].astype(str) == frame["task"].astype(str).map(self.first_judges)]

    @cached_property
    def shown(self) -> dict[str, list[AttributionMaps]]:
        """By task, the maps of each repetition; tasks without a map of any method are left out."""
        maps: dict[str, dict[str, Maps]] = {}
        for cell in self.run.cells:
            if cell.maps is not None:
                maps.setdefault(cell.problem, {})[cell.label] = cell.maps.decode()
        found: dict[str, list[AttributionMaps]] = {}
        for problem in self.run.problems:
            of_problem = maps.get(problem.key, {})
            inputs = _decode_inputs(problem)
            if inputs is not None and of_problem:
                ordered = {method: of_problem[method] for method in self.methods.index if method in of_problem}
                found.setdefault(problem.task, []).append(AttributionMaps(problem, inputs, ordered))
        return found

    def scores(self, task: str, column: str) -> pd.DataFrame:
        """Scores at the headline budget, a row per method and a column per unit; NaN where undefined or not there."""
        chosen = self._headline_units.get((task, column), self.units.iloc[:0])
        table = chosen.pivot(index="method", columns=["repetition", "explicand"], values="score")
        return table.reindex([method for method in self.methods.index if method in table.index])

    @cached_property
    def _headline_units(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Units at the headline budget, by task and column."""
        groups = self.units[self.units["headline"]].groupby(["task", "column"], observed=True)
        return {(str(task), str(column)): units for (task, column), units in groups}

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """By task and method, how many cells at the headline budget are ``ok, skipped, failed, missing``.

        With the ``reason`` of the first that is not ok, mean ``rows, backward_rows, cost, seconds`` per explicand, and
        mean ``peak_bytes``.
        """
        suite = self.run.manifest.suite
        keys = ["task", "method"]
        index = pd.MultiIndex.from_product(
            [[task.name for task in suite.tasks], [choice.label for choice in suite.methods]], names=keys
        )
        headline = self.cells[self.cells["headline"]].astype({"task": str, "method": str})
        counts = headline.groupby([*keys, "status"]).size().unstack().reindex(index, columns=STATUSES).fillna(0)
        planned = index.get_level_values("task").map({task.name: task.repetitions for task in suite.tasks})
        counts["missing"] = planned - counts.sum(axis=1)
        reasons = headline[headline["status"] != "ok"].groupby(keys)["reason"].first()
        return counts.astype(int).join(headline.groupby(keys)[COSTS].mean()).join(reasons).fillna({"reason": ""})

    def cost_and_coverage(self, task: str, method: str) -> dict[str, Any]:
        """The row of ``coverage`` of a method on a task."""
        return self._coverage_rows[task, method]

    def over_budget(self, task: str, method: str) -> int | None:
        """The headline budget, where the method used more model rows than that, forward and backward together."""
        budget = self.tasks[task].headline
        return budget if self.cost_and_coverage(task, method)["cost"] > budget else None

    def ranked_scores(self, task: str, column: str) -> pd.DataFrame:
        """``scores`` of the methods that are ranked by a column.

        Not ranked is what spent more than the budget, what computes the column's truth, and what is another
        implementation of a method in the run.
        """
        scores = self.scores(task, column)
        exact = self.exact(task, column)
        chosen = [
            method not in exact and method not in self.same_as and self.over_budget(task, method) is None
            for method in scores.index.astype(str)
        ]
        return scores[chosen]

    @cached_property
    def _coverage_rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["task"], row["method"]): row for row in list_rows(self.coverage.reset_index())}

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per task, method, budget and column.

        The ``mean`` over models with its 95 % interval ``low, high``, from the numbers of ``models`` and ``units`` that
        are scored (``benchmarks.board.statistics.mean_interval``); ``spread``; how many units are ``undefined``; mean
        ``rows, backward_rows, cost, seconds`` per explicand and ``peak_bytes``; the ``distance`` from the method's own
        limit and the ``options`` that it ran with. For judging columns at the headline budget also the ``rank``, 1
        being the best, its 95 % interval ``rank_low, rank_high``, and ``tied``: no test tells the method from the best
        (never of a control). What is not among ``ranked_scores`` has no rank.
        """
        scored = self.units[self.units["sweep"] == ""]
        grouped = scored.groupby(GROUP, observed=True, dropna=False)["score"]
        per_repetition = scored.groupby([*GROUP, "repetition"], observed=True, dropna=False)["score"].mean()
        table = measure_intervals(scored, GROUP, self._limits)
        table["spread"] = per_repetition.groupby(level=GROUP, observed=True, dropna=False).std()
        table["undefined"] = grouped.size() - table["units"]
        plain = self.cells[self.cells["sweep"] == ""].groupby(GROUP[:-1], observed=True, dropna=False)
        about = plain[[*COSTS, "distance"]].mean().join(plain["options"].first())
        table = table.reset_index().merge(about.reset_index(), on=GROUP[:-1])
        return table.merge(self._ranks, on=["task", "method", "headline", "column"], how="left")

    @cached_property
    def _limits(self) -> dict[tuple[str, str], statistics.Limits]:
        """The range of the scores, by task and column."""
        return {key: tuple(row["range"]) for key, row in self.facts.items()}

    @cached_property
    def _ranks(self) -> pd.DataFrame:
        parts = []
        for fact in list_rows(self.columns[self.columns["judges"]]):
            task, column = fact["task"], fact["column"]
            scores = self.ranked_scores(task, column)
            if scores.empty:
                continue
            ranking = statistics.ranks(scores.to_numpy(), self.find_models(task, scores.columns), better=fact["better"])
            part = pd.DataFrame({"method": scores.index.astype(str), "rank": ranking.rank})
            part["rank_low"], part["rank_high"] = ranking.low, ranking.high
            part["tied"] = ranking.tied & ~part["method"].isin(self.controls)
            parts.append(part.assign(task=task, headline=True, column=column))
        names = ["task", "method", "headline", "column", "rank", "rank_low", "rank_high", "tied"]
        return pd.concat([pd.DataFrame(columns=names), *parts])

    def compare_methods(self, task: str, scores: pd.DataFrame) -> pd.DataFrame:
        """``judge_task`` of scores by the first judging column, on units of a task."""
        better = self.facts[task, self.first_judges[task]]["better"]
        return judge_task(scores, self.find_models(task, scores.columns), better)

    @cached_property
    def results(self) -> dict[str, pd.DataFrame]:
        """By task, the results of all paired tests of the methods ranked there, by the first judging column."""
        return {
            task: self.compare_methods(task, self.ranked_scores(task, column))
            for task, column in self.first_judges.items()
        }

    @cached_property
    def paired_tests(self) -> dict[str, PairedTests]:
        """By family of tasks, the paired tests of all methods at the headline budget."""
        tasks: dict[str, list[pd.DataFrame]] = {}
        for name, task in self.tasks.items():
            if name in self.first_judges:
                tasks.setdefault(task.family, []).append(self.results[name])
        return {family: self.combine_results(results) for family, results in tasks.items()}

    def combine_results(self, tasks: list[pd.DataFrame]) -> PairedTests:
        """``judge_family`` of the results on these tasks, in the order of ``methods``."""
        found = judge_family(tasks)
        there = [method for method in self.methods.index.astype(str) if method in found.index]
        return PairedTests(found.reindex(there, columns=there), self.controls)

    @cached_property
    def overall(self) -> pd.DataFrame:
        """``benchmarks.board.paired_tests.order_methods``, with ``family`` and ``control`` of the methods."""
        table = order_methods(list(self.paired_tests.values()))
        return table.merge(self.methods.reset_index().astype({"method": str}), on="method", how="left")


def measure_intervals(
    scored: pd.DataFrame, by: list[str], limits: Mapping[tuple[str, str], statistics.Limits]
) -> pd.DataFrame:
    """The mean and its 95 % interval, ``mean, low, high, models, units``, of the units in each group.

    ``limits`` are those of the scores by task and column.
    """
    groups = scored.groupby(by, observed=True, dropna=False)
    sizes = groups.size()
    members = np.split(np.argsort(groups.ngroup().to_numpy(), kind="stable"), np.cumsum(sizes)[:-1])
    scores, models = scored["score"].to_numpy(), scored["model"].to_numpy()
    tasks, columns = (scored[name].to_numpy() for name in ("task", "column"))
    found = [
        statistics.mean_interval(scores[at], models[at], limits=limits[tasks[at[0]], columns[at[0]]])
        for at in members
        if len(at)
    ]
    return pd.DataFrame(found, index=sizes.index, columns=["mean", "low", "high", "models", "units"])


def list_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, by column."""
    return cast(list[dict[str, Any]], frame.to_dict("records"))


def find_option(registry: Registry[Any], name: str, chosen: Mapping[str, Any], option: str) -> Any:
    """An option of the entry of that name, as chosen, else its default; None where there is none.

    A run may hold what nothing is registered for, as its plug-in is not loaded; then what was chosen is all there is.
    """
    entry = next((entry for entry in registry if entry.name == name), None)
    return entry.option(chosen, option) if entry else chosen.get(option)


def aggregate(run: Run) -> Board:
    """The leaderboard of a run, of whatever part of its records is there."""
    columns = make_columns(run)
    cells = make_cells(run)
    return Board(run, cells, make_units(run, cells, columns), columns)


def _decode_inputs(problem: ProblemRecord) -> Features | None:
    if problem.inputs_withheld:
        return np.full((len(problem.shown), *problem.features), np.nan, dtype="<f4")
    return None if problem.shown_inputs is None else problem.shown_inputs.decode()
