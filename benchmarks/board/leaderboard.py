"""The tables of a task: who did how well, how sure that is, and at what cost."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from benchmarks.board.aggregate import STATUSES, Board, list_rows
from benchmarks.board.tables import (
    BETTER,
    NONE,
    Cell,
    Table,
    format_count,
    format_distance,
    format_number,
    format_rank_range,
    format_score,
    format_seconds,
    make_table,
)
from sig.registry import methods

FAR: Final = 0.5  # distance to a method's own limit, beyond which its score tells of the budget
DAGGER: Final = "†"
LINE: Final = "(no better than a control:)"
SHOWN_AS_COST: Final = ("runtime", "rows")  # metrics whose numbers every table has in its columns of costs
COMPACT: Final = 2  # judging columns of the main table
SOME: Final = 6  # methods that a note names
LEADERS: Final = 3  # methods that are said to lead
ROOMY: Final = 3  # columns up to which the second table has intervals

Row = Mapping[str, Any]  # of ``Board.summary``


@dataclass(frozen=True)
class Standings:
    """What the tables of a task say, at the headline budget."""

    board: Board
    task: str

    @cached_property
    def scores(self) -> dict[str, dict[str, Row]]:
        """The rows of ``Board.summary`` by column and method."""
        summary = self.board.summary
        found: dict[str, dict[str, Row]] = {}
        for row in list_rows(summary[summary["headline"] & (summary["task"] == self.task)]):
            found.setdefault(row["column"], {})[row["method"]] = row
        return found

    @cached_property
    def first(self) -> str:
        """The first judging column, which orders the methods; empty where the task has none."""
        return self.board.first_judges.get(self.task, "")

    @cached_property
    def main(self) -> list[str]:
        """The columns of the main table."""
        return self.board.judges(self.task)[:COMPACT]

    @cached_property
    def others(self) -> list[str]:
        """The columns of the second table: all judges but the first, then what describes."""
        facts = self.board.columns[self.board.columns["task"] == self.task]
        describing = facts.loc[~facts["judges"] & ~facts["metric"].isin(SHOWN_AS_COST), "column"]
        return [*self.board.judges(self.task)[1:], *describing]

    @cached_property
    def twins(self) -> dict[str, list[str]]:
        """By method, other implementations of it, which share its row."""
        found: dict[str, list[str]] = {}
        there = set(self.board.coverage.loc[self.task].index)
        for method, original in self.board.same_as.items():
            if {method, original} <= there:
                found.setdefault(original, []).append(method)
        return found

    @cached_property
    def methods(self) -> list[str]:
        """Those with any score, the ranked ones first, by rank; of several implementations the first."""
        hidden = {twin for twins in self.twins.values() for twin in twins}
        first = self.scores.get(self.first, {})
        ranked = sorted((method for method in first if _is_ranked(first[method])), key=lambda m: first[m]["rank"])
        rest = [method for method in self.board.methods.index if any(method in of for of in self.scores.values())]
        return [method for method in dict.fromkeys([*ranked, *rest]) if method not in hidden]

    @cached_property
    def ranked(self) -> list[str]:
        """The methods with a rank, in its order."""
        return [method for method in self.methods if _is_ranked(self.get(method, self.first))]

    @property
    def leaders(self) -> list[str]:
        """The methods that lead: the first ones by rank."""
        return self.ranked[:LEADERS]

    @cached_property
    def top_set(self) -> list[str]:
        """The methods whose best rank is 1: no other one is significantly better."""
        return [method for method in self.ranked if self.get(method, self.first)["rank_low"] <= 1]

    def get(self, method: str, column: str) -> Row:
        """A row of ``Board.summary``, empty where there is none."""
        return self.scores.get(column, {}).get(method, {})

    def name(self, method: str) -> str:
        """A method's name, with a dagger where it is far from its own limit, or as a control."""
        distance = self.get(method, self.first).get("distance")
        far = distance is not None and distance > FAR
        return f"{method}{DAGGER}" if far else f"{method} (control)" if method in self.board.controls else method

    def format(self, method: str, column: str, *, interval: bool = True) -> Cell:
        """A score as a cell, strong where it is tied with the best."""
        row = self.get(method, column)
        text = format_score(row.get("mean"), row.get("low"), row.get("high"), interval=interval)
        return Cell(text, strong=row.get("tied") is True)

    def heading(self, column: str) -> str:
        """A column's name, its unit and which scores are better."""
        facts = self.board.facts[self.task, column]
        unit = f" ({facts['unit']})" if facts["unit"] else ""
        return f"{column}{unit} {BETTER[facts['better']]}"

    def describe_models(self) -> str:
        """What the ranking stands on: how many models, or the explicands of one, and whether these tell ties."""
        rows = [self.get(method, self.first) for method in self.ranked]
        if not rows:
            return "no scores"
        models, units = (max(row[name] for row in rows) for name in ("models", "units"))
        of = format_count(models, "model") if models > 1 else f"this model only, {format_count(units, 'explicand')}"
        return f"{of}: too few to tell ties" if self.board.has_too_few_units(self.task, self.first) else of


