"""Who beats whom in a family of tasks at one budget, and what the methods score and cost there.

At the headline budget the paired tests are those of the board; at a smaller one the same are made of its scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.leaderboard import Standings
from benchmarks.board.paired_tests import WIN, PairedTests
from benchmarks.board.tables import format_count, format_number, format_score, format_seconds


@dataclass(frozen=True)
class FamilyAtBudget:
    """A family of tasks at a budget of each: the methods that spend no more, as they are ranked on a board."""

    board: Board
    budgets: Mapping[str, int]
    headline: bool

    @property
    def text(self) -> str:
        """The budgets, from the smallest to the largest."""
        ends = dict.fromkeys((min(self.budgets.values()), max(self.budgets.values())))
        return " to ".join(f"{end:,}" for end in ends) + " rows"

    def _pick(self, frame: pd.DataFrame, task: str) -> pd.DataFrame:
        """What is by the first judging column at this budget; a method with one cost of its own is run at no other."""
        own = frame[(frame["task"] == task) & (frame["column"] == self.board.first_judges[task])]
        at = (own["budget"] == self.budgets[task]).fillna(False).astype(bool)
        return own[own["headline"] if self.headline else at | (own["headline"] & own["budget"].isna())]

    @cached_property
    def rows(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The rows of ``Board.summary`` by task and method."""
        board, found = self.board, {}
        for task, budget in self.budgets.items():
            hidden = {*board.exact(task, board.first_judges[task]), *board.same_as}
            rows = {str(row["method"]): row for row in list_rows(self._pick(board.summary, task))}
            found[task] = {m: row for m, row in rows.items() if m not in hidden and not row["cost"] > budget}
        return found

    @cached_property
    def scores(self) -> dict[str, pd.DataFrame]:
        """By task, a row for each method and a column for each unit."""
        tables = {}
        for task, rows in self.rows.items():
            units = self._pick(self.board.units, task).astype({"method": str})
            table = units.pivot(index="method", columns=["repetition", "explicand"], values="score")
            tables[task] = table.reindex([method for method in map(str, self.board.methods.index) if method in rows])
        return {task: table for task, table in tables.items() if len(table)}

    @cached_property
    def results(self) -> dict[str, pd.DataFrame]:
        """Of the paired tests on each task where any method is scored."""
        if self.headline:
            return {task: self.board.results[task] for task in self.scores}
        return {task: self.board.compare_methods(task, scores) for task, scores in self.scores.items()}

    @cached_property
    def tests(self) -> PairedTests:
        """The paired tests of the family."""
        return self.board.combine_results(list(self.results.values()))

    @cached_property
    def task(self) -> str:
        """The task whose scores are told: the one on which tests tell most methods apart."""
        return max(self.results, key=lambda task: int((self.results[task] == WIN).to_numpy().sum()))

    @property
    def heading(self) -> str:
        """Which score is told, and which ones are better."""
        return Standings(self.board, self.task).heading(self.board.first_judges[self.task])

    def scores_better(self, method: str) -> bool:
        """Whether the mean is better than the best control's, where both have one, by more than rounding."""
        task, row = self.find(method)
        if self.tests.control not in self.rows[task]:
            return True
        ahead = row["mean"] - self.rows[task][self.tests.control]["mean"]
        higher = self.board.facts[task, self.board.first_judges[task]]["better"] == "higher"
        return bool((ahead if higher else -ahead) > statistics.FLOAT64_ROUNDING)

    @cached_property
    def best(self) -> list[str]:
        """The unbeaten methods that also win against the best control: most wins first, then the cheaper."""
        found = self.tests.list_unbeaten(above_control=True)
        return sorted(found, key=lambda m: (-self.tests.count(m, WIN), self.find(m)[1]["cost"]))

    @cached_property
    def independent(self) -> int:
        """The units that tests count, models or the explicands of one, on the task that has most."""
        of = ((table.to_numpy(), self.board.find_models(task, table.columns)) for task, table in self.scores.items())
        return max(int(statistics.count_independent(*one).max()) for one in of)

    @property
    def models(self) -> str:
        """How many there are, on the task that has most, or how many explicands of one."""
        models = max(row["models"] for rows in self.rows.values() for row in rows.values())
        one = f"1 model, {format_count(self.independent, 'explicand')}"
        return format_count(models, "model") if models > 1 else one

    def find(self, method: str) -> tuple[str, dict[str, Any]]:
        """The task of a method, that whose scores are told or else the first with the method; and its row there."""
        task = next(task for task in (self.task, *self.rows) if method in self.rows[task])
        return task, self.rows[task][method]

    def score(self, method: str, *, interval: bool = False) -> str:
        """The mean, and its interval."""
        task, row = self.find(method)
        text = format_score(row["mean"], row["low"], row["high"], interval=interval)
        return text if task == self.task else f"{text} on {task}"

    def describe(self, method: str) -> str:
        """Score, cost, and distance to the method's limit."""
        _, row = self.find(method)
        cost = f"{format_number(row['cost'], whole=True)} rows, {format_seconds(row['seconds'])} s"
        limit = "" if pd.isna(row["distance"]) else f", distance {row['distance']:.2f} to its limit"
        return f"{self.score(method, interval=True)}, {cost}{limit}"
