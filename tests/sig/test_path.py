import math
import re
from dataclasses import replace

import captum.attr
import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from scipy import stats
from torch import nn

from sig import baselines, path
from sig.explicand import Explicand


def slow_integral(e, starts, ends, positions, weights):
    """One path and one step at a time."""
    result = torch.zeros_like(e.inputs)
    for b in range(starts.shape[0]):
        for p in range(starts.shape[1]):
            for position, weight in zip(positions, weights, strict=True):
                point = torch.lerp(starts[b, p], ends[b, p], position).requires_grad_()
                score = e.model(point.unsqueeze(0))[0, e.target[b]]
                (gradient,) = torch.autograd.grad(score, point)
                result[b] += weight * gradient * (ends[b, p] - starts[b, p])
    return result / starts.shape[1]


@pytest.mark.parametrize("rule", ["midpoint", "gauss-legendre"])
@pytest.mark.parametrize("rows_per_batch", [1, 3, 7, 1000])
def test_integrate_is_the_slow_integral(vector_explicand, generator, rule, rows_per_batch):
    e = replace(vector_explicand, rows_per_batch=rows_per_batch)
    starts = torch.rand(3, 4, 8, generator=generator)
    ends = torch.rand(3, 4, 8, generator=generator)
    expected = slow_integral(e, starts, ends, *path.quadrature(rule, 5))
    torch.testing.assert_close(path.integrate(e, starts, ends, steps=5, rule=rule), expected)


@pytest.mark.parametrize(("rule", "captums"), [("midpoint", "riemann_middle"), ("gauss-legendre", "gausslegendre")])
@pytest.mark.parametrize("kind", ["vector_explicand", "picture_explicand"])
def test_integrate_is_captums(request, rule, captums, kind):
    e = request.getfixturevalue(kind)
    start = baselines.middle(e)
    expected = captum.attr.IntegratedGradients(e.model).attribute(
        e.inputs, start[:, 0], target=e.target, n_steps=20, method=captums
    )
    assert (path.integrate(e, start, steps=20, rule=rule) - expected).abs().max() < 1e-5


def test_two_feature_product_by_hand():
    """F = x1 x2 from 0 to (0.5, 0.8): both features get half of 0.4, and the midpoint rule is exact."""
    e = Explicand(
        model=lambda x: x.prod(1, keepdim=True),
        inputs=torch.tensor([[0.5, 0.8]]),
        target=torch.tensor([0]),
        background=torch.zeros(1, 2),
        players=torch.arange(2),
    )
    torch.testing.assert_close(path.integrate(e, baselines.zero(e), steps=3), torch.tensor([[0.2, 0.2]]))


def test_linear_model_by_hand(generator):
    """IG of a linear model is weight times distance, whatever the number of steps, also at random positions."""
    model = nn.Linear(8, 1).requires_grad_(False)
    inputs, starts = torch.rand(2, 8, generator=generator), torch.rand(2, 5, 8, generator=generator)
    e = Explicand(model, inputs, torch.tensor([0, 0]), torch.rand(1, 8), torch.arange(8))
    expected = model.weight * (inputs - starts.mean(1))
    torch.testing.assert_close(path.integrate(e, starts, steps=1), expected)
    torch.testing.assert_close(path.integrate_at_random(e, starts, generator=generator), expected)


def test_random_positions_converge_to_the_integral(vector_explicand, generator):
    e = vector_explicand
    start = baselines.zero(e)
    many = torch.stack([path.integrate_at_random(e, start.expand(-1, 100, -1), generator=generator) for _ in range(30)])
    exact = path.integrate(e, start, steps=500)
    standard_error = many.std(0) / math.sqrt(len(many))
    assert ((many.mean(0) - exact).abs() < 5 * standard_error + 1e-6).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), paths=st.integers(1, 4))
