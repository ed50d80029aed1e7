"""The board of a task on the page: a row for each method and budget, and what a row opens to.

Order, ranks and ties are those of ``benchmarks.board.leaderboard``; the browser only sorts by the number that a cell
has in the order of its column, the best first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from markupsafe import Markup

from benchmarks.board.aggregate import STATUSES, Board, list_rows
from benchmarks.board.leaderboard import (
    DAGGER,
    FAR,
    Row,
    Standings,
    find_allocation,
    format_allocation,
    write_note,
)
from benchmarks.board.page.charts import Domain, draw_interval, draw_rank_range, draw_units, find_domain
from benchmarks.board.tables import (
    NONE,
    Cell,
    Table,
    format_count,
    format_distance,
    format_number,
    format_rank_range,
    format_score,
    format_seconds,
)
from benchmarks.run.records import CellRecord, slugify
from datasets.digest import hash_bytes

HEADLINE: Final = "headline"
LONGEST: Final = 300  # scores of single units that a row lists
MEGABYTE: Final = 1e6


@dataclass(frozen=True)
class Value:
    """A cell: its text, its number in the order of its column, the best first, and a drawing; ``strong`` in a tie."""

    text: str
    order: int
    strong: bool = False
    drawing: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class BoardRow:
    """A row of a board.

    Attributes:
        id: of the row in the page, empty for those of smaller budgets, which do not open.
        method, name: its label, and the name with marks.
        family, control: of the method.
        budget: ``HEADLINE`` or the budget, for the filter; ``budget_text`` is what is shown.
        rank: its range, and that drawn.
        below: whether it stands below a control.
        values: scores, then what stands under ``COSTS``.
    """

    id: str
    method: str
    name: str
    family: str
    control: bool
    budget: str
    budget_text: str
    rank: Value
    below: bool
    values: Sequence[Value]
    detail: "Detail | None"


@dataclass(frozen=True)
class Detail:
    """What a row opens to: facts by name, its budgets, the strokes of its units, its records."""

    facts: Sequence[tuple[str, str]]
    budgets: Table
    models: str
    units: Markup
    scores: str
    command: str
    records: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class TaskBoard:
    """A task on the page."""

    task: str
    family: str
    score: str
    leaders: Sequence[tuple[str, str]]
    sure: str
    top_set: int
    ranked: int
    lead: str
    notes: Sequence[str]
    header: Sequence[str]
    rows: Sequence[BoardRow]
    budgets: Sequence[tuple[str, str]]
    families: Sequence[str]
    others: Table
    table: Table


COSTS: Final = ("distance", "allocation", "cost (rows)", "time (s)")


def make_task_boards(board: Board, tables: Mapping[str, tuple[Table, Table]]) -> Iterator[TaskBoard]:
    """The board of each task, in the order of the suite; ``tables`` are its main and its second one."""
    cells: dict[tuple[str, str], list[CellRecord]] = {}
    for cell in board.run.cells:
        cells.setdefault((cell.task, cell.label), []).append(cell)
    for task in board.run.manifest.suite.tasks:
        of_task = {label: found for (name, label), found in cells.items() if name == task.name}
        yield _Maker(board, task.name, of_task).make(*tables[task.name])


@dataclass(frozen=True)
class _Maker:
    """Makes the board of a task, from the cells of each method."""

    board: Board
    task: str
    cells: Mapping[str, Sequence[CellRecord]]

    @cached_property
    def standings(self) -> Standings:
        return Standings(self.board, self.task)

    @cached_property
    def columns(self) -> list[str]:
        """Those of the board: the first judging ones, or where nothing judges the first that describe."""
        return self.standings.main or self.standings.others[:2]

    @cached_property
    def headings(self) -> list[str]:
        return list(map(self.standings.heading, self.columns))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores of single units by the first column."""
        return self.board.scores(self.task, self.columns[0])

    @cached_property
    def span(self) -> Domain:
        return find_domain(self.scores.to_numpy().ravel().tolist())

    @cached_property
    def rows(self) -> dict[tuple[str, int | None], dict[str, Row]]:
        """Rows of the summary by method and budget, None for the headline; then by column."""
        summary = self.board.summary
        found: dict[tuple[str, int | None], dict[str, Row]] = {}
        for row in list_rows(summary[summary["task"] == self.task]):
            key = str(row["method"]), None if row["headline"] else int(row["budget"])
            found.setdefault(key, {})[row["column"]] = row
        return found

    @cached_property
    def keys(self) -> list[tuple[str, int | None]]:
        """Of the rows in their order: those at the headline budget by rank, then smaller budgets."""
        number = {method: i for i, method in enumerate(self.standings.methods)}
        known = [key for key in self.rows if key[0] in number]
        return sorted(known, key=lambda key: (key[1] is not None, -(key[1] or 0), number[key[0]]))

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """The axis of each column: over all rows at the headline budget with their intervals."""
        rows = [columns for (_, budget), columns in self.rows.items() if budget is None]
        return {
            column: find_domain([row[column][end] for row in rows if column in row for end in ("mean", "low", "high")])
            for column in self.columns
        }

    def make(self, table: Table, others: Table) -> TaskBoard:
        standings, entry = self.standings, self.board.tasks[self.task]
        leading = [
            (
                f"{m} (control)" if m in self.board.controls else m,
                standings.format(m, standings.first, interval=False).text,
            )
            for m in standings.leaders
        ]
        budgets = sorted({budget for _, budget in self.keys if budget is not None}, reverse=True)
        headline = format_count(entry.headline, "row") if entry.headline else "its own"
        rows = list(self._make_rows())
        return TaskBoard(
            task=self.task,
            family=entry.family,
            score=standings.heading(standings.first) if standings.first else "",
            leaders=leading,
            sure=standings.describe_models(),
            top_set=len(standings.top_set),
            ranked=len(standings.ranked),
            lead=table.lead,
            notes=table.notes,
            header=[*self.headings, *COSTS],
            rows=rows,
            budgets=[(HEADLINE, headline), *((str(budget), format_count(budget, "row")) for budget in budgets)],
            families=list(dict.fromkeys(row.family for row in rows)),
            others=others,
            table=table,
        )

    def _make_rows(self) -> Iterator[BoardRow]:
        costs = zip(*map(self._describe_cost, self.keys), strict=True)
        columns = [*map(self._make_scores, self.columns), *map(_order_costs, costs)]
        control = next((i for i, m in enumerate(self.standings.ranked) if m in self.board.controls), None)
        below = self.standings.ranked[control + 1 :] if control is not None else []
        for i, (method, budget) in enumerate(self.keys):
            yield self._make_row(i, method, budget, [column[i] for column in columns], method in below)

    def _make_row(self, i: int, method: str, budget: int | None, values: Sequence[Value], below: bool) -> BoardRow:
        facts = self.board.methods.loc[method]
        own = budget is None and any(row["budget"] is pd.NA for row in self.rows[method, None].values())
        shown = "own" if own else f"{budget or self.board.tasks[self.task].headline or 0:,}"
        return BoardRow(
            id=f"{slugify(self.task)}--{slugify(method)}" if budget is None else "",
            method=method,
            name=self.standings.name(method).removesuffix(DAGGER).removesuffix(" (control)"),
            family=str(facts["family"]),
            control=bool(facts["control"]),
            budget=HEADLINE if budget is None else str(budget),
            budget_text=shown,
            rank=self._make_rank(i, method, budget),
            below=below,
            values=values,
            detail=self._make_detail(method) if budget is None else None,
        )

    def _make_rank(self, i: int, method: str, budget: int | None) -> Value:
        row = self.standings.get(method, self.standings.first)
        if budget is not None or method not in self.standings.ranked:
            return Value(NONE, i)
        low, high = row["rank_low"], row["rank_high"]
        return Value(format_rank_range(low, high), i, drawing=draw_rank_range(low, high, len(self.standings.ranked)))

    def _make_scores(self, column: str) -> list[Value]:
        """A column of scores, in the order of ``keys``."""
        better = self.board.facts[self.task, column]["better"]
        rows = [self.rows[key].get(column, {}) for key in self.keys]
        exact = self.board.exact(self.task, column)
        order = _order([row.get("mean") for row in rows], better)
        values = []
        for (method, _), row, at in zip(self.keys, rows, order, strict=True):
            if method in exact:
                values.append(Value("(its truth)", at))
                continue
            mean, low, high = (row.get(name) for name in ("mean", "low", "high"))
            drawing = draw_interval(mean, low, high, self.domains[column])
            values.append(Value(format_score(mean, low, high), at, row.get("tied") is True, drawing))
        return values

    def _describe_cost(self, key: tuple[str, int | None]) -> list[tuple[str, float]]:
        """What stands under ``COSTS``, with numbers for their order."""
        row = next(iter(self.rows[key].values()))
        distance, allocation = row["distance"], find_allocation(self.board, key[0], row["options"])
        far = f"{format_distance(distance)}{DAGGER if distance > FAR else ''}"
        text = format_allocation(allocation)
        first = float(next(iter(allocation.values()))) if text else np.nan
        return [
            (far, distance),
            (text, first),
            (format_number(row["cost"], whole=True), row["cost"]),
            (format_seconds(row["seconds"]), row["seconds"]),
        ]

    # ---- what a row opens to ----

    def _make_detail(self, method: str) -> Detail:
        cells = [cell for cell in self.cells.get(method, ()) if cell.sweep is None]
        headline = [cell for cell in cells if cell.headline]
        known = self._find_units(method)
        return Detail(
            facts=[(name, text) for name, text in self._list_facts(method, headline) if text],
            budgets=self._make_budgets(method),
            models=self._list_models(known),
            units=draw_units(known.tolist(), self.span),
            scores=_list_scores(known),
            command=self._write_command(method),
            records=[(f"{cell.repetition}", f"{cell.key} {cell.status}") for cell in headline]
            + [("SHA-256", _hash_records(headline))],
        )

    def _find_units(self, method: str) -> pd.Series:
        """The defined scores of a method by the first column; none where it has none."""
        return self.scores.loc[[method]].iloc[0].dropna() if method in self.scores.index else pd.Series(dtype=float)

    def _list_facts(self, method: str, cells: Sequence[CellRecord]) -> Iterator[tuple[str, str]]:
        first = self.columns[0]
        row, costs = self.rows[method, None].get(first, {}), self.board.cost_and_coverage(self.task, method)
        yield "source", cells[0].source
        yield "family", cells[0].family
        yield "other implementations", ", ".join(self.standings.twins.get(method, ()))
        if row:
            yield first, format_score(row["mean"], row["low"], row["high"])
            yield "from", f"{format_count(row['models'], 'model')}, {format_count(row['units'], 'explicand')}"
            yield "spread over repetitions", "" if pd.isna(row["spread"]) else format_number(row["spread"])
            yield "undefined on", format_count(row["undefined"], "explicand") if row["undefined"] else ""
        yield "options", _write_options(cells[0].options)
        rows = (format_number(costs[name], whole=True) for name in ("rows", "backward_rows"))
        yield "rows per explicand", "{} forward, {} backward".format(*rows)
        yield "seconds per explicand", format_seconds(costs["seconds"])
        yield "peak memory", "" if pd.isna(costs["peak_bytes"]) else f"{costs['peak_bytes'] / MEGABYTE:,.0f} MB"
        yield "cells", ", ".join(f"{costs[status]} {status}" for status in STATUSES if costs[status])
        yield "not ok", write_note(self.board, self.task, method)

    def _make_budgets(self, method: str) -> Table:
        """The first score at every budget, the largest first."""
        keys = [key for key in self.keys if key[0] == method]
        rows = []
        for key in keys:
            row = self.rows[key].get(self.columns[0], next(iter(self.rows[key].values())))
            allocation = find_allocation(self.board, method, row["options"])
            own = key[1] is None and pd.isna(row["budget"])
            rows.append(
                [
                    "own" if own else f"{row['budget']:,}",
                    format_score(row["mean"], row["low"], row["high"]),
                    format_number(row["cost"], whole=True),
                    format_distance(row["distance"]),
                    _write_options(allocation),
                ]
            )
        header = ["budget", self.headings[0], "cost", "distance", "allocation"]
        return Table(f"{method} on {self.task}: budgets", header, [[Cell(text) for text in row] for row in rows])

    def _list_models(self, units: pd.Series) -> str:
        """The mean of each model."""
        if units.empty:
            return ""
        means = units.groupby(self.board.find_models(self.task, units.index)).mean()
        return ", ".join(f"{mean:z.3f}" for mean in means)

    def _write_command(self, method: str) -> str:
        suite = self.board.run.manifest.suite.name
        return f"python -m benchmarks run {suite} --tasks {self.task} --methods {method} --out results/runs/one-row"


def _order(values: Sequence[Any], better: str) -> list[int]:
    """The number of each value in order, the best having 0, equals the same, and what is missing the last.

    Equal is what is so in twelve digits: in the last ones, means of the same numbers differ from machine to machine.
    """
    numbers = pd.Series([float(f"{value:.12g}") for value in pd.Series(values, dtype=float)], dtype=float)
    return [int(number) - 1 for number in numbers.rank(method="min", ascending=better == "lower", na_option="bottom")]


def _order_costs(costs: Sequence[tuple[str, float]]) -> list[Value]:
    """Texts with their numbers as cells, the smallest first."""
    order = _order([number for _, number in costs], "lower")
    return [Value(text, at) for (text, _), at in zip(costs, order, strict=True)]


def _write_options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _list_scores(units: pd.Series) -> str:
    texts = [f"{score:z.3g}" for score in units[:LONGEST]]
    more = len(units) - len(texts)
    return ", ".join(texts) + (f" and {more:,} more, in the records" if more > 0 else "")


def _hash_records(cells: Sequence[CellRecord]) -> str:
    """Of their lines in the published archive."""
    return hash_bytes(*(f"{cell.model_dump_json()}\n".encode() for cell in cells))
