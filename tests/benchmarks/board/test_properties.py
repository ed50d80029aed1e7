import math

import pandas as pd
import pytest

from benchmarks.board.aggregate import aggregate, find_option, list_rows
from benchmarks.board.properties import CRITERIA, Criterion, make_properties, make_properties_table
from benchmarks.board.report import write_report
from benchmarks.run.storage import read_run
from benchmarks.run.suite_files import load_suite
from datasets.problem import tasks
from sig.registry import metrics
from tests.benchmarks.board.page.test_page import Tree
from tests.benchmarks.run_maker import RunMaker

REPETITIONS, EXPLICANDS = 3, 30
AT_MOST = Criterion("p", "?", "dummy", "at most", 0.1, "r")
AT_LEAST = Criterion("p", "?", "spearman", "at least", 0.9, "r")


@pytest.mark.parametrize(
    ("criterion", "interval", "verdict"),
    [
        (AT_MOST, (0.05, 0.01, 0.1), "pass"),
        (AT_MOST, (0.05, 0.01, 0.11), "open"),
        (AT_MOST, (0.2, 0.1, 0.3), "open"),
        (AT_MOST, (0.2, 0.11, 0.3), "fail"),
        (AT_MOST, (0.05, math.nan, math.nan), "pass"),  # equal scores without limits
        (AT_MOST, (0.2, math.nan, math.nan), "fail"),
        (AT_LEAST, (0.95, 0.9, 1.0), "pass"),
        (AT_LEAST, (0.95, 0.89, 1.0), "open"),
        (AT_LEAST, (0.5, 0.1, 0.89), "fail"),
    ],
)
def test_the_bound_of_the_interval_decides(criterion, interval, verdict):
    assert criterion.judge(*interval, units=9) == verdict
    assert criterion.judge(*interval, units=1) == "open"


def properties_run(directory, names=("good", "bad", "unsure", "mixed", "refuses", "silent", "control")) -> RunMaker:
    """Two units: what the network ignores is marked in both, and twins in one of them.

    ``mixed`` fails on the second unit alone; ``refuses`` is skipped, and ``silent`` not scored.
    """
    good, bad, unsure, mixed, refuses, silent, control = names
    units = {"kind": "units", "repetitions": REPETITIONS, "budgets": [100]}
    kinds = {
        "saturated": {**units, "options": {"unit": "saturated"}},
        "symmetric": {**units, "options": {"unit": "symmetric"}},
    }
    families = {name: "control" if name == control else "family" for name in names}
    maker = RunMaker(directory, families, kinds)
    given = {good: (0.0, 0.0), bad: (0.5, 0.9), unsure: (0.1, 0.1), mixed: (0.0, 0.4), control: (0.2, 0.8)}
    for repetition in range(REPETITIONS):
        for place, task in enumerate(kinds):
            maker.problem(task, repetition)
            for name, shares in given.items():
                near = [
                    shares[place] + 0.02 * (i % 3 + repetition - 2) * (shares[place] > 0) for i in range(EXPLICANDS)
                ]
                columns = {"ignored_share": near} | ({"apart": near} if task == "symmetric" else {})
                maker.cell(task, repetition, name, columns, budget=100)
            maker.cell(task, repetition, refuses, status="skipped", reason="needs pictures")
            maker.cell(task, repetition, silent, {"100%_right": [1.0]}, metric_notes={"ignored_share": "no paths"})
    return maker


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = properties_run(tmp_path_factory.mktemp("properties") / "run").write()
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def board(folder):
    return aggregate(read_run(folder))


def test_verdicts_by_hand(board):
    properties = make_properties(board)
    assert [one.name for one in properties.criteria] == ["dummy", "symmetry"]
    found = {row.method: [one.verdict for one in row.verdicts] for row in properties.rows}
    assert found == {
        "good": ["pass", "pass"],
        "bad": ["fail", "fail"],
        "unsure": ["open", "open"],
        "mixed": ["fail", "fail"],
        "control": ["fail", "fail"],
    }  # of "refuses" and "silent" nothing is measured
    mixed = next(row for row in properties.rows if row.method == "mixed")
    assert (mixed.fails, mixed.decided) == (2, 2)
    assert mixed.verdicts[0].of == "1/2"  # of the two units, one
    assert mixed.verdicts[0].score == "0.40"
    assert mixed.verdicts[0].interval.startswith("[0.")
    assert [row.control for row in properties.rows] == [False] * 4 + [True]


