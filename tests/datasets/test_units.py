import itertools
import math

import pytest
import torch
from torch import nn

from datasets.problem import Problem
from datasets.units import UNITS, units
from sig.methods.gradients import gradient
from sig.methods.shapley import bshap

ALONE, IDLE = 6, 7
SWITCHED = ["interacting", "cancelling"]


def problem_of(unit: str, seed: int = 0, **options) -> Problem:
    return units(unit=unit, seed=seed, **options)


def pair(x: float, c: float) -> torch.Tensor:
    """An input of which only the first pair is not 0."""
    row = torch.zeros(1, 8)
    row[0, 0], row[0, 1] = x, c
    return row


def measured(model, x: float, c: float) -> float:
    return float(model(pair(x, c)))


def shapley_by_permutations(model, row, target: int) -> list[float]:
    """The mean of what each feature adds in all orders in which features can join."""
    n = len(row)
    values = {}
    for members in itertools.product((False, True), repeat=n):
        values[members] = model(torch.where(torch.tensor(members), row, 0.0).unsqueeze(0))[0, target].item()
    total = [0.0] * n
    for order in itertools.permutations(range(n)):
        present = [False] * n
        for player in order:
            before = values[tuple(present)]
            present[player] = True
            total[player] += values[tuple(present)] - before
    return [value / math.factorial(n) for value in total]


