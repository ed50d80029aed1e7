"""Claims and their tests as tables."""

import math
from typing import Any, Final

from benchmarks.board.aggregate import Board, rows_of
from benchmarks.board.tables import BETTER, NONE, Table, format_interval, format_number, make_table
from benchmarks.papers.claims import Bound, Claim, Comparison, measure

ABOUT: Final = ["task", "score", "method"]
COMPARED: Final = [*ABOUT, "against", "difference", "p (Holm)", "verdict", "spreads", "steadier", "rows"]
BOUNDED: Final = [*ABOUT, "mean", "claimed", "verdict", "units"]


def claim_table(board: Board, claim: Claim) -> Table:
    """A claim, task by task; without rows where the run has no numbers for it."""
    measured = rows_of(measure(board, claim))
    title, notes = f"{claim.text} ({claim.paper})", [f"Reading: {claim.reading}."] if claim.reading else []
    if isinstance(claim, Comparison):
        return make_table(title, COMPARED, [_compared(row) for row in measured], notes)
    return make_table(title, BOUNDED, [_bounded(row, claim) for row in measured], notes)


def claimed(claim: Bound) -> str:
    """The bound, in words."""
    sides = (("above", claim.above), ("below", claim.below))
    return " and ".join(f"{side} {bound:g}" for side, bound in sides if math.isfinite(bound))


def _compared(row: dict[str, Any]) -> list[str]:
    return [
        row["task"],
        f"{row['score']} {BETTER[row['better']]}",
        row["method"],
        row["rival"],
        format_interval(row["mean"], row["low"], row["high"]),
        format_number(row["p"]),
        row["verdict"],
        f"{format_number(row['spread'])} / {format_number(row['rival_spread'])}",
        _steadier(row["spread"], row["rival_spread"]),
        f"{format_number(row['rows'], whole=True)} / {format_number(row['rival_rows'], whole=True)}",
    ]


def _bounded(row: dict[str, Any], claim: Bound) -> list[str]:
    mean = format_interval(row["mean"], row["low"], row["high"])
    return [row["task"], row["score"], row["method"], mean, claimed(claim), row["verdict"], str(row["units"])]


def _steadier(spread: float, rival_spread: float) -> str:
    if math.isnan(spread) or math.isnan(rival_spread):
        return NONE
    return "yes" if spread < rival_spread else "no"
