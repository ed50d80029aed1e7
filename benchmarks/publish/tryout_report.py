"""The report of a tryout: task by task whom it is better than, tied with and worse than, and the pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Group
from rich.text import Text

from benchmarks.board import paired_tests
from benchmarks.board.aggregate import Board, aggregate, list_rows
from benchmarks.board.figures.heat_maps import draw_attributions
from benchmarks.board.figures.raster import save_png
from benchmarks.board.figures.saliency import draw_saliency
from benchmarks.board.figures.style import apply_style
from benchmarks.board.formats import make_rich
from benchmarks.board.leaderboard import FAR, Standings, make_task_table, write_note
from benchmarks.board.tables import NONE, Table, format_rank_range, make_table
from benchmarks.publish.tryout import Tryout

PICTURES: Final = "pictures"  # folder
RIVALS: Final = 3  # the strongest, whose attributions a picture shows
NAMED: Final = 4  # methods in a cell of a table
LEADERS: Final = 3  # of a new score
AGAINST: Final = {
    "better than": paired_tests.WIN,
    "tied with": paired_tests.TIE,
    "undecided": paired_tests.UNDECIDED,
    "worse than": paired_tests.LOSS,
}
EXPLAINED: Final = (
    "Paired tests over models, Holm-corrected, as on the board; ties need five models, fewer leave it undecided.",
    f"distance: |attribution - limit| / |limit|; beyond {FAR:g} the score judges the budget and not the method.",
)


@dataclass(frozen=True)
class TryoutReport:
    """The tables of a tryout, which Rich prints, and its pictures."""

    tryout: Tryout

    @cached_property
    def board(self) -> Board:
        return aggregate(self.tryout.run)

    def __rich__(self) -> Group:
        tables = {"method": make_method_tables, "metric": make_metric_tables, "task": make_new_task_tables}
        parts = [part for table in tables[self.tryout.kind](self.board, self.tryout.names) for part in make_rich(table)]
        awaited = f"So far; still to come: {', '.join(self.tryout.awaited)}" * bool(self.tryout.awaited)
        whole = Text(
            awaited or f"the whole board: python -m benchmarks report {self.tryout.run.directory}", style="dim"
        )
        differing = [Text(f"No score: {line}", style="red") for line in self.tryout.differing]
        return Group(*parts, whole, *differing)

    def draw(self) -> Iterator[Path]:
        """The files of the pictures, drawn one after the other."""
        return draw_pictures(self.board, self.tryout)


# ---- methods -----------------------------------------------------------------------------------------------------


def make_method_tables(board: Board, methods: Sequence[str]) -> Iterator[Table]:
    """A table for each method: how it does on each task against every other one."""
    for method in methods:
        standings = [Standings(board, task.name) for task in board.run.manifest.suite.tasks]
        header = ["task", "score", method, "rank", "distance", *AGAINST]
        rows = [_make_row(of_task, method) for of_task in standings]
        lead = _count_tasks(board, method)
        yield make_table(f"{method} on suite {board.run.manifest.suite.name}", header, rows, EXPLAINED, lead)


def judge_method(board: Board, task: str, method: str) -> dict[str, list[str]]:
    """The rivals by the result of the method's paired tests with them on a task, strongest first; empty if not
    ranked."""
    standings = Standings(board, task)
    results = board.results.get(task)
    if results is None or method not in results.index:
        return {}
    found = results.loc[method]
    return {said: [rival for rival in standings.ranked if found[rival] == result] for said, result in AGAINST.items()}


def _make_row(standings: Standings, method: str) -> list[Any]:
    board, task = standings.board, standings.task
    row = standings.get(method, standings.first)
    score = standings.heading(standings.first) if standings.first else "no score judges here"
    rank, cells = NONE, [_explain(standings, method), *[""] * (len(AGAINST) - 1)]
    if against := judge_method(board, task, method) if row else {}:
        rank = f"{format_rank_range(row['rank_low'], row['rank_high'])} of {len(standings.ranked)}"
        cells = [_list_some(rivals) for rivals in against.values()]
    return [task, score, standings.format(method, standings.first), rank, _tell_distance(row), *cells]


def _tell_distance(row: Any) -> str:
    distance = row.get("distance")
    return NONE if distance is None or pd.isna(distance) else f"{distance:.2f}"


def _explain(standings: Standings, method: str) -> str:
    """Why a method has no rank on a task."""
    board, task = standings.board, standings.task
    if note := write_note(board, task, method):
        return note
    if budget := board.over_budget(task, method):
        cost = board.cost_and_coverage(task, method)["cost"]
        return f"not ranked: costs {cost:,.0f} rows, the budget is {budget:,}"
    return "computes this truth, so not ranked" if method in board.exact(task, standings.first) else "not ranked"


def _list_some(names: Sequence[str]) -> str:
    if not names:
        return "0"
    more = ", .." if len(names) > NAMED else ""
    return f"{len(names)}: {', '.join(names[:NAMED])}{more}"


def _count_tasks(board: Board, method: str) -> str:
    """The results of the method's paired tests over all tasks, and its tier, in a sentence."""
    found = [judge_method(board, task, method) for task in board.first_judges]
    counts = {said: sum(len(of_task.get(said, ())) for of_task in found) for said in AGAINST}
    overall = {row["method"]: row for row in list_rows(board.overall)}
    tier = overall[method]["tier"] if method in overall else None
    placed = "" if tier is None or pd.isna(tier) else f" Tier {tier:.0f} of {board.overall['tier'].max():.0f} over all."
    return f"{', '.join(f'{said} {count}' for said, count in counts.items())}, over all tasks and rivals.{placed}"


