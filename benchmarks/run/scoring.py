"""Attribute, measure, score: from a problem and a cell to what the cell's record holds."""

import math
import random
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from textwrap import shorten

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.run.fields import ColumnFacts, EncodedArray, Provenance
from benchmarks.run.figure_data import make_maps
from benchmarks.run.records import CellRecord, CellSpec
from benchmarks.run.suite import MetricChoice
from datasets.problem import Problem
from sig.explicand import Explicand
from sig.guard import AttributionResult, Guard
from sig.metrics.regions import part_shares
from sig.registry import Cost, Metric, NotApplicable, Trial, methods, metrics
from training.seeds import derive_seed


@dataclass(frozen=True)
class EarlierResult:
    """A cell's record from an earlier run, whose unchanged columns are kept, and its attribution, as far as there."""

    record: CellRecord | None = None
    attributed: AttributionResult | None = None


@dataclass(frozen=True)
class GuardedProblem:
    """A problem, and the guard that keeps every cell from touching it."""

    problem: Problem
    guard: Guard

    @classmethod
    def of(cls, problem: Problem) -> "GuardedProblem":
        """The problem with a guard of all of it."""
        truths = {f"truth {name!r}": truth for name, truth in problem.truths.items()}
        regions = {f"region {name!r}": region for name, region in problem.regions.items()}
        return cls(problem, Guard(problem.explicand, {**truths, **regions}))


def attribute(guarded: GuardedProblem, cell: CellSpec) -> AttributionResult:
    """The attribution that the cell asks for.

    Raises:
        Exception: whatever the method raises, ``NotApplicable`` where it has no meaning for the problem,
            ``Interference`` where it breaks the rules.
    """
    seed_global_generators(cell.method_seed)
    generator = torch.Generator().manual_seed(cell.method_seed)
    return guarded.guard.attribute(methods[cell.method], cell.options, generator=generator, budget=cell.budget)


def attribute_again(guarded: GuardedProblem, cell: CellSpec, other: Explicand) -> Tensor:
    """The attribution of another explicand by the cell's method, with its options and its seed, for a metric."""
    seed_global_generators(cell.method_seed)
    generator = torch.Generator().manual_seed(cell.method_seed)
    return guarded.guard.attribute_again(methods[cell.method], cell.options, other, generator=generator)


def score(
    guarded: GuardedProblem,
    cell: CellSpec,
    found: AttributionResult,
    where: Provenance,
    before: CellRecord | None = None,
) -> CellRecord:
    """The cell's record.

    Columns of metrics that have not changed since the record ``before`` are taken from there. A metric that raises
    fails the cell; the others are kept.
    """
    problem, columns = guarded.problem, _ScoreColumns()
    kept = find_unchanged(before, cell)
    for choice in cell.metrics:
        if before is not None and choice.label in kept:
            columns.keep(before, choice.label)
            continue
        for column, truth in _columns_of(choice, problem):
            seed_global_generators(cell.problem_seed)
            columns.add(column, truth, choice, guarded, found, cell)
    record = columns.make_record(cell, where, found.cost)
    if not cell.headline:
        return record.model_copy(update={"curves": {}})
    of_parts = share_among_regions(found.attribution, problem)
    return record.model_copy(update={"maps": make_maps(found.attribution, problem), "part_shares": of_parts})


def find_unchanged(before: CellRecord | None, cell: CellSpec) -> set[str]:
    """Labels of the cell's metrics whose columns the record has, under the same keys, and the curves that it needs."""
    if before is None or before.status == "failed":
        return set()
    curved = {facts.label for facts in before.facts.values() if facts.curve}
    without = curved if cell.headline and not before.headline else set()
    return {label for label, key in cell.metric_keys.items() if before.metric_keys.get(label) == key} - without


def carry_over(before: CellRecord, cell: CellSpec) -> CellRecord | None:
    """The cell's record where the one before holds all of it, so that there is nothing to compute."""
    if before.status == "failed" or before.attribution_key != cell.attribution_key:
        return None
    if before.status == "skipped":
        return before.model_copy(update=dict(cell))
    if len(find_unchanged(before, cell)) < len(cell.metrics) or before.headline != cell.headline:
        return None
    columns = _ScoreColumns()
    for choice in cell.metrics:
        columns.keep(before, choice.label)
    record = columns.make_record(cell, before.provenance, before.cost)
    return record.model_copy(update={"maps": before.maps, "part_shares": before.part_shares})


def share_among_regions(
    attribution: Float[Tensor, "batch *features"], problem: Problem
) -> dict[str, list[float | None]]:
    """``part_shares`` of the problem's regions, for a record; none where it marks none."""
    shares = part_shares(attribution.to(problem.explicand.device), problem.regions) if problem.regions else {}
    return {part: [to_number(value) for value in of_part.tolist()] for part, of_part in shares.items()}


