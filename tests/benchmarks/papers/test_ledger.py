import ast
import shlex
from pathlib import Path

import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.ledger import Item
from benchmarks.papers.supplement import PAPERS
from benchmarks.papers.verdicts import Finding
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import small_run

ROOT = Path(__file__).parents[3]
COMMANDS = sorted({entry.command for paper in PAPERS for entry in paper.entries if entry.command})


def find_tests(file: Path) -> list[str]:
    """The names of the tests in a file."""
    return [
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_tests_that_exist(command):
    pytest_, *arguments = shlex.split(command)
    assert pytest_ == "pytest"
    files, _, words = " ".join(arguments).partition(" -k ")
    tests = [name for file in files.split() for name in find_tests(ROOT / file)]
    assert tests
    assert any(words in name for name in tests)


@pytest.fixture
def board(tmp_path):
    return aggregate(read_run(small_run(tmp_path / "run").write()))


def test_what_is_stated_is_so_whatever_the_run(board):
    item = Item("Fig. 1")
    entries = {
        "proved": item.proved("says", "why", test="tests/a.py"),
        "reading": item.left_open("says", "why"),
        "schematic": item.schematic("says", "why"),
        "not testable here": item.untestable("says", "why", see=("figure",)),
    }
    for verdict, entry in entries.items():
        assert (entry.item, entry.says, entry.by(board)) == ("Fig. 1", "says", Finding("why", verdict))
    assert [entry.command for entry in entries.values()] == ["pytest tests/a.py", "", "", ""]
    assert entries["not testable here"].see == ("figure",)


def test_a_fact_is_found_out_once(board):
    found = []

    def fact() -> Finding:
        found.append(1)
        return Finding("so it is", "proved")

    entry = Item("Theorem 1").computed("says", fact)
    assert entry.by(board) == entry.by(board) == Finding("so it is", "proved")
    assert found == [1]


def test_what_a_paper_says_stands_apart_from_what_is_own():
    for paper in PAPERS:
        assert [*paper.says, *paper.critique, *paper.questions] == [*paper.entries]
        assert [*paper.critique, *paper.questions] == [*paper.own]


def test_a_claim_is_linked_to_what_shows_its_scores():
    entries = {entry.item: entry for paper in PAPERS for entry in paper.says if paper.name == "SIG"}
    assert entries["Fig. 3, variance"].see == ("spearman", "claims")
    assert entries["Fig. 8, 2 x 2"].see == ("network-against-reward", "checks", "claims")
