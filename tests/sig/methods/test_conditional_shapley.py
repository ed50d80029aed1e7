import itertools
import math

import pytest
import torch
from torch import nn

from sig import games
from sig.explicand import Explicand
from sig.registry import NotApplicable, methods


def run(e, seed=0, **options):
    return methods["shap"](e, generator=torch.Generator().manual_seed(seed), **options)


def explain(model, inputs, background, players=None, input_range=(0.0, 1.0)):
    target = torch.zeros(len(inputs), dtype=torch.long)
    players = torch.arange(inputs.shape[1]) if players is None else players
    return Explicand(lambda x: model(x).unsqueeze(1), inputs, target, background, players, input_range)


def exact_by_orders(model, x, background):
    """Mean over all orders of joining, with conditional expectations over the background's exact matches."""

    def value(coalition):
        matching = background[(background[:, coalition] == x[coalition]).all(1)]
        matching = matching.clone()
        matching[:, coalition] = x[coalition]
        return model(matching).mean().item()

    n, totals = len(x), torch.zeros(len(x))
    for order in itertools.permutations(range(n)):
        for place, player in enumerate(order):
            totals[player] += value(list(order[: place + 1])) - value(list(order[:place]))
    return totals / math.factorial(n)


def test_discrete_data_give_the_exact_conditional_expectation(generator):
    """Four dependent binary features: the third is mostly the first, the fourth the others' majority."""
    first = (torch.rand(400, 3, generator=generator) < 0.6).float()
    copied = torch.where(torch.rand(400, generator=generator) < 0.9, first[:, 0], 1 - first[:, 0])
    background = torch.stack((*first[:, :2].T, copied, (first.sum(1) > 1.5).float()), 1)

    def model(x):
        return 2 * x[:, 0] * x[:, 1] - x[:, 2] + (x[:, 3] * x[:, 1]).exp()

    x = background[:5]
    expected = torch.stack([exact_by_orders(model, one, background) for one in x])
    torch.testing.assert_close(run(explain(model, x, background), bandwidth=0.05), expected, atol=1e-4, rtol=1e-4)
    everywhere = run(explain(model, x, background), bandwidth=1e6)
    assert (everywhere - expected).abs().max() > 0.05  # dependence matters here


def test_a_wide_band_gives_the_interventional_values(generator):
    """Without conditioning, SHAP is the mean of BShap over the background as baselines."""
    inputs, background = torch.rand(2, 4, generator=generator), torch.rand(7, 4, generator=generator)

    def model(x):
        return (x[:, 0] * x[:, 1] + x[:, 2] ** 2).sin() * x[:, 3]

    e = explain(model, inputs, background)
    every = games.coalition_matrix(4).expand(2, -1, -1)
    expected = torch.stack(
        [games.shapley_values(e.coalition_scores(every, one.expand(2, -1))) for one in background]
    ).mean(0)
    torch.testing.assert_close(run(e, bandwidth=1e6), expected.float())


def test_two_feature_model_by_quadrature():
    """F = max(r(x1), r(x2)) for independent U(0, 1) features (ICG, Fig. 2): E[F | x1] is the integral over x2."""

    def rise(x):
        return ((x - 0.20) / 0.10).clamp(0, 1) - ((x - 0.45) / 0.10).clamp(0, 1)

    points = (torch.arange(200) + 0.5) / 200
    background = torch.cartesian_prod(points, points)
    x = torch.tensor([[0.3525, 0.2325], [0.1025, 0.5025]])  # on the grid, so that members agree with them

    def expectation(level):
        return torch.maximum(rise(points), level).mean()

    either = torch.maximum(rise(points).unsqueeze(0), rise(points).unsqueeze(1)).mean()
    expected = []
    for one in x:
        alone = [expectation(rise(value)) for value in one]
        full = rise(one).max()
        expected.append([(alone[i] - either + full - alone[1 - i]) / 2 for i in range(2)])
    e = explain(lambda x: rise(x).amax(1), x, background)
    torch.testing.assert_close(run(e, evaluations=10**6, bandwidth=0.001), torch.tensor(expected), atol=1e-4, rtol=0)
    torch.testing.assert_close(run(e, evaluations=10**6), torch.tensor(expected), atol=1e-3, rtol=0)


