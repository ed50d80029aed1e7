"""Made-up runs of which it is known what changed."""

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.board import statistics
from benchmarks.publish.compare import Changes, Pair, compare_pair
from benchmarks.publish.compare_page import make_side_boards, render_comparison
from benchmarks.publish.statements import RankRange
from benchmarks.run.storage import read_run, write_archive
from tests.benchmarks.commands import Call
from tests.benchmarks.run_maker import RunMaker, papers_run, small_run

FAMILIES = {"steady": "a", "mover": "b", "random-attribution": "control"}
MODELS = 5


def make_run(
    directory: Path, mover: float, *, task: str = "game", seconds: float = 1.0, noise: float = 0.01, dropped: str = ""
) -> Path:
    """Five models; ``steady`` scores about 0.5, ``mover`` about what is asked, the control 0."""
    maker = RunMaker(directory, FAMILIES, {task: {"repetitions": MODELS, "budgets": [10]}})
    for repetition in range(MODELS):
        maker.problem(task, repetition)
        off = noise * (repetition - 2)
        for label, mean in (("steady", 0.5 + off), ("mover", mover - off), ("random-attribution", 0.0)):
            if label != dropped:
                scores: dict[str, list[float | None]] = {"spearman_game": [mean], "completeness": [0.001]}
                maker.cell(task, repetition, label, scores, budget=10, headline=True, seconds=seconds, rows=5)
    return maker.write()


def compare_runs(a: Path, b: Path) -> Changes:
    return compare_pair(Pair.read(a, b))


def test_a_run_has_not_changed_from_itself(tmp_path: Path) -> None:
    run = small_run(tmp_path / "a").write()
    found = compare_runs(run, run)
    assert found.scores > 10
    assert (found.differ, found.means, found.rank_changes, found.ranks, found.leaders) == (0, [], 0, [], [])
    assert (found.ties, found.tiers, found.verdicts, found.status) == ([], [], [], [])
    assert (found.only_a, found.only_b) == ({}, {})
    assert set(found.largest.values()) == {0.0}


def test_what_changed_is_named_and_its_consequences(tmp_path: Path) -> None:
    found = compare_runs(make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.7))
    ((changed,), (leader,)) = found.means, found.leaders
    assert changed.where == "mean spearman_game of mover on game, 10 rows"
    assert isinstance(changed.was, statistics.Interval)
    assert isinstance(changed.now, statistics.Interval)
    assert changed.was.mean == pytest.approx(0.3)
    assert changed.now.mean == pytest.approx(0.7)
    assert (leader.where, leader.was, leader.now) == ("spearman_game on game", "steady", "mover")
    assert {change.where: (change.was, change.now) for change in found.ranks} == {
        "rank of steady by spearman_game on game": (RankRange(1.0, 1.0), RankRange(2.0, 2.0)),
        "rank of mover by spearman_game on game": (RankRange(2.0, 2.0), RankRange(1.0, 1.0)),
    }
    assert {(change.where.split()[2], change.was, change.now) for change in found.ties} == {
        ("steady", "tied with the best", "not tied"),
        ("mover", "not tied", "tied with the best"),
    }
    assert found.largest == {"spearman_game": pytest.approx(0.4), "completeness": 0.0}


@pytest.mark.parametrize(("share", "changed"), [(0.98, False), (1.02, True)])
def test_the_rule_at_its_limit(tmp_path: Path, share: float, changed: bool) -> None:
    """Arms of the two intervals that face each other, added as the sides of a right angle."""
    offs = 0.01 * (np.arange(MODELS) - 2)
    a, far = (statistics.mean_interval(mean + offs, np.arange(MODELS), limits=(-1.0, 1.0)) for mean in (0.3, 0.32))
    limit = float(np.hypot(a.high - a.mean, far.mean - far.low))
    found = compare_runs(make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.3 + share * limit))
    assert found.differ == 1
    assert [one.where for one in found.means] == ["mean spearman_game of mover on game, 10 rows"] * changed
    assert found.rank_changes == 0


def test_rounding_and_runtimes_are_no_difference(tmp_path: Path) -> None:
    found = compare_runs(make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.3 + 1e-7, seconds=9.0))
    assert (found.differ, found.means) == (0, [])


