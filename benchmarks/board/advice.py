"""What to use and what to avoid, in sentences with numbers: for each family of tasks, at a small and a large budget.

All of it follows from a run's records: from duels at that budget (``benchmarks.board.level``), and from properties.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.duels import LOSS, NOT_MET, TIE, UNDECIDED, WIN, judge_family
from benchmarks.board.level import Level
from benchmarks.board.properties import CRITERIA, make_properties_frame
from benchmarks.board.tables import format_count, format_number

USED: Final = 3  # methods that are named to be used
AVOIDED: Final = 5  # methods that are named to be avoided
CHEAP: Final = 0.5  # of the cost of the best: what is worth a word
CERTAINTY: Final = "neutrality_gap"  # a check of certainty-aware models alone
MEASURED: Final = ("pass", "fail", "open")
LEAD: Final = (
    f"Use: at most {USED} of the unbeaten, which lose to none and beat the best control by paired tests at 5 %, Holm-"
    "corrected; most wins first, with score, rows and seconds per explicand. Avoid: what scores no better than the "
    f"best control and loses to it or ties, which takes {statistics.ENOUGH} models to tell, and what fails 1 test or "
    "more."
)


@dataclass(frozen=True)
class Named:
    """A method, and the numbers that speak for it or against it."""

    method: str
    facts: str


@dataclass(frozen=True)
class Sentence:
    """What is ``said``, the ``task`` whose board shows it, and the methods that it is said of."""

    said: str
    task: str
    named: Sequence[Named] = ()


@dataclass(frozen=True)
class Advice:
    """For a family of tasks, whose ``models`` are described, and a budget in words; ``score`` is what is told."""

    family: str
    models: str
    score: str
    budget: str
    use: Sequence[Sentence]
    avoid: Sequence[Sentence]


def make_advice(board: Board) -> list[Advice]:
    """For each family in which methods are judged, at the smallest and at the headline budget of its tasks.

    Families come in the order of how many of their duels are decided.
    """
    suite, tests, found = board.run.manifest.suite, make_properties_frame(board), []
    for family in sorted(board.duels, key=lambda family: _count_undecided(board, board.duels[family])):
        own = [task for task in suite.tasks if task.family == family]
        judged = [task for task in own if task.name in board.first_judges]
        small = Level(board, {t.name: t.budgets[0] for t in judged if len(t.budgets) > 1}, headline=False)
        large = Level(board, {t.name: t.budgets[-1] for t in judged}, headline=True)
        failed = list(_say_failed(board, tests[tests["task"].isin([task.name for task in own])]))
        models = _describe_models(board, [task.name for task in judged])
        for level, cheaper, fails in ((small, None, []), (large, small, failed)):
            if level.methods:
                use = [*_say_use(level, tests), *_say_cheapest(level, cheaper)]
                found.append(Advice(family, models, level.heading, level.text, use, [*_say_avoid(level), *fails]))
    return found


def _count_undecided(board: Board, duels: pd.DataFrame) -> float:
    """The share of the duels between methods, but controls, that are undecided; 1 where there is none."""
    kept = [method for method in duels.index if method not in board.controls]
    found = duels.loc[kept, kept].to_numpy()
    return float((found == UNDECIDED).sum() / met if (met := (found != NOT_MET).sum()) else 1)


# ---- sentences ---------------------------------------------------------------------------------------------------


def _say_use(level: Level, tests: pd.DataFrame) -> Iterable[Sentence]:
    """The best methods, with the properties that they fail anywhere in the run."""
    chosen = level.best[:USED]
    if level.independent < statistics.ENOUGH:
        found = level.duels.loc[level.methods, level.methods].to_numpy()
        undecided, met = (int(part.sum()) // 2 for part in (found == UNDECIDED, found != NOT_MET))
        said = f"Too few models to tell: {level.models}, {undecided} of {format_count(met, 'duel')} undecided"
        yield Sentence(said, level.task)
    elif not chosen:
        yield Sentence(f"None of {len(level.methods)} beats the control and loses to none", level.task)
    if not chosen:
        return
    named = []
    for method in chosen:
        failed = tests.loc[(tests["method"] == method) & (tests["verdict"] == "fail"), "property"].unique()
        fails = f", fails {', '.join(failed)}" if len(failed) else ""
        wins = f"beats {level.count(method, WIN)} of {len(level.methods) - 1}"
        named.append(Named(method, f"{wins}, {level.describe(method)}{fails}"))
    ties = int((level.duels.loc[chosen, chosen] == TIE).to_numpy().sum())
    tied = ", tied" if len(chosen) > 1 and ties == len(chosen) * (len(chosen) - 1) else ""
    above = " and above the control" if level.control else ""
    yield Sentence(f"{len(chosen)} of {len(level.best)} unbeaten{above}{tied}", level.task, named)


def _say_cheapest(level: Level, small: Level | None) -> Iterable[Sentence]:
    """The fewest rows, at this budget or at the smallest, that no test tells from the best method here, on as many
    models as that takes; tests of few models miss much, so the mean has to be in the interval of the best as well."""
    if not level.best or level.independent < statistics.ENOUGH:
        return
    best = level.best[0]
    task, own = level.find(best)
    tied = [(level, method) for method in level.methods if level.duels.loc[best, method] == TIE]
    if small is not None and small.scores.keys() == level.scores.keys() and small.task == task:
        rivals = {task: small.scores[task].rename(index="small {}".format) for task in level.scores}
        both = {task: pd.concat([table.loc[table.index == best], rivals[task]]) for task, table in level.scores.items()}
        duels = judge_family([level.judge(task, table) for task, table in both.items()]).loc[best]
        tied += [(small, method) for method in small.methods if duels[f"small {method}"] == TIE]
    there = [(at, method) for at, method in tied if method in at.rows[task]]
    near = [(at, method) for at, method in there if own["low"] <= at.rows[task][method]["mean"] <= own["high"]]
    cheap, method = min(near, key=lambda of: of[0].find(of[1])[1]["cost"], default=(level, best))
    if cheap.find(method)[1]["cost"] <= CHEAP * own["cost"]:
        said = f"Cheapest of {len(near)} in the interval of {best} that no test tells from it"
        yield Sentence(said, cheap.task, [Named(method, cheap.describe(method))])


def _say_avoid(level: Level) -> Iterable[Sentence]:
    if level.control:
        said = f"{len(level.against_control(WIN))} of {len(level.methods)} beat the control {level.control}"
        said += f" ({level.score(level.control)})"
        for result, text in ((UNDECIDED, "undecided"), (TIE, "tie with it"), (LOSS, "lose to it")):
            count = len(level.against_control(result))
            said += f", {count} {text}" if count else ""
        worse = [method for method in level.against_control(LOSS, TIE) if not level.scores_better(method)]
        yield Sentence(said, level.task, [Named(method, level.score(method)) for method in worse[:AVOIDED]])


def _say_failed(board: Board, tests: pd.DataFrame) -> Iterable[Sentence]:
    """The methods that fail each property on the task where most do, the worst first."""
    measured = tests[tests["verdict"].isin(MEASURED) & ~tests["method"].isin(board.controls)]
    for criterion in CRITERIA:
        own = measured[measured["property"] == criterion.name]
        failed = own[own["verdict"] == "fail"]
        if len(failed):
            task = str(failed["task"].value_counts().index[0])
            rows = sorted(list_rows(failed[failed["task"] == task]), key=lambda row: -criterion.miss(row["mean"]))
            said = f"{len(rows)} of {(own['task'] == task).sum()} fail {criterion.name} ({criterion.limit})"
            yield Sentence(said, task, [Named(row["method"], format_number(row["mean"])) for row in rows[:USED]])


def _describe_models(board: Board, tasks: Sequence[str]) -> str:
    """What the problems' records say of inputs, players and models."""
    problems = [problem for problem in board.run.problems if problem.task in tasks and problem.features]
    shapes = dict.fromkeys(problem.features for problem in problems)
    inputs = [f"pictures of {s[-2]} x {s[-1]}" if len(s) > 1 else format_count(s[0], "feature") for s in shapes]
    players = dict.fromkeys(str(problem.players) for problem in problems if problem.players)
    aware = len({problem.task for problem in problems if CERTAINTY in problem.checks})
    models = "certainty-aware" if aware == len(tasks) else f"certainty-aware on {aware} of {len(tasks)} tasks"
    of_players = [f"{' or '.join(players)} players"] if players else []
    return ", ".join([*[" or ".join(inputs)] * bool(inputs), *of_players, *[models] * bool(aware)])
