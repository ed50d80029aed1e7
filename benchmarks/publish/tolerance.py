"""The differences of a record from the published one that are larger than rounding.

Another processor adds up the same numbers in another order, so that float32 attributions come out by about 1e-7 of
their size differently, and by more where terms cancel. What that does to a score depends on the score and the method: a
share hardly moves, a rank correlation jumps where two attributions are nearly equal, the completeness gap is nothing
but rounding, and a method that asks whether contributions are equal may draw other coalitions. So there is one rule for
all. A number is as published if it differs by at most ``PLAIN``, relative to the width of its range; where that is
infinite, to the largest of its kind in the cell, or to 1, of which size outputs are, if that is larger. Otherwise it
has to change as far when the model is perturbed by rounding, which is measured: the cell is run some times more on
problems whose model is perturbed in the last bits of each layer (``benchmarks.publish.perturbed``), and the published
number has to lie in the range of all these numbers, widened by its own width on either side and by the plain tolerance.
Of many numbers a few have changed as they rarely do. So cells that still differ are run more often (``DRAWS``): what
happens with probability q is missed with probability (1 - q)^draws. Ranks and verdicts follow the same rule: what was
published has to be among what boards with the perturbed scores say, each with a draw of its own for every problem.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.board import statistics
from benchmarks.publish.difference import Difference, compare_values
from benchmarks.publish.photographs import has_photographs
from benchmarks.run.fields import LEVELS, ColumnFacts
from benchmarks.run.records import CellRecord, ProblemRecord

PLAIN: Final = statistics.FLOAT32_ROUNDING
DRAWS: Final = (8, 32, 128)
OF_LEVELS: Final = 1.01 * (1 - (1 - 1 / LEVELS) ** 2)  # of the largest attribution: one level of a map more or less
OF_PROBLEM: Final = 1e-4  # of the largest number of its kind: checks and truths are often differences of outputs
DESCRIBED: Final = ("exact", "explicands", "features", "players", "targets", "shown")
SECONDS: Final = "s"  # a unit that is never compared

Numbers = Float[np.ndarray, "*shape"]


@dataclass(frozen=True)
class CellNumbers:
    """Numbers of a cell, NaN where undefined, and what is said of them.

    Attributes:
        values: one or more for each explicand.
        label: of the metric; empty for what belongs to the attribution alone.
        scale: what the plain tolerance is relative to.
        tolerance: relative to ``scale``.
    """

    values: Numbers
    label: str
    scale: float
    tolerance: float = PLAIN


def list_numbers(cell: CellRecord) -> dict[str, CellNumbers]:
    """All numbers of a cell but runtimes, by name: scores, curves, shares of the regions, and attributions shown."""
    compared = {column: facts for column, facts in cell.facts.items() if facts.unit != SECONDS}
    numbers = {
        column: _number(np.array(cell.scores[column], dtype=float), facts)
        for column, facts in compared.items()
        if column in cell.scores
    }
    for column, curve in cell.curves.items():
        numbers[f"curve of {column}"] = _number(curve.decode().astype(float), compared[column])
    for part, shares in cell.part_shares.items():
        numbers[f"share of {part}"] = CellNumbers(np.array(shares, dtype=float), "", 1.0)
    if cell.maps is not None:
        values = cell.maps.decode().astype(float)
        tolerance = OF_LEVELS if cell.maps.coding == "levels" else PLAIN
        numbers["attribution"] = CellNumbers(values, "", _find_largest(values), tolerance)
    return numbers


def measure_differences(published: Numbers, again: Numbers) -> Numbers:
    """|again - published|; 0 where both are undefined, infinity where one is."""
    undefined = np.isnan(published) & np.isnan(again)
    return np.where(undefined, 0.0, np.nan_to_num(np.abs(again - published), nan=np.inf))


def find_excess(
    published: CellNumbers, again: CellNumbers, perturbed: Sequence[CellNumbers] = ()
) -> Bool[np.ndarray, "*shape"]:
    """Where the numbers differ by more than the tolerance; ``perturbed`` are those of the perturbed models."""
    plain = again.tolerance * max(published.scale, again.scale)
    excess = measure_differences(published.values, again.values) > plain
    found = np.stack([again.values, *(one.values for one in perturbed)])
    low, high = np.fmin.reduce(found), np.fmax.reduce(found)
    slack = plain + (high - low)
    inside = (published.values >= low - slack) & (published.values <= high + slack)  # False of NaN
    undefined = np.isnan(published.values) & np.isnan(found).any(0)
    return np.asarray(excess & ~inside & ~undefined)


def _number(values: Numbers, facts: ColumnFacts) -> CellNumbers:
    width = facts.range[1] - facts.range[0]
    return CellNumbers(values, facts.label, width if np.isfinite(width) else max(1.0, _find_largest(values)))


def _find_largest(values: Numbers) -> float:
    return float(np.nanmax(np.abs(values), initial=0))


# ---- cells -------------------------------------------------------------------------------------------------------


@dataclass
class CellPair:
    """A cell as published and again, and on perturbed problems where that was asked for."""

    published: CellRecord
    again: CellRecord
    perturbed: list[CellRecord] = field(default_factory=list)

    def list_differences(self) -> list[Difference]:
        """Status and reason where these are others; else notes and rows, and numbers that exceed the tolerance."""
        a, b = ({"outcome": tell_status(cell)} for cell in (self.published, self.again))
        if outcomes := list(compare_values(a, b, self.published)):
            return outcomes
        notes = compare_values(
            {"notes": self.published.metric_notes}, {"notes": self.again.metric_notes}, self.published
        )
        return [*notes, *self._compare_rows(), *self._compare_numbers()]

    def list_differences_of_attribution(self) -> list[Difference]:
        """Rows that are not the same; attributions shown and shares of the regions that exceed the tolerance, of what
        both have."""
        again = list_numbers(self.again)
        numbers = {name: of for name, of in list_numbers(self.published).items() if not of.label and name in again}
        exceeding = (one for name, of in numbers.items() for one in self._find_exceeding(name, of, again[name]))
        return [*self._compare_rows(), *exceeding]

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

    def _compare_rows(self) -> Iterator[Difference]:
        a, b = (
            {"forward rows": cost.forward_rows, "backward rows": cost.backward_rows} if (cost := cell.cost) else {}
            for cell in (self.published, self.again)
        )
        return compare_values(a, b, self.published)

    def _compare_numbers(self) -> Iterator[Difference]:
        published, again = list_numbers(self.published), list_numbers(self.again)
        perturbed = [list_numbers(cell) for cell in self.perturbed]
        names = dict.fromkeys([*published, *again])
        if has_photographs(self.published) and None in (self.published.maps, self.again.maps):  # one of them withheld
            names.pop("attribution", None)
        for name in names:
            others = [numbers[name] for numbers in perturbed if name in numbers]
            yield from self._find_exceeding(name, published.get(name), again.get(name), others)

    def _find_exceeding(
        self, name: str, a: CellNumbers | None, b: CellNumbers | None, perturbed: Sequence[CellNumbers] = ()
    ) -> Iterator[Difference]:
        if a is None or b is None or a.values.shape != b.values.shape:
            was, now = (_tell_shape(one.values if one else None) for one in (a, b))
            yield Difference(where=f"{self.published}: {name}", was=was, now=now)
            return
        excess = find_excess(a, b, [one for one in perturbed if one.values.shape == b.values.shape])
        for at in map(tuple, np.argwhere(excess)):
            inside = f", at {[int(i) for i in at[1:]]}" if len(at) > 1 else ""
            where = f"{self.published}: {name}, explicand {at[0]}{inside}"
            yield Difference(where=where, was=float(a.values[at]), now=float(b.values[at]), metric=a.label)


# ---- problems ----------------------------------------------------------------------------------------------------


def compare_problems(published: ProblemRecord, again: ProblemRecord) -> Iterator[Difference]:
    """The differences in what describes a problem, those of numbers that exceed ``OF_PROBLEM``."""
    if again.status != published.status:
        yield from compare_values({"outcome": tell_status(published)}, {"outcome": tell_status(again)}, published)
        return
    yield from compare_values(_describe(published), _describe(again), published)
    if published.inputs_withheld or again.inputs_withheld:  # which the SHA-256 of the data vouches for
        published, again = (one.model_copy(update={"shown_inputs": None}) for one in (published, again))
    a, b = _list_tables(published), _list_tables(again)
    for name in dict.fromkeys([*a, *b]):
        yield from _compare_tables(f"{published}: {name}", a.get(name), b.get(name))


def _describe(problem: ProblemRecord) -> dict[str, object]:
    return {"SHA-256 of its data and models": problem.provenance.data, **problem.model_dump(include=set(DESCRIBED))}


def _list_tables(problem: ProblemRecord) -> dict[str, Numbers]:
    """All numbers that describe a problem, by name."""
    tables: dict[str, Any] = {f"check {name}": [value] for name, value in problem.checks.items()}
    tables |= {f"truth {name}": truth for name, truth in problem.truths.items()}
    for name, columns in problem.series.items():
        tables |= {f"{column} of {name}": values for column, values in columns.items()}
    if problem.shown_inputs is not None:
        tables["inputs shown"] = problem.shown_inputs.decode()
    return {name: np.array(values, dtype=float) for name, values in tables.items()}


def _compare_tables(where: str, a: Numbers | None, b: Numbers | None) -> Iterator[Difference]:
    if a is None or b is None or a.shape != b.shape:
        yield Difference(where=where, was=_tell_shape(a), now=_tell_shape(b))
        return
    allowed = OF_PROBLEM * max(_find_largest(a), _find_largest(b))
    for at in map(tuple, np.argwhere(measure_differences(a, b) > allowed)):
        yield Difference(where=f"{where}{[int(i) for i in at]}", was=float(a[at]), now=float(b[at]))


def tell_status(record: CellRecord | ProblemRecord) -> str:
    """Status and reason."""
    return f"{record.status} {record.reason}".strip()


def _tell_shape(values: Numbers | None) -> str | None:
    return None if values is None else f"numbers of shape {values.shape}"
