from collections.abc import Callable

import numpy as np
import pytest
import torch

from benchmarks.run.cells import plan
from benchmarks.run.records import CellRecord, CellSpec, ProblemRecord
from benchmarks.run.scoring import GuardedProblem, attribute, score
from benchmarks.run.suite import Suite
from benchmarks.run.worker import CellResult, Setting, prepare, run_cells
from datasets.problem import Problem, tasks
from sig.explicand import Explicand
from sig.guard import AttributionResult
from sig.registry import Cost, NotApplicable, method
from tests.benchmarks.run_maker import WHERE

SUITE = """
methods = [{methods}]
[[tasks]]
name = "t"
kind = "toy"
options = {{{options}}}
budgets = [20, 40]
metrics = [{metrics}]
"""
Run = Callable[..., list[CellRecord]]


def problem_of(seed: int, **options: object) -> Problem:
    return tasks["toy"](seed=seed, **options)


@pytest.fixture
def run(suite_of: Callable[..., Suite]) -> Run:
    """Runs methods in this process."""

    def run(methods: str, metrics: str, options: str = "") -> list[CellRecord]:
        (group,) = plan(suite_of(SUITE.format(methods=methods, metrics=metrics, options=options)))
        return [one.record for one in run_cells(group.problem, group.cells, Setting()) if isinstance(one, CellResult)]

    return run


def test_scores_are_those_of_the_metric_on_the_attribution(run: Run) -> None:
    (record,) = run('"toy-exact"', '{name = "toy-mean", label = "shifted", options = {add = 2}}')
    problem = problem_of(record.problem_seed)
    e = problem.explicand
    weights = e.model(torch.eye(4))  # of a linear model
    attribution = e.inputs * weights[:, e.target].T
    assert record.status == "ok"
    np.testing.assert_allclose(np.array(record.scores["shifted"], dtype=float), attribution.mean(1) + 2, rtol=1e-6)
    assert record.maps is not None
    np.testing.assert_allclose(record.maps.decode(), attribution[[0, 2]], rtol=1e-6)
    assert record.cost is not None
    assert (record.cost.forward_rows, record.cost.backward_rows) == (3, 3)
    assert record.facts["shifted"].model_dump() == {
        "label": "shifted",
        "metric": "toy-mean",
        "options": {"add": 2},
        "truth": "",
        "better": "higher",
        "range": (-99.0, 99.0),
        "unit": "u",
        "source": "",
        "curve": "",
        "judges": True,
    }


def test_a_metric_against_truths_has_a_column_for_each(run: Run) -> None:
    (record,) = run('"toy-exact"', '"toy-distance"', 'style = "truthful"')
    assert set(record.scores) == {"toy-distance_exact", "toy-distance_reversed"}
    assert record.facts["toy-distance_reversed"].truth == "reversed"
    exact = np.array(record.scores["toy-distance_exact"], dtype=float)
    assert exact.max() < 1e-6 < np.array(record.scores["toy-distance_reversed"], dtype=float).min()


def test_without_truth_the_column_says_why_it_is_empty(run: Run) -> None:
    (record,) = run('"toy-exact"', '"toy-distance", "toy-mean"')
    assert (record.status, record.metric_notes) == ("ok", {"toy-distance": "no truth"})
    assert set(record.scores) == {"toy-mean"}
    assert set(record.facts) == {"toy-distance", "toy-mean"}


def test_a_metric_sees_the_regions_of_the_problem(run: Run) -> None:
    (record,) = run('"toy-exact"', '"toy-region", "toy-mean"')
    e = problem_of(record.problem_seed).explicand
    weights = e.model(torch.eye(4))[:, e.target].T
    expected = (e.inputs * weights).where(weights > 0.5, 0.0).sum(1)
    assert record.status == "ok"
    np.testing.assert_allclose(np.array(record.scores["toy-region"], dtype=float), expected, rtol=1e-6)
    assert not np.allclose(expected, 4 * np.array(record.scores["toy-mean"], dtype=float))  # the region is not all
    share = expected / (e.inputs * weights).sum(1)  # all weights are positive
    np.testing.assert_allclose(np.array(record.part_shares["large"], dtype=float), share, rtol=1e-6)
    rest = np.array(record.part_shares["(elsewhere)"], dtype=float)
    np.testing.assert_allclose(rest, 1 - share, rtol=1e-5, atol=1e-9)


