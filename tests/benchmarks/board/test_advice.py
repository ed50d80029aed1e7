"""What to use and what to avoid, on runs where the answer is known, and what must hold of any advice."""

import re
from typing import Any

import numpy as np
import pytest

from benchmarks.board import advice
from benchmarks.board.advice import LEAD, Advice
from benchmarks.board.aggregate import Board, aggregate
from benchmarks.board.family_at_budget import FamilyAtBudget
from benchmarks.board.paired_tests import LOSS, WIN
from benchmarks.board.properties import make_properties
from benchmarks.board.report import write_report
from benchmarks.run.storage import read_run
from tests.benchmarks.board.page.test_page import Tree
from tests.benchmarks.run_maker import RunMaker, certainty_run

NOISE = np.array([0.01, -0.01, 0.02, -0.02, 0.0, 0.0])
NAMES = ("first", "second", "third", "fourth", "guess")


def known_run(directory, names=NAMES, models=6, *, without_score=()) -> RunMaker:
    """Six models. At 100 rows the first two tie, the third is worse, and the fourth ties with the control.

    At 10 rows the first is as good as at 100, and wins. The first fails a test.
    """
    first, second, third, fourth, guess = names
    families = {name: "control" if name == guess else "family" for name in names}
    families |= dict.fromkeys(without_score, "control")
    maker = RunMaker(
        directory, families, {"Some.task": {"repetitions": models, "budgets": [10, 100], "family": "kind"}}
    )
    scores = {10: {first: 0.9, second: 0.5, third: 0.4, fourth: 0.0}, 100: {first: 0.9, second: 0.9, third: 0.5}}
    for repetition, noise in enumerate(NOISE[:models]):
        checks = {"neutrality_gap": 0.01}
        maker.problem("Some.task", repetition, features=(1, 8, 6), players=12, checks=checks, truths={})
        for budget, of in scores.items():
            for name, mean in {**of, fourth: 0.0}.items():
                score = mean + (-noise if name == second else np.roll(NOISE, names.index(name))[repetition])
                columns = {"spearman_game": [score], "ignored_share": [0.5 * (name == first)]}
                rows = {"budget": budget, "headline": budget == 100, "rows": budget / 2 if name == second else budget}
                maker.cell("Some.task", repetition, name, columns, distance=0.25, **rows)
        maker.cell("Some.task", repetition, guess, {"spearman_game": [np.roll(NOISE, 4)[repetition]]}, rows=0)
        for name in without_score:
            maker.cell("Some.task", repetition, name, {"spearman_game": [None]}, rows=0)
    return maker


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return aggregate(read_run(known_run(tmp_path_factory.mktemp("known") / "run").write()))


def make_advice(board: Board) -> list[Advice]:
    return advice.make_advice(board, make_properties(board).frame)


def words(sentences):
    named = [", ".join(f"{one.method} ({one.facts})" for one in found.named) for found in sentences]
    return [found.said + (f": {names}" if names else "") for found, names in zip(sentences, named, strict=True)]


def test_a_control_without_a_score_is_not_the_one_to_beat(board, tmp_path):
    """As |x| has none where all features are 1, so that it meets no method."""
    other = aggregate(read_run(known_run(tmp_path / "run", without_score=("flat",)).write()))
    assert make_advice(other) == make_advice(board)


def test_the_known_answer(board):
    small, large = make_advice(board)
    assert (small.family, small.models) == ("kind", "pictures of 8 x 6, 12 players, certainty-aware")
    assert (small.score, small.budget, large.budget) == ("spearman_game ↑", "10 rows", "100 rows")
    interval = r"0\.90\d* \[0\.8\d+, 0\.9\d+\]"
    (said,) = words(small.use)
    known = rf"first \(beats 3 of 3, {interval}, 10 rows, 0\.5 s, distance 0\.25 to its limit, fails dummy\)"
    assert re.fullmatch(f"1 of 1 unbeaten and above the control: {known}", said)
    best, cheapest = words(large.use)
    cheap = rf"second \(beats 2 of 3, {interval}, 50 rows, 0\.5 s, distance 0\.25 to its limit\)"
    dear = rf"first \(beats 2 of 3, {interval}, 100 rows, 0\.5 s, distance 0\.25 to its limit, fails dummy\)"
    assert re.fullmatch(rf"2 of 2 unbeaten and above the control, tied: {cheap}, {dear}", best)
    at_small = rf"first \({interval}, 10 rows, 0\.5 s, distance 0\.25 to its limit\)"
    assert re.fullmatch(rf"Cheapest of 2 in the interval of second that no test tells from it: {at_small}", cheapest)
    control = r"3 of 4 beat the control guess \(0\.00\d?\), 1 tie with it: fourth \(0\.00\d?\)"
    assert re.fullmatch(control, words(small.avoid)[0])
    assert re.fullmatch(control, words(large.avoid)[0])
    assert words(large.avoid)[1:] == ["1 of 4 fail dummy (at most 0.1): first (0.500)"]


def test_a_method_with_one_cost_stands_where_that_is_no_more_than_the_budget(tmp_path):
    maker = known_run(tmp_path / "run")
    maker.families = {**maker.families, "cheap": "family", "dear": "family"}
    for repetition, noise in enumerate(NOISE):
        for name, rows in (("cheap", 5), ("dear", 60)):
            maker.cell("Some.task", repetition, name, {"spearman_game": [0.7 + noise]}, rows=rows)
    board = aggregate(read_run(maker.write()))
    assert set(FamilyAtBudget(board, {"Some.task": 10}, headline=False).tests.rivals) == {*NAMES[:4], "cheap"}
    assert set(FamilyAtBudget(board, {"Some.task": 100}, headline=True).tests.rivals) == {*NAMES[:4], "cheap", "dear"}


