"""How far numbers of a cell or a problem may be from the published ones: by hand, on records made up."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.publish.tolerance import (
    OF_LEVELS,
    CellNumbers,
    CellPair,
    compare_problems,
    find_excess,
    measure_differences,
)
from benchmarks.run.fields import LEVELS, EncodedArray
from sig.registry import Cost
from tests.benchmarks.run_maker import RunMaker


def number(*values: float, scale: float = 1.0) -> CellNumbers:
    return CellNumbers(np.array(values), "m", scale)


@pytest.mark.parametrize(
    ("published", "again", "scale", "excess"),
    [
        (0.5, 0.500009, 1.0, False),
        (0.5, 0.500011, 1.0, True),
        (0.5, 0.500019, 2.0, False),  # a range of -1 to 1
        (np.nan, np.nan, 1.0, False),
        (np.nan, 0.5, 1.0, True),
        (0.5, np.nan, 1.0, True),
    ],
)
def test_the_plain_tolerance(published: float, again: float, scale: float, excess: bool) -> None:
    assert find_excess(number(published, scale=scale), number(again, scale=scale)).tolist() == [excess]


def test_a_score_may_be_off_as_far_as_rounding_moves_it() -> None:
    again, others = number(0.5, 0.5, 0.5), [number(0.7, 0.5, 0.5), number(0.6, 0.5, np.nan)]
    assert find_excess(number(0.7, 0.7, 0.7), again, others).tolist() == [False, True, True]
    assert find_excess(number(0.89, 0.5, np.nan), again, others).tolist() == [False, False, False]  # within its width
    assert find_excess(number(0.91, np.nan, 0.5), again, others).tolist() == [True, True, False]


def pair_cells(maker: RunMaker, scores: dict[str, list[float | None]], **changed: Any) -> CellPair:
    maker.cell("t", 0, "m", scores, **changed)
    published, again = maker.cells[0], maker.cells[-1]
    return CellPair(published, again)


@pytest.fixture
def maker(tmp_path: Path) -> RunMaker:
    maker = RunMaker(tmp_path / "run", {"m": "x"}, {"t": {"budgets": [100]}})
    maker.cell("t", 0, "m", {"spearman_game": [0.5, None], "completeness": [2e-7, 0.3]}, maps=EncodedArray.of([[1, 2]]))
    return maker


def test_differences_of_a_cell_are_named(maker: RunMaker) -> None:
    same = {"maps": EncodedArray.of([[1, 2]])}
    assert not pair_cells(maker, {"spearman_game": [0.5, None], "completeness": [9e-7, 0.3]}, **same).list_differences()
    found = pair_cells(maker, {"spearman_game": [0.4, None], "completeness": [2e-7, 0.4]}, **same).list_differences()
    assert [(one.where, one.was, one.now, one.metric) for one in found] == [
        ("m on t, repetition 0: spearman_game, explicand 0", 0.5, 0.4, "spearman_game"),
        ("m on t, repetition 0: completeness, explicand 1", 0.3, 0.4, "completeness"),
    ]
    (lacking,) = pair_cells(maker, {"spearman_game": [0.5, None]}, **same).list_differences()
    assert (lacking.where, lacking.now) == ("m on t, repetition 0: completeness", None)
    scores: dict[str, list[float | None]] = {"spearman_game": [0.5, None], "completeness": [2e-7, 0.3]}
    (attribution,) = pair_cells(maker, scores, maps=EncodedArray.of([[1, 2.1]])).list_differences()
    assert attribution.where == "m on t, repetition 0: attribution, explicand 0, at [1]"
    (rows,) = pair_cells(maker, scores, rows=101, **same).list_differences()
    assert (rows.where, rows.was, rows.now) == ("m on t, repetition 0: forward rows", 200, 202)
    (outcome,) = pair_cells(maker, {}, status="failed", reason="no").list_differences()
    assert (outcome.was, outcome.now) == ("ok", "failed no")


def test_runtimes_and_memory_are_never_compared(maker: RunMaker) -> None:
    scores: dict[str, list[float | None]] = {"spearman_game": [0.5, None], "completeness": [2e-7, 0.3]}
    cost = Cost(99.0, 200, 0, 12345)
    assert not pair_cells(maker, scores, maps=EncodedArray.of([[1, 2]]), cost=cost).list_differences()


def test_one_level_of_a_picture_more_or_less_is_no_difference(maker: RunMaker) -> None:
    values = np.linspace(-1, 1, 255).reshape(1, 255).astype("f4")
    off = [values, values * (1 - 1e-3), values * 0.9]
    records = [maker.cells[0].model_copy(update={"maps": EncodedArray.of_levels(value)}) for value in off]
    assert not CellPair(records[0], records[1]).list_differences()
    off_by_more = CellPair(records[0], records[2]).list_differences()
    assert {one.where.partition(", explicand")[0] for one in off_by_more} == {"m on t, repetition 0: attribution"}


def test_differences_of_a_problem_are_named(tmp_path: Path) -> None:
    maker = RunMaker(tmp_path / "run", {"m": "x"}, {"t": {}})
    same: dict[str, Any] = {"checks": {"r2": 0.9}, "truths": {"game": [[1.0, 2.0]]}, "targets": [1]}
    for changed in ({}, {"checks": {"r2": 0.90008}}, {"checks": {"r2": 0.91}}, {"targets": [0]}):
        maker.problem("t", 0, **{**same, **changed})
    maker.problem("t", 0, **{**same, "truths": {"game": [[1.0, 2.1]]}})
    published, *others = maker.problems
    found = [[one.where for one in compare_problems(published, other)] for other in others]
    of_problem = "problem t, repetition 0: "
    assert found == [[], [f"{of_problem}check r2[0]"], [f"{of_problem}targets"], [f"{of_problem}truth game[0, 1]"]]


def test_one_level_of_a_map_more_or_less_is_no_difference() -> None:
    levels = np.arange(-LEVELS, LEVELS + 1)
    values = np.sign(levels) * (levels / LEVELS) ** 2 * 0.3
    a, b = (EncodedArray.of_levels(one[None, None]).decode() for one in (values[1:], np.append(values[2:], values[-1])))
    largest = float(np.abs(values).max())
    first, second = (CellNumbers(one, "", largest, OF_LEVELS) for one in (a, b))
    assert measure_differences(a, b).max() > 0.03 * largest  # in the largest ones
    assert not find_excess(first, second).any()
    two = EncodedArray.of_levels(np.append(values[3:], values[-2:])[None, None]).decode()
    assert find_excess(first, CellNumbers(two, "", largest, OF_LEVELS)).any()
