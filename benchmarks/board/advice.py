"""What to use and what to avoid, in sentences with numbers: for each family of tasks, at a small and a large budget.

All of it follows from a run's records: from paired tests at that budget (``benchmarks.board.family_at_budget``), and
from properties.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from benchmarks.board import statistics
from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.family_at_budget import FamilyAtBudget
from benchmarks.board.paired_tests import LOSS, TIE, UNDECIDED, WIN, judge_family
from benchmarks.board.properties import CRITERIA
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
class MethodFacts:
    """A method, and the numbers that speak for it or against it."""

    method: str
    facts: str


@dataclass(frozen=True)
class Sentence:
    """What is ``said``, the ``task`` whose board shows it, and the methods that it is said of."""

    said: str
    task: str
    named: Sequence[MethodFacts] = ()


@dataclass(frozen=True)
class Advice:
    """For a family of tasks, whose ``models`` are described, and a budget in words; ``score`` is what is told."""

    family: str
    models: str
    score: str
    budget: str
    use: Sequence[Sentence]
    avoid: Sequence[Sentence]


def make_advice(board: Board, tests: pd.DataFrame) -> list[Advice]:
    """For each family in which methods are judged, at the smallest and at the headline budget of its tasks.

    Families come in the order of how many of their paired tests are decided. ``tests`` are the properties'
    (``make_properties_frame``).
    """
    suite, found = board.run.manifest.suite, []
    for family in sorted(board.paired_tests, key=lambda family: -board.paired_tests[family].decided):
        own = [task for task in suite.tasks if task.family == family]
        judged = [task for task in own if task.name in board.first_judges]
        small = FamilyAtBudget(board, {t.name: t.budgets[0] for t in judged if len(t.budgets) > 1}, headline=False)
        large = FamilyAtBudget(board, {t.name: t.budgets[-1] for t in judged}, headline=True)
        failed = list(_say_failed(board, tests[tests["task"].isin([task.name for task in own])]))
        models = _describe_models(board, [task.name for task in judged])
        for at, cheaper, fails in ((small, None, []), (large, small, failed)):
            if at.tests.rivals:
                use = [*_say_use(at, tests), *_say_cheapest(at, cheaper)]
                found.append(Advice(family, models, at.heading, at.text, use, [*_say_avoid(at), *fails]))
    return found


# ---- sentences ---------------------------------------------------------------------------------------------------


def _say_use(at: FamilyAtBudget, properties: pd.DataFrame) -> Iterable[Sentence]:
    """The best methods, with the properties that they fail anywhere in the run."""
    tests, chosen = at.tests, at.best[:USED]
    if at.independent < statistics.ENOUGH:
        undecided = f"{tests.undecided} of {format_count(tests.made, 'paired test')} undecided"
        said = f"Too few models to tell: {at.models}, {undecided}"
        yield Sentence(said, at.task)
    elif not chosen:
        yield Sentence(f"None of {len(tests.rivals)} beats the control and loses to none", at.task)
    if not chosen:
        return
    named = []
    for method in chosen:
        own = properties[(properties["method"] == method) & (properties["verdict"] == "fail")]
        failed = own["property"].unique()
        fails = f", fails {', '.join(failed)}" if len(failed) else ""
        wins = f"beats {tests.count(method, WIN)} of {len(tests.rivals) - 1}"
        named.append(MethodFacts(method, f"{wins}, {at.describe(method)}{fails}"))
    ties = int((tests.results.loc[chosen, chosen] == TIE).to_numpy().sum())
    tied = ", tied" if len(chosen) > 1 and ties == len(chosen) * (len(chosen) - 1) else ""
    above = " and above the control" if tests.control else ""
    yield Sentence(f"{len(chosen)} of {len(at.best)} unbeaten{above}{tied}", at.task, named)


def _say_cheapest(at: FamilyAtBudget, small: FamilyAtBudget | None) -> Iterable[Sentence]:
    """The fewest rows, at this budget or at the smallest, that no test tells from the best method here, on as many
    models as that takes; tests of few models miss much, so the mean has to be in the interval of the best as well."""
    if not at.best or at.independent < statistics.ENOUGH:
        return
    best = at.best[0]
    task, own = at.find(best)
    tied = [(at, method) for method in at.tests.rivals if at.tests.results.loc[best, method] == TIE]
    if small is not None and small.scores.keys() == at.scores.keys() and small.task == task:
        rivals = {task: small.scores[task].rename(index="small {}".format) for task in at.scores}
        both = {task: pd.concat([table.loc[table.index == best], rivals[task]]) for task, table in at.scores.items()}
        results = judge_family([at.board.compare_methods(task, table) for task, table in both.items()]).loc[best]
        tied += [(small, method) for method in small.tests.rivals if results[f"small {method}"] == TIE]
    there = [(of, method) for of, method in tied if method in of.rows[task]]
    near = [(of, method) for of, method in there if own["low"] <= of.rows[task][method]["mean"] <= own["high"]]
    cheap, method = min(near, key=lambda of: of[0].find(of[1])[1]["cost"], default=(at, best))
    if cheap.find(method)[1]["cost"] <= CHEAP * own["cost"]:
        said = f"Cheapest of {len(near)} in the interval of {best} that no test tells from it"
        yield Sentence(said, cheap.task, [MethodFacts(method, cheap.describe(method))])


def _say_avoid(at: FamilyAtBudget) -> Iterable[Sentence]:
    tests = at.tests
    if tests.control:
        said = f"{len(tests.against_control(WIN))} of {len(tests.rivals)} beat the control {tests.control}"
        said += f" ({at.score(tests.control)})"
        for result, text in ((UNDECIDED, "undecided"), (TIE, "tie with it"), (LOSS, "lose to it")):
            count = len(tests.against_control(result))
            said += f", {count} {text}" if count else ""
        worse = [method for method in tests.against_control(LOSS, TIE) if not at.scores_better(method)]
        yield Sentence(said, at.task, [MethodFacts(method, at.score(method)) for method in worse[:AVOIDED]])


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
            yield Sentence(said, task, [MethodFacts(row["method"], format_number(row["mean"])) for row in rows[:USED]])


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
