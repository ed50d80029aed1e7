"""Who beats whom in a family of tasks at one budget, and what the methods score and cost there.

At the headline budget the duels are those of ``Board.duels``; at a smaller one the same tests are made of its scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.duels import LOSS, NOT_MET, WIN, judge_family, judge_task
from benchmarks.board.leaderboard import Standings
from benchmarks.board.tables import format_count, format_number, format_score, format_seconds

ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Level:
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

    def find_better(self, task: str) -> Any:
        """Whether lower or higher scores of a task are better."""
        columns = self.board.first_scores(self.board.columns)
        (better,) = columns.loc[columns["task"] == task, "better"]
        return better

    def judge(self, task: str, scores: pd.DataFrame) -> pd.DataFrame:
        """``judge_task`` of scores on the units of a task."""
        return judge_task(scores, self.board.find_models(task, scores.columns), self.find_better(task))

    @cached_property
    def by_task(self) -> dict[str, pd.DataFrame]:
        """The duels of each task where any method is scored."""
        return {task: self.judge(task, scores) for task, scores in self.scores.items()}

    @cached_property
    def duels(self) -> pd.DataFrame:
        """Those of the family."""
        return judge_family(list(self.by_task.values()))

    @cached_property
    def methods(self) -> list[str]:
        """All but controls."""
        return [method for method in self.duels.index if method not in self.board.controls] if self.by_task else []

    @cached_property
    def task(self) -> str:
        """Whose scores are told: the task on which tests tell most methods apart."""
        return max(self.by_task, key=lambda task: int((self.by_task[task] == WIN).to_numpy().sum()))

    @property
    def heading(self) -> str:
        """Which score is told, and which ones are better."""
        return Standings(self.board, self.task).heading(self.board.first_judges[self.task])

    @cached_property
    def control(self) -> str:
        """The control that does best against methods, of those with a score; empty where there is none."""
        named = [str(name) for name in self.duels.index if name in self.board.controls]
        controls = [name for name in named if self.count(name, NOT_MET) < len(self.methods)]
        return max(controls, key=lambda name: self.count(name, WIN) - self.count(name, LOSS), default="")

    def count(self, method: str, result: str) -> int:
        """How many methods but controls it wins against, loses to, or ties with."""
        return list(self.duels.loc[method, self.methods]).count(result)

    def against_control(self, *results: str) -> list[str]:
        """The methods whose duel with the best control is one of these, those that lose most duels first."""
        found = [m for m in self.methods if self.control and self.duels.loc[m, self.control] in results]
        return sorted(found, key=lambda method: -self.count(method, LOSS))

    def scores_better(self, method: str) -> bool:
        """Whether the mean is better than the best control's, where both have one, by more than rounding."""
        task, row = self.find(method)
        if self.control not in self.rows[task]:
            return True
        ahead = row["mean"] - self.rows[task][self.control]["mean"]
        return bool((ahead if self.find_better(task) == "higher" else -ahead) > ROUNDING)

    @cached_property
    def best(self) -> list[str]:
        """The methods that lose to none and win, against the best control too: most wins first, then the cheaper."""
        fits = self.against_control(WIN) if self.control else self.methods
        kept = [m for m in fits if LOSS not in set(self.duels.loc[m]) and WIN in set(self.duels.loc[m])]
        return sorted(kept, key=lambda m: (-self.count(m, WIN), self.find(m)[1]["cost"], self.methods.index(m)))

    @cached_property
    def independent(self) -> int:
        """The units that tests count, models or the explicands of one, on the task that has most."""
        of = ((table.to_numpy(), self.board.find_models(task, table.columns)) for task, table in self.scores.items())
        return max(int(statistics.count_independent(*one).max()) for one in of)

    @property
    def models(self) -> str:
        """How many there are, on the task that has most, or how many explicands of one."""
        models = max(row["models"] for rows in self.rows.values() for row in rows.values())
        return (
            format_count(models, "model") if models > 1 else f"1 model, {format_count(self.independent, 'explicand')}"
        )

    def find(self, method: str) -> tuple[str, dict[str, Any]]:
        """The row of a method, and its task: that whose scores are told, or else the first with the method."""
        task = next(task for task in (self.task, *self.rows) if method in self.rows[task])
        return task, self.rows[task][method]

    def score(self, method: str, *, interval: bool = False) -> str:
        """The mean, and its interval."""
        task, row = self.find(method)
        text = format_score(row["mean"], row["low"], row["high"], interval=interval)
        return text if task == self.task else f"{text} on {task}"

    def describe(self, method: str) -> str:
        """Score, cost, and distance from the method's limit."""
        _, row = self.find(method)
        cost = f"{format_number(row['cost'], whole=True)} rows, {format_seconds(row['seconds'])} s"
        limit = "" if pd.isna(row["distance"]) else f", {row['distance']:.2f} from limit"
        return f"{self.score(method, interval=True)}, {cost}{limit}"