def describe_error(error: BaseException) -> str:
    """Kind and message of an error, or the reason that a ``NotApplicable`` gives; shortened where it is very long."""
    text = str(error) if isinstance(error, NotApplicable) else f"{type(error).__name__}: {error}"
    return _make_storable(shorten(text, 300)) or "not applicable (no reason given)"


def describe_traceback(error: BaseException) -> str:
    """Where an error comes from, line by line, as Python prints it."""
    return _make_storable("".join(traceback.format_exception(error)))


def _make_storable(text: str) -> str:
    """Half characters, which no file can hold in UTF-8, as their codes."""
    return text.encode("utf-8", "backslashreplace").decode()


def to_number(value: float | int) -> float | None:
    """A number for a record: None for NaN.

    Raises:
        ValueError: on infinity, which is neither a score nor undefined.
    """
    if math.isinf(value):
        raise ValueError(f"got {value}, expected a finite number or NaN; look for a division by zero")
    return None if math.isnan(value) else float(value)


@dataclass
class _ScoreColumns:
    """The columns of scores of one cell, as they come in."""

    scores: dict[str, list[float | None]] = field(default_factory=dict)
    curves: dict[str, EncodedArray] = field(default_factory=dict)
    metric_notes: dict[str, str] = field(default_factory=dict)
    facts: dict[str, ColumnFacts] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def add(
        self,
        column: str,
        truth: str,
        choice: MetricChoice,
        guarded: GuardedProblem,
        found: AttributionResult,
        cell: CellSpec,
    ) -> None:
        metric, problem = metrics[choice.name], guarded.problem
        e, truths, regions = problem.explicand, problem.truths, problem.regions
        change = None if found.change is None else found.change.to(e.device)
        paths = None if found.paths is None else (found.paths[0].to(e.device), found.paths[1].to(e.device))
        attribution, again = found.attribution.to(e.device), partial(attribute_again, guarded, cell)
        trial = Trial(e, attribution, found.cost, truths.get(truth), regions, change, paths, attribute=again)
        seed = derive_seed("metric", cell.problem_seed, column)
        generator = torch.Generator().manual_seed(seed) if metric.draws else None
        self.facts[column] = _facts(metric, choice, truth)
        try:
            values = guarded.guard.score(metric, trial, choice.options, generator=generator)
            self.scores[column] = [to_number(value) for value in (values.mean(1) if metric.curve else values).tolist()]
            if metric.curve:
                self.curves[column] = EncodedArray.of(values)
        except NotApplicable as reason:
            self.metric_notes[column] = describe_error(reason)
        except Exception as error:
            message = f"metric {column}: {describe_error(error)}"
            self.metric_notes[column] = message
            self.errors.append((message, describe_traceback(error)))

    def keep(self, before: CellRecord, label: str) -> None:
        """Take over the columns of a metric from an earlier record."""
        for column in (name for name, facts in before.facts.items() if facts.label == label):
            self.facts[column] = before.facts[column]
            for mine, theirs in (
                (self.scores, before.scores),
                (self.curves, before.curves),
                (self.metric_notes, before.metric_notes),
            ):
                if column in theirs:
                    mine[column] = theirs[column]  # type: ignore[assignment]

    def make_record(self, cell: CellSpec, where: Provenance, cost: Cost | None) -> CellRecord:
        return CellRecord(
            **dict(cell),
            status="failed" if self.errors else "ok",
            reason="; ".join(message for message, _ in self.errors),
            traceback="\n".join(trace for _, trace in self.errors),
            scores=self.scores,
            curves=self.curves,
            metric_notes=self.metric_notes,
            facts=self.facts,
            cost=cost,
            provenance=where,
        )


def _columns_of(choice: MetricChoice, problem: Problem) -> Iterator[tuple[str, str]]:
    """Column names, each with the truth it scores against: one for each truth where the metric wants one."""
    if metrics[choice.name].against_truth and problem.truths:
        yield from ((f"{choice.label}_{truth}", truth) for truth in problem.truths)
    else:
        yield choice.label, ""


def _facts(metric: Metric, choice: MetricChoice, truth: str) -> ColumnFacts:
    return ColumnFacts(
        label=choice.label,
        metric=metric.name,
        options=choice.options,
        truth=truth,
        better=metric.better,
        range=metric.range,
        unit=metric.unit,
        source=metric.source,
        curve=metric.curve,
        judges=metric.judges,
    )


def seed_global_generators(seed: int) -> None:
    """Plug-ins and other libraries may draw from global generators; their scores too must not depend on the worker."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - it is the global generator that is meant
    random.seed(seed)