def _is_ranked(row: Row) -> bool:
    return bool(row) and not pd.isna(row["rank"])


# ---- the main table ----------------------------------------------------------------------------------------------


def make_task_table(board: Board, task: str) -> Table:
    """The ranked methods of a task with their first two scores, the distance to their limit, and what they cost.

    A line stands above the first control. What has no rank is told in the notes.
    """
    standings = Standings(board, task)
    rows = [_make_row(standings, method) for method in standings.ranked]
    control = next((i for i, method in enumerate(standings.ranked) if method in board.controls), None)
    header = ["rank", "method", *map(standings.heading, standings.main), "distance", "allocation", "cost"]
    if control is not None and control + 1 < len(rows):
        rows.insert(control, ["", LINE, *[""] * (len(header) - 2)])
    return make_table(task, header, rows, list(_list_notes(standings)), _describe_task(standings), header[-3::2])


def _make_row(standings: Standings, method: str) -> list[Any]:
    first = standings.get(method, standings.first)
    exact = {column for column in standings.main if method in standings.board.exact(standings.task, column)}
    scores = [
        Cell("(its truth)") if column in exact else standings.format(method, column, interval=column == standings.first)
        for column in standings.main
    ]
    ranks = format_rank_range(first["rank_low"], first["rank_high"])
    distance = format_distance(first["distance"])
    allocation = format_allocation(find_allocation(standings.board, method, first["options"]))
    return [ranks, standings.name(method), *scores, distance, allocation, _format_cost(first)]


def format_allocation(allocation: Mapping[str, Any]) -> str:
    """As in 50 x 10, for baselines and steps; nothing where there is one way to spend a budget."""
    return " x ".join(f"{value:,}" for value in allocation.values()) if len(allocation) > 1 else ""