def test_names_have_no_say(board, tmp_path):
    other = ("random-attribution", "zzz", "icg", "bshap", "sig-game")
    renamed = make_advice(aggregate(read_run(known_run(tmp_path / "run", other).write())))
    back = dict(zip(other, NAMES, strict=True))
    pattern = re.compile("|".join(map(re.escape, other)))
    for ours, theirs in zip(make_advice(board), renamed, strict=True):
        found = [pattern.sub(lambda name: back[name[0]], said) for said in words([*theirs.use, *theirs.avoid])]
        assert found == words([*ours.use, *ours.avoid])


def test_few_models_are_said_to_be_few(tmp_path):
    _, large = make_advice(aggregate(read_run(known_run(tmp_path / "run", models=4).write())))
    assert words(large.use)[0] == "Too few models to tell: 4 models, 1 of 6 paired tests undecided"
    assert not [said for said in words(large.use) if said.startswith("Cheapest")]
    assert re.match(r"3 of 4 beat the control guess \(-?0\.00\d?\), 1 undecided", words(large.avoid)[0])
    once, *_ = make_advice(aggregate(read_run(known_run(tmp_path / "once", models=1).write())))
    assert words(once.use) == ["Too few models to tell: 1 model, 1 explicand, 6 of 6 paired tests undecided"]


def random_run(directory, seed) -> RunMaker:
    """Any scores, on two tasks of a family and one of another; the control may be the best of all."""
    rng = np.random.default_rng(seed)
    families = {name: "control" if name in "yz" else "family" for name in "abcdyz"}
    task = {"repetitions": 6, "budgets": [10, 100]}
    tasks: dict[str, dict[str, Any]] = {
        "t1": {**task, "family": "two"},
        "t2": {**task, "family": "two"},
        "t3": {**task, "budgets": [100]},
    }
    maker = RunMaker(directory, families, tasks)
    for name in tasks:
        means = rng.uniform(0, 0.5, (2, len(families)))
        for repetition in range(6 if seed % 2 else 3):
            maker.problem(name, repetition, features=(3,))
            for place, method in enumerate(families):
                for i, budget in enumerate([100] if name == "t3" else [10, 100]):
                    scores = {"spearman_game": list(means[i, place] + 0.05 * rng.normal(size=1))}
                    if not (method == "d" and name == "t1"):
                        maker.cell(name, repetition, method, scores, budget=budget, headline=budget == 100, rows=budget)
    return maker


@pytest.mark.parametrize("seed", range(3))
def test_what_holds_of_any_advice(seed, tmp_path):
    board = aggregate(read_run(random_run(tmp_path / "run", seed).write()))
    advised = make_advice(board)
    kinds = [(one.family, one.budget) for one in advised]
    assert sorted(kinds) == [("made-up", "100 rows"), ("two", "10 rows"), ("two", "100 rows")]
    for one in advised:
        sentences = [*one.use, *one.avoid]
        assert all(re.search(r"\d", said) for said in words(sentences))
        assert {found.task for found in sentences} <= {"t1", "t2", "t3"}
        used, avoided = ({named.method for found in of for named in found.named} for of in (one.use, one.avoid))
        assert not used & {"y", "z"}
        assert not used & avoided
        results = board.paired_tests[one.family].results
        if one.budget == "100 rows":
            for method in {named.method for found in one.use if "unbeaten" in found.said for named in found.named}:
                assert LOSS not in set(results.loc[method])
                assert WIN in set(results.loc[method, ["y", "z"]])
    for family, tasks in (("two", ("t1", "t2")), ("made-up", ("t3",))):
        at = FamilyAtBudget(board, dict.fromkeys(tasks, 100), headline=True)
        assert at.tests.results.equals(board.paired_tests[family].results)
        assert {task: board.compare_methods(task, scores) for task, scores in at.scores.items()}.keys() == set(tasks)
        for task, scores in at.scores.items():  # the same tests of its own scores
            assert board.compare_methods(task, scores).equals(at.results[task])


def test_without_a_control_nothing_is_said_of_one(tmp_path):
    advised = make_advice(aggregate(read_run(certainty_run(tmp_path / "run").write())))
    assert advised
    assert not any(found.said for one in advised for found in one.avoid)


def test_it_stands_in_the_reports_with_links_to_the_boards(board, monkeypatch):
    monkeypatch.setattr("benchmarks.board.report.figures.draw", lambda _: [])
    folder = board.run.directory
    write_report(folder)
    markdown = (folder / "leaderboard.md").read_text(encoding="utf-8")
    before, _, section = markdown.partition("## In short: what to use")
    section = section.partition("\n## ")[0]
    assert before.count("\n## ") == 1  # who leads
    assert "\n## Some.task\n" in markdown
    assert set(re.findall(r"\]\(#(.*?)\)", section)) == {"sometask"}
    assert section.count("](#") == sum(len(one.use) + len(one.avoid) for one in make_advice(board))
    page = Tree((folder / "leaderboard.html").read_text(encoding="utf-8")).root
    table = page.one("table", class_="advice")
    assert len(list(table.one("tbody").all("tr"))) == 2
    assert {link.attributes["href"] for link in table.all("a")} == {"#board-Some.task"}
    assert [e.text for e in next(table.one("tbody").all("tr")).all("b")] == ["first", "fourth"]


def test_the_lead_has_a_number_in_every_sentence():
    assert all(re.search(r"\d", sentence) for sentence in LEAD.split(". "))
