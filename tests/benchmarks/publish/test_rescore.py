"""Which cells are scored again, and what the board says with their new scores: by hand, on runs made up."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import scipy.stats

from benchmarks.publish import rescore
from benchmarks.publish.rescore import Rerun, compare_boards, draw_cells
from benchmarks.publish.tolerance import CellPair
from benchmarks.run.cells import Group
from benchmarks.run.executor import Finished
from benchmarks.run.progress import RunProgress
from benchmarks.run.records import CellRecord, CellSpec, Run
from benchmarks.run.storage import read_run
from benchmarks.run.worker import CellResult
from tests.benchmarks.run_maker import small_run

DIGEST = "5" * 64


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(small_run(tmp_path / "run").write())


# ---- which cells -------------------------------------------------------------------------------------------------


def test_cells_are_drawn_evenly_from_tasks_by_the_hash(run: Run) -> None:
    drawn = draw_cells(run.cells, 10, DIGEST)
    assert Counter(cell.task for cell in drawn) == {"game": 5, "pictures": 5}
    assert drawn == [cell for cell in run.cells if cell in drawn]
    assert draw_cells(run.cells, 10, DIGEST) == drawn
    assert draw_cells(run.cells, 10, "6" * 64) != drawn


def test_more_cells_hold_the_fewer_and_small_tasks_are_used_up(run: Run) -> None:
    sets = [{cell.key for cell in draw_cells(run.cells, count, DIGEST)} for count in range(len(run.cells) + 1)]
    assert [len(found) for found in sets] == list(range(len(run.cells) + 1))
    assert all(fewer < more for fewer, more in itertools.pairwise(sets))
    assert draw_cells(run.cells, None, DIGEST) == draw_cells(run.cells, 10**6, DIGEST) == run.cells


def test_every_cell_is_as_likely_as_the_others_of_its_task(run: Run) -> None:
    game = [cell for cell in run.cells if cell.task == "game"]
    counts = Counter(cell.key for seed in range(400) for cell in draw_cells(game, 6, f"{seed:064x}"))
    expected = 400 * 6 / len(game)
    chi_square = sum((counts[cell.key] - expected) ** 2 / expected for cell in game)
    assert chi_square < scipy.stats.chi2.ppf(0.9999, len(game) - 1)


# ---- on perturbed problems ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("swing", "draws"), [(0.3, [8]), (0.0, [8, 32, 128])])
def test_what_differs_is_run_on_perturbed_problems(run: Run, swing: float, draws: list[int]) -> None:
    """A score that comes out 0.2 lower; perturbed, it comes out ``swing`` higher each second time."""
    records = {cell.position: cell for cell in run.cells}
    problems = {problem.key: problem for problem in run.problems}
    chosen = next(cell for cell in run.cells if (cell.task, cell.label, cell.budget) == ("game", "ig-zero", 100))
    asked: list[Sequence[Group]] = []

    def score(groups: Sequence[Group]) -> Iterator[Finished]:
        asked.append(groups)
        for number, group in enumerate(groups):
            if len(asked) == 1:
                yield problems[group.problem.key]
            for cell in group.cells:
                assert isinstance(cell, CellSpec)
                record = records[cell.position].model_copy(update={"key": cell.key})
                off = -0.2 + (swing if number % 2 and len(asked) > 1 else 0.0)
                yield CellResult(shift(record, off) if cell.position == chosen.position else record)

    rerun = rescore.rescore(run, run.cells, score, Mock(spec=RunProgress))
    assert [len(groups) for groups in asked[1:]] == draws
    perturbed = [group for groups in asked[1:] for group in groups]
    assert {group.problem.kind for group in perturbed} == {"perturbed-by-rounding"}
    assert [group.problem.task_options["draw"] for group in perturbed] == list(range(sum(draws)))
    assert {[cell.label for cell in group.cells] == ["ig-zero"] for group in perturbed} == {True}
    differences = rerun.list_differences({cell.position: cell for cell in run.cells})
    where = "ig-zero on game, repetition 0, 100 rows: spearman_game, explicand 0"
    assert [one.where for one in differences] == ([] if swing else [where])
    assert {one.cause for one in differences} <= {"record"}


def shift(cell: CellRecord, off: float) -> CellRecord:
    scores = [None if score is None else score + off for score in cell.scores["spearman_game"]]
    return cell.model_copy(update={"scores": {**cell.scores, "spearman_game": scores}})


# ---- what the board says -----------------------------------------------------------------------------------------


def test_a_rank_that_rounding_gives_away_is_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two methods of which one has a score that rounding moves past the other's: to another rank, and then not."""
    run = read_run(small_run(tmp_path / "run").write())

    def rescored(to: float) -> list[CellRecord]:
        moved = [cell for cell in run.cells if (cell.task, cell.label, cell.budget) == ("game", "ig-zero", 100)]
        return [cell.model_copy(update={"scores": {**cell.scores, "spearman_game": [to]}}) for cell in moved]

    published = [cell for cell in run.cells if cell.key in {one.key for one in rescored(1.0)}]
    monkeypatch.setattr(rescore, "DRAWS", (1,))
    for other, told in ((0.1, False), (1.0, True)):
        pairs = zip(published, rescored(1.0), rescored(other), strict=True)
        cells_again = [CellPair(before, again, [drawn]) for before, again, drawn in pairs]
        differing, on_rounding = compare_boards(Rerun(run, {}, cells_again))
        assert any("rank of ig-zero by spearman_game" in one.where for one in differing) == told
        assert any("rank of ig-zero by spearman_game" in one.where for one in on_rounding) != told


def test_problems_are_perturbed_each_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding moves one of two scores far down, never both at the same draw; the published rank needs both."""

    def score(cell: CellRecord, to: float) -> CellRecord:
        return cell.model_copy(update={"scores": {**cell.scores, "spearman_game": [to]}})

    run = read_run(small_run(tmp_path / "run").write())
    means = {"ig-zero": 0.1, "sig-game": 0.4}
    cells = [
        score(cell, means[cell.label]) if cell.task == "game" and cell.label in means else cell for cell in run.cells
    ]
    run = replace(run, cells=cells)
    published = [cell for cell in cells if (cell.task, cell.label, cell.budget) == ("game", "ig-zero", 100)]
    monkeypatch.setattr(rescore, "DRAWS", (2,))
    for second, told in ((0.1, False), (1.0, True)):
        moved = [(1.0, 0.1), (second, 1.0), (0.2, 0.2)]
        cells_again = [
            CellPair(cell, score(cell, 1.0), [score(cell, to) for to in of_cell])
            for cell, of_cell in zip(published, moved, strict=True)
        ]
        differing, on_rounding = compare_boards(Rerun(run, {}, cells_again))
        assert any("rank of ig-zero by spearman_game" in one.where for one in differing) == told
        assert any("rank of ig-zero by spearman_game" in one.where for one in on_rounding) != told
