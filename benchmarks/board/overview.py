"""Who wins at what: the tables on top of a report."""

from typing import Final

import pandas as pd

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.leaderboard import Standings
from benchmarks.board.tables import NONE, Table, make_table

EXPLAINED: Final = (
    "What is missing from the sum is undecided, mostly as there are too few models to tell.",
    "score: (wins - losses) / rivals met, mean over families, from -1 to 1; in brackets its range when any one family "
    "or method is left out.",
    "Last: methods that meet others in one family alone, which have no tier, and controls.",
)


def make_overview_tables(board: Board) -> list[Table]:
    """The best methods of each task and, where there are several tasks, how methods do over all."""
    tables = [make_leaders_table(board)]
    return [*tables, make_overall_table(board)] if len(board.first_judges) > 1 else tables


def make_leaders_table(board: Board) -> Table:
    """The best methods of each task by its first judging column, and how sure that is."""
    rows = []
    for task in (task.name for task in board.run.manifest.suite.tasks):
        standings = Standings(board, task)
        if standings.ranked:
            leading = ", ".join(_name_with_score(standings, method) for method in standings.leaders)
            top = f"{len(standings.top_set)} of {len(standings.ranked)} in the top set"
            sure = f"{top}; {standings.describe_models()}"
            rows.append([task, standings.heading(standings.first), leading, sure])
    return make_table("Who leads", ["task", "score", "leading", "how sure"], rows)


def _name_with_score(standings: Standings, method: str) -> str:
    return f"{standings.name(method)} {standings.format(method, standings.first, interval=False).text}"


def make_overall_table(board: Board) -> Table:
    """Wins, ties and losses of each method in each family of tasks, and the order that follows from them, if any."""
    rows = []
    for row in list_rows(board.overall):
        name = f"{row['method']} (control)" if row["control"] else row["method"]
        tier = NONE if pd.isna(row["tier"]) else f"{row['tier']:.0f}"
        score = "{score:z.2f} [{low:z.2f}, {high:z.2f}]".format_map(row)
        rows.append([tier, name, score, *(tests.format_counts(row["method"]) for tests in board.paired_tests.values())])
    header = ["tier", "method", "score ↑", *board.paired_tests]
    table = make_table("Over all", header, rows, EXPLAINED, describe_order(board), ["tier", *board.paired_tests])
    return table if has_order(board) else table.without("tier")


def has_order(board: Board) -> bool:
    """Whether there are tiers."""
    return bool(board.overall["tier"].max() > 1)


def describe_order(board: Board) -> str:
    """What the wins, ties and losses are, and whether an order follows from them."""
    counts = "Wins/ties/losses against the other methods, by the first score of each family's tasks"
    if has_order(board):
        return f"{counts}. The tiers stay apart whichever family or method is left out."
    return f"{counts}. No order of all methods survives leaving out one family or one method."
