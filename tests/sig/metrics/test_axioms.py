"""Dummy and symmetry, by hand and by brute force."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datasets.units import units
from sig.explicand import Explicand, Tally
from sig.registry import Cost, NotApplicable, Trial, methods, metrics

FREE = Cost(0.0, 0, 0, None)
A, B = torch.tensor([[True, False, True, False]]), torch.tensor([[False, True, False, True]])


def trial(attribution, **regions) -> Trial:
    values = torch.as_tensor(attribution, dtype=torch.float64)
    e = Explicand.of(lambda x: x, torch.zeros(values.shape), input_range=(0.0, 1.0))
    return Trial(e, values, FREE, regions={name.replace("_", "-"): of for name, of in regions.items()})


def twins(*attribution: float) -> float:
    return metrics["symmetry"](trial([attribution], twin_a=A, twin_b=B)).item()


def test_symmetry_by_hand():
    assert twins(2, 2, -1, -1) == 0
    assert twins(2, 1, -4, -4) == 0.25
    assert twins(2, 1, -4, -2) == 0.5  # the largest gap of all pairs
    assert twins(1, -1, 0, 0) == 2  # the worst there is
    assert math.isnan(twins(0, 0, 0, 0))
    nothing = torch.zeros_like(A)
    assert metrics["symmetry"](trial([[1, 2, 3, 4]], twin_a=nothing, twin_b=nothing)).isnan()


def test_pairs_differ_between_explicands():
    first = torch.tensor([[True, False, False], [False, True, False]])
    second = torch.tensor([[False, True, False], [False, False, True]])
    scores = metrics["symmetry"](trial([[1, 1, 5], [5, 1, 2]], twin_a=first, twin_b=second))
    assert scores.tolist() == pytest.approx([0, 0.2])


@given(st.lists(st.floats(-9, 9), min_size=4, max_size=4), st.floats(0.1, 9))
def test_symmetry_knows_neither_scale_nor_the_order_within_pairs(values, scale):
    if max(map(abs, values)) < 1e-3:
        return
    score = twins(*values)
    assert twins(*(scale * value for value in values)) == pytest.approx(score)
    assert twins(values[1], values[0], values[3], values[2]) == pytest.approx(score)


def test_dummy_by_hand():
    def share(*attribution: float) -> float:
        return metrics["dummy"](trial([attribution], ignored=A)).item()

    assert share(0, 2, 0, -3) == 0
    assert share(1, 2, -1, -4) == 0.25
    assert share(1, 0, 0, 0) == 1
    assert math.isnan(share(0, 0, 0, 0))
    assert metrics["dummy"](trial([[1, 2, 3, 4]], ignored=torch.zeros_like(A))).isnan()


def test_where_nothing_is_marked_they_have_no_meaning():
    with pytest.raises(NotApplicable, match="no region 'ignored'"):
        metrics["dummy"](trial([[1, 2]]))
    with pytest.raises(NotApplicable, match="no region 'twin-a'"):
        metrics["symmetry"](trial([[1, 2]]))
    with pytest.raises(ValueError, match="differ in size"):
        metrics["symmetry"](trial([[1, 2, 3, 4]], twin_a=A, twin_b=A & (torch.arange(4) > 0)))


def shapley_by_orders(e: Explicand, row: int) -> list[float]:
    """The mean of what each feature adds over all orders, features that are not in yet being 0."""
    n, total = e.n_players, [0.0] * e.n_players
    masks = torch.tensor(list(itertools.product((False, True), repeat=n)))
    inputs = torch.where(masks, e.inputs[row], 0.0)
    outputs = e.model(inputs)[:, e.target[row]].double().tolist()
    value = {tuple(mask): out for mask, out in zip(masks.tolist(), outputs, strict=True)}
    for order in itertools.permutations(range(n)):
        present = [False] * n
        for player in order:
            before = value[tuple(present)]
            present[player] = True
            total[player] += value[tuple(present)] - before
    return [one / math.factorial(n) for one in total]


def scores_on_unit(unit: str, attribution=None, method: str = "", **options) -> dict[str, torch.Tensor]:
    problem = units(unit=unit, inputs=12, seed=1)
    e = problem.explicand
    if attribution is None:
        attribution = methods[method](e.with_tally(Tally()), generator=torch.Generator().manual_seed(0), **options)
    found = Trial(e, attribution, FREE, regions=problem.regions)
    return {name: metrics[name](found) for name in ("dummy", "symmetry") if name == "dummy" or unit == "symmetric"}


def test_shapley_values_by_brute_force_pass_both():
    e = units(unit="symmetric", inputs=12, seed=1).explicand
    values = torch.zeros_like(e.inputs)
    values[0] = torch.tensor(shapley_by_orders(e, 0))
    scores = scores_on_unit("symmetric", values)
    assert scores["dummy"][0] < 1e-6
    assert scores["symmetry"][0] < 1e-6


def test_exact_methods_pass_and_samples_of_few_coalitions_do_not():
    for method, options in {"bshap": {}, "ig-zero": {"steps": 50}, "gradient": {}}.items():
        found = scores_on_unit("symmetric", method=method, **options)
        assert found["dummy"].max() < 1e-5
        assert found["symmetry"].max() < 1e-5
    few = scores_on_unit("symmetric", method="permutation-shapley", evaluations=9)
    assert few["dummy"].max() < 1e-5
    assert few["symmetry"].max() > 0.1
    random = scores_on_unit("symmetric", method="random-attribution")
    assert random["dummy"].min() > 0
    assert random["symmetry"].min() > 0


@pytest.mark.parametrize("unit", ["interacting", "cancelling", "saturated", "uncertain"])
def test_exact_methods_give_ignored_features_nothing(unit):
    assert scores_on_unit(unit, method="bshap")["dummy"].max() < 1e-5


def test_regions_of_a_problem_reach_the_metrics():
    problem = units(unit="symmetric", inputs=3, seed=0)
    e = replace(problem.explicand, inputs=problem.explicand.inputs)
    assert torch.equal(e.inputs[problem.regions["twin-a"]], e.inputs[problem.regions["twin-b"]])
