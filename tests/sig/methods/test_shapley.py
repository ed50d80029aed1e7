import itertools
from contextlib import nullcontext, suppress

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from sig import games
from sig.explicand import Explicand
from sig.registry import NotApplicable, methods


def run(name, e, seed=0, **options):
    return e.player_sums(methods[name](e, generator=torch.Generator().manual_seed(seed), **options))


def brute_force(e, index):
    """Mean marginal contribution over all n! orders, from zero."""
    order_count, totals = 0, np.zeros(e.n_players)
    for order in itertools.permutations(range(e.n_players)):
        x = torch.zeros(e.features)
        before = e.model(x.unsqueeze(0))[0, e.target[index]].item()
        for player in order:
            x = torch.where(e.players == player, e.inputs[index], x)
            after = e.model(x.unsqueeze(0))[0, e.target[index]].item()
            totals[player] += after - before
            before = after
        order_count += 1
    return totals / order_count


@pytest.fixture
def six_players() -> Explicand:
    """Two inputs of seven features, two of which share a player, and a network with strong interactions."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        first = nn.Linear(7, 12)
        model = nn.Sequential(first, nn.Tanh(), nn.Linear(12, 2)).eval().requires_grad_(False)
        first.weight.mul_(3)
        players = torch.tensor([0, 1, 2, 2, 3, 4, 5])
        return Explicand(model, torch.rand(2, 7), torch.tensor([0, 1]), torch.rand(9, 7), players)


def test_bshap_is_the_mean_over_all_orders(six_players):
    expected = torch.tensor(np.stack([brute_force(six_players, i) for i in range(2)]), dtype=torch.float32)
    torch.testing.assert_close(run("bshap", six_players), expected, atol=1e-5, rtol=1e-4)


def test_kernel_shap_with_every_coalition_is_exact(six_players):
    torch.testing.assert_close(
        run("kernel-shap", six_players, evaluations=64), run("bshap", six_players), atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("name", ["permutation-shapley", "captum/KernelShap"])
def test_sampled_estimates_approach_the_exact_values(six_players, name):
    exact = run("bshap", six_players)
    near = (run(name, six_players, evaluations=5000) - exact).abs().max()
    far = (run(name, six_players, evaluations=12) - exact).abs().max()
    assert near < 0.05 * exact.abs().max()
    assert far > near


def test_permutation_shapley_is_unbiased(six_players):
    exact = run("bshap", six_players)
    draws = torch.stack([run("permutation-shapley", six_players, seed=s, evaluations=7) for s in range(400)])
    standard_error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - exact).abs() < 4.5 * standard_error).all()


def arrivals(count, monkeypatch, e):
    """When each player joins, in the permutations of the first explicand."""
    asked = []

    def note(_, given, default):
        asked.append(given)
        return torch.zeros(given.shape[:2])

    monkeypatch.setattr(Explicand, "coalition_scores", note)
    run("permutation-shapley", e, evaluations=2 + 5 * count)
    return 5 - asked[0][0].view(count, 5, 6).sum(1)


def test_every_other_permutation_is_the_reverse_of_the_one_before(six_players, monkeypatch):
    joined = arrivals(2001, monkeypatch, six_players)
    assert torch.equal(joined[1::2], 5 - joined[:-1:2])
    assert (joined.sort(1).values == torch.arange(6)).all()
    orders = (joined[::2] * 6 ** torch.arange(6)).sum(1)
    assert len(orders.unique()) > 500  # of 720
    for part in (joined[::2], joined[1::2]):
        counts = torch.stack([torch.bincount(part[:, player], minlength=6) for player in range(6)])
        assert (counts - len(part) / 6).abs().max() < 5 * (len(part) * 5 / 36) ** 0.5


def test_reversed_pairs_vary_less_than_independent_permutations():
    """F = (sum of x)^2: what a player adds grows with its place, so that a pair cancels it exactly."""
    n = 6
    e = Explicand(
        lambda x: x.sum(1, keepdim=True).square(),
        torch.ones(1, n),
        torch.tensor([0]),
        torch.zeros(1, n),
        torch.arange(n),
    )
    pair = run("permutation-shapley", e, evaluations=2 + 2 * (n - 1))
    torch.testing.assert_close(pair, torch.full((1, n), float(n)))
    assert (run("permutation-shapley", e, evaluations=2 + n - 1) - n).abs().max() > 1


def test_permutation_shapley_is_efficient_with_one_permutation(six_players):
    ends = six_players.coalition_scores(torch.tensor([[[False] * 6, [True] * 6]] * 2), torch.zeros(2, 7))
    one = run("permutation-shapley", six_players, evaluations=7)
    torch.testing.assert_close(one.sum(1), ends[:, 1] - ends[:, 0])


def test_bshap_samples_permutations_when_it_cannot_afford_all_coalitions(six_players):
    sampled = run("bshap", six_players, evaluations=63)
    torch.testing.assert_close(sampled, run("permutation-shapley", six_players, evaluations=63))


@pytest.mark.parametrize("name", ["permutation-shapley", "kernel-shap"])
def test_too_small_a_budget_is_a_reason(six_players, name):
    with pytest.raises(NotApplicable, match="6 players take [78] model rows, more than the 5 given"):
        run(name, six_players, evaluations=5)


def test_feature_ablation_by_hand():
    """F = 2 x0 + x0 x1 at (1, 3): without x0 it loses 5, without x1 it loses 3."""
    e = Explicand(
        lambda x: (2 * x[:, 0] + x[:, 0] * x[:, 1]).unsqueeze(1),
        torch.tensor([[1.0, 3.0]]),
        torch.tensor([0]),
        torch.zeros(1, 2),
        torch.arange(2),
        input_range=(0, 3),
    )
    torch.testing.assert_close(run("captum/FeatureAblation", e), torch.tensor([[5.0, 3.0]]))
    torch.testing.assert_close(run("bshap", e), torch.tensor([[3.5, 1.5]]))
    torch.testing.assert_close(run("gradient", e), torch.tensor([[5.0, 1.0]]))
    torch.testing.assert_close(run("input-x-gradient", e), torch.tensor([[5.0, 3.0]]))


def test_effective_shapley_is_a_multiple_of_the_shapley_values(six_players):
    exact = run("bshap", six_players)
    estimate = run("effective-shapley", six_players, draws=40_000, fraction=1.0)
    ratio = (estimate * exact).sum(1, keepdim=True) / (exact * exact).sum(1, keepdim=True)
    torch.testing.assert_close(estimate / ratio, exact, atol=0.02 * exact.abs().max().item(), rtol=0)


def test_effective_shapley_from_a_sample_is_a_multiple_on_average(six_players):
    """40 evaluations are three coalitions of each of six players, of whom every one is effective."""
    exact = run("bshap", six_players)
    options = {"evaluations": 40, "draws": 3000}
    draws = torch.stack([run("effective-shapley", six_players, seed=s, **options) for s in range(400)]) * 6
    assert ((draws.mean(0) - exact).abs() < 4.5 * draws.std(0) / 20).all()
    assert draws.std(0).max() > 0.05 * exact.abs().max()  # it is a sample
    assert six_players.tally.forward_rows == 2 * 64 + 400 * 2 * 36


def many_players(n):
    """A picture in rows of ``n`` players of four pixels each, whose score is the root of the sum of their squares."""
    return Explicand(
        lambda x: x.flatten(1).square().sum(1, keepdim=True).sqrt(),
        torch.rand(2, 1, n, 4, generator=torch.Generator().manual_seed(1)),
        torch.zeros(2).long(),
        torch.rand(3, 1, n, 4),
        torch.arange(n).view(1, n, 1).expand(1, n, 4),
    )


@pytest.mark.parametrize("players", [5, 12, 25, 49, 784])
@pytest.mark.parametrize("name", ["effective-shapley", "effective-sig"])
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(budget=st.integers(2, 1500), steps=st.integers(1, 60))
def test_effective_methods_never_exceed_their_budget(name, players, budget, steps):
    e = many_players(players)
    fixed = {"steps": steps} if name == "effective-sig" else {}
    options = methods[name].options_for(budget, **fixed)
    enough = 8 * players * (1 + bool(fixed)) + 8 * steps
    with nullcontext() if budget >= enough else suppress(NotApplicable):
        methods[name](e, generator=torch.Generator(), **options)
    assert e.tally.forward_rows + e.tally.backward_rows <= 2 * budget


def test_effective_methods_explain_pictures_of_many_players():
    e = many_players(25)
    estimate = run("effective-shapley", e, evaluations=20_000)
    exact = run("permutation-shapley", e, evaluations=20_000)
    assert torch.cosine_similarity(estimate, exact).min() > 0.99
    ig = run("effective-sig", e, samples=400, steps=10)
    assert torch.cosine_similarity(ig, exact).min() > 0.9


def test_effective_sig_spends_half_on_values_and_half_on_paths():
    e = many_players(12)
    run("effective-sig", e, samples=20, steps=30)  # 600 inputs forward and back: 1200 rows for each of two explicands
    assert e.tally.backward_rows == 2 * 10 * 30
    assert e.tally.forward_rows == 2 * (10 * 30 + 25 * 2 * 12)
    with pytest.raises(NotApplicable, match="take 2 samples, more than the 1 given"):
        run("effective-sig", e, samples=1)
    with pytest.raises(NotApplicable, match="each of 12 players takes 24 model rows, more than 20"):
        run("effective-sig", e, samples=2, steps=10)


def test_an_explicand_without_effective_coalitions_gets_nothing():
    """F = x0 x1 at (0, 0, 0) and at ones: nothing changes the first, which is no reason to leave out the second."""
    inputs = torch.tensor([[0.0, 0, 0], [1, 1, 1]])
    e = Explicand(lambda x: x[:, :2].prod(1, True), inputs, torch.zeros(2).long(), inputs, torch.arange(3))
    for options in ({"samples": 40}, {"samples": 4, "steps": 3}):
        attribution = run("effective-sig", e, **options)
        assert attribution[0].eq(0).all()
        assert attribution[1, :2].sum() > 0


def test_effective_sig_has_no_path_where_nobody_contributes():
    e = Explicand(
        lambda x: x.new_ones(len(x), 1), torch.rand(1, 4), torch.tensor([0]), torch.rand(2, 4), torch.arange(4)
    )
    with pytest.raises(NotApplicable, match="none is effective"):
        run("effective-sig", e)


def test_exact_shapley_reaches_sixteen_players(picture_explicand):
    e = picture_explicand.only(0)
    every = games.coalition_matrix(16).unsqueeze(0)
    values = e.coalition_scores(every, torch.zeros(1, 1, 8, 8))
    expected = games.shapley_values(values).float()
    torch.testing.assert_close(run("bshap", e), expected)


def test_effective_coalitions_are_those_of_the_default_they_start_from():
    """F = |2 x0 (x0 - 0.5)| is 0 at the explicand 0.5 and at zero, but 1 at the mean: there player 0 counts."""
    e = Explicand(
        lambda x: (x[:, :1] * (x[:, :1] - 0.5) * 2).abs() + 0 * x[:, 1:2],
        torch.tensor([[0.5, 0.3]]),
        torch.tensor([0]),
        torch.tensor([[1.0, 1.0]]),
        torch.arange(2),
    )
    with pytest.raises(NotApplicable, match="none is effective"):
        run("effective-sig", e)
    assert run("effective-sig", e, default="mean")[0, 0] != 0
