"""Small drawings that stand in tables, as SVG whose colours the page's style sheet sets.

Numbers stand beside them in words, so they are hidden from screen readers.
"""

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from benchmarks.board.paired_tests import RESULTS, PairedTests

WIDTH: Final = 120  # in the units of the drawings, as all lengths here
HEIGHT: Final = 16
PAD: Final = 5

Domain = tuple[float, float]
Ends = tuple[float, float, float]  # mean, low and high


def find_domain(values: Sequence[float | None]) -> Domain:
    """From the smallest to the largest of the values that there are; from 0 to 1 where there is none."""
    found = [value for value in values if value is not None and math.isfinite(value)]
    return (min(found), max(found)) if found else (0.0, 1.0)


def place_on(value: float, domain: Domain, width: int = WIDTH) -> float:
    """Where a value stands on an axis, in tenths."""
    low, high = domain
    share = (value - low) / (high - low) if high > low else 0.5
    return round(PAD + share * (width - 2 * PAD), 1)


def draw_interval(mean: float | None, low: float | None, high: float | None, domain: Domain) -> Markup:
    """A dot for the mean, and a line for its interval."""
    if mean is None or math.isnan(mean):
        return Markup()
    inside = ""
    if low is not None and high is not None and high > low:
        inside = f'<line x1="{place_on(low, domain)}" x2="{place_on(high, domain)}" y1="8" y2="8"/>'
    return _wrap("interval", f'{inside}<circle cx="{place_on(mean, domain)}" cy="8" r="3.5"/>')


def draw_pair(a: Ends, b: Ends, domain: Domain) -> Markup:
    """Mean and interval of two runs on one axis, the first above the second."""
    lines = ""
    for name, y, (mean, low, high) in (("a", 4.5, a), ("b", 11.5, b)):
        at = f'y1="{y}" y2="{y}"'
        lines += f'<line class="{name}" x1="{place_on(low, domain)}" x2="{place_on(high, domain)}" {at}/>'
        lines += f'<circle class="{name}" cx="{place_on(mean, domain)}" cy="{y}" r="3"/>'
    return _wrap("both", lines)


def draw_rank_range(low: float, high: float, count: int) -> Markup:
    """A bar from the best to the worst rank of ``count``; nothing where there is none."""
    if math.isnan(low):
        return Markup()
    ends = place_on(math.floor(low) - 0.5, (0.5, count + 0.5)), place_on(math.ceil(high) + 0.5, (0.5, count + 0.5))
    start, end = max(ends[0], 0), min(ends[1], WIDTH)
    rail = f'<line class="rail" x1="{PAD}" x2="{WIDTH - PAD}" y1="8" y2="8"/>'
    return _wrap("ranks", f'{rail}<rect x="{start}" y="4" width="{end - start:.1f}" height="8" rx="2"/>')


def draw_paired_tests(tests: PairedTests, method: str) -> Markup:
    """Wins, ties, undecided tests and losses of a method against rivals as parts of one bar."""
    parts, start = [], 0.0
    for result in RESULTS:
        width = WIDTH * tests.count(method, result) / max(tests.count(method), 1)
        parts.append(f'<rect class="{result}" x="{start:.1f}" y="3" width="{width:.1f}" height="10"/>' * (width > 0))
        start += width
    return _wrap("paired", "".join(parts))


def draw_units(scores: Sequence[float], domain: Domain) -> Markup:
    """A stroke for each score."""
    places = dict.fromkeys(place_on(score, domain, 2 * WIDTH) for score in scores)
    strokes = "".join(f"M{place} 3v10" for place in places)
    return _wrap("units", f'<path d="{strokes}"/>', 2 * WIDTH)


def _wrap(kind: str, inside: str, width: int = WIDTH) -> Markup:
    """``inside`` is made of numbers alone."""
    size = f'viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
    return Markup(f'<svg class="{kind}" {size} aria-hidden="true" focusable="false">{inside}</svg>')
