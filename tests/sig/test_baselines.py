import pytest
import torch

from sig import baselines
from sig.registry import NotApplicable


def test_single_baselines_by_hand(vector_explicand):
    e = vector_explicand
    assert baselines.zero(e).eq(0).all()
    assert baselines.middle(e).eq(0.5).all()
    torch.testing.assert_close(baselines.mean(e)[1, 0], e.background.sum(0) / 20)


def test_max_distance_is_the_farther_end(vector_explicand):
    farthest = baselines.max_distance(vector_explicand)[:, 0]
    distance = (farthest - vector_explicand.inputs).abs()
    assert ((farthest == 0) | (farthest == 1)).all()
    assert (distance >= (1 - farthest - vector_explicand.inputs).abs()).all()


def test_blur_of_a_point_is_a_gaussian(picture_explicand):
    point = torch.zeros_like(picture_explicand.inputs)
    point[:, :, 4, 4] = 1
    picture_explicand.inputs.copy_(point)
    blurred = baselines.blur(picture_explicand, sigma=0.8)[0, 0, 0]
    offsets = torch.arange(8) - 4.0
    weights = torch.exp(-(offsets**2) / (2 * 0.8**2))
    expected = torch.outer(weights, weights) / weights.sum() ** 2
    torch.testing.assert_close(blurred, expected, atol=2e-3, rtol=0)


def test_blur_of_a_vector_is_not_applicable(vector_explicand):
    with pytest.raises(NotApplicable, match=r"blur needs pictures .* the inputs have shape \(8,\)"):
        baselines.blur(vector_explicand)


def test_distribution_draws_from_the_background_uniformly(vector_explicand, generator):
    drawn = baselines.distribution(vector_explicand, samples=4000, generator=generator)
    which = (drawn.unsqueeze(2) == vector_explicand.background).all(-1)
    assert which.sum(-1).eq(1).all()
    shares = which.float().mean((0, 1))
    assert (shares - 1 / 20).abs().max() < 5 * (0.05 * 0.95 / 12000) ** 0.5


def test_background_does_not_repeat_and_stops_at_all(vector_explicand, generator):
    some = baselines.background(vector_explicand, samples=7, generator=generator)
    assert some.shape == (3, 7, 8)
    assert len(some[0].unique(dim=0)) == 7
    assert baselines.background(vector_explicand, samples=99, generator=generator).shape == (3, 20, 8)


def test_noise_has_its_law(vector_explicand, generator):
    uniform = baselines.uniform_noise(vector_explicand, samples=5000, generator=generator)
    assert uniform.min() >= 0
    assert uniform.max() <= 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.005)
    assert uniform.var().item() == pytest.approx(1 / 12, rel=0.02)
    vector_explicand.inputs.fill_(0.5)
    normal = baselines.gaussian_noise(vector_explicand, samples=5000, sigma=0.1, generator=generator)
    assert normal.std().item() == pytest.approx(0.1, rel=0.02)
    vector_explicand.inputs.fill_(1.0)
    clipped = baselines.gaussian_noise(vector_explicand, samples=5000, sigma=0.1, generator=generator)
    assert clipped.max() == 1
    assert (clipped == 1).float().mean().item() == pytest.approx(0.5, abs=0.01)
