import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Generator, Tensor

from benchmarks.run.allocations import INPUTS, make_tuning_explicand, measure_distance, try_allocations
from benchmarks.run.cells import plan, plan_allocations
from benchmarks.run.records import AllocationRecord, AllocationSpec, CellSpec, Run
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import read_run, write
from benchmarks.run.suite import Suite, SuiteError
from benchmarks.run.worker import Setting, run_cells
from datasets.problem import Problem
from sig.explicand import Explicand
from sig.registry import method
from tests.benchmarks.run_maker import WHERE

SUITE = """
methods = ["toy-exact", "toy-noise", "ig-zero", "ig-background"]
repetitions = 2
[[tasks]]
name = "t"
kind = "toy"
budgets = [4, 40]
metrics = ["toy-mean"]
"""
Load = Callable[..., Suite]


def problem(target: tuple[int, ...] = (0, 1, 0), tuning: Tensor | None = None) -> Problem:
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(4, 2, generator=generator)
    inputs, background = torch.rand(3, 4, generator=generator), torch.rand(6, 4, generator=generator)
    e = Explicand(lambda x: (x**2) @ weights, inputs, torch.tensor(target), background, torch.arange(4))
    return Problem(e, tuning=tuning)


def spec_of(name: str, budgets: tuple[int, ...] = (40,), limit: int = 4000, **options: int) -> AllocationSpec:
    facts = {"task": "t", "problem": "p", "label": name, "method": name, "options": options}
    return AllocationSpec.model_validate(
        {**facts, "budgets": list(budgets), "limit": limit, "seed": 1, "key": "0123456789"}
    )


def test_classes_of_the_background_go_with_its_samples() -> None:
    whole = problem()
    classes = torch.arange(6)
    e = make_tuning_explicand(Problem(replace(whole.explicand, background_classes=classes)))
    assert e.background_classes is not None
    assert len(e.background_classes) == len(e.background) < 6
    assert torch.equal(e.background, whole.explicand.background[e.background_classes])


@pytest.mark.parametrize(
    ("found", "limit", "expected"),
    [
        ([[3.0, 4.0]], [[3.0, 4.0]], 0.0),
        ([[0.0, 0.0]], [[3.0, 4.0]], 1.0),
        ([[3.0, 5.5]], [[3.0, 4.0]], 0.3),
        ([[1.0, 0.0], [2.0, 0.0], [9.0, 0.0]], [[1.0, 0.0]] * 3, 1.0),  # the median of 0, 1 and 8
        ([[1.0, 0.0], [2.0, 0.0], [9.0, 0.0]], [[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]], 0.5),  # of 0 and 1
    ],
)
def test_distances_by_hand(found: list[list[float]], limit: list[list[float]], expected: float) -> None:
    assert measure_distance(torch.tensor(found), torch.tensor(limit)) == pytest.approx(expected)


def test_no_distance_from_nothing() -> None:
    assert math.isnan(measure_distance(torch.ones(2, 3), torch.zeros(2, 3)))


def test_the_split_closest_to_the_limit_is_chosen_and_the_first_of_equals() -> None:
    tried = [
        {"budget": 4, "options": {"samples": 2, "steps": 1}, "distance": 0.1},
        {"budget": 40, "options": {"samples": 20, "steps": 1}, "distance": 0.5},
        {"budget": 40, "options": {"samples": 10, "steps": 2}, "distance": 0.25},
        {"budget": 40, "options": {"samples": 4, "steps": 5}, "distance": 0.25},
        {"budget": 40, "options": {"samples": 2, "steps": 10}, "distance": None},
    ]
    facts = {**spec_of("sig-game").model_dump(), "status": "ok", "tried": tried}
    record = AllocationRecord.model_validate({**facts, "provenance": WHERE})
    chosen = record.choose(40)
    assert chosen is not None
    assert (chosen.options, chosen.distance) == ({"samples": 10, "steps": 2}, 0.25)
    assert record.choose(7) is None


