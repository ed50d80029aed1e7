"""Which cells are scored again, how far their scores may be off, and why they are: by hand, on runs made up."""

import copy
import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from benchmarks.board.aggregate import aggregate
from benchmarks.publish import moved, rescore
from benchmarks.publish.causes import find_cause, find_cause_of_problem
from benchmarks.publish.comparison import Comparison, Differing, compare_problems
from benchmarks.publish.rescore import _compare_boards, draw_cells
from benchmarks.publish.retrain import Sample, compare_retrained, draw_anew, predict_mean
from benchmarks.publish.standings import (
    Statements,
    compare_statements,
    hangs_on_rounding,
    list_standings,
    list_verdicts,
)
from benchmarks.publish.tolerance import OF_LEVELS, Numbered, find_excess, measure_differences
from benchmarks.run.fields import LEVELS, EncodedArray
from benchmarks.run.records import CellRecord, CellSpec, ProblemRecord, Run
from benchmarks.run.storage import read_run
from benchmarks.run.suite import MetricChoice
from sig.registry import Cost
from tests.benchmarks.papers.sig.test_sig import sig_run
from tests.benchmarks.run_maker import RunMaker, small_run

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


# ---- how far off -------------------------------------------------------------------------------------------------


def number(*values: float, scale: float = 1.0) -> Numbered:
    return Numbered(np.array(values), "m", scale)


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


def comparison(maker: RunMaker, scores: dict[str, list[float | None]], **changed: Any) -> Comparison:
    maker.cell("t", 0, "m", scores, **changed)
    published, again = maker.cells[0], maker.cells[-1]
    return Comparison(published, again)


@pytest.fixture
def maker(tmp_path: Path) -> RunMaker:
    maker = RunMaker(tmp_path / "run", {"m": "x"}, {"t": {"budgets": [100]}})
    maker.cell("t", 0, "m", {"spearman_game": [0.5, None], "completeness": [2e-7, 0.3]}, maps=EncodedArray.of([[1, 2]]))
    return maker


def test_differences_of_a_cell_are_named(maker: RunMaker) -> None:
    same = {"maps": EncodedArray.of([[1, 2]])}
    assert not comparison(maker, {"spearman_game": [0.5, None], "completeness": [9e-7, 0.3]}, **same).list_differing()
    found = comparison(maker, {"spearman_game": [0.4, None], "completeness": [2e-7, 0.4]}, **same).list_differing()
    assert found == [
        ("spearman_game, explicand 0", "0.5", "0.4", "spearman_game"),
        ("completeness, explicand 1", "0.3", "0.4", "completeness"),
    ]
    (lacking,) = comparison(maker, {"spearman_game": [0.5, None]}, **same).list_differing()
    assert (lacking.what, lacking.found) == ("completeness", "none")
    scores: dict[str, list[float | None]] = {"spearman_game": [0.5, None], "completeness": [2e-7, 0.3]}
    (attribution,) = comparison(maker, scores, maps=EncodedArray.of([[1, 2.1]])).list_differing()
    assert attribution.what == "attribution, explicand 0, at [1]"
    (rows,) = comparison(maker, scores, rows=101, **same).list_differing()
    assert (rows.published, rows.found) == ("200 forward and 0 backward", "202 forward and 0 backward")
    (outcome,) = comparison(maker, {}, status="failed", reason="no").list_differing()
    assert (outcome.published, outcome.found) == ("ok", "failed no")


def test_runtimes_and_memory_are_never_compared(maker: RunMaker) -> None:
    scores: dict[str, list[float | None]] = {"spearman_game": [0.5, None], "completeness": [2e-7, 0.3]}
    cost = Cost(99.0, 200, 0, 12345)
    assert not comparison(maker, scores, maps=EncodedArray.of([[1, 2]]), cost=cost).list_differing()