def test_the_score_of_a_curve_is_its_mean(run: Run) -> None:
    (record,) = run('"toy-exact"', '"toy-curve"')
    curve = record.curves["toy-curve"].decode()
    assert curve.shape == (3, 3)
    np.testing.assert_allclose(np.array(record.scores["toy-curve"], dtype=float), curve.mean(1), rtol=1e-6)


def test_an_undefined_score_is_none(run: Run) -> None:
    (record,) = run('"toy-exact"', '"toy-undefined"')
    assert record.scores["toy-undefined"] == [0.1, None, 1 / 3]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("toy-broken", "metric toy-broken: ZeroDivisionError: a metric that fails"),
        ("toy-infinite", "metric toy-infinite: ValueError: metric 'toy-infinite' gave inf, expected a finite number"),
        ("toy-scalar", "returned shape (), expected (3,)"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_metric_that_fails_takes_no_other_with_it(run: Run, metric: str, reason: str) -> None:
    (record,) = run('"toy-exact"', f'"toy-mean", "{metric}", "toy-undefined"')
    assert record.status == "failed"
    assert reason in record.reason
    assert reason in record.metric_notes[metric]
    assert "Traceback" in record.traceback
    assert set(record.scores) == {"toy-mean", "toy-undefined"}


def test_a_method_that_fails_is_recorded_with_its_error(run: Run) -> None:
    failed, fine = run('"toy-fails", "toy-exact"', '"toy-mean"')
    assert (failed.status, failed.reason) == ("failed", "RuntimeError: a method that fails")
    assert "in fails" in failed.traceback
    assert (failed.scores, failed.cost, failed.maps) == ({}, None, None)
    assert fine.status == "ok"


def test_an_error_that_no_file_can_hold_is_recorded_with_codes(run: Run) -> None:
    @method("half", family="f", source="s")
    def half(e, *, generator):
        raise ValueError("half a character: \ud800")

    (record,) = run('"half"', '"toy-mean"')
    assert (record.status, record.reason) == ("failed", "ValueError: half a character: \\ud800")
    assert r"half a character: \ud800" in record.traceback
    assert CellRecord.model_validate_json(record.model_dump_json()) == record


def test_a_method_that_refuses_is_skipped_with_its_reason(run: Run) -> None:
    (record,) = run('"toy-refuses"', '"toy-mean"')
    assert (record.status, record.reason, record.traceback) == ("skipped", "no use here", "")


def test_a_method_that_refuses_without_a_reason_is_skipped_with_one(run: Run) -> None:
    @method("silent", family="f", source="s")
    def silent(e, *, generator):
        raise NotApplicable(" ")

    (record,) = run('"silent"', '"toy-mean"')
    assert (record.status, record.reason) == ("skipped", "not applicable (no reason given)")


def test_maps_are_kept_at_the_headline_only(run: Run) -> None:
    small, large = run('"toy-noise"', '"toy-mean"')
    assert small.maps is None
    assert large.maps is not None
    assert large.maps.shape == (2, 4)


def test_curves_are_kept_at_the_headline_only(run: Run) -> None:
    small, large = run('"toy-noise"', '"toy-curve"')
    assert (set(small.scores), set(small.curves)) == ({"toy-curve"}, set())
    assert set(large.curves) == {"toy-curve"}


@pytest.mark.usefixtures("toy")
def test_a_cell_that_becomes_the_headline_gets_its_curves(suite_of: Callable[..., Suite]) -> None:
    (group,) = plan(suite_of(SUITE.format(methods='"toy-noise"', metrics='"toy-curve", "toy-mean"', options="")))
    cell = next(cell for cell in group.cells if isinstance(cell, CellSpec) and not cell.headline)
    guarded = GuardedProblem.of(problem_of(cell.problem_seed))
    found = attribute(guarded, cell)
    before = score(guarded, cell, found, WHERE)
    record = score(guarded, cell.model_copy(update={"headline": True}), found, WHERE, before)
    scores = np.array(record.scores["toy-curve"], dtype=float)
    np.testing.assert_allclose(record.curves["toy-curve"].decode().mean(1), scores, rtol=1e-6)
    assert record.scores == before.scores
    assert score(guarded, cell, found, WHERE, before).curves == {}


@pytest.mark.usefixtures("toy")
def test_maps_of_pictures_are_kept_as_fine_as_a_figure_shows(
    suite_of: Callable[..., Suite], picture_explicand: Explicand
) -> None:
    (group,) = plan(suite_of(SUITE.format(methods='"toy-exact"', metrics='"toy-mean"', options="")))
    (cell,) = (cell for cell in group.cells if isinstance(cell, CellSpec))
    guarded = GuardedProblem.of(Problem(picture_explicand, shown=(1, 3)))
    found = AttributionResult(torch.randn(picture_explicand.inputs.shape).double(), Cost(1.0, 1, 1, None), None)
    maps = score(guarded, cell, found, WHERE).maps
    assert maps is not None
    assert (maps.shape, maps.coding) == ((2, 1, 8, 8), "levels")
    difference = np.abs(maps.decode() - found.attribution[[1, 3]].numpy())
    assert 0 < difference.max() < 0.016 * float(found.attribution[[1, 3]].abs().max())


def test_scores_do_not_depend_on_what_ran_before(run: Run) -> None:
    together = run('"toy-exact", "toy-noise"', '"toy-mean"')
    alone = run('"toy-noise"', '"toy-mean"')
    assert [record.scores for record in together[1:]] == [record.scores for record in alone]
    assert alone[0].scores != alone[1].scores


def test_a_record_says_where_it_comes_from(run: Run) -> None:
    (record,) = run('"toy-exact"', '"toy-mean"')
    assert record.provenance.device == "cpu"
    assert record.provenance.data == {"weights": "abc"}


def test_a_problem_is_described(suite_of: Callable[..., Suite]) -> None:
    text = SUITE.format(methods='"toy-exact"', metrics='"toy-mean"', options='style = "truthful"')
    (group,) = plan(suite_of(text))
    record = prepare(group.problem, Setting())
    problem = problem_of(group.problem.problem_seed, style="truthful")
    e = problem.explicand
    assert isinstance(record, ProblemRecord)
    assert (record.status, record.explicands, record.players, record.features) == ("ok", 3, 4, (4,))
    assert record.checks == {"r2": 1.0}
    assert record.truths == {name: truth.tolist() for name, truth in problem.truths.items()}
    assert record.series == {"training": {"images": [0, pytest.approx(0.1)], "loss": [None, pytest.approx(0.1)]}}
    assert record.shown == [0, 2]
    assert record.shown_inputs is not None
    np.testing.assert_array_equal(record.shown_inputs.decode(), e.inputs[[0, 2]])
    assert record.shown_targets == [0, 0]
    assert record.shown_predictions == e.model(e.inputs)[[0, 2]].argmax(1).tolist()
    assert record.targets == [0, 1, 0]
    assert record.even_shares["large"] == problem.regions["large"].double().mean(1).tolist()
    assert e.tally.forward_rows == 0


def test_columns_of_a_series_are_equally_long(suite_of: Callable[..., Suite]) -> None:
    (group,) = plan(suite_of(SUITE.format(methods='"toy-exact"', metrics='"toy-mean"', options="points = [2, 3]")))
    record = prepare(group.problem, Setting())
    assert record.status == "failed"
    assert "series 'training' has columns of lengths {'images': 2, 'loss': 3}, expected one length" in record.reason


def test_a_problem_that_cannot_be_prepared_is_a_failed_record(suite_of: Callable[..., Suite]) -> None:
    (group,) = plan(suite_of(SUITE.format(methods='"toy-exact"', metrics='"toy-mean"', options='breaks = "raises"')))
    record = prepare(group.problem, Setting())
    assert record.status == "failed"
    assert record.reason == f"RuntimeError: seed {group.problem.problem_seed} does not train"
    assert "Traceback" in record.traceback