def test_what_needs_steps_gets_steps_and_what_needs_samples_gets_samples(registries: None) -> None:
    @method("needs-steps", family="f", source="s", spend=("samples", "steps"), gradient=False)
    def needs_steps(e: Explicand, *, samples: int = 5, steps: int = 50, generator: Generator) -> Tensor:
        given: Tensor = e.inputs * (1 + 1 / steps**2) + 1e-6 * samples
        return given

    @method("needs-samples", family="f", source="s", spend=("samples", "steps"), gradient=False)
    def needs_samples(e: Explicand, *, samples: int = 5, steps: int = 50, generator: Generator) -> Tensor:
        return e.inputs + 1 / math.sqrt(samples)

    for name, expected in (
        ("needs-steps", {"samples": 1, "steps": 25}),
        ("needs-samples", {"samples": 40, "steps": 1}),
    ):
        outcome = try_allocations(problem(), spec_of(name), WHERE)
        assert outcome.limit_options == {"samples": 80, "steps": 50}
        best = min(outcome.tried, key=lambda allocation: allocation.distance or 0)
        assert best.options == expected
        assert len(outcome.tried) == 5  # 1, 2, 5, 10 and 25 steps


def test_splits_pass_no_more_rows_through_the_model_than_they_may_spend() -> None:
    rows: list[int] = []
    whole = problem()

    def count(x: Tensor) -> Tensor:
        rows.append(len(x))
        return whole.explicand.model(x)

    counted = replace(whole, explicand=replace(whole.explicand, model=count))
    outcome = try_allocations(counted, spec_of("ig-background"), WHERE)
    inputs = outcome.inputs
    choosing_targets = inputs
    assert sum(rows) <= choosing_targets + inputs * (4000 + 40 * len(outcome.tried)) / 2


def test_a_split_that_cannot_be_spent_is_left_out_with_its_reason(registries: None) -> None:
    @method("two-at-least", family="f", source="s", spend=("samples", "steps"), gradient=False)
    def two_at_least(e: Explicand, *, samples: int = 5, steps: int = 50, generator: Generator) -> Tensor:
        if steps < 2:
            raise ValueError("no path in one step")
        return e.inputs + 1 / samples

    first, *others = try_allocations(problem(), spec_of("two-at-least"), WHERE).tried
    assert (first.distance, first.reason) == (None, "ValueError: no path in one step")
    assert all(allocation.distance and allocation.distance > 0 for allocation in others)


def test_the_distance_is_that_of_an_independent_computation() -> None:
    """IG of a sum of w x^2 by n midpoints is exact for any n, so IG with one baseline is at its limit at once."""
    outcome = try_allocations(problem(), spec_of("ig-zero", (2, 40)), WHERE)
    assert [allocation.options for allocation in outcome.tried] == [{"steps": 1}, {"steps": 20}]
    np.testing.assert_allclose(np.array([one.distance for one in outcome.tried], dtype=float), 0, atol=1e-6)


def test_tuning_inputs_are_the_problems_or_taken_from_the_background() -> None:
    own = torch.full((9, 4), 0.5)
    assert torch.equal(make_tuning_explicand(problem(tuning=own)).inputs, own[:INPUTS])
    e, plain = make_tuning_explicand(problem()), problem().explicand
    assert torch.equal(e.inputs, plain.background[:3])
    assert torch.equal(e.background, plain.background[3:])


def test_what_is_explained_is_what_all_explicands_share_or_the_largest_output() -> None:
    assert make_tuning_explicand(problem(target=(1, 1, 1))).target.tolist() == [1, 1, 1]
    e = make_tuning_explicand(problem())
    assert torch.equal(e.target, e.outputs(e.inputs).argmax(1))


def run(suite: Suite, directory: Path, toy: Path) -> Run:
    run_suite(suite, directory, workers=1, console=Console(file=io.StringIO()), setting=Setting((toy,)))
    return read_run(directory)


def test_a_run_finds_splits_on_the_first_problem_and_runs_every_cell_with_them(
    suite_of: Load, toy: Path, tmp_path: Path
) -> None:
    found = run(suite_of(SUITE), tmp_path / "run", toy)
    assert [record.label for record in found.allocations] == ["toy-noise", "ig-zero", "ig-background"]
    assert found.missing == []
    assert {record.inputs for record in found.allocations} == {2}  # half of a background of five
    for cell in found.cells:
        allocations = next((record for record in found.allocations if record.label == cell.label), None)
        chosen = allocations.choose(cell.budget) if allocations and cell.budget else None
        assert (chosen.options if chosen else {}) == cell.options
        assert (chosen.distance if chosen else None) == cell.distance
        assert (cell.distance is None) == (cell.label == "toy-exact")
    again = run(suite_of(SUITE), tmp_path / "run", toy)
    assert [cell.model_dump() for cell in again.cells] == [cell.model_dump() for cell in found.cells]