def test_what_is_not_measured_says_why(board):
    rows = {(row["property"], row["task"], row["method"]): row for row in list_rows(make_properties(board).frame)}

    def why(*place: str) -> list[str]:
        name, task, method = place
        return [rows[name, task, method]["verdict"], rows[name, task, method]["reason"]]

    assert why("dummy", "saturated", "refuses") == ["n/a", "needs pictures"]
    assert why("dummy", "saturated", "silent") == ["n/a", "no paths"]
    assert why("symmetry", "symmetric", "silent") == ["-", ""]
    summary = {(row["task"], row["method"], row["column"]): row for row in list_rows(board.summary)}
    for (name, task, method), row in rows.items():
        if row["verdict"] in ("pass", "fail", "open"):
            expected = summary[task, method, "ignored_share" if name == "dummy" else "apart"]
            assert [row[key] for key in ("mean", "low", "high")] == [expected[key] for key in ("mean", "low", "high")]


def test_names_do_not_matter(board, tmp_path):
    names = ("bshap", "random-attribution", "icg", "ig-zero", "gradient", "sig-game", "good")
    other = make_properties(aggregate(read_run(properties_run(tmp_path / "run", names).write())))
    assert [row.verdicts for row in other.rows] == [row.verdicts for row in make_properties(board).rows]


def test_the_report_shows_it_where_methods_fail(folder, board):
    markdown = (folder / "leaderboard.md").read_text()
    section = markdown.split("\n## Which methods fail which tests\n")[1].split("\n## ")[0]
    assert "| method | fails | dummy | symmetry |" in section
    assert "| bad | 2 of 2 | **fail 0.90 [0." in section
    assert "| good | 0 of 2 | pass 0.00 [0.00, 0." in section
    assert "| control (control) | 2 of 2 |" in section
    assert "dummy: Do features that the network ignores get nothing? ignored\\_share at most 0.1, on" in section
    assert "no rank follows" in section
    table = make_properties_table(make_properties(board))
    assert [cell.strong for row in table.rows for cell in row] == [
        cell.text.startswith("fail") for row in table.rows for cell in row
    ]
    written = pd.read_csv(folder / "properties.csv", keep_default_na=False)
    assert len(written) == 7 * 3  # methods by properties and their tasks
    assert "properties.csv" in (folder / "report-files.txt").read_text().splitlines()


def test_the_page_says_it_in_words(folder):
    page = Tree((folder / "leaderboard.html").read_text(encoding="utf-8")).root
    section = page.one("section", id="tests")
    table = section.one("div", class_="tall").one("table")
    assert section.one(role="region").attributes["aria-label"]  # another name than the section's
    header, *rows = table.all("tr")
    assert header.words().startswith("method fails dummy at most 0.1 symmetry at most 0.1")
    found = {row.one("th").words(): row for row in rows}
    _, dummy, symmetry = found["bad"].all("td")
    assert [dummy.one("b").words(), symmetry.one("b").words()] == ["fail", "fail"]
    assert dummy.one("small").words().endswith("2/2 tasks")
    assert dummy.text.strip() == "0.90"
    assert [cell.attributes.get("class") for cell in found["mixed"].all("td")] == [None, "fail", "fail"]
    assert "control control" in found
    orders = {name: float(list(row.all("td"))[1].attributes["data-order"]) for name, row in found.items()}
    assert min(orders, key=orders.__getitem__) == "bad"
    assert page.one("a", href="#tests").words() == "Tests"


def test_criteria_name_what_there_is():
    assert len({one.name for one in CRITERIA}) == len(CRITERIA)
    for one in CRITERIA:
        entry = metrics[one.metric]
        assert entry.range[0] < one.threshold < entry.range[1]
        assert (one.comparison == "at least") == (entry.better == "higher")
        assert set(one.options) <= set(entry.options)
        assert one.reason
        assert one.asks.endswith("?")
        for kind in one.kinds:
            assert set(one.task_options) <= set(tasks[kind].options)


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda one: one.name)
def test_a_suite_tests_it(criterion):
    """A change to a suite or a criterion that left a property untested would go unseen otherwise."""

    def tested(name: str) -> bool:
        return any(
            choice.name == criterion.metric
            and all(find_option(metrics, choice.name, choice.options, key) == v for key, v in criterion.options.items())
            and (not criterion.kinds or task.kind in criterion.kinds)
            and all(find_option(tasks, task.kind, task.options, key) == v for key, v in criterion.task_options.items())
            for task in load_suite(name).tasks
            for choice in task.metrics
        )

    assert tested("default") or tested("field")
