"""Methods of the IG family against captum, slow loops and cases solved by hand."""

import math
from dataclasses import replace

import captum.attr
import pytest
import torch
from torch import nn

from sig import baselines, coalitions, games, path
from sig.explicand import Explicand
from sig.registry import NotApplicable, methods


def run(name, e, seed=0, **options):
    return methods[name](e, generator=torch.Generator().manual_seed(seed), **options)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("ig-zero", lambda e: torch.zeros_like(e.inputs)),
        ("ig-mean", lambda e: e.background.mean(0).expand_as(e.inputs)),
        ("ig-middle", lambda e: torch.full_like(e.inputs, 0.5)),
        ("ig-max-distance", lambda e: (e.inputs <= 0.5).float()),
    ],
)
def test_single_baselines_against_captum(picture_explicand, name, start):
    e = picture_explicand
    expected = captum.attr.IntegratedGradients(e.model).attribute(
        e.inputs, start(e), target=e.target, n_steps=30, method="riemann_middle"
    )
    assert (run(name, e, steps=30) - expected).abs().max() < 1e-5


@pytest.mark.parametrize(("name", "draw"), [
    ("ig-random", lambda e, g: baselines.random(e, generator=g)),
    ("ig-uniform-noise", lambda e, g: baselines.uniform_noise(e, samples=4, generator=g)),
    ("ig-gaussian-noise", lambda e, g: baselines.gaussian_noise(e, samples=4, generator=g)),
    ("ig-background", lambda e, g: baselines.background(e, samples=4, generator=g)),
])  # fmt: skip
def test_several_baselines_are_the_mean_of_captums(picture_explicand, generator, name, draw):
    e = picture_explicand
    starts = draw(e, generator)
    explainer = captum.attr.IntegratedGradients(e.model)
    each = [
        explainer.attribute(e.inputs, starts[:, k], target=e.target, n_steps=20, method="riemann_middle")
        for k in range(starts.shape[1])
    ]
    options = {"steps": 20} | ({} if name == "ig-random" else {"samples": 4})
    assert (run(name, e, **options) - torch.stack(each).mean(0)).abs().max() < 1e-5


def test_our_ig_is_captums_on_the_board(picture_explicand):
    ours, captums = run("ig-zero", picture_explicand), run("captum/IntegratedGradients", picture_explicand)
    assert (ours - captums).abs().max() < 1e-5
    assert methods["captum/IntegratedGradients"].same_as == "ig-zero"


def test_expected_gradients_approach_the_full_paths(vector_explicand):
    every_path = run("ig-background", vector_explicand, samples=20, steps=100)
    estimates = torch.stack([run("expected-gradients", vector_explicand, seed=s, samples=200) for s in range(40)])
    standard_error = estimates.std(0) / math.sqrt(40)
    assert ((estimates.mean(0) - every_path).abs() < 4.5 * standard_error + 1e-6).all()


def uniform_sizes(direction):
    """The sizes that sig-size-uniform draws of 16 players."""
    return {"to-input": range(16), "from-default": range(1, 17), "both": range(17)}[direction]


SIG = {
    "sig-algorithm1": lambda direction, g: coalitions.algorithm1(16, 6, g),
    "sig-size-uniform": lambda direction, g: coalitions.size_uniform(16, 6, g, sizes=uniform_sizes(direction)),
    "sig-game": lambda direction, g: coalitions.game(16, 6, 0.4, g),
}


@pytest.mark.parametrize("name", SIG)
@pytest.mark.parametrize("normalise", ["all", "absent"])
@pytest.mark.parametrize("direction", ["to-input", "from-default", "both"])
def test_sig_is_the_loop_over_coalitions(picture_explicand, name, direction, normalise):
    """One coalition at a time through captum, each weighed, each player's sum divided as the option says."""
    e, generator = picture_explicand, torch.Generator().manual_seed(0)
    drawn = [SIG[name](direction, generator) for _ in range(4)]
    explainer = captum.attr.IntegratedGradients(e.model)
    default = e.background.mean(0)
    legs = {"to-input": [False], "from-default": [True], "both": [True, False]}[direction]
    weighed = name == "sig-size-uniform" and direction != "both"
    expected = torch.zeros_like(e.inputs)
    for b in range(4):
        for present_move in legs:
            total, moves = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
            for coalition in drawn[b]:
                moved = coalition if present_move else ~coalition
                weight = 16 / moved.sum() if weighed else 1
                middle = torch.where(coalition[e.players], e.inputs[b], default)
                start, end = (default, middle) if present_move else (middle, e.inputs[b])
                total += weight * explainer.attribute(
                    end.unsqueeze(0), start.unsqueeze(0), target=int(e.target[b]),
                    n_steps=5 if direction == "both" else 10, method="riemann_middle",
                )[0].float()  # fmt: skip
                moves += weight * moved[e.players]
            expected[b] += total / (6 if normalise == "all" else torch.where(moves > 0, moves, 1))
    options = {"samples": 6, "steps": 10, "default": "mean", "direction": direction, "normalise": normalise}
    assert (run(name, e, **options) - expected).abs().max() < 1e-5


@pytest.mark.parametrize("direction", ["to-input", "from-default", "both"])
def test_sig_is_complete_for_its_paths_as_they_weigh(picture_explicand, direction):
    e = picture_explicand
    attribution = run("sig-size-uniform", e, samples=7, steps=100, direction=direction)
    assert path.completeness_gap(e, attribution).max() < 1e-3
    starts, ends = e.tally.paths
    change = torch.stack(
        [(e.model(ends[b]) - e.model(starts[b]))[:, e.target[b]].mean() for b in range(4)]
    )  # without weights
    assert ((attribution.flatten(1).sum(1) - change).abs().max() < 1e-3) == (direction == "both")
    run("sig-game", e, samples=7, steps=100)
    assert e.tally.weights is None