def test_ig_is_complete(seed, paths):
    """sum of IG = F(x) - mean F(x') (Sundararajan et al. 2017, proposition 1)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)).requires_grad_(False)
    e = Explicand(model, torch.rand(2, 5, generator=generator), torch.tensor([0, 1]), torch.rand(2, 5), torch.arange(5))
    starts = torch.rand(2, paths, 5, generator=generator)
    attribution = path.integrate(e, starts, steps=200)
    change = torch.stack([(model(e.inputs[b : b + 1]) - model(starts[b]))[:, b].mean() for b in range(2)])
    torch.testing.assert_close(attribution.sum(1), change, atol=1e-4, rtol=1e-3)
    assert path.completeness_gap(e, attribution).max() < 1e-4


def test_completeness_gap_by_hand():
    """F = x^2 from 0 to 1 with one midpoint step is exact (1); an attribution of 0.75 leaves a gap of 0.25."""
    e = Explicand(lambda x: x.square(), torch.ones(1, 1), torch.tensor([0]), torch.zeros(1, 1), torch.tensor([0]))
    path.integrate(e, baselines.zero(e), steps=1)
    rows = e.tally.forward_rows
    assert path.completeness_gap(e, torch.tensor([[0.75]])).item() == pytest.approx(0.25)
    assert e.tally.forward_rows == rows


def positions(e, paths, generator):
    """Where on each path the gradient is taken: a ramp from 0 to 1 is explained, whose points are their positions."""
    seen = []

    def model(x):
        seen.append(x.detach()[:, 0])
        return x[:, :1] * 1

    ones = replace(e, model=model, inputs=torch.ones(3, 8), target=torch.zeros(3).long(), rows_per_batch=10**6)
    path.integrate_at_random(ones, torch.zeros(3, paths, 8), generator=generator)
    return torch.cat(seen).view(3, paths)


def test_random_positions_are_uniform_each_and_stratified_together(vector_explicand, generator):
    drawn = torch.cat([positions(vector_explicand, 4, generator) for _ in range(700)])
    for path_of in drawn.T:
        assert stats.kstest(path_of.numpy(), "uniform").pvalue > 1e-4
    assert torch.equal((4 * drawn).long().sort(1).values, torch.arange(4).expand(2100, 4))
    first, second = (4 * drawn[:, :2]).long().T
    pairs = torch.bincount(4 * first + second, minlength=16)
    assert stats.chisquare(pairs[pairs > 0]).pvalue > 1e-4  # any part goes with any other
    assert (pairs > 0).sum() == 12
    assert drawn.mean(1).var() < 0.3 / 12 / 4  # of independent positions it is 1 / 12 / 4
    assert len(drawn[:3, 0].unique()) == 3  # each explicand has its own


def _change(e: Explicand) -> float:
    change = path.change_along_paths(e)
    assert change is not None
    return change.item()


def test_weighted_paths_by_hand():
    """F = 3x from 0 and from 0.5 to 1, which add 3 and 1.5: weights 2 and 4 give the mean of 6 and 6."""
    e = Explicand(lambda x: 3 * x, torch.ones(1, 1), torch.tensor([0]), torch.zeros(1, 1), torch.tensor([0]))
    starts, weights = torch.tensor([[[0.0], [0.5]]]), torch.tensor([[2.0, 4.0]])
    assert path.integrate(e, starts, steps=2, weights=weights).item() == pytest.approx(6)
    assert _change(e) == pytest.approx(6)
    assert path.completeness_gap(e, torch.tensor([[5.5]])).item() == pytest.approx(0.5)
    assert path.integrate(e, starts, steps=2).item() == pytest.approx(2.25)
    assert _change(e) == pytest.approx(2.25)


def test_rows_are_paths_times_steps(vector_explicand):
    path.integrate(vector_explicand, torch.zeros(3, 4, 8), steps=6)
    assert vector_explicand.tally.forward_rows == vector_explicand.tally.backward_rows == 3 * 4 * 6


@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_quadrature_is_exact_for_its_degree(steps):
    positions, weights = path.quadrature("gauss-legendre", steps)
    degree = min(2 * steps - 1, 9)
    assert (weights * positions**degree).sum().item() == pytest.approx(1 / (degree + 1), abs=1e-5)
    assert path.quadrature("midpoint", steps)[1].sum().item() == pytest.approx(1)


def test_integrals_along_edges_are_marginal_contributions(picture_explicand, generator):
    """Theorem 3 of ES: up to the rule's error, and against a loop over coalitions through captum."""
    e = picture_explicand.only(1)
    coalitions = torch.rand(5, 16, generator=generator) < 0.5
    coalitions[:, 3] = True
    default = e.background[:1]
    marginal, integrated = path.contributions_along_edges(e, coalitions, default, steps=100)
    rows = int((~coalitions).sum())
    assert (e.tally.forward_rows, e.tally.backward_rows) == (rows * 102, rows * 100)
    torch.testing.assert_close(integrated, marginal, atol=1e-5, rtol=1e-3)
    assert marginal[0, 3] == integrated[0, 3] == 0
    explainer = captum.attr.IntegratedGradients(e.model)
    adds, gets = torch.zeros(2)
    for coalition in coalitions[~coalitions[:, 7]]:
        including = coalition | (torch.arange(16) == 7)
        start, end = (torch.where(one[e.players], e.inputs, default) for one in (coalition, including))
        adds += (e.model(end) - e.model(start))[0, 1]
        gets += explainer.attribute(end, start, target=1, n_steps=2, method="riemann_middle")[:, e.players == 7].sum()
    coarse = path.contributions_along_edges(e, coalitions, default, steps=2)[1]
    assert [marginal[0, 7].item(), coarse[0, 7].item()] == pytest.approx([adds.item(), gets.item()], rel=1e-4)
    assert not torch.allclose(coarse, marginal, rtol=1e-5, atol=0)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"starts": torch.zeros(3, 1, 8), "steps": 0}, "steps is 0, expected at least 1"),
        ({"starts": torch.zeros(2, 1, 8)}, "starts have shape (2, 1, 8), expected (3, any number, 8)"),
    ],
)
def test_bad_arguments_are_named(vector_explicand, arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        path.integrate(vector_explicand, **arguments)


def test_gradients_at_any_points_are_those_of_one_row_at_a_time(vector_explicand):
    e = vector_explicand
    points = torch.rand(3, 50, 8, generator=torch.Generator().manual_seed(3)) * 4 - 2  # more than a batch, out of range
    found = path.gradients(e, points)
    assert e.tally.forward_rows == e.tally.backward_rows == 150
    for i, j in [(0, 0), (1, 7), (2, 49)]:
        x = points[i, j].clone().requires_grad_()
        (expected,) = torch.autograd.grad(e.model(x.unsqueeze(0))[0, e.target[i]], x)
        torch.testing.assert_close(found[i, j], expected)
    torch.testing.assert_close(path.gradients(e, e.inputs.unsqueeze(1)).squeeze(1), path.gradient(e))
    assert path.gradients(e, points[:, :0]).shape == (3, 0, 8)


@pytest.mark.usefixtures("as_users_run_it")
def test_gradients_need_points_of_every_explicand(vector_explicand):
    with pytest.raises(ValueError, match=r"points have shape \(2, 1, 8\), expected \(3, any number, 8\)"):
        path.gradients(vector_explicand, torch.zeros(2, 1, 8))


@pytest.mark.usefixtures("as_users_run_it")
def test_unknown_rule_is_named():
    with pytest.raises(ValueError, match="unknown quadrature rule 'simpson'"):
        path.quadrature("simpson", 3)  # type: ignore[arg-type]


def test_gap_needs_a_path(vector_explicand):
    with pytest.raises(ValueError, match="no path has been integrated"):
        path.completeness_gap(vector_explicand, torch.zeros(3, 8))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_cpu(vector_explicand):
    e = vector_explicand
    on_gpu = Explicand(e.model.cuda(), *(t.cuda() for t in (e.inputs, e.target, e.background, e.players)))
    expected = path.integrate(replace(e, model=e.model.cpu()), baselines.zero(e))
    torch.testing.assert_close(path.integrate(on_gpu, baselines.zero(on_gpu)).cpu(), expected, rtol=1e-4, atol=1e-5)