def test_correlated_normal_features_approach_the_closed_form(generator):
    """F = x1, corr(x1, x2) = 0.8: E[F | x2] = 0.8 x2, so that x2 gets half of that."""
    z = torch.randn(4000, 2, generator=generator)
    background = torch.stack((z[:, 0], 0.8 * z[:, 0] + 0.6 * z[:, 1]), 1)
    x = torch.tensor([[1.0, 1.0], [0.5, -0.5]])
    e = explain(lambda x: x[:, 0], x, background, input_range=(-6.0, 6.0))
    alone = 0.8 * x[:, 1]
    expected = torch.stack(((x[:, 0] + x[:, 0] - alone) / 2, alone / 2), 1)
    torch.testing.assert_close(run(e), expected, atol=0.05, rtol=0)
    assert (run(e, bandwidth=1e6)[:, 1].abs() < 0.01).all()  # interventional: the model does not use it


def test_a_small_budget_takes_the_members_that_agree_best():
    """Four coalitions of one member each: x2 = x1 in the data, so F = x1 is known from either feature."""
    ramp = torch.arange(11.0) / 10
    background = torch.stack((ramp, ramp), 1)
    e = explain(lambda x: x[:, 0], torch.tensor([[0.3, 0.3]]), background)
    attribution = run(e, evaluations=4)
    assert e.tally.forward_rows == 4
    drawn = e.tally.paths[0][0, 0, 0]  # the empty coalition took a random member
    torch.testing.assert_close(attribution, ((0.3 - drawn) / 2).expand(1, 2))
    starts = {run(e, seed=seed, evaluations=4)[0, 0].item() for seed in range(10)}
    assert len(starts) > 3


def test_is_complete_whatever_the_budget(vector_explicand):
    e = vector_explicand
    for evaluations in (2**8, 2**10, 2**16):
        attribution = run(e, evaluations=evaluations)
        starts = e.tally.paths[0]
        assert starts.shape[1] == min(evaluations // 2**8, 20)
        with torch.no_grad():
            change = [(e.model(e.inputs[b : b + 1]) - e.model(starts[b]))[:, e.target[b]].mean() for b in range(3)]
        torch.testing.assert_close(attribution.sum(1), torch.stack(change), atol=1e-5, rtol=1e-4)


def test_players_of_several_features_condition_on_all_of_them(generator):
    """Scaling a feature changes nothing; a player of two equal features is as near as one of one."""
    single, background = torch.rand(2, 3, generator=generator), torch.rand(30, 3, generator=generator)
    e = explain(lambda x: x[:, 0] * x[:, 1] + x[:, 2], single, background)
    doubled = explain(
        lambda x: x[:, 0] * x[:, 1] * 10 + x[:, 3],
        torch.stack((single[:, 0], single[:, 1] / 10, single[:, 1] / 10, single[:, 2]), 1),
        torch.stack((background[:, 0], background[:, 1] / 10, background[:, 1] / 10, background[:, 2]), 1),
        players=torch.tensor([0, 1, 1, 2]),
    )
    one, pair = run(e, bandwidth=5.0), doubled.player_sums(run(doubled, bandwidth=5.0))
    assert (one - pair).abs().max() < 0.01
    assert (one - run(e, bandwidth=0.1)).abs().max() > 0.03


def test_constant_features_do_not_divide_by_zero(generator):
    background = torch.cat((torch.rand(9, 1, generator=generator), torch.full((9, 1), 0.5)), 1)
    e = explain(lambda x: x.sum(1), torch.tensor([[0.5, 0.5]]), background)
    assert run(e)[0, 1].item() == pytest.approx(0, abs=1e-6)


def test_too_many_players_or_too_few_evaluations_are_reasons():
    many = explain(lambda x: x.sum(1), torch.rand(1, 17), torch.rand(3, 17))
    with pytest.raises(NotApplicable, match="17 players is out of reach; up to 16"):
        run(many)
    few = explain(lambda x: x.sum(1), torch.rand(1, 5), torch.rand(3, 5))
    with pytest.raises(NotApplicable, match="5 players take at least 32 model rows, more than the 31 given"):
        run(few, evaluations=31)
    with pytest.raises(ValueError, match="bandwidth is 0.0"):
        run(few, bandwidth=0.0)


def test_pictures_are_explained_by_patch(picture_explicand):
    e = picture_explicand.only(1)
    halves = Explicand(e.model, e.inputs, e.target, e.background, (torch.arange(8) // 4).expand(1, 8, 8))
    attribution = halves.player_sums(run(halves))
    assert attribution[0, 1] > 5 * attribution[0, 0].abs()  # class 1 has its shape on the right
    assert isinstance(e.model, nn.Module)
