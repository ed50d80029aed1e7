"""Methods of the IG family against captum, slow loops and cases solved by hand."""

import math

import captum.attr
import pytest
import torch
from torch import nn

from sig import baselines, coalitions, path
from sig.explicand import Explicand
from sig.registry import methods


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


def test_expected_gradients_approach_the_full_paths(vector_explicand):
    every_path = run("ig-background", vector_explicand, samples=20, steps=100)
    estimates = torch.stack([run("expected-gradients", vector_explicand, seed=s, samples=200) for s in range(40)])
    standard_error = estimates.std(0) / math.sqrt(40)
    assert ((estimates.mean(0) - every_path).abs() < 4.5 * standard_error + 1e-6).all()


SIG = {
    "sig-algorithm1": lambda n, m, g: coalitions.algorithm1(n, m, g),
    "sig-size-uniform": lambda n, m, g: coalitions.size_uniform(n, m, g),
    "sig-game": lambda n, m, g: coalitions.game(n, m, 0.4, g),
}


@pytest.mark.parametrize("name", SIG)
@pytest.mark.parametrize("normalise", ["all", "absent"])
@pytest.mark.parametrize("direction", ["to-input", "from-default", "both"])
def test_sig_is_the_loop_over_coalitions(picture_explicand, name, direction, normalise):
    """One coalition at a time through captum, each player's sum divided as the option says."""
    e = picture_explicand
    drawn = SIG[name](16, 4 * 6, torch.Generator().manual_seed(0)).view(4, 6, 16)
    explainer = captum.attr.IntegratedGradients(e.model)
    default = e.background.mean(0)
    legs = {"to-input": [False], "from-default": [True], "both": [True, False]}[direction]
    expected = torch.zeros_like(e.inputs)
    for b in range(4):
        for present_move in legs:
            total, moves = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
            for coalition in drawn[b]:
                inside = coalition[e.players]
                middle = torch.where(inside, e.inputs[b], default)
                start, end = (default, middle) if present_move else (middle, e.inputs[b])
                total += explainer.attribute(
                    end.unsqueeze(0), start.unsqueeze(0), target=int(e.target[b]),
                    n_steps=5 if direction == "both" else 10, method="riemann_middle",
                )[0].float()  # fmt: skip
                moves += inside if present_move else ~inside
            expected[b] += total / (6 if normalise == "all" else moves.clamp(min=1))
    options = {"samples": 6, "steps": 10, "default": "mean", "direction": direction, "normalise": normalise}
    assert (run(name, e, **options) - expected).abs().max() < 1e-5


@pytest.mark.parametrize("direction", ["to-input", "from-default", "both"])
def test_sig_is_complete_for_its_paths(picture_explicand, direction):
    e = picture_explicand
    attribution = run("sig-size-uniform", e, samples=7, steps=100, direction=direction)
    assert path.completeness_gap(e, attribution).max() < 1e-3


def test_sig_of_an_additive_model_is_half_of_every_term():
    """F = sum of w_i x_i: a player is absent from half of the coalitions: w_i x_i (n+1) / (2n)."""
    n = 5
    model = nn.Linear(n, 1, bias=False).requires_grad_(False)
    e = Explicand(model, torch.ones(1, n), torch.tensor([0]), torch.zeros(1, n), torch.arange(n))
    estimate = run("sig-size-uniform", e, samples=40_000, steps=1)
    torch.testing.assert_close(estimate, model.weight * (n + 1) / (2 * n), rtol=0.03, atol=0)
    divided = run("sig-size-uniform", e, samples=50, steps=1, normalise="absent")
    torch.testing.assert_close(divided, model.weight)


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
