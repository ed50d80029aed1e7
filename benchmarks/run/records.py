"""Records of problems, allocations and cells, and a run's manifest. ``benchmarks.run.storage`` keeps them on disk."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import pydantic

from benchmarks.run.fields import STRICT, ColumnFacts, EncodedArray, Provenance, SweepPoint
from benchmarks.run.suite import MetricChoice, Suite
from sig.registry import Cost

SCHEMA_VERSION: Final = 5


class Document(pydantic.BaseModel):
    """A JSON document on disk. Unknown fields are refused, so that one of another version is never half understood."""

    model_config = STRICT


Number = Annotated[float, pydantic.Field(allow_inf_nan=False)] | None  # None stands for an undefined score


class Position(NamedTuple):
    """Where a cell stands in the plan of a suite, whatever its code; ``point`` is that of a sweep, empty for none."""

    task: str
    repetition: int
    label: str
    budget: int | None
    point: str

    def __str__(self) -> str:
        spent = f", {self.budget:,} rows" if self.budget else ""
        return f"{self.label} on {self.task}, repetition {self.repetition}{spent}{self.point and f', {self.point}'}"


class ProblemSpec(Document):
    """One repetition of a task, and the seed of its data, model and background: never the method's business.

    ``key`` is a hash of all the rest and of the sources that decide it.
    """

    task: str
    kind: str
    task_options: dict[str, Any]
    repetition: int
    problem_seed: int
    key: str

    def __str__(self) -> str:
        return f"problem {self.task}, repetition {self.repetition}"

    @property
    def position(self) -> tuple[str, int]:
        """Where it stands in the plan of a suite, whatever its code: task and repetition."""
        return self.task, self.repetition

    @property
    def file(self) -> str:
        """Path inside the run folder."""
        return f"problems/{self.task}/{self.repetition}-{self.key[:8]}.json"


class ProblemRecord(ProblemSpec):
    """A problem as it was prepared, or why it could not be.

    Attributes:
        status: failed when it could not be prepared; then its cells are failed too, with the same ``reason``.
        checks: measured of the trained model, by name.
        truths: true attributions by name, one list of player values for each explicand.
        exact: by truth, names of the methods that compute it.
        series: tables of numbers for figures by name, each of columns by name, equally long; the first one is the axis.
        explicands: how many there are.
        features: shape of one input.
        players: how many there are.
        shown: indices of the explicands whose attributions figures show; of pictures in colour the first four alone.
        shown_inputs: those explicands, ``(shown, *features)``.
        inputs_withheld: whether these were left out when they were published, since others have rights in them.
        shown_targets: the output explained of each.
        shown_predictions: the largest output of each; 0 for a model with one output.
        targets: the output explained, of every explicand.
        even_shares: the share of the features on each part of the regions, for every explicand; by part.
        seconds: to prepare it, training included unless the checkpoint was there.
    """

    schema_version: Literal[5] = SCHEMA_VERSION
    status: Literal["ok", "failed"]
    reason: str = ""
    traceback: str = ""
    checks: dict[str, Number] = {}
    truths: dict[str, list[list[float]]] = {}
    exact: dict[str, list[str]] = {}
    series: dict[str, dict[str, list[Number]]] = {}
    explicands: int = 0
    features: tuple[int, ...] = ()
    players: int = 0
    shown: list[int] = []
    shown_inputs: EncodedArray | None = None
    inputs_withheld: bool = False
    shown_targets: list[int] = []
    shown_predictions: list[int] = []
    targets: list[int] = []
    even_shares: dict[str, list[Number]] = {}
    seconds: float = 0.0
    provenance: Provenance


class AllocationSpec(Document):
    """A search for the best allocation of each budget of a task for one method, on inputs that are not scored, of the
    task's first problem.

    Attributes:
        problem: key of that problem.
        label: the method's name on the leaderboard.
        method: its registered name.
        options: those that are chosen already; the others keep their defaults.
        budgets: to be allocated.
        limit: the budget at which the method is taken to be at its limit.
        seed: of the generators passed to the method.
        key: hash of all that decides the record.
    """

    task: str
    problem: str
    label: str
    method: str
    options: dict[str, Any]
    budgets: list[int]
    limit: int
    seed: int
    key: str

    @property
    def file(self) -> str:
        """Path inside the run folder."""
        return f"allocations/{self.task}/{slugify(self.label)}-{self.key[:8]}.json"


class Allocation(Document):
    """One way to spend a budget, and the median ``distance`` from the method's limit, relative to that, which it leads
    to; None where the limit is zero, or it cannot be spent so, for a ``reason``."""

    budget: int
    options: dict[str, int]
    distance: Number
    reason: str = ""


class AllocationRecord(AllocationSpec):
    """The allocations of a method's budgets that were tried, or why none was.

    Attributes:
        status: ``skipped`` when the method has no meaning for the task, ``failed`` when it raised.
        reason: why, in one line.
        inputs: how many inputs were attributed.
        limit_options: with which the limit was computed.
        tried: every allocation, budget by budget.
    """

    schema_version: Literal[5] = SCHEMA_VERSION
    status: Literal["ok", "skipped", "failed"]
    reason: str = ""
    traceback: str = ""
    inputs: int = 0
    limit_options: dict[str, int] = {}
    tried: list[Allocation] = []
    provenance: Provenance

    def choose(self, budget: int) -> Allocation | None:
        """The allocation of a budget that comes closest to the limit, the first of equals; None where none is known."""
        known = [
            allocation for allocation in self.tried if allocation.budget == budget and allocation.distance is not None
        ]
        return min(known, key=lambda allocation: allocation.distance or 0.0, default=None)


class CellSpec(Document):
    """One cell: task x repetition x method x budget, or one point of a sweep.

    Attributes:
        problem: key of the problem it belongs to.
        label: the method's name on the leaderboard.
        method: its registered name.
        family, source, control, same_as: its facts.
        options: those passed to it, the budget's included; the others keep their defaults.
        budget: model rows per explicand it may spend; None where the method has one cost of its own, or in a sweep.
        distance: how far the method is from its own limit with these options, as found with the allocation of the
            budget; None where it has no budget, or that is not known.
        headline: whether the leaderboard ranks on it: the last budget, or a method's one cost; never a sweep.
        sweep: where the cell stands in a sweep, if it is part of one.
        metrics: the scores asked for.
        method_seed: of the generator passed to the method.
        attribution_key: hash of all that decides the attribution: the problem, the method with its options, seed and
            budget, and its code.
        metric_keys: by the label of each metric, hash of all that decides its scores: the attribution and the metric
            with its options and its code.
        key: hash of all that decides the record.
    """

    task: str
    kind: str
    task_options: dict[str, Any]
    repetition: int
    problem: str
    label: str
    method: str
    family: str
    source: str
    control: bool
    same_as: str = ""
    options: dict[str, Any]
    budget: int | None
    distance: Number = None
    headline: bool
    sweep: SweepPoint | None
    metrics: list[MetricChoice]
    problem_seed: int
    method_seed: int
    attribution_key: str
    metric_keys: dict[str, str]
    key: str

    def __str__(self) -> str:
        return str(self.position)

    @property
    def position(self) -> Position:
        """Where it stands in the plan of a suite, whatever its code."""
        point = f"{self.sweep.name} = {self.sweep.value}" if self.sweep else ""
        return Position(self.task, self.repetition, self.label, self.budget, point)

    @property
    def file(self) -> str:
        """Path of the record inside the run folder: that of all records of one attribution, whatever the metrics."""
        return f"records/{self._place}.json"

    @property
    def attribution_file(self) -> str:
        """Path of the attribution inside the run folder."""
        return f"attributions/{self._place}.npz"

    @property
    def _place(self) -> str:
        point = f"{self.sweep.name}-{self.sweep.value}" if self.sweep else self.budget or "fixed"
        return f"{self.task}/{self.repetition}/{slugify(f'{self.label}-{point}')}-{self.attribution_key[:8]}"


class CellRecord(CellSpec):
    """The scores of a cell, or why it has none.

    Attributes:
        status: ``skipped`` when the method has no meaning for the task, ``failed`` when it or a metric raised; a
            failed cell keeps the scores of the metrics that did not.
        reason: why it was skipped or failed, in one line.
        scores: one number for each explicand by column, None where undefined. A metric against truths has a column
            ``label_truth`` for each truth, any other one named by its label.
        curves: ``(explicands, points)`` by column, for metrics that are curves; the score is their mean over points.
            Headline cells only.
        metric_notes: why a column has no scores, by column.
        facts: of each column in ``scores``.
        cost: of the attribution, for all explicands together.
        maps: attributions of the problem's ``shown`` explicands, ``(shown, *features)``, those of pictures in levels;
            of pictures in colour, ``(3, height, width)``, summed over colours and, where they are large, means over
            squares of pixels, ``(shown, rows, columns)`` of at most 56 (``benchmarks.run.figure_data``). Earlier
            records have these per pixel and colour. Headline cells only.
        part_shares: the share of the positive attribution on each part of the problem's regions
            (``sig.metrics.regions``), for every explicand; by part, headline cells only.
    """

    schema_version: Literal[5] = SCHEMA_VERSION
    status: Literal["ok", "skipped", "failed"]
    reason: str = ""
    traceback: str = ""
    scores: dict[str, list[Number]] = {}
    curves: dict[str, EncodedArray] = {}
    metric_notes: dict[str, str] = {}
    facts: dict[str, ColumnFacts] = {}
    cost: Cost | None = None
    maps: EncodedArray | None = None
    part_shares: dict[str, list[Number]] = {}
    provenance: Provenance


class Manifest(Document):
    """The suite of a run and the files of its records. Suites published before 0.2 have ``splits`` for allocations.

    Attributes:
        suite: as resolved and restricted.
        problems, allocations, cells: files of the records that belong to it, relative to the folder, in the order of
            the suite.
        started_at, finished_at: of the latest run; ``finished_at`` is None while it runs and after an interruption.
    """

    schema_version: Literal[5] = SCHEMA_VERSION
    suite: Suite
    problems: list[str]
    allocations: list[str] = []
    cells: list[str]
    started_at: datetime
    finished_at: datetime | None = None

    @pydantic.model_validator(mode="before")
    @classmethod
    def _read_earlier_names(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "splits" not in value:
            return value
        renamed = [file.replace("splits/", "allocations/", 1) for file in value["splits"]]
        return {**{name: of for name, of in value.items() if name != "splits"}, "allocations": renamed}


@dataclass(frozen=True)
class Run:
    """A run folder as the report reads it; ``missing`` are files of the manifest that are not there or unreadable."""

    directory: Path
    manifest: Manifest
    problems: list[ProblemRecord]
    allocations: list[AllocationRecord]
    cells: list[CellRecord]
    missing: list[str]


def count_failed(run: Run) -> str:
    """The failed problems and cells in words, such as ``1 of 4 problems and 3 of 28 cells failed``; empty for none."""
    kinds: dict[str, Sequence[ProblemRecord | CellRecord]] = {"problems": run.problems, "cells": run.cells}
    counts = {kind: sum(record.status == "failed" for record in records) for kind, records in kinds.items()}
    parts = [f"{count} of {len(kinds[kind])} {kind}" for kind, count in counts.items() if count]
    return f"{' and '.join(parts)} failed" if parts else ""


def slugify(text: str) -> str:
    """The text as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "_", text)[:120]
