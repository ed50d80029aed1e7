"""Tables as text, whatever format they end up in, and how numbers stand in them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

NONE: Final = "-"
BETTER: Final = {"higher": "↑", "lower": "↓"}

Number = float | None


@dataclass(frozen=True)
class Cell:
    """A text, ``strong`` where no test tells it from the best."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Every row has a cell for each entry of the header; ``notes`` go below."""

    title: str
    header: list[str]
    rows: list[list[Cell]]
    notes: Sequence[str] = ()


def make_table(title: str, header: list[str], rows: list[Any], notes: Sequence[str] = ()) -> Table:
    """A table of rows whose cells may be plain texts."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    return Table(title, header, cells, notes)


def format_number(value: Number, *, whole: bool = False) -> str:
    """Three decimals, fewer for large numbers and an exponent for tiny ones; a dash for none."""
    if value is None or math.isnan(value):
        return NONE
    if whole or abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def format_rank(value: Number) -> str:
    """One decimal where it is not whole."""
    return NONE if value is None or math.isnan(value) else f"{round(value, 1):g}"


def format_seconds(value: float) -> str:
    """Two significant digits."""
    return NONE if math.isnan(value) else f"{value:.2g}"


def format_interval(value: Number, low: Number, high: Number, form: Callable[[Number], str] = format_number) -> str:
    """The value with its interval, unless that has no length."""
    if low is None or math.isnan(low) or low == high:
        return form(value)
    return f"{form(value)} [{form(low)}, {form(high)}]"