def find_allocation(board: Board, method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options of a cell that spend its budget; of a method that is not registered, all but the suite's."""
    choice = next((one for one in board.run.manifest.suite.methods if one.label == method), None)
    if not options or choice is None:
        return {}
    entry = next((entry for entry in methods if entry.name == choice.name), None)
    if entry is None:
        return {name: value for name, value in options.items() if name not in choice.options}
    return {name: entry.option(options, name) for name in entry.spend}


def _format_cost(row: Row) -> str:
    return format_number(row.get("cost"), whole=True)


def _describe_task(standings: Standings) -> str:
    budget = standings.board.tasks[standings.task].headline
    by = f"Ranks by {standings.heading(standings.first)}; {standings.describe_models()}" if standings.first else ""
    about = f"{by or 'No score judges here'}; budget {format_count(budget, 'row')}."
    return " ".join(filter(None, [about, warn_of_controls(standings)]))


def warn_of_controls(standings: Standings) -> str:
    """Which controls half of the methods or more do no better than, by the first score; nothing where there is none."""
    ranks = {method: standings.get(method, standings.first)["rank"] for method in standings.ranked}
    controls = [method for method in ranks if method in standings.board.controls]
    methods = [method for method in ranks if method not in controls]
    high = []
    for control in controls:
        number = 1 + sum(rank < ranks[control] for rank in ranks.values())
        behind = sum(ranks[method] >= ranks[control] for method in methods)
        if methods and 2 * behind >= len(methods):
            high.append(f"{control} is number {number} of {len(ranks)} ({behind} of {len(methods)} methods)")
    if not high:
        return ""
    return f"Half of the methods or more do no better than a control, which does not see the model: {'; '.join(high)}."


def _list_notes(standings: Standings) -> Iterable[str]:
    """What is not ranked in the table, and why."""
    board, task = standings.board, standings.task
    truths = [method for method in standings.methods if method in board.exact(task, standings.first)]
    if truths:
        scores = (f"{method} {format_number(standings.get(method, standings.first)['mean'])}" for method in truths)
        yield f"Computes this truth, so not ranked: {', '.join(scores)}."
    dear = [method for method in standings.methods if board.over_budget(task, method) and method not in truths]
    if dear:
        yield f"Costs more than the budget, so not ranked: {'; '.join(_describe_dear(standings, dear))}."
    for method, twins in standings.twins.items():
        yield f"{method} = {', '.join(twins)}: one method, one row."
    yield from _describe_undefined(standings, standings.main)
    remarks: dict[str, list[str]] = {}
    for method in board.coverage.loc[task].index:
        if remark := write_note(board, task, method):
            remarks.setdefault(remark, []).append(method)
    yield from (f"{remark}: {', '.join(methods)}." for remark, methods in remarks.items())


def _describe_dear(standings: Standings, methods: Sequence[str]) -> Iterable[str]:
    for method in methods:
        score = standings.format(method, standings.first).text
        yield f"{method} {score} for {_format_cost(standings.get(method, standings.first))} rows"


def _describe_undefined(standings: Standings, columns: Sequence[str]) -> Iterable[str]:
    """On how many units scores have no value, a line for all columns of which the same is to be said."""
    shared: dict[str, list[str]] = {}
    for column in columns:
        if text := _count_undefined(list(standings.scores.get(column, {}).values())):
            shared.setdefault(text, []).append(column)
    yield from (f"{', '.join(columns)}: {text}." for text, columns in shared.items())


def _count_undefined(rows: Sequence[Row]) -> str:
    """What most methods have in common, then the others; empty where all scores are defined."""
    counts: dict[int, list[str]] = {0: []}
    for row in rows:
        counts.setdefault(row["undefined"], []).append(row["method"])
    usual = max(counts, key=lambda count: len(counts[count]))
    others = [f"{count} (for {_list_some(those)})" for count, those in counts.items() if those and count != usual]
    if usual == 0 and not others:
        return ""
    units = max(row["units"] + row["undefined"] for row in rows)
    return f"undefined on {' or '.join([str(usual)] * (usual > 0) + others)} of {units} units"


def _list_some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= SOME else f"{len(names)} methods"


def write_note(board: Board, task: str, method: str) -> str:
    """How many cells at the headline budget are not ok, and why."""
    counts = board.cost_and_coverage(task, method)
    planned = sum(counts[status] for status in STATUSES)
    lacking = {status: counts[status] for status in STATUSES[1:] if counts[status]}
    parts = [status if count == planned else f"{status} {count} of {planned}" for status, count in lacking.items()]
    return ", ".join(parts) + (f" ({counts['reason']})" if counts["reason"] else "") if parts else ""


# ---- the second table and the tidy frame -------------------------------------------------------------------------


def make_details_table(board: Board, task: str) -> Table:
    """All other scores of a task, and costs per explicand."""
    standings = Standings(board, task)
    wide = len(standings.others) > ROOMY
    rows = []
    for method in standings.methods:
        costs = board.cost_and_coverage(task, method)
        row = [
            standings.name(method),
            *(standings.format(method, column, interval=not wide) for column in standings.others),
            *(format_number(costs[name], whole=True) for name in ("rows", "backward_rows")),
            format_seconds(costs["seconds"]),
        ]
        rows.append(row)
    header = ["method", *map(standings.heading, standings.others), "forward rows", "backward rows", "seconds"]
    notes = list(_describe_undefined(standings, standings.others))
    return make_table(f"{task}: other scores and costs", header, rows, notes)


def make_tidy_frame(board: Board) -> pd.DataFrame:
    """``Board.summary`` with the ``rank_range`` in words and the facts of methods and columns, and a row for each
    method without a score.

    ``ok, skipped, failed, missing`` count a method's cells on a task at the headline budget; ``reason`` is the first
    of those that are not ok.
    """
    about = board.columns[["task", "column", "metric", "truth", "better", "unit", "judges"]]
    names = {"task": str, "method": str, "column": str}
    scores = board.summary.astype(names).merge(about, on=["task", "column"])
    scores["options"] = scores["options"].map(json.dumps)
    ranges = [format_rank_range(row["rank_low"], row["rank_high"]) for row in list_rows(scores)]
    scores["rank_range"] = pd.Series(ranges, scores.index, dtype=object).replace(NONE, None)
    coverage = board.coverage[[*STATUSES, "reason"]].reset_index()
    table = coverage.merge(scores, on=["task", "method"], how="left")
    table = table.astype(dict.fromkeys(("models", "units", "undefined"), "Int64"))
    return table.merge(board.methods.reset_index().astype({"method": str}), on="method", how="left")
