"""Tables as text, whatever format they end up in, and how numbers stand in them."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

NONE: Final = "-"
DECIMALS: Final = 4  # the most that a score is shown with
BETTER: Final = {"higher": "↑", "lower": "↓"}

Number = float | None


@dataclass(frozen=True)
class Cell:
    """A text, ``strong`` where no test tells it from the best."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Every row has a cell for each entry of the header.

    ``lead`` is a sentence above and ``notes`` go below; ``narrow`` names columns of numbers, which stand on the right.
    """

    title: str
    header: list[str]
    rows: list[list[Cell]]
    notes: Sequence[str] = ()
    lead: str = ""
    narrow: Collection[str] = ()

    def without(self, name: str) -> "Table":
        """The table without the column of that name."""
        kept = [i for i, found in enumerate(self.header) if found != name]
        return replace(self, header=[self.header[i] for i in kept], rows=[[row[i] for i in kept] for row in self.rows])


def make_table(
    title: str,
    header: list[str],
    rows: list[Any],
    notes: Sequence[str] = (),
    lead: str = "",
    narrow: Collection[str] = (),
) -> Table:
    """A table of rows whose cells may be plain texts."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    return Table(title, header, cells, notes, lead, narrow)


def format_number(value: Number, *, whole: bool = False) -> str:
    """Three decimals, fewer for large numbers and an exponent for tiny ones; a dash for none."""
    if value is None or math.isnan(value):
        return NONE
    if whole or abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def format_score(mean: Number, low: Number, high: Number, *, interval: bool = True) -> str:
    """The mean, and its interval if that has a length, with as many decimals as the interval justifies.

    These leave two significant digits of the interval's width, and are three where there is no interval.
    """
    if mean is None or math.isnan(mean):
        return NONE
    if low is None or high is None or not high - low > 0:
        return format_number(mean)
    decimals = min(max(1 - math.floor(math.log10(high - low)), 0), DECIMALS)
    form = f"z,.{decimals}f" if max(map(abs, (mean, low, high))) >= 10**-DECIMALS else ".1e"
    text, *ends = (format(value, form) for value in (mean, low, high))
    return f"{text} [{', '.join(ends)}]" if interval and len(set(ends)) > 1 else text


def format_rank_range(low: Number, high: Number) -> str:
    """From the best rank to the worst that the method may have."""
    if low is None or high is None or math.isnan(low):
        return NONE
    return "-".join(dict.fromkeys((str(math.floor(low)), str(math.ceil(high)))))


def format_distance(value: Number) -> str:
    """Two decimals; nothing for none."""
    return "" if value is None or math.isnan(value) else f"{value:.2f}"


def format_count(number: int, thing: str) -> str:
    """The number with its noun in the singular or plural."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def format_seconds(value: float) -> str:
    """Two significant digits."""
    return NONE if math.isnan(value) else f"{value:.2g}"


def format_interval(value: Number, low: Number, high: Number) -> str:
    """The value with its interval, unless that has no length, all as numbers."""
    if low is None or math.isnan(low) or low == high:
        return format_number(value)
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"