def test_cells_that_one_run_has_alone_are_counted(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.3, dropped="mover")
    assert (compare_runs(a, b).only_a, compare_runs(a, b).only_b) == ({"mover on game": MODELS}, {})
    assert (compare_runs(b, a).only_a, compare_runs(b, a).only_b) == ({}, {"mover on game": MODELS})


def test_verdicts_that_changed_are_named(tmp_path: Path) -> None:
    found = compare_runs(papers_run(tmp_path / "a").write(), papers_run(tmp_path / "b", holds=False).write())
    entries = [change for change in found.verdicts if change.where.startswith("verdict on ICG")]
    assert ("held", "not held") in {(change.was, change.now) for change in entries}
    assert found.models == found.models_of > 0


def test_a_published_suite_is_compared_as_its_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", 0.3)
    write_archive(read_run(run), tmp_path / "published")
    found = compare_runs(run, tmp_path / "published")
    assert (found.differ, found.only_a, found.only_b) == (0, {}, {})


def test_it_is_printed_and_written(call: Callable[..., tuple[object, str, list[str]]], tmp_path: Path) -> None:
    a, b, file = make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.7), tmp_path / "found.json"
    code, printed, lines = call("compare", a, b, "--json", file)
    assert (code, lines) == (0, [])
    assert "of 6 in both 1 differ, 1 changed" in " ".join(printed.split())
    assert "Leaders that changed" in printed
    (changed,) = json.loads(file.read_text())["means"]
    assert changed["where"] == "mean spearman_game of mover on game, 10 rows"
    assert [changed[of]["mean"] for of in ("was", "now")] == pytest.approx([0.3, 0.7])


def test_a_page_has_both_runs_side_by_side(call: Callable[..., tuple[object, str, list[str]]], tmp_path: Path) -> None:
    a, b, file = make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.7), tmp_path / "compare.html"
    assert call("compare", a, b, "--page", file)[0] == 0
    page = file.read_text(encoding="utf-8")
    boards = page.partition('<table class="sortable sides">')[2]
    (row,) = re.findall(r"<tr>(?:(?!</tr>).)*>mover<(?:(?!</tr>).)*</tr>", boards, re.DOTALL)
    texts = [text.strip() for text in re.split(r"<[^>]*>", row) if text.strip()]
    assert texts[:3] == ["2", "1", "mover"]
    assert [texts[3][:4], texts[4][:4], texts[5]] == ["0.30", "0.70", "higher"]
    assert page.count("<strong>higher</strong>") == 1
    assert "steady" in page.partition("Leaders that changed")[2]


def test_the_page_of_a_run_and_itself_says_that_nothing_changed(tmp_path: Path) -> None:
    run = small_run(tmp_path / "a").write()
    pair = Pair.read(run, run)
    page = render_comparison(pair, compare_pair(pair))
    assert "Nothing that is said in both has changed." in page
    assert {board.changed for board in make_side_boards(pair)} == {0}


def test_a_long_table_is_cut_and_says_so(tmp_path: Path) -> None:
    found = compare_runs(make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.7))
    many = found.model_copy(update={"means": found.means * 40})
    console = Console(file=StringIO(), width=150)
    console.print(many)
    assert "10 more: --json FILE and --page FILE have all." in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("option", ["--json", "--page"])
def test_a_place_that_cannot_be_written_is_an_early_error(call: Call, tmp_path: Path, option: str) -> None:
    (tmp_path / "file").touch()
    code, _, lines = call("compare", "nowhere", "nowhere", option, tmp_path / "file" / "found")
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(f"{option} ")
    assert "cannot be written: Not a directory in" in lines[0]


def test_runs_with_nothing_in_common_are_a_mistake(call: Call, tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.3, task="other")
    code, printed, lines = call("compare", a, b)
    assert (code, printed, len(lines)) == (2, "", 1)
    assert lines[0].startswith(f"{a} and {b} have no score of a method on a task in common, expected two runs of one")


def test_a_folder_that_is_no_run_is_said_so(call: Callable[..., tuple[object, str, list[str]]], tmp_path: Path) -> None:
    code, _, lines = call("compare", make_run(tmp_path / "a", 0.3), tmp_path / "nowhere")
    assert code == 2
    assert "no such file, expected a run's manifest" in lines[0]