def test_splits_that_failed_are_sought_again_and_cells_have_the_defaults_meanwhile(
    suite_of: Load, toy: Path, tmp_path: Path
) -> None:
    suite = suite_of(SUITE.replace('"ig-zero"', '"toy-fails-at-length"'))
    found = run(suite, tmp_path / "run", toy)
    (failed,) = (record for record in found.allocations if record.status == "failed")
    assert failed.reason == "RuntimeError: too long"
    cells = [cell for cell in found.cells if cell.label == "toy-fails-at-length"]
    assert {cell.status for cell in cells} == {"ok"}
    assert [cell.options for cell in cells[:2]] == [{"rows": 2}, {"rows": 20}]
    assert {cell.distance for cell in cells} == {None}


def test_a_damaged_record_of_splits_is_made_anew(suite_of: Load, toy: Path, tmp_path: Path) -> None:
    before = run(suite_of(SUITE), tmp_path / "run", toy)
    (tmp_path / "run" / before.manifest.allocations[0]).write_text("{")
    after = run(suite_of(SUITE), tmp_path / "run", toy)
    assert [record.tried for record in after.allocations] == [record.tried for record in before.allocations]


def test_splits_depend_on_the_budgets_and_the_limit(suite_of: Load, toy: Path) -> None:
    def keys(text: str) -> list[str]:
        return [spec.key for group in plan_allocations(suite_of(text)) for spec in group.cells]

    assert keys(SUITE) == keys(SUITE)
    for old, new in (
        ("[4, 40]", "[4, 50]"),
        ("budgets", "limit = 999\nbudgets"),
        ('kind = "toy"', 'kind = "toy"\noptions = {features = 5}'),
    ):
        assert not set(keys(SUITE)) & set(keys(SUITE.replace(old, new)))
    assert keys(SUITE) == keys(SUITE.replace("repetitions = 2", "repetitions = 3"))


def test_splits_are_the_same_whoever_finds_them(suite_of: Load, toy: Path) -> None:
    (group,) = plan_allocations(suite_of(SUITE))
    one, other = (run_cells(group.problem, list(cells), Setting()) for cells in (group.cells, group.cells[::-1]))
    tried = [[record.tried for record in records if isinstance(record, AllocationRecord)] for records in (one, other)]
    assert tried[0] == tried[1][::-1]
    assert len(tried[0]) == 3


def test_a_task_leaves_methods_out_and_names_its_limit(suite_of: Load, toy: Path) -> None:
    suite = suite_of(SUITE.replace("budgets", 'exclude = ["ig-zero"]\nlimit = 999\nbudgets'))
    labels = {cell.label for group in plan(suite) for cell in group.cells if isinstance(cell, CellSpec)}
    assert labels == {"toy-exact", "toy-noise", "ig-background"}
    assert {spec.limit for spec in plan_allocations(suite)[0].cells if isinstance(spec, AllocationSpec)} == {999}
    assert suite_of(SUITE).tasks[0].limit_budget == 320
    with pytest.raises(SuiteError, match=r"exclude\[0\]: unknown method 'ig-zreo'; did you mean 'ig-zero'"):
        suite_of(SUITE.replace("budgets", 'exclude = ["ig-zreo"]\nbudgets'))
    alone = suite_of(SUITE.replace("budgets", 'only = ["ig-zero", "toy-noise"]\nexclude = ["toy-noise"]\nbudgets'))
    assert {cell.label for group in plan(alone) for cell in group.cells if isinstance(cell, CellSpec)} == {"ig-zero"}
    with pytest.raises(SuiteError, match=r"only\[0\]: unknown method 'ig-zreo'; did you mean 'ig-zero'"):
        suite_of(SUITE.replace("budgets", 'only = ["ig-zreo"]\nbudgets'))
    with pytest.raises(SuiteError, match=r"limit: 40, expected more rows than the largest budget"):
        suite_of(SUITE.replace("budgets", "limit = 40\nbudgets"))


def test_a_records_splits_are_named_by_the_method(tmp_path: Path) -> None:
    record = AllocationRecord.model_validate({**spec_of("sig-game").model_dump(), "status": "ok", "provenance": WHERE})
    write(record, tmp_path / record.file)
    assert (tmp_path / "allocations/t/sig-game-01234567.json").is_file()
