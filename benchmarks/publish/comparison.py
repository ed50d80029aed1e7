"""Where records of a cell, or of a problem, differ from the published ones by more than rounding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.publish.photographs import has_photographs
from benchmarks.publish.tolerance import Numbered, Numbers, find_excess, list_numbers, measure_differences
from benchmarks.run.records import CellRecord, ProblemRecord

OF_PROBLEM: Final = 1e-4  # of the largest number of its kind: checks and truths are often differences of outputs
DESCRIBED: Final = ("exact", "explicands", "features", "players", "targets", "shown")


class Differing(NamedTuple):
    """One thing that differs: what, both values, and the label of the metric whose it is."""

    what: str
    published: str
    found: str
    label: str = ""


@dataclass
class Comparison:
    """A cell as published and again, and on moved problems (``benchmarks.publish.moved``) where that was asked for."""

    published: CellRecord
    again: CellRecord
    moved: list[CellRecord] = field(default_factory=list)

    def list_differing(self) -> list[Differing]:
        """Outcome, notes and rows where they are not the same, numbers where they exceed the tolerance."""
        if self.again.status == self.published.status == "ok":
            return [*self._compare_outcomes(), *self._compare_numbers()]
        return list(self._compare_outcomes())

    @property
    def may_be_rounding(self) -> bool:
        """Whether both have scores, of the same data and models."""
        a, b = self.published, self.again
        return a.status == b.status == "ok" and a.provenance.data == b.provenance.data

    def measure(self) -> Iterator[tuple[str, float]]:
        """The largest difference of each of the numbers that both have."""
        again = list_numbers(self.again)
        for name, of_published in list_numbers(self.published).items():
            if name in again and of_published.values.shape == again[name].values.shape and of_published.values.size:
                yield name, float(measure_differences(of_published.values, again[name].values).max())

    def _compare_outcomes(self) -> Iterator[Differing]:
        a, b = self.published, self.again
        if (a.status, a.reason) != (b.status, b.reason):
            yield Differing("outcome", _tell_outcome(a), _tell_outcome(b))
        elif a.metric_notes != b.metric_notes:
            yield Differing("notes", str(a.metric_notes), str(b.metric_notes))
        elif _tell_rows(a) != _tell_rows(b):
            yield Differing("rows", _tell_rows(a), _tell_rows(b))

    def _compare_numbers(self) -> Iterator[Differing]:
        published, again = list_numbers(self.published), list_numbers(self.again)
        moved = [list_numbers(record) for record in self.moved]
        names = dict.fromkeys([*published, *again])
        if has_photographs(self.published) and None in (self.published.maps, self.again.maps):  # one of them withheld
            names.pop("attribution", None)
        for name in names:
            a, b = published.get(name), again.get(name)
            if a is None or b is None or a.values.shape != b.values.shape:
                yield Differing(name, *(_tell_shape(None if one is None else one.values) for one in (a, b)))
            else:
                yield from _list_exceeding(name, a, b, [record[name] for record in moved if name in record])


def compare_problems(published: ProblemRecord, again: ProblemRecord) -> Iterator[Differing]:
    """Where what describes a problem differs; numbers by more than ``OF_PROBLEM``."""
    if again.status != published.status:
        yield Differing("outcome", _tell_outcome(published), _tell_outcome(again))
        return
    if again.provenance.data != published.provenance.data:
        yield Differing("SHA-256 of its data and models", str(published.provenance.data), str(again.provenance.data))
    for name in DESCRIBED:
        if getattr(published, name) != getattr(again, name):
            yield Differing(name, str(getattr(published, name)), str(getattr(again, name)))
    if published.inputs_withheld or again.inputs_withheld:  # which the SHA-256 of the data vouches for
        published, again = (one.model_copy(update={"shown_inputs": None}) for one in (published, again))
    yield from _compare_tables(_list_tables(published), _list_tables(again))


def _compare_tables(published: Mapping[str, Numbers], again: Mapping[str, Numbers]) -> Iterator[Differing]:
    for name in dict.fromkeys([*published, *again]):
        a, b = published.get(name), again.get(name)
        if a is None or b is None or a.shape != b.shape:
            yield Differing(name, _tell_shape(a), _tell_shape(b))
            continue
        allowed = OF_PROBLEM * max(np.nanmax(np.abs(table), initial=0) for table in (a, b))
        for at in map(tuple, np.argwhere(measure_differences(a, b) > allowed)):
            yield Differing(f"{name}{[int(i) for i in at]}", repr(float(a[at])), repr(float(b[at])))


def _list_tables(problem: ProblemRecord) -> dict[str, Numbers]:
    """All numbers that describe a problem, by name."""
    tables: dict[str, Any] = {f"check {name}": [value] for name, value in problem.checks.items()}
    tables |= {f"truth {name}": truth for name, truth in problem.truths.items()}
    for name, columns in problem.series.items():
        tables |= {f"{column} of {name}": values for column, values in columns.items()}
    if problem.shown_inputs is not None:
        tables["inputs shown"] = problem.shown_inputs.decode()
    return {name: np.array(values, dtype=float) for name, values in tables.items()}


def _list_exceeding(name: str, published: Numbered, again: Numbered, moved: Sequence[Numbered]) -> Iterator[Differing]:
    excess = find_excess(published, again, [one for one in moved if one.values.shape == again.values.shape])
    for at in map(tuple, np.argwhere(excess)):
        inside = f", at {[int(i) for i in at[1:]]}" if len(at) > 1 else ""
        was, is_now = (repr(float(one.values[at])) for one in (published, again))
        yield Differing(f"{name}, explicand {at[0]}{inside}", was, is_now, published.label)


def _tell_outcome(record: CellRecord | ProblemRecord) -> str:
    return f"{record.status} {record.reason}".strip()


def _tell_rows(cell: CellRecord) -> str:
    cost = cell.cost
    return "none" if cost is None else f"{cost.forward_rows:,} forward and {cost.backward_rows:,} backward"


def _tell_shape(values: Numbers | None) -> str:
    return "none" if values is None else f"numbers of shape {values.shape}"
