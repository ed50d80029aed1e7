"""Guided IG, Blur IG, IDGI and AGI against slow loops and cases solved by hand."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import nn

from sig import path
from sig.explicand import Explicand, Tally
from sig.registry import NotApplicable, methods


def run(name, e, seed=0, **options):
    return methods[name](e, generator=torch.Generator().manual_seed(seed), **options)


def gradient_at(e, x, output):
    """dF_output/dx at one input, one at a time."""
    x = x.detach().clone().requires_grad_()
    score = e.model(x.unsqueeze(0))[0, output]
    return torch.autograd.grad(score, x)[0], score.item()


def network(features, seed=0, outputs=4):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Flatten(), nn.Linear(features, 8), nn.Tanh(), nn.Linear(8, outputs))
        return model.double().eval().requires_grad_(False)


def vectors(count=3, features=6, seed=0, outputs=4):
    """Inputs in [-1, 1] with some exact zeros, in double precision."""
    draws = torch.Generator().manual_seed(seed)
    inputs = 2 * torch.rand(count, features, generator=draws, dtype=torch.float64) - 1
    inputs[:, 0] = 0
    target = torch.arange(count) % outputs
    return Explicand.of(network(features, seed, outputs), inputs, target=target, input_range=(-1.0, 1.0))


def linear(weights, inputs):
    model = nn.Linear(len(weights), 2, bias=False).requires_grad_(False)
    model.weight.copy_(torch.stack([weights, -weights]))
    return Explicand.of(
        model.eval(), inputs, target=torch.zeros(len(inputs), dtype=torch.long), input_range=(-9.0, 9.0)
    )


WEIGHTS, INPUTS = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([[1.0, 3.0, -2.0], [0.5, 0.0, 4.0]])


# ---- Guided IG ---------------------------------------------------------------------------------------------------


def guided_by_hand(e, index, steps, fraction, max_dist):
    """The path in the features' own values, one feature at a time."""
    x = e.inputs[index].tolist()
    n, at, given = len(x), [0.0] * len(x), [0.0] * len(x)
    for step in range(1, steps + 1):
        slopes = gradient_at(e, torch.tensor(at, dtype=torch.float64), int(e.target[index]))[0].tolist()
        low, high = max(step / steps - max_dist, 0), min(step / steps + max_dist, 1)
        before = list(at)
        at = [low * x[i] if abs(at[i]) < low * abs(x[i]) else at[i] for i in range(n)]
        goal = (1 - step / steps) * sum(map(abs, x))
        while (left := sum(abs(x[i] - at[i]) for i in range(n))) > goal + 1e-9:
            stuck = [math.isclose(at[i], high * x[i], abs_tol=1e-12) for i in range(n)]
            steep = [math.inf if stuck[i] else abs(slopes[i]) for i in range(n)]
            limit = sorted(steep)[math.floor(fraction * (n - 1))]
            chosen = [i for i in range(n) if steep[i] <= limit and not stuck[i]]
            share = min(1, (left - goal) / sum(abs(high * x[i] - at[i]) for i in chosen))
            for i in chosen:
                at[i] += share * (high * x[i] - at[i])
        given = [given[i] + slopes[i] * (at[i] - before[i]) for i in range(n)]
    assert at == pytest.approx(x)
    return torch.tensor(given, dtype=torch.float64)


@pytest.mark.parametrize(
    ("steps", "fraction", "max_dist"), [(1, 0.1, 0.02), (7, 0.3, 0.02), (10, 0.1, 0.3), (9, 0.5, 1.0), (8, 1.0, 0.1)]
)
def test_guided_ig_is_the_algorithm_feature_by_feature(steps, fraction, max_dist):
    e = vectors()
    found = run("guided-ig", e, steps=steps, fraction=fraction, max_dist=max_dist)
    expected = torch.stack([guided_by_hand(e, index, steps, fraction, max_dist) for index in range(3)])
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=1e-7)


def test_guided_ig_moves_the_flattest_feature_first():
    """F = x + 2y + xy from (0, 0) to (1, 1): first x, along which dF/dx = 1, then y, along which dF/dy = 2 + 1."""

    class Product(nn.Module):
        def forward(self, x):
            return (x[:, 0] + 2 * x[:, 1] + x.prod(1)).unsqueeze(1)

    e = Explicand.of(Product().eval(), torch.ones(1, 2), target=torch.tensor([0]), input_range=(0.0, 1.0))
    assert run("guided-ig", e, steps=2, max_dist=1.0).tolist() == [[1.0, 3.0]]
    straight = run("guided-ig", e, steps=1000, max_dist=0.0)
    torch.testing.assert_close(straight, torch.tensor([[1.5, 2.5]]), atol=2e-3, rtol=0)