def additive(n):
    """F = sum of w_i x_i at all ones, from zero: player i's Shapley value is w_i."""
    model = nn.Linear(n, 1, bias=False).requires_grad_(False)
    return Explicand(model, torch.ones(1, n), torch.tensor([0]), torch.zeros(1, n), torch.arange(n))


@pytest.mark.parametrize("direction", ["to-input", "from-default", "both"])
def test_size_uniform_of_an_additive_model_is_its_terms(direction):
    """F = sum of w_i x_i; without the weights a player, absent from (n+1)/2 of n coalitions, gets w_i (n+1)/(2n)."""
    e = additive(5)
    terms = e.model.weight
    runs = [run("sig-size-uniform", e, seed=s, samples=30, steps=2, direction=direction) for s in range(300)]
    estimates = torch.cat(runs)
    error = (estimates.mean(0) - terms[0]).abs()
    assert (error <= 4.5 * estimates.std(0) / 300**0.5 + 1e-6).all()
    torch.testing.assert_close(estimates.mean(0), terms[0], rtol=0.03, atol=0)
    divided = run("sig-size-uniform", e, samples=50, steps=2, direction="to-input", normalise="absent")
    torch.testing.assert_close(divided, terms)
    without_weights = run("sig-algorithm1", e, samples=5000, steps=1)  # its sizes have the same mean
    torch.testing.assert_close(without_weights, 0.6 * terms, rtol=0.03, atol=0)


class Corners(torch.autograd.Function):
    """v at corners of the cube, and a gradient as if F went straight from each corner to the end of every edge."""

    @staticmethod
    def forward(ctx, x, values):
        n = x.shape[1]
        ctx.values, ctx.masks = values, (x.round().long() @ 2 ** torch.arange(n))
        return values[ctx.masks].float().unsqueeze(1)

    @staticmethod
    def backward(ctx, grad):
        n = len(ctx.values).bit_length() - 1
        bits = 1 << torch.arange(n)
        masks = ctx.masks.unsqueeze(1)
        return grad * (ctx.values[masks | bits] - ctx.values[masks & ~bits]).float(), None


@pytest.mark.parametrize("direction", ["to-input", "from-default"])
def test_size_uniform_is_expected_to_give_the_shapley_values(direction, monkeypatch):
    """The expectation over all coalitions, listed one by one with their probabilities, in a game in which IG gives each
    player what it adds to the coalition (Observation 3): the gradient is that of the edges of the coalition's corner.
    """
    n, values = 4, torch.randn(16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    e = Explicand(
        lambda x: Corners.apply(x, values),
        torch.ones(1, n), torch.tensor([0]), torch.zeros(1, n), torch.arange(n),
    )  # fmt: skip
    at_coalition = {"to-input": 1e-3, "from-default": 1 - 1e-3}[direction]
    monkeypatch.setattr(path, "quadrature", lambda rule, steps: (torch.tensor([at_coalition]), torch.ones(1)))
    expected = torch.zeros(n, dtype=torch.float64)
    for coalition in games.coalition_matrix(n):
        size = int(coalition.sum())
        if size == (n if direction == "to-input" else 0):
            continue
        monkeypatch.setattr(coalitions, "size_uniform", lambda *_, sizes, coalition=coalition: coalition.unsqueeze(0))
        probability = 1 / n / math.comb(n, size)
        expected += probability * run("sig-size-uniform", e, samples=1, steps=1, direction=direction)[0].double()
    torch.testing.assert_close(expected, games.shapley_values(values), atol=1e-5, rtol=1e-5)


def test_a_path_over_a_coalition_takes_two_steps(vector_explicand):
    with pytest.raises(NotApplicable, match="takes at least 2 steps"):
        run("sig-game", vector_explicand, samples=4, steps=1, direction="both")
    run("sig-game", vector_explicand, samples=4, steps=3, direction="both")
    assert vector_explicand.tally.forward_rows == 3 * 4 * 3


TWINS = {
    "ig-random": {}, "ig-background": {"samples": 4}, "expected-gradients": {"samples": 10},
    "sig-algorithm1": {"samples": 4}, "sig-size-uniform": {"samples": 4}, "sig-game": {"samples": 40},
    "shap": {"evaluations": 2**8 * 5}, "permutation-shapley": {"evaluations": 20}, "kernel-shap": {"evaluations": 30},
    "effective-shapley": {"evaluations": 64}, "effective-sig": {"samples": 8, "steps": 20},
}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_equal_explicands_get_draws_of_their_own(vector_explicand, name):
    one = vector_explicand.only(0)
    twins = replace(one, inputs=one.inputs.expand(2, -1).clone(), target=one.target.expand(2).clone())
    first, second = run(name, twins, **TWINS[name])
    assert (first - second).abs().max() > 1e-3 * first.abs().max()
    assert torch.equal(run(name, twins, **TWINS[name])[1], second)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("option", "what", "known"),
    [
        ("default", "baseline", "zero, mean, middle"),
        ("direction", "direction", "to-input, from-default, both"),
        ("normalise", "normalise", "all, absent"),
    ],
)
def test_unknown_choices_are_named(vector_explicand, option, what, known):
    with pytest.raises(ValueError, match=f"unknown {what} 'sideways'; expected one of {known}"):
        run("sig-game", vector_explicand, **{option: "sideways"})
