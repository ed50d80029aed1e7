"""Metrics that run the method again, on other inputs or another model."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from benchmarks.run.cells import plan
from benchmarks.run.records import CellRecord
from benchmarks.run.suite import Suite
from benchmarks.run.worker import CellResult, Setting, run_cells
from sig.explicand import Explicand
from sig.registry import Trial, method, metric

SUITE = """
methods = [{methods}]
[[tasks]]
name = "t"
kind = "toy"
budgets = [20]
metrics = ["again", "doubled", "toy-mean"]
"""
Run = Callable[[str], list[CellRecord]]


@pytest.fixture
def run(suite_of: Callable[..., Suite]) -> Run:
    @metric("again", better="lower", range=(0, 99))
    def again(trial: Trial) -> Tensor:
        return (trial.attribute_again(trial.explicand) - trial.attribution).abs().sum(1)

    @metric("doubled", better="lower", range=(-99, 99))
    def doubled(trial: Trial) -> Tensor:
        e = trial.explicand
        other = replace(e, inputs=e.inputs / 2, model=lambda x: 6 * e.model(x))
        return (trial.attribute_again(other) / trial.attribution).mean(1)

    @method("spoils-later", family="toy", source="by hand")
    def spoils_later(e: Explicand, *, generator: Generator) -> Tensor:
        calls.append(e)
        if len(calls) > 1:
            e.background.zero_()
        return e.inputs

    calls: list[Explicand] = []

    def run(methods: str) -> list[CellRecord]:
        (group,) = plan(suite_of(SUITE.format(methods=methods)))
        return [one.record for one in run_cells(group.problem, group.cells, Setting()) if isinstance(one, CellResult)]

    return run


@pytest.mark.parametrize("name", ["toy-exact", "toy-noise"])  # noise draws from both generators
def test_the_same_method_with_the_same_options_and_seed(run: Run, name: str) -> None:
    (record,) = run(f'{{name = "{name}"{", options = {scale = 2.5}" if name == "toy-exact" else ""}}}')
    assert record.status == "ok"
    assert record.scores["again"] == [0, 0, 0]


def test_on_another_explicand_without_cost(run: Run) -> None:
    (record,) = run('"toy-exact"')
    assert record.scores["doubled"] == pytest.approx([3, 3, 3])
    assert record.cost is not None
    assert (record.cost.forward_rows, record.cost.backward_rows) == (3, 3)


@pytest.mark.usefixtures("as_users_run_it")
def test_what_a_method_changes_then_is_put_back_and_named(run: Run) -> None:
    spoilt, fine = run('"spoils-later", "toy-exact"')
    assert spoilt.status == "failed"
    assert "method 'spoils-later', run again for a metric, changed background" in spoilt.metric_notes["again"]
    assert set(spoilt.scores) == {"toy-mean"}
    assert fine.status == "ok"


def test_kept_attributions_are_scored_later(run: Run, suite_of: Callable[..., Suite]) -> None:
    """The cell's record says all that is needed to run the method again."""
    from benchmarks.run.scoring import EarlierResult

    (group,) = plan(suite_of(SUITE.format(methods='"toy-noise"')))
    cells = [cell for cell in group.cells if hasattr(cell, "attribution_key")]
    first = [one for one in run_cells(group.problem, cells, Setting()) if isinstance(one, CellResult)]
    known = {one.record.key: EarlierResult(attributed=one.attributed) for one in first}
    later = [one for one in run_cells(group.problem, cells, Setting(), known) if isinstance(one, CellResult)]
    assert [one.attributed for one in later] == [None]
    assert later[0].record.scores == first[0].record.scores
    assert torch.tensor(later[0].record.scores["again"]).eq(0).all()