def test_one_level_of_a_picture_more_or_less_is_no_difference(maker: RunMaker) -> None:
    values = np.linspace(-1, 1, 255).reshape(1, 255).astype("f4")
    off = [values, values * (1 - 1e-3), values * 0.9]
    records = [maker.cells[0].model_copy(update={"maps": EncodedArray.of_levels(value)}) for value in off]
    assert not Comparison(records[0], records[1]).list_differing()
    moved_by_more = Comparison(records[0], records[2]).list_differing()
    assert {differing.what.partition(",")[0] for differing in moved_by_more} == {"attribution"}


def test_differences_of_a_problem_are_named(tmp_path: Path) -> None:
    maker = RunMaker(tmp_path / "run", {"m": "x"}, {"t": {}})
    same: dict[str, Any] = {"checks": {"r2": 0.9}, "truths": {"game": [[1.0, 2.0]]}, "targets": [1]}
    for changed in ({}, {"checks": {"r2": 0.90008}}, {"checks": {"r2": 0.91}}, {"targets": [0]}):
        maker.problem("t", 0, **{**same, **changed})
    maker.problem("t", 0, **{**same, "truths": {"game": [[1.0, 2.1]]}})
    published, *others = maker.problems
    found = [[differing.what for differing in compare_problems(published, other)] for other in others]
    assert found == [[], ["check r2[0]"], ["targets"], ["truth game[0, 1]"]]


# ---- moved by rounding -------------------------------------------------------------------------------------------


def test_a_moved_model_gives_what_other_rounding_would() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 3), nn.Softmax(1)).eval()
    before = copy.deepcopy(model.state_dict())
    x = torch.rand(50, 6)
    outputs = torch.stack([moved._move(model, seed)(x) for seed in range(20)])
    assert torch.equal(moved._move(model, 3)(x), outputs[3])
    off = (outputs - model(x)).abs().amax((1, 2))
    assert ((off > 1e-8) & (off < 2e-6)).all()
    assert all(torch.equal(weights, before[name]) for name, weights in model.state_dict().items())


def test_a_moved_model_has_no_ties_between_places() -> None:
    convolution = nn.Conv2d(1, 1, 3, padding=1)
    same = torch.ones(1, 1, 8, 8)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    assert convolution(same)[inner].unique().numel() == 1
    assert moved._move(convolution, 0)(same)[inner].unique().numel() > 1


def test_outputs_of_equal_rows_and_small_differences_of_sure_ones_move() -> None:
    """Where 1 - p is 6e-6, what a removed feature changes lives on the last bits of p."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    rows = torch.rand(1, 4).expand(9, -1)
    assert len(moved._move(layer, 0)(rows).unique(dim=0)) > 1
    sure = torch.tensor([[12.0, 0.0, -1.0], [12.0 + 1e-2, 0.0, -1.0]])
    plain = torch.softmax(sure, 1)[:, 0].diff()
    changes = torch.stack([moved._move(nn.Softmax(1), seed)(sure)[:, 0].diff() for seed in range(40)])
    assert changes.min() < plain < changes.max()


def test_rows_move_in_part_alike() -> None:
    """So that a sum over many rows, as of gradients, moves too, and not by chance alone."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid()).double()
    rows = torch.rand(4000, 4, generator=torch.Generator().manual_seed(0)).double()
    sums = torch.stack([(moved._move(model, seed)(rows) - model(rows)).mean(0) for seed in range(20)])
    assert (sums.std(0) > 0.2 * moved.ROUNDING).all()  # independent moves would give 0.01


def test_a_sum_of_large_terms_that_cancel_may_change_its_sign() -> None:
    """1 + 1e-8 - 1, which float32 sums in one order to 0 and in another to 1e-8: a ReLU is shut or open."""
    layer = nn.Linear(3, 2, bias=False)
    layer.weight.data = torch.tensor([[1.0, 1e-8, -1.0], [1.0, 1.0, 0.0]])
    signs = torch.stack([moved._move(layer, seed)(torch.ones(1, 3))[0].sign() for seed in range(40)])
    assert set(signs[:, 0].tolist()) >= {-1, 1}
    assert set(signs[:, 1].tolist()) == {1}