@pytest.mark.parametrize("seed", range(3))
def test_interacting_by_hand(seed) -> None:
    problem = problem_of("interacting", seed)
    model, x = problem.explicand.model, problem.explicand.inputs
    a, v = measured(model, 1, 0), measured(model, 0, 1)
    b = measured(model, 1, 1) - v
    assert measured(model, 0.3, 1) == pytest.approx(v + 0.3 * b, abs=1e-6)
    assert measured(model, 0.3, 0) == pytest.approx(0.3 * a, abs=1e-6)
    on = x[:, 1].double()
    assert set(on.tolist()) == {0.0, 1.0}
    first, second = x[:, 0] * torch.where(on > 0, (a + b) / 2, a), on * (v + (b - a) * x[:, 0] / 2)
    torch.testing.assert_close(problem.truths["shapley"][:, :2], torch.stack([first, second], 1), rtol=0, atol=1e-6)
    mechanism = torch.stack([x[:, 0] * torch.where(on > 0, b, a), on * v], 1)
    torch.testing.assert_close(problem.truths["mechanism"][:, :2], mechanism.double(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_cancelling_by_hand(seed) -> None:
    problem = problem_of("cancelling", seed)
    model, x = problem.explicand.model, problem.explicand.inputs
    w = measured(model, 1, 0)
    assert measured(model, 1, 1) == measured(model, 0, 1) == 0
    assert measured(model, 0.3, 0) == pytest.approx(0.3 * w, abs=1e-6)
    on, whole = x[:, 1].double(), w * x[:, 0].double()
    assert set(on.tolist()) == {0.0, 1.0}
    expected = torch.stack([whole * (1 - on / 2), -whole * on / 2], 1)
    torch.testing.assert_close(problem.truths["shapley"][:, :2], expected, rtol=0, atol=1e-6)
    mechanism = torch.stack([whole, -whole * on], 1)
    torch.testing.assert_close(problem.truths["mechanism"][:, :2], mechanism, rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_saturated_by_hand(seed) -> None:
    problem = problem_of("saturated", seed)
    model, x = problem.explicand.model, problem.explicand.inputs.double()
    w = measured(model, 1, 0)
    assert measured(model, 1, 1) == measured(model, 0.5, 0.7) == pytest.approx(w, abs=1e-6)
    assert measured(model, 0.5, 0.2) == pytest.approx(0.7 * w, abs=1e-6)
    first, second = x[:, 0], x[:, 1]
    assert 0 < (first + second > 1).sum() < len(x)
    both = (first + second).clamp(max=1)
    expected = w / 2 * torch.stack([first + both - second, second + both - first], 1)
    torch.testing.assert_close(problem.truths["shapley"][:, :2], expected, rtol=0, atol=1e-6)
    assert problem.truths.keys() == {"shapley"}


@pytest.mark.parametrize("seed", range(3))
def test_symmetric_by_hand(seed) -> None:
    problem = problem_of("symmetric", seed)
    model, x = problem.explicand.model, problem.explicand.inputs.double()
    w = 2 * measured(model, 0.5, 0.5)
    assert measured(model, 1, 0) == measured(model, 0, 1) == pytest.approx(w / 2, abs=1e-6)
    assert measured(model, 0.2, 0.3) == measured(model, 0.1, 0) == 0
    assert torch.equal(x[:, 0:6:2], x[:, 1:6:2])
    each = w * (2 * x[:, 0] - 0.5).clamp(min=0) / 2
    expected = torch.stack([each, each], 1)
    torch.testing.assert_close(problem.truths["shapley"][:, :2], expected, rtol=0, atol=1e-6)
    assert 0 < (each == 0).sum() < len(x)


def test_twins_are_swapped_in_a_background_that_prefers_neither() -> None:
    background = problem_of("symmetric", background=7).explicand.background
    assert background.shape == (7, 8)
    assert not torch.equal(background[:, 0], background[:, 1])
    for sample, swapped in zip(background[0:6:2], background[1:6:2], strict=True):
        assert torch.equal(sample[[1, 0, 3, 2, 5, 4, 6, 7]], swapped)


@pytest.mark.parametrize("unit", UNITS)
def test_outputs_do_not_depend_on_what_is_ignored_nor_on_which_twin_is_which(unit) -> None:
    problem = problem_of(unit)
    e, regions = problem.explicand, problem.regions
    moved = torch.where(regions["ignored"], 1 - e.inputs, e.inputs)
    assert regions["ignored"].any(1).all()
    torch.testing.assert_close(e.model(moved), e.model(e.inputs))
    assert not problem.truths["shapley"][regions["ignored"]].any()
    assert problem.truths["shapley"][~regions["ignored"]].any()
    assert set(regions) == ({"ignored", "twin-a", "twin-b"} if unit == "symmetric" else {"ignored"})
    if unit == "symmetric":
        x = torch.rand(50, 8)
        torch.testing.assert_close(e.model(x[:, [1, 0, 3, 2, 5, 4, 6, 7]]), e.model(x), rtol=0, atol=1e-6)


def test_uncertain_by_hand() -> None:
    problem = problem_of("uncertain")
    e = problem.explicand
    assert e.features == (6,)
    torch.testing.assert_close(e.model(e.inputs).sum(1), torch.ones(len(e.inputs)))
    moved = e.inputs.clone()
    moved[:, 4] = 0  # what speaks for all classes, and for none
    torch.testing.assert_close(e.model(moved), e.model(e.inputs))
    assert isinstance(e.model, nn.Sequential)
    assert not torch.allclose(e.model[0](moved), e.model[0](e.inputs))
    assert torch.equal(e.target, e.model(e.inputs).argmax(1))
    truth = problem.truths["shapley"]
    assert not truth[:, 4:].any()
    assert (truth[:, :4] != 0).all()
    expected = shapley_by_permutations(e.model, e.inputs[0], int(e.target[0]))
    assert truth[0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("unit", UNITS)
def test_shapley_values_are_complete_and_those_of_idle_features_zero(unit) -> None:
    problem = problem_of(unit)
    e, truth = problem.explicand, problem.truths["shapley"]
    rows = torch.arange(len(e.inputs))
    gained = (e.model(e.inputs) - e.model(torch.zeros_like(e.inputs)))[rows, e.target]
    torch.testing.assert_close(truth.sum(1), gained.double(), rtol=0, atol=1e-5)
    assert not truth[:, -1].any()


@pytest.mark.parametrize("unit", SWITCHED)
def test_mechanisms_are_complete_and_those_of_features_alone_shapley_values(unit) -> None:
    problem = problem_of(unit)
    mechanism, shapley = problem.truths["mechanism"], problem.truths["shapley"]
    assert not mechanism[:, IDLE].any()
    assert mechanism[:, ALONE].all()
    torch.testing.assert_close(mechanism.sum(1), shapley.sum(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(mechanism[:, ALONE], shapley[:, ALONE], rtol=0, atol=1e-6)


@pytest.mark.parametrize("unit", UNITS)
def test_the_exact_method_reaches_the_truth(unit) -> None:
    problem = problem_of(unit)
    assert problem.exact == {"shapley": ("bshap",)}
    found = bshap(problem.explicand, generator=torch.Generator())
    torch.testing.assert_close(found.double(), problem.truths["shapley"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("unit", ["cancelling", "saturated"])
def test_gradients_vanish_where_truth_does_not(unit) -> None:
    problem = problem_of(unit)
    x = problem.explicand.inputs
    flat = x[:, 1] == 1 if unit == "cancelling" else x[:, 0] + x[:, 1] > 1
    found = gradient(problem.explicand, generator=torch.Generator())
    assert not found[flat, :2].any()
    assert (problem.truths["shapley"][flat, 0] != 0).all()


@pytest.mark.parametrize("unit", UNITS)
def test_seeds_make_networks(unit) -> None:
    one, same, other = (problem_of(unit, seed) for seed in (0, 0, 1))
    x = torch.rand(5, *one.explicand.features)
    assert torch.equal(one.explicand.model(x), same.explicand.model(x))
    assert not torch.allclose(one.explicand.model(x), other.explicand.model(x))
    assert one.provenance == same.provenance
    assert one.provenance["weights"] != other.provenance["weights"]
    small = problem_of(unit, inputs=2, background=3)
    assert len(small.explicand.inputs) == len(small.shown) == 2
    assert len(small.explicand.background) == 3