# ---- metrics and tasks -------------------------------------------------------------------------------------------


def make_metric_tables(board: Board, metrics: Sequence[str]) -> Iterator[Table]:
    """A table of the new metrics' columns: who leads on each task, and whether controls come last as they should."""
    new = board.columns[board.columns["metric"].isin(metrics)]
    rows = [_make_metric_row(board, fact["task"], fact["column"]) for fact in list_rows(new)]
    header = ["task", "score", "leading", "ranked", "best control", "agrees with the first score"]
    notes = (
        "agrees: Spearman correlation of the methods' means with those by the task's first score, both turned so that "
        "higher is better.",
    )
    yield make_table(f"{', '.join(metrics)} on suite {board.run.manifest.suite.name}", header, rows, notes)


def _make_metric_row(board: Board, task: str, column: str) -> list[Any]:
    standings = Standings(board, task)
    found = standings.scores.get(column, {})
    known = {method: row for method, row in found.items() if not pd.isna(row["mean"])}
    if not known:
        return [task, standings.heading(column), _explain_no_score(board, task, column), "", "", ""]
    sign = {"higher": -1, "lower": 1}[_find_facts(board, task, column)["better"]]
    order = sorted(known, key=lambda method: sign * known[method]["mean"])
    ranks = {method: rank for rank, method in enumerate(order, 1)}
    controls = [f"{method} {ranks[method]}" for method in order if method in board.controls][:1]
    leaders = [method for method in order if method not in board.controls][:LEADERS]
    leading = ", ".join(f"{method} {standings.format(method, column, interval=False).text}" for method in leaders)
    agreement = _measure_agreement(board, standings, known, column)
    return [task, standings.heading(column), leading, str(len(order)), *(controls or [NONE]), agreement]


def _measure_agreement(board: Board, standings: Standings, known: Any, column: str) -> str:
    if not standings.first or standings.first == column:
        return NONE
    signs = {
        name: {"higher": 1, "lower": -1}[_find_facts(board, standings.task, name)["better"]]
        for name in (standings.first, column)
    }
    pairs = [
        (signs[column] * row["mean"], signs[standings.first] * standings.get(method, standings.first)["mean"])
        for method, row in known.items()
        if standings.get(method, standings.first)
    ]
    new, first = (pd.Series([pair[i] for pair in pairs], dtype=float) for i in (0, 1))
    agreement = new.corr(first, method="spearman")
    return NONE if pd.isna(agreement) else f"{agreement:z.2f}"


def _find_facts(board: Board, task: str, column: str) -> Any:
    return next(row for row in list_rows(board.columns) if (row["task"], row["column"]) == (task, column))


def _explain_no_score(board: Board, task: str, column: str) -> str:
    notes = [cell.metric_notes[column] for cell in board.run.cells if cell.task == task and column in cell.metric_notes]
    return f"no score: {notes[0]}" if notes else "undefined everywhere"


def make_new_task_tables(board: Board, tasks: Sequence[str]) -> Iterator[Table]:
    """The boards of the new tasks."""
    yield from (make_task_table(board, task) for task in _find_tasks(board, tasks))


def _find_tasks(board: Board, kinds: Sequence[str]) -> list[str]:
    return [task.name for task in board.run.manifest.suite.tasks if task.kind in kinds]


# ---- pictures ----------------------------------------------------------------------------------------------------


def draw_pictures(board: Board, tryout: Tryout) -> Iterator[Path]:
    """The files of pictures, of each task that shows some: attributions of new methods beside the strongest rivals'.

    For a new task they show all methods; there are none for a metric.
    """
    directory = tryout.run.directory / PICTURES
    directory.mkdir(parents=True, exist_ok=True)
    for task in board.shown if tryout.kind != "metric" else ():
        if tryout.kind == "task" and task not in _find_tasks(board, tryout.names):
            continue
        chosen = _choose_shown(board, task, tryout.names) if tryout.kind == "method" else list(board.methods.index)
        if chosen:
            yield from _draw(board, task, chosen, directory)


def _choose_shown(board: Board, task: str, methods: Sequence[str]) -> list[str]:
    """The new methods that have a picture, then the strongest others."""
    maps = board.shown[task][0].maps
    own = [method for method in methods if method in maps]
    order = [*Standings(board, task).ranked, *board.methods.index]
    rivals = [m for m in dict.fromkeys(order) if m in maps and m not in methods and m not in board.controls]
    return [*own, *rivals[:RIVALS]] if own else []


def _draw(board: Board, task: str, methods: Sequence[str], directory: Path) -> Iterator[Path]:
    of_task = [cell for cell in board.run.cells if cell.task == task]
    cells = [cell for method in methods for cell in of_task if cell.label == method]
    part = aggregate(replace(board.run, cells=cells))
    with apply_style():
        for draw in (draw_saliency, draw_attributions):
            for drawing in draw(part):
                file = directory / f"{drawing.name}.png"
                save_png(drawing.figure, file)
                yield file
