"""What boards say, and when that hangs on rounding: by hand, on runs made up."""

from pathlib import Path

import pytest

from benchmarks.board.aggregate import Board, aggregate
from benchmarks.publish.difference import Difference, compare_values
from benchmarks.publish.statements import (
    Rank,
    Statements,
    hangs_on_rounding,
    list_ranks,
    list_tiers,
    list_verdicts,
)
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.sig.test_sig import sig_run
from tests.benchmarks.run_maker import small_run


def list_ranks_and_tiers(board: Board) -> Statements:
    return {**list_ranks(board), **list_tiers(board)}


def test_ranks_ties_and_tiers_that_change_are_told(tmp_path: Path) -> None:
    boards = [aggregate(read_run(small_run(tmp_path / "a").write()))]
    maker = small_run(tmp_path / "b")
    for at, cell in enumerate(maker.cells):
        if cell.task == "game" and cell.label == "ig-zero" and cell.budget == 100:
            scores = {**cell.scores, "spearman_game": [1.0]}
            maker.cells[at] = cell.model_copy(update={"scores": scores})
    boards.append(aggregate(read_run(maker.write())))
    told = {one.where: (one.was, one.now) for one in compare_values(*map(list_ranks_and_tiers, boards))}
    assert told["rank of ig-zero by spearman_game on game"] == (Rank(2.0), Rank(1.0))
    assert told["rank of sig-game by spearman_game on game"] == (Rank(1.0), Rank(2.0))
    assert not [what for what in told if "pictures" in what]
    assert not list(compare_values(*map(list_ranks_and_tiers, boards[:1] * 2)))


@pytest.mark.parametrize(
    ("was", "now", "perturbed", "hangs"),
    [
        (Rank(14.0), Rank(15.0), [Rank(15.0), Rank(13.0)], True),
        (Rank(14.0), Rank(15.0), [Rank(15.0), Rank(15.0)], False),
        (Rank(14.0), Rank(15.0), [Rank(15.5), Rank(16.0)], True),  # 14 to 17, the range widened by its own width
        (Rank(13.5), Rank(15.0), [Rank(15.5), Rank(16.0)], False),
        (Rank(2.0, tied=True), Rank(2.0), [Rank(2.0), Rank(2.0)], False),
        (Rank(2.0, tied=True), Rank(2.0), [Rank(2.0, tied=True), Rank(2.0)], True),
        (Rank(2.0), None, [Rank(1.0), Rank(3.0)], False),  # it is not ranked any more
        (None, Rank(2.0), [Rank(2.0)], False),
        ("held", "undecided", ["undecided", "held"], True),
        ("held", "undecided", ["undecided", "not held"], False),
        ("held", None, [], False),
    ],
)
def test_what_hangs_on_rounding(was: object, now: object, perturbed: list[Rank | str], hangs: bool) -> None:
    boards: list[Statements] = [{"rank of m": said} for said in perturbed]
    assert hangs_on_rounding(Difference(where="rank of m", was=was, now=now), boards) == hangs


@pytest.mark.parametrize(("unit", "told"), [("s", False), ("rows", True)])
def test_verdicts_on_runtimes_are_never_compared(tmp_path: Path, unit: str, told: bool) -> None:
    def judge(name: str, factor: float) -> Statements:
        maker = sig_run(tmp_path / name)
        for at, cell in enumerate(maker.cells):
            if "took" in cell.scores and cell.label == "sig-game":
                took = [factor * value for value in cell.scores["took"] if value is not None]
                maker.cells[at] = cell.model_copy(update={"scores": {**cell.scores, "took": took}})
            if "took" in cell.facts:
                facts = {**cell.facts, "took": cell.facts["took"].model_copy(update={"unit": unit})}
                maker.cells[at] = maker.cells[at].model_copy(update={"facts": facts})
        return list_verdicts(aggregate(read_run(maker.write())))

    once = judge("once", 1.0)
    assert "verdict on SIG, Fig. 7: As the top features are removed" in " ".join(once)
    differing = [one.where for one in compare_values(once, judge("slower", 10.0))]
    assert any("Fig. 9" in what for what in differing) == told
    assert bool(differing) == told
