import pytest
import torch
from scipy import stats

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


def which_sample(drawn, e):
    """The background sample that each draw is."""
    found = (drawn.unsqueeze(2) == e.background).all(-1)
    assert found.sum(-1).eq(1).all()
    return found.long().argmax(-1)


@pytest.mark.parametrize("draw", range(3))
def test_each_draw_from_the_background_is_uniform(vector_explicand, generator, draw):
    e = vector_explicand
    drawn = [which_sample(baselines.distribution(e, samples=3, generator=generator), e) for _ in range(700)]
    counts = torch.bincount(torch.cat(drawn)[:, draw], minlength=20)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize(("samples", "expected"), [(7, {0, 1}), (20, {1}), (47, {2, 3})])
def test_samples_of_the_background_are_drawn_equally_often(vector_explicand, generator, samples, expected):
    drawn = which_sample(
        baselines.distribution(vector_explicand, samples=samples, generator=generator), vector_explicand
    )
    for row in drawn:
        assert set(torch.bincount(row, minlength=20).tolist()) == expected


def test_rounds_vary_the_mean_less_than_independent_draws(vector_explicand, generator):
    e = vector_explicand
    means = [baselines.distribution(e, samples=30, generator=generator).mean(1) for _ in range(200)]
    independent = e.background.var(0, correction=0) / 30
    assert (torch.cat(means).var(0) < 0.5 * independent).all()


def test_every_explicand_gets_samples_of_its_own(vector_explicand, generator):
    e = vector_explicand
    some = baselines.background(e, samples=7, generator=generator)
    assert some.shape == (3, 7, 8)
    assert all(len(row.unique(dim=0)) == 7 for row in some)
    assert len({tuple(sorted(row.tolist())) for row in which_sample(some, e)}) == 3
    every = baselines.background(e, samples=99, generator=generator)
    assert every.shape == (3, 20, 8)


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