def test_guided_ig_without_freedom_is_ig_by_the_left_rule():
    e = vectors()
    expected = torch.zeros_like(e.inputs)
    for index, x in enumerate(e.inputs):
        for step in range(5):
            expected[index] += x / 5 * gradient_at(e, x * step / 5, int(e.target[index]))[0]
    torch.testing.assert_close(run("guided-ig", e, steps=5, max_dist=0.0), expected)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("options", [{"fraction": 0.0}, {"fraction": 1.1}, {"max_dist": -0.1}, {"max_dist": 2.0}])
def test_guided_ig_names_shares_that_are_none(options):
    with pytest.raises(ValueError, match="expected shares in"):
        run("guided-ig", vectors(), **options)


# ---- Blur IG -----------------------------------------------------------------------------------------------------


def pictures():
    """Two 2 x 6 x 9 pictures."""
    draws = torch.Generator().manual_seed(3)
    inputs = torch.rand(2, 2, 6, 9, generator=draws, dtype=torch.float64)
    return Explicand.of(network(108), inputs, target=torch.tensor([1, 3]), input_range=(0.0, 1.0))


def test_blur_ig_is_the_loop_over_blurs():
    e = pictures()
    expected = torch.zeros_like(e.inputs)
    for index, x in enumerate(e.inputs.numpy()):
        blurred = [torch.from_numpy(gaussian_filter(x, (0, s, s), mode="nearest")) for s in (0, 0.6, 1.2, 1.8)]
        for sharper, softer in pairwise(blurred):
            slope, _ = gradient_at(e, (sharper + softer) / 2, int(e.target[index]))
            expected[index] += slope * (sharper - softer)
    torch.testing.assert_close(run("blur-ig", e, steps=3, extent=0.2), expected)
    for index, x in enumerate(e.inputs.numpy()):
        start = torch.from_numpy(gaussian_filter(x, (0, 1.8, 1.8), mode="nearest"))
        torch.testing.assert_close(e.tally.paths[0][index, 0], start)


def test_blur_ig_of_a_linear_model_is_what_comes_into_focus(picture_explicand):
    e = picture_explicand
    last = nn.Linear(64, 2)
    e = replace(e, model=nn.Sequential(nn.Flatten(), last).eval().requires_grad_(False))
    softest = torch.from_numpy(gaussian_filter(e.inputs.numpy(), (0, 0, 2, 2), mode="nearest"))
    expected = last.weight[e.target].view_as(e.inputs) * (e.inputs - softest)
    torch.testing.assert_close(run("blur-ig", e, steps=4, extent=0.25), expected, atol=1e-6, rtol=1e-5)


# ---- IDGI --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [2, 5])
def test_idgi_is_the_loop_over_steps(steps):
    e = vectors()
    expected = torch.zeros_like(e.inputs)
    for index, x in enumerate(e.inputs):
        output = int(e.target[index])
        for j in range(steps - 1):
            slope, score = gradient_at(e, x * j / (steps - 1), output)
            change = gradient_at(e, x * (j + 1) / (steps - 1), output)[1] - score
            expected[index] += slope**2 / slope.dot(slope) * change
    torch.testing.assert_close(run("idgi", e, steps=steps), expected)


@given(steps=st.integers(2, 40), seed=st.integers(0, 10))
@settings(max_examples=15, deadline=None)
def test_idgi_is_complete_whatever_the_steps(steps, seed):
    e = vectors(seed=seed)
    assert path.completeness_gap(e, run("idgi", e, steps=steps)).max() < 1e-9
    assert (e.tally.forward_rows, e.tally.backward_rows) == (3 * steps, 3 * (steps - 1))


def test_idgi_of_a_linear_model():
    e = linear(WEIGHTS, INPUTS)
    expected = WEIGHTS**2 / WEIGHTS.dot(WEIGHTS) * (INPUTS @ WEIGHTS).unsqueeze(1)
    torch.testing.assert_close(run("idgi", e, steps=6), expected)


def test_idgi_leaves_out_steps_without_a_gradient():
    """relu(x + y - 1) on the way to (1, 1): no gradient on the first half, a step of 1/3 across, then equal parts."""

    class Late(nn.Module):
        def forward(self, x):
            return (x.sum(1, keepdim=True) - 1).relu()

    e = Explicand.of(Late().eval(), torch.ones(1, 2), target=torch.tensor([0]), input_range=(0.0, 1.0))
    found = run("idgi", e, steps=4)  # F is 0, 0, 1/3, 1; its gradient 0 at the first two points
    torch.testing.assert_close(found, torch.full((1, 2), 1 / 3))


# ---- AGI ---------------------------------------------------------------------------------------------------------


