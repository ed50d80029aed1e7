"""How far a number may be from the published one when only rounding differs.

Another processor adds up the same numbers in another order, so that float32 attributions come out by about 1e-7 of
their size differently, and by more where terms cancel. What that does to a score depends on the score and the method: a
share hardly moves, a rank correlation jumps where two attributions are nearly equal, the completeness gap is nothing
but rounding, and a method that asks whether contributions are equal may draw other coalitions. So there is one rule for
all. A number is as published if it differs by at most ``PLAIN``, relative to the width of its range; where that is
infinite, to the largest of its kind in the cell, or to 1, of which size outputs are, if that is larger. Otherwise it
has to move as far when the model moves by rounding, which is measured: the cell is run some times more on problems
whose model is moved in the last bits of each layer (``benchmarks.publish.moved``), and the published number has to lie
in the range of all these numbers, widened by its own width on either side and by the plain tolerance. Of many numbers a
few have moved as they rarely do. So cells that still differ are run more often (``DRAWS``): what happens with
probability q is missed with probability (1 - q)^draws. Places and verdicts follow the same rule: what was published has
to be among what boards with the moved scores say, each with a draw of its own for every problem.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.board import statistics
from benchmarks.run.fields import LEVELS, ColumnFacts
from benchmarks.run.records import CellRecord

PLAIN: Final = statistics.FLOAT32_ROUNDING
DRAWS: Final = (8, 32, 128)
OF_LEVELS: Final = 1.01 * (1 - (1 - 1 / LEVELS) ** 2)  # of the largest attribution: one level of a map more or less
SECONDS: Final = "s"  # a unit that is never compared

Numbers = Float[np.ndarray, "*shape"]


@dataclass(frozen=True)
class Numbered:
    """Numbers of a cell, NaN where undefined, and what is said of them.

    Attributes:
        values: one or more for each explicand.
        label: of the metric; empty for what belongs to no metric.
        scale: what the plain tolerance is relative to.
        tolerance: relative to ``scale``.
    """

    values: Numbers
    label: str
    scale: float
    tolerance: float = PLAIN


def list_numbers(cell: CellRecord) -> dict[str, Numbered]:
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
        numbers[f"share of {part}"] = Numbered(np.array(shares, dtype=float), "", 1.0)
    if cell.maps is not None:
        values = cell.maps.decode().astype(float)
        tolerance = OF_LEVELS if cell.maps.coding == "levels" else PLAIN
        numbers["attribution"] = Numbered(values, "", _find_largest(values), tolerance)
    return numbers


def measure_differences(published: Numbers, again: Numbers) -> Numbers:
    """|again - published|; 0 where both are undefined, infinity where one is."""
    undefined = np.isnan(published) & np.isnan(again)
    return np.where(undefined, 0.0, np.nan_to_num(np.abs(again - published), nan=np.inf))


def find_excess(published: Numbered, again: Numbered, moved: Sequence[Numbered] = ()) -> Bool[np.ndarray, "*shape"]:
    """Where the numbers differ by more than the tolerance; ``moved`` are those of the moved models."""
    plain = again.tolerance * max(published.scale, again.scale)
    excess = measure_differences(published.values, again.values) > plain
    found = np.stack([again.values, *(one.values for one in moved)])
    low, high = np.fmin.reduce(found), np.fmax.reduce(found)
    slack = plain + (high - low)
    inside = (published.values >= low - slack) & (published.values <= high + slack)  # False of NaN
    undefined = np.isnan(published.values) & np.isnan(found).any(0)
    return np.asarray(excess & ~inside & ~undefined)


def _number(values: Numbers, facts: ColumnFacts) -> Numbered:
    width = facts.range[1] - facts.range[0]
    return Numbered(values, facts.label, width if np.isfinite(width) else max(1.0, _find_largest(values)))


def _find_largest(values: Numbers) -> float:
    return float(np.nanmax(np.abs(values), initial=0))
