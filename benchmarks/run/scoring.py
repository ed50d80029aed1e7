"""Attribute, measure, score: from a problem and a cell to what the cell's record holds."""

import math
import random
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

import numpy as np
import torch

from benchmarks.run.records import CellSpec, ColumnFacts, EncodedArray
from benchmarks.run.suite import MetricChoice
from datasets.problem import Problem
from sig.explicand import Tally
from sig.metrics.runtime import measure
from sig.registry import Metric, NotApplicable, Trial, methods, metrics


def score(problem: Problem, cell: CellSpec) -> dict[str, Any]:
    """The outcome fields of the cell's ``CellRecord``. A metric that raises fails the cell; the others are kept.

    Raises:
        Exception: whatever the method raises, ``NotApplicable`` where it has no meaning for the problem.
    """
    e = problem.explicand.with_tally(Tally())
    method, generator = methods[cell.method], torch.Generator().manual_seed(cell.method_seed)
    _seed_global_generators(cell.method_seed)
    attribution, cost = measure(e, lambda e: method(e, generator=generator, **cell.options))
    columns = _Columns()
    for choice in cell.metrics:
        for column, truth in _columns_of(choice, problem):
            columns.add(column, truth, choice, Trial(e, attribution, cost, problem.truths.get(truth), problem.regions))
    shown = list(problem.shown) if cell.headline else []
    return {**columns.outcome(), "cost": cost, "maps": EncodedArray.of(attribution[shown].cpu()) if shown else None}


def one_line(error: BaseException) -> str:
    """Kind and message of an error, or the reason that a ``NotApplicable`` gives; shortened where it is very long."""
    text = str(error) if isinstance(error, NotApplicable) else f"{type(error).__name__}: {error}"
    return shorten(text, 300)


def number(value: float) -> float | None:
    """A number for a record: None for NaN.

    Raises:
        ValueError: on infinity, which is neither a score nor undefined.
    """
    if math.isinf(value):
        raise ValueError(f"got {value}, expected a finite number or NaN; look for a division by zero")
    return None if math.isnan(value) else float(value)


@dataclass
class _Columns:
    """The columns of scores of one cell, as they come in."""

    scores: dict[str, list[float | None]] = field(default_factory=dict)
    curves: dict[str, EncodedArray] = field(default_factory=dict)
    metric_notes: dict[str, str] = field(default_factory=dict)
    facts: dict[str, ColumnFacts] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def add(self, column: str, truth: str, choice: MetricChoice, trial: Trial) -> None:
        metric = metrics[choice.name]
        self.facts[column] = _facts(metric, choice, truth)
        try:
            values = metric(trial, **choice.options)
            self.scores[column] = [number(value) for value in (values.mean(1) if metric.curve else values).tolist()]
            if metric.curve:
                self.curves[column] = EncodedArray.of(values)
        except NotApplicable as reason:
            self.metric_notes[column] = one_line(reason)
        except Exception as error:
            message = f"metric {column}: {one_line(error)}"
            self.metric_notes[column] = message
            self.errors.append((message, "".join(traceback.format_exception(error))))

    def outcome(self) -> dict[str, Any]:
        return {
            "status": "failed" if self.errors else "ok",
            "reason": "; ".join(message for message, _ in self.errors),
            "traceback": "\n".join(trace for _, trace in self.errors),
            "scores": self.scores,
            "curves": self.curves,
            "metric_notes": self.metric_notes,
            "facts": self.facts,
        }


def _columns_of(choice: MetricChoice, problem: Problem) -> Iterator[tuple[str, str]]:
    """Column names, each with the truth it scores against: one for each truth where the metric wants one."""
    if metrics[choice.name].against_truth and problem.truths:
        yield from ((f"{choice.label}_{truth}", truth) for truth in problem.truths)
    else:
        yield choice.label, ""


def _facts(metric: Metric, choice: MetricChoice, truth: str) -> ColumnFacts:
    return ColumnFacts(
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


def _seed_global_generators(seed: int) -> None:
    """Plug-ins and other libraries may draw from global generators; their scores too must not depend on the worker."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - it is the global generator that is meant
    random.seed(seed)