def agi_by_hand(e, index, other, steps):
    """What one path gives, and where it ends."""
    low, high = e.input_range
    x, given = e.inputs[index], torch.zeros_like(e.inputs[index])
    for _ in range(steps):
        if int(e.model(x.unsqueeze(0)).argmax()) == other:
            break
        towards, _ = gradient_at(e, x, other)
        own, _ = gradient_at(e, x, int(e.target[index]))
        following = (x + (high - low) / steps * towards.sign()).clamp(low, high)
        given, x = given - own * (following - x), following
    return given, x


def test_agi_is_the_loop_over_classes_and_steps():
    e = vectors(count=4)
    found = run("agi", e, evaluations=31, classes=3)  # all three other classes, (2 x 31 x 3 - 1) // 9 = 20 steps
    for index in range(4):
        others = [c for c in range(4) if c != e.target[index]]
        each = [agi_by_hand(e, index, other, steps=20) for other in others]
        torch.testing.assert_close(found[index], torch.stack([given for given, _ in each]).mean(0))
        ends = {tuple(x.tolist()) for _, x in each}
        assert {tuple(x.tolist()) for x in e.tally.paths[0][index]} == ends
    assert e.tally.backward_rows == 2 * (e.tally.forward_rows - 1)
    assert len({int(e.model(x.unsqueeze(0)).argmax()) for x in e.tally.paths[0].flatten(0, 1)}) > 1


def test_agi_samples_different_classes_of_others():
    e = vectors(count=40, outputs=5)
    run("agi", e, evaluations=8, classes=2, seed=1)
    ends = e.tally.paths[0]
    assert ends.shape[1] == 2
    first_steps = {
        tuple((agi_by_hand(e, 0, other, steps=5)[1]).tolist()) for other in range(1, 5)
    }  # steps: (2 x 8 x 2 - 1) // 6
    assert {tuple(x.tolist()) for x in ends[0]} < first_steps


def test_agi_has_fewer_classes_than_asked_where_the_model_has():
    """One other class of two, so that all of the budget goes into its steps."""
    e = linear(WEIGHTS, INPUTS)
    run("agi", e, evaluations=3, classes=5)
    assert e.tally.paths[0].shape[1] == 1
    assert 0 < e.tally.forward_rows + e.tally.backward_rows <= 2 * 2 * 3 * 5


def test_agi_needs_another_class_and_a_step(vector_explicand):
    one = nn.Linear(8, 1).eval().requires_grad_(False)
    with pytest.raises(NotApplicable, match="the model has one output"):
        run("agi", replace(vector_explicand, model=one, target=torch.zeros(3, dtype=torch.long)))
    with pytest.raises(NotApplicable, match="one step takes 3 rows"):
        run("agi", vector_explicand, evaluations=1, classes=1)


# ---- all of them -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), [
    ("guided-ig", {"steps": 600}), ("blur-ig", {"steps": 300}), ("idgi", {"steps": 5}), ("agi", {"evaluations": 900})
])  # fmt: skip
def test_attributions_add_up_to_the_change_along_the_path(picture_explicand, name, options):
    e = picture_explicand
    attribution = run(name, e, **options)
    assert path.completeness_gap(e, attribution).max() < 0.01
    change = path.change_along_paths(e)
    assert change is not None
    assert change.abs().max() > 0.1


def test_path_methods_of_a_linear_model_give_its_terms():
    e = linear(WEIGHTS, INPUTS)
    torch.testing.assert_close(run("guided-ig", e, steps=7), WEIGHTS * INPUTS)
    found = run("agi", e, evaluations=30)
    torch.testing.assert_close(found, WEIGHTS * (INPUTS - e.tally.paths[0][:, 0]), atol=1e-5, rtol=1e-5)


NEW = {
    "guided-ig": {"steps": 6}, "blur-ig": {"steps": 6}, "idgi": {"steps": 6}, "agi": {"evaluations": 9, "classes": 2},
    "rise": {"masks": 9}, "smoothgrad": {"samples": 9},
}  # fmt: skip


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("rows", [1, 4, 5, 17])
def test_batches_never_change_the_attribution(picture_explicand, name, rows):
    """And no more rows are ever passed through the model at once."""
    sizes = []

    def watched(x):
        sizes.append(len(x))
        return picture_explicand.model(x)

    one_go = replace(picture_explicand, rows_per_batch=1000, tally=Tally())
    chunked = replace(picture_explicand, model=watched, rows_per_batch=rows, tally=Tally())
    torch.testing.assert_close(run(name, chunked, **NEW[name]), run(name, one_go, **NEW[name]), atol=1e-6, rtol=1e-4)
    assert chunked.tally.forward_rows == one_go.tally.forward_rows
    assert max(sizes) <= rows