def test_the_gradient_of_a_softmax_that_is_nearly_sure_moves_with_the_last_bits() -> None:
    """d p_0 / d x_0 = p_0 (1 - p_0), here with p_0 = 1 - 1.2e-6, which float32 knows to 6e-8."""
    x = torch.tensor([[13.6, 0.0]], requires_grad=True)
    found = []
    for seed in range(40):
        (gradient,) = torch.autograd.grad(moved._move(nn.Softmax(1), seed)(x)[0, 0], x)
        found.append(gradient[0, 0].item())
    exact = torch.softmax(x.detach().double(), 1)[0]
    assert np.ptp(found) > 0.05 * float(exact[0] * exact[1])
    unsure = torch.tensor([[0.3, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(moved._move(nn.Softmax(1), 0)(unsure)[0, 0], unsure)
    p = torch.softmax(unsure.detach().double(), 1)[0]
    assert gradient[0].tolist() == pytest.approx([float(p[0] * p[1]), -float(p[0] * p[1])], rel=1e-5)


def test_a_model_without_layers_stays_as_it_is() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    assert moved._move(model, 0) is model


# ---- why ---------------------------------------------------------------------------------------------------------


def records(tmp_path: Path, **where: Any) -> tuple[ProblemRecord, CellRecord]:
    maker = RunMaker(tmp_path / "run", {"m": "x"}, {"t": {}})
    maker.problem("t", 0)
    maker.cell("t", 0, "m", {"completeness": [0.1]}, metrics=["completeness"], metric_keys={"completeness": "key"})
    (problem,), (cell,) = maker.problems, maker.cells
    own = problem.provenance.model_copy(update=where)
    return problem.model_copy(update={"provenance": own}), cell.model_copy(update={"provenance": own})


@pytest.mark.parametrize(
    ("where", "planned", "cause", "why"),
    [
        ({}, {}, "record", "number was changed"),
        ({"processor": "Another"}, {}, "processor", "processor A processor, now Another"),
        ({"instructions": "AVX512"}, {}, "processor", "instructions AVX2, now AVX512"),
        ({"processor": "Another"}, {"metric_keys": {"completeness": "other"}}, "metric", "'completeness'"),
        ({"processor": "Another"}, {"problem": "o"}, "data", "or it is rounding on another processor (processor A "),
        ({"processor": "Another"}, {"attribution_key": "o"}, "method", "or it is rounding on another processor"),
        ({}, {"metric_keys": {"completeness": "o"}, "attribution_key": "o"}, "method", "its code or options changed"),
        ({}, {"problem": "o", "attribution_key": "o"}, "data", "the code that makes the problem changed"),
        ({"packages": {"torch": "2.7.0", "numpy": "2.1.0"}}, {"problem": "o"}, "package", "torch 2.6.0, now 2.7.0"),
        ({"python": "3.13.0"}, {"problem": "o"}, "package", "Python 3.12, now 3.13"),
        ({"python": "3.12.9"}, {}, "record", ""),
        ({"data": {"checkpoint": "another"}, "python": "3.13.0"}, {}, "model", "checkpoint t0, now another"),
        ({"data": {"checkpoint": "t0", "data": "d"}}, {}, "data", "data None, now d"),
    ],
)
def test_the_likely_cause(tmp_path: Path, where: Any, planned: Any, cause: str, why: str) -> None:
    (problem, cell), (new_problem, new_cell) = records(tmp_path), records(tmp_path, **where)
    spec = CellSpec.model_validate(cell.model_dump(include=set(CellSpec.model_fields))).model_copy(update=planned)
    found = find_cause((problem, new_problem), (cell, new_cell), spec, "completeness")
    assert found[0] == cause
    assert why in found[1]
    if cause not in ("metric", "method"):
        assert find_cause_of_problem(problem, new_problem, spec.problem)[0] == cause


def test_a_missing_model_is_the_cause(tmp_path: Path) -> None:
    problem, _ = records(tmp_path)
    failed = problem.model_copy(update={"status": "failed", "reason": "MissingModel: no model 'x'"})
    assert find_cause_of_problem(problem, failed, problem.key)[0] == "model"


def test_a_method_that_is_not_here_is_the_cause(tmp_path: Path) -> None:
    problem, cell = records(tmp_path)
    assert find_cause((problem, problem), (cell, cell), None)[0] == "method"


# ---- what the board says -----------------------------------------------------------------------------------------


def test_ranks_ties_and_tiers_that_change_are_told(tmp_path: Path) -> None:
    boards = [aggregate(read_run(small_run(tmp_path / "a").write()))]
    maker = small_run(tmp_path / "b")
    for at, cell in enumerate(maker.cells):
        if cell.task == "game" and cell.label == "ig-zero" and cell.budget == 100:
            scores = {**cell.scores, "spearman_game": [1.0]}
            maker.cells[at] = cell.model_copy(update={"scores": scores})
    boards.append(aggregate(read_run(maker.write())))
    told = {one.what: one[1:3] for one in compare_statements(*map(list_standings, boards))}
    assert told["rank of ig-zero by spearman_game on game"] == ("2", "1")
    assert told["rank of sig-game by spearman_game on game"] == ("1", "2")
    assert not [what for what in told if "pictures" in what]
    assert not list(compare_statements(*map(list_standings, boards[:1] * 2)))


@pytest.mark.parametrize(
    ("published", "found", "moved", "hangs"),
    [
        ("14", "15", ["15", "13"], True),
        ("14", "15", ["15", "15"], False),
        ("14", "15", ["15.5", "16"], True),  # 14 to 17, the range widened by its own width
        ("13.5", "15", ["15.5", "16"], False),
        ("2, tied with the best", "2", ["2", "2"], False),
        ("2, tied with the best", "2", ["2, tied with the best", "2"], True),
        ("held", "undecided", ["undecided", "held"], True),
        ("held", "undecided", ["undecided", "not held"], False),
        ("held", "nothing", [], False),
    ],
)
def test_what_hangs_on_rounding(published: str, found: str, moved: list[str], hangs: bool) -> None:
    boards: list[Statements] = [{"rank of m": said} for said in moved]
    assert hangs_on_rounding(Differing("rank of m", published, found), boards) == hangs


def test_a_place_that_rounding_gives_away_is_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two methods of which one has a score that rounding moves past the other's: in another place, and then not."""
    run = read_run(small_run(tmp_path / "run").write())

    def rescored(to: float) -> list[CellRecord]:
        moved = [cell for cell in run.cells if (cell.task, cell.label, cell.budget) == ("game", "ig-zero", 100)]
        return [cell.model_copy(update={"scores": {**cell.scores, "spearman_game": [to]}}) for cell in moved]

    published = [cell for cell in run.cells if cell.key in {one.key for one in rescored(1.0)}]
    monkeypatch.setattr(rescore, "DRAWS", (1,))
    for other, told in ((0.1, False), (1.0, True)):
        pairs = zip(published, rescored(1.0), rescored(other), strict=True)
        comparisons = [Comparison(before, again, [drawn]) for before, again, drawn in pairs]
        differing, on_rounding = _compare_boards(run, {}, comparisons)
        assert any("rank of ig-zero by spearman_game" in one.what for one in differing) == told
        assert any("rank of ig-zero by spearman_game" in one.what for one in on_rounding) != told


def test_problems_are_moved_each_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding moves one of two scores far down, never both at the same draw; the published place needs both."""

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
        comparisons = [
            Comparison(cell, score(cell, 1.0), [score(cell, to) for to in of_cell])
            for cell, of_cell in zip(published, moved, strict=True)
        ]
        differing, on_rounding = _compare_boards(run, {}, comparisons)
        assert any("rank of ig-zero by spearman_game" in one.what for one in differing) == told
        assert any("rank of ig-zero by spearman_game" in one.what for one in on_rounding) != told


def test_one_level_of_a_map_more_or_less_is_no_difference() -> None:
    levels = np.arange(-LEVELS, LEVELS + 1)
    values = np.sign(levels) * (levels / LEVELS) ** 2 * 0.3
    a, b = (EncodedArray.of_levels(one[None, None]).decode() for one in (values[1:], np.append(values[2:], values[-1])))
    largest = float(np.abs(values).max())
    first, second = (Numbered(one, "", largest, OF_LEVELS) for one in (a, b))
    assert measure_differences(a, b).max() > 0.03 * largest  # in the largest ones
    assert not find_excess(first, second).any()
    two = EncodedArray.of_levels(np.append(values[3:], values[-2:])[None, None]).decode()
    assert find_excess(first, Numbered(two, "", largest, OF_LEVELS)).any()


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
    differing = [one.what for one in compare_statements(once, judge("slower", 10.0))]
    assert any("Fig. 9" in what for what in differing) == told
    assert bool(differing) == told


# ---- new models --------------------------------------------------------------------------------------------------


def of_models(*means: float, units: int = 1) -> Sample:
    return Sample(np.repeat(np.array(means, dtype=float), units), np.repeat(np.arange(len(means)), units))


def test_the_prediction_interval_by_hand() -> None:
    """Means 1, 2, 3: m = 2, s = 1; of two new models t(2) = 4.303 times the root of 1/3 + 1/2."""
    half = 4.302653 * np.sqrt(1 / 3 + 1 / 2)
    low, high = predict_mean(of_models(1, 2, 3), of_models(0, 9), (-np.inf, np.inf))
    assert (low, high) == pytest.approx((2 - half, 2 + half), rel=1e-6)


def test_nothing_is_predicted_from_one_model() -> None:
    alone = Sample(np.array([1.0, 2.0, 3.0]), np.zeros(3, dtype=int))
    assert np.isnan(predict_mean(alone, of_models(1, 2), (0.0, 5.0))).all()


def test_models_that_agree_leave_room() -> None:
    hits = of_models(1, 1, 1, units=10)
    low, high = predict_mean(hits, hits, (0.0, 1.0))
    assert low == pytest.approx(0.025 ** (1 / 30))  # Clopper and Pearson of 30 hits
    assert high == 1


def test_new_means_lie_inside_as_often_as_is_said() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(2000):
        published, new = (Sample(rng.normal(size=k), np.arange(k)) for k in (5, 3))
        low, high = predict_mean(published, new, (-np.inf, np.inf))
        inside += low <= new.values.mean() <= high
    assert 0.935 < inside / 2000 < 0.965


def test_another_run_of_the_same_kind_passes_and_one_far_off_does_not(tmp_path: Path) -> None:
    def make(name: str, mean: float, seed: int) -> RunMaker:
        rng = np.random.default_rng(seed)
        maker = RunMaker(tmp_path / name, {"a": "x", "b": "y"}, {"t": {"repetitions": 5, "budgets": [10]}})
        for repetition in range(5):
            maker.problem("t", repetition)
            for label, about in (("a", mean), ("b", 0.2)):
                scores = {"100%_right": [float(about + 0.01 * rng.standard_normal()) for _ in range(4)]}
                maker.cell("t", repetition, label, scores, budget=10)
        return maker

    published, again, other = (
        aggregate(read_run(make(*about).write())) for about in (("p", 0.5, 0), ("a", 0.5, 1), ("o", 0.6, 2))
    )
    level = compare_retrained(published, again)
    assert (level.differences, level.checked["means"]) == ([], 2)
    (difference,) = compare_retrained(published, other).differences
    assert difference.where == "mean 100%_right of a on t"
    assert difference.cause == "chance"


def test_new_seeds_are_shared_as_the_old_ones(tmp_path: Path) -> None:
    tasks = {name: {"budgets": [1], "seeds": seeds} for name, seeds in (("a", "both"), ("b", "both"), ("c", None))}
    suite = read_run(RunMaker(tmp_path / "run", {"m": "x"}, tasks).write()).manifest.suite
    before, after = ([task.seeds or task.name for task in one.tasks] for one in (suite, draw_anew(suite)))
    assert after[0] == after[1] != after[2]
    assert not set(before) & set(after)
    assert [task.metrics for task in suite.tasks] == [[MetricChoice(name="made-up", label="made-up")]] * 3
