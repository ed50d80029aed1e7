import itertools

import captum.attr
import pytest
import torch
from torch import nn
from torch.distributions import ContinuousBernoulli

from sig import certainty, path
from sig.certainty import CertaintyAware
from sig.explicand import Explicand, Tally
from sig.registry import NotApplicable, methods

NAMES = ["icg", "icg-smoothed", "expected-certainty-gradients"]


def run(name, e, seed=0, **options):
    return methods[name](e, generator=torch.Generator().manual_seed(seed), **options)


class Formula(nn.Module):
    """A network with one output, a function of values and certainties, each ``(rows, features)``."""

    def __init__(self, formula):
        super().__init__()
        self.formula = formula

    def forward(self, x):
        return self.formula(x[:, 0], x[:, 1]).unsqueeze(1)


def explain(formula, values):
    inputs = torch.tensor([values])
    model = CertaintyAware(Formula(formula), (len(values),))
    return Explicand(model, inputs, torch.tensor([0]), torch.zeros(1, len(values)), torch.arange(len(values)))


def change(e, values):
    """F at certainty 1 minus F at certainty 0."""
    ends = (e.model.network(certainty.with_certainty(values, torch.full_like(values, c))) for c in (1.0, 0.0))
    full, none = (end.gather(1, e.target.unsqueeze(1)).squeeze(1) for end in ends)
    return full - none


@pytest.mark.parametrize("kind", ["aware_explicand", "aware_pictures"])
def test_icg_is_captums_integrated_gradients_of_certainty(request, kind):
    e = request.getfixturevalue(kind)
    ends = [certainty.with_certainty(e.inputs, torch.full_like(e.inputs, c)) for c in (0.0, 1.0)]
    expected = captum.attr.IntegratedGradients(e.model.network).attribute(
        ends[1], ends[0], target=e.target, n_steps=20, method="riemann_middle"
    )
    torch.testing.assert_close(run("icg", e, steps=20), expected[:, 1:].reshape(e.inputs.shape))


def test_icg_by_hand():
    """F = 3 c1 v1 - 2 c2 v2 at (0.5, 0.25) gives what each term says; F = c1 v1 c2 v2 is shared equally."""
    linear = explain(lambda v, c: 3 * c[:, 0] * v[:, 0] - 2 * c[:, 1] * v[:, 1], [0.5, 0.25])
    torch.testing.assert_close(run("icg", linear, steps=1), torch.tensor([[1.5, -0.5]]))
    product = explain(lambda v, c: (c * v).prod(1), [0.5, 0.8])
    torch.testing.assert_close(run("icg", product, steps=3), torch.tensor([[0.2, 0.2]]))


def test_a_value_is_attributed_even_where_it_is_zero():
    e = explain(lambda v, c: c[:, 0] * (1 - v[:, 0]) + v[:, 1], [0.0, 0.5])
    torch.testing.assert_close(run("icg", e), torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(run("ig-zero", e), torch.tensor([[0.0, 0.5]]))


@pytest.mark.parametrize("kind", ["aware_explicand", "aware_pictures"])
def test_icg_is_complete(request, kind):
    e = request.getfixturevalue(kind)
    attribution = run("icg", e, steps=200)
    torch.testing.assert_close(attribution.flatten(1).sum(1), change(e, e.inputs), atol=1e-4, rtol=1e-3)
    assert path.completeness_gap(e, attribution).max() < 1e-4
    assert path.completeness_gap(e, attribution * 2).max() > 1e-2


def test_smoothing_is_the_mean_over_noised_inputs(aware_explicand):
    e = aware_explicand
    draws = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(7))
    noised = (e.inputs.unsqueeze(1) + 0.1 * draws).clamp(0, 1)
    one_by_one = [
        run("icg", Explicand(e.model, noised[:, i], e.target, e.background, e.players), steps=10) for i in range(5)
    ]
    smoothed = run("icg-smoothed", e, seed=7, sigma=0.1, steps=10)
    torch.testing.assert_close(smoothed, torch.stack(one_by_one).mean(0))
    assert not torch.allclose(smoothed, run("icg", e, steps=10), rtol=1e-3)
    torch.testing.assert_close(run("icg-smoothed", e, sigma=0.0, steps=10), run("icg", e, steps=10))
    expected = torch.stack([change(e, noised[:, i]) for i in range(5)]).mean(0)
    run("icg-smoothed", e, seed=7, sigma=0.1)
    torch.testing.assert_close(path.completeness_gap(e, torch.zeros(3, 4)), expected.abs())


