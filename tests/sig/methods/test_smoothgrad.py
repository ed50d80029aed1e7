"""SmoothGrad against captum's noise tunnel and models whose smoothed gradient is known."""

import math
from dataclasses import replace

import captum.attr
import pytest
import torch
from torch import nn

from sig.explicand import Explicand
from sig.registry import methods


def run(e, seed=0, **options):
    return methods["smoothgrad"](e, generator=torch.Generator().manual_seed(seed), **options)


def test_a_linear_model_has_its_weights(vector_explicand):
    model = nn.Linear(8, 2).requires_grad_(False).eval()
    e = replace(vector_explicand, model=model)
    torch.testing.assert_close(run(e, samples=7), model.weight[e.target])


@pytest.mark.parametrize(("noise", "width"), [(0.15, 1.0), (0.3, 4.0)])
def test_a_square_has_twice_the_mean_of_its_noised_inputs(noise, width):
    """F = sum of x^2, so that the mean gradient is 2 (x + mean noise), with noise of a share of the range."""

    class Square(nn.Module):
        def forward(self, x):
            return x.square().sum(1, keepdim=True)

    e = Explicand.of(Square().eval(), torch.full((1, 4000), 0.5), input_range=(0.0, width))
    noises = run(e, samples=4, noise=noise) / 2 - 0.5
    assert float(noises.std()) == pytest.approx(noise * width / math.sqrt(4), rel=0.06)
    assert abs(float(noises.mean())) < 4.5 * noise * width / math.sqrt(16000)


def test_it_is_captums_noise_tunnel_in_law(vector_explicand):
    e = vector_explicand
    ours = torch.stack([run(e, seed, samples=50, noise=0.5) for seed in range(40)])
    error = ours.std(0) / math.sqrt(40)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(e.model))
        captums = tunnel.attribute(e.inputs, nt_samples=2000, stdevs=0.5, target=e.target, abs=False)
    assert ((ours.mean(0) - captums).abs() < 4.5 * math.sqrt(2) * error).all()
    assert error.max() < 0.01 * ours.mean(0).abs().max()