def integral_over_random_paths(e, gradient, paths=400, steps=400):
    """The expected path integral by torch's own law: chords of many paths, gradients at their midpoints."""
    u = torch.rand(paths, e.features[0], generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    means = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    eta = certainty.mean_to_natural(means)
    points = [ContinuousBernoulli(logits=one).icdf(u) for one in eta]
    c = torch.stack([torch.zeros_like(u), *points, torch.ones_like(u)])
    values = e.inputs.double().expand(paths, -1)
    total = sum(gradient(values, (a + b) / 2) * (b - a) for a, b in itertools.pairwise(c))
    return total.mean(0), total.std(0) / paths**0.5


def test_expected_certainty_gradients_are_the_mean_over_random_paths():
    """F = c1^2 c2: random paths share it otherwise than the straight one, which gives 2/3 and 1/3."""
    e = explain(lambda v, c: c[:, 0] ** 2 * c[:, 1], [0.5, 0.5])

    def gradient(v, c):
        return torch.stack((2 * c[:, 0] * c[:, 1], c[:, 0] ** 2), 1)

    expected, error = integral_over_random_paths(e, gradient)
    draws = torch.stack([run("expected-certainty-gradients", e, seed=s, samples=500)[0] for s in range(20)]).double()
    spread = draws.std(0) / 20**0.5
    assert ((draws.mean(0) - expected).abs() < 4 * (error**2 + spread**2).sqrt()).all()
    assert (draws.mean(0) - torch.tensor([2 / 3, 1 / 3])).abs().min() > 5 * spread.max()


def test_expected_certainty_gradients_are_complete_in_expectation(aware_explicand):
    e = aware_explicand
    draws = torch.stack([run("expected-certainty-gradients", e, seed=s, samples=100) for s in range(30)]).sum(2)
    error = draws.std(0) / 30**0.5
    assert ((draws.mean(0) - change(e, e.inputs)).abs() < 4 * error + 1e-4).all()
    last = run("expected-certainty-gradients", e, samples=1000)
    assert path.completeness_gap(e, last).max() < 0.1 * change(e, e.inputs).abs().max()


def test_one_random_path_piece_is_the_straight_path(aware_explicand):
    torch.testing.assert_close(
        run("expected-certainty-gradients", aware_explicand, samples=1), run("icg", aware_explicand, steps=1)
    )


@pytest.mark.parametrize(("name", "options", "rows"), [
    ("icg", {"steps": 7}, 7),
    ("icg-smoothed", {"steps": 4, "samples": 3}, 12),
    ("expected-certainty-gradients", {"samples": 9}, 9),
])  # fmt: skip
def test_rows_count_on_the_explicand(aware_explicand, name, options, rows):
    e = aware_explicand.with_tally(Tally())
    run(name, e, **options)
    assert (e.tally.forward_rows, e.tally.backward_rows) == (3 * rows, 3 * rows)


def test_other_methods_explain_the_network_at_full_certainty(aware_pictures):
    e = aware_pictures

    def plain(x):
        return e.model.network(torch.cat((x, torch.ones_like(x)), 1))

    expected = captum.attr.IntegratedGradients(plain).attribute(
        e.inputs, target=e.target, n_steps=20, method="riemann_middle"
    )
    torch.testing.assert_close(run("ig-zero", e, steps=20), expected)


@pytest.mark.parametrize("name", NAMES)
def test_models_without_certainty_are_a_reason(vector_explicand, name):
    with pytest.raises(NotApplicable, match="needs a certainty-aware model"):
        run(name, vector_explicand)
