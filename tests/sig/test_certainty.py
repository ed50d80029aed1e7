import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from torch import nn
from torch.distributions import ContinuousBernoulli

from sig import certainty
from sig.certainty import CertaintyAware, damage, damage_mixture
from sig.explicand import Explicand

BATCH, FEATURES = 64, 500
NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)


def mean_of(eta: float) -> float:
    """By quadrature of the density, not by the closed form that the code inverts."""
    x = (NODES + 1) / 2
    density = WEIGHTS * np.exp(eta * (x - (eta > 0)))
    return float((x * density).sum() / density.sum())


@given(st.floats(0.006, 0.994))  # within 200 nodes of quadrature
@settings(deadline=None)
def test_natural_parameter_is_the_root_of_the_mean(mean):
    root = brentq(lambda eta: mean_of(eta) - mean, -200, 200, xtol=1e-12)
    eta = certainty.mean_to_natural(torch.tensor([mean], dtype=torch.float64)).item()
    assert eta == pytest.approx(root, abs=1e-5, rel=1e-6)


def cdf(x, eta):
    if abs(eta) < 1e-9:
        return x
    return np.exp(eta * (x - 1)) * np.expm1(-eta * x) / np.expm1(-eta) if eta > 0 else np.expm1(eta * x) / np.expm1(eta)


def test_natural_parameter_at_the_ends_and_in_the_middle():
    eta = certainty.mean_to_natural(torch.tensor([0.0, 1e-4, 0.5, 1 - 1e-4, 1.0], dtype=torch.float64))
    assert eta.tolist() == pytest.approx([-torch.inf, -1e4, 0, 1e4, torch.inf], abs=1e-8)


@given(st.floats(0.04, 0.96), st.floats(0.001, 0.999))  # beyond, torch clamps its parameter
@settings(deadline=None)
def test_quantile_is_torchs(mean, u):
    eta = brentq(lambda eta: mean_of(eta) - mean, -200, 200, xtol=1e-12)
    law = ContinuousBernoulli(logits=torch.tensor(eta, dtype=torch.float64))
    x = certainty.continuous_bernoulli_quantile(torch.tensor([[u]], dtype=torch.float64), torch.tensor([mean]))
    assert law.cdf(x).item() == pytest.approx(u, abs=1e-4)  # torch takes a series, good to 1e-4, near a mean of 1/2
    assert x.item() == pytest.approx(law.icdf(torch.tensor(u, dtype=torch.float64)).item(), abs=1e-3)


@pytest.mark.parametrize("mean", [0.001, 0.05, 0.3, 0.5, 0.51, 0.8, 0.999])
def test_samples_follow_the_law(mean, generator):
    eta = certainty.mean_to_natural(torch.tensor(mean)).item()
    drawn = certainty.sample_continuous_bernoulli(torch.tensor([mean]), (20_000,), generator)[0].numpy()
    assert stats.kstest(drawn, cdf, (eta,)).pvalue > 0.01
    assert drawn.mean() == pytest.approx(mean, abs=4 * float(drawn.std()) / 20_000**0.5)


def test_quantiles_grow_with_the_mean_from_none_to_all(generator):
    u = certainty.uniform((1, 50), generator)
    means = torch.linspace(0, 1, 101)
    paths = certainty.continuous_bernoulli_quantile(u.expand(101, -1), means)
    assert (paths.diff(dim=0) > 0).all()
    assert (paths[0] == 0).all()
    assert (paths[-1] == 1).all()
    torch.testing.assert_close(paths[50], u[0], atol=1e-5, rtol=0)


def test_channels():
    values, sure = torch.rand(3, 4), torch.rand(3, 4)
    torch.testing.assert_close(certainty.with_certainty(values, sure)[:, 1], sure)
    picture = certainty.with_certainty(torch.zeros(5, 1, 6, 7), torch.ones(5, 1, 6, 7))
    assert picture.shape == (5, 2, 6, 7)
    assert picture.mean((0, 2, 3)).tolist() == [0, 1]
    colours = certainty.with_certainty(torch.zeros(5, 3, 6, 7), torch.ones(5, 3, 6, 7))
    assert colours.mean((0, 2, 3)).tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("features", [(4,), (1, 5, 5), (3, 5, 5), (2, 3)])
def test_values_alone_are_fully_certain(features, generator):
    x = torch.rand(6, *features, generator=generator)
    network = nn.Flatten()
    model = CertaintyAware(network, features)
    full = certainty.with_certainty(x, torch.ones_like(x))
    torch.testing.assert_close(model(x), network(full))
    half = certainty.with_certainty(x, torch.full_like(x, 0.5))
    torch.testing.assert_close(model(half), network(half))
    assert not torch.equal(model(half), model(x))


@pytest.mark.usefixtures("as_users_run_it")
def test_a_wrong_shape_is_named():
    message = "an input has shape (5,), expected (4,), or (2, 4) with certainty"
    with pytest.raises(ValueError, match=re.escape(message)):
        CertaintyAware(nn.Flatten(), (4,))(torch.zeros(2, 5))


def test_the_explicand_with_certainty_scores_the_same_and_counts_on_the_same_tally(aware_pictures):
    e = aware_pictures
    aware = certainty.explicand_with_certainty(e)
    assert aware.features == (2, 6, 6)
    torch.testing.assert_close(aware.outputs(aware.inputs), e.outputs(e.inputs))
    assert e.tally.forward_rows == 4


def test_values_outside_the_range_of_certainty_are_welcome():
    inputs = torch.tensor([[-3.0, 2.0]])
    model = CertaintyAware(nn.Flatten(), (2,))
    e = Explicand(model, inputs, torch.tensor([0]), inputs, torch.arange(2), input_range=(-3, 2))
    assert certainty.explicand_with_certainty(e).input_range == (-3, 2)


def constant_samples(batch: int = BATCH) -> torch.Tensor:
    """Each sample has its own number throughout, 2 and up, so that what replaced it shows."""
    return (torch.arange(batch) + 2.0).unsqueeze(1).expand(-1, FEATURES).clone()


@pytest.mark.parametrize("law", ["bernoulli", "continuous-bernoulli"])
@pytest.mark.parametrize("data", ["noise", "swap"])
class TestDamage:
    def test_replaces_with_probability_one_minus_certainty(self, data, law, generator):
        values = constant_samples()
        damaged, sure = damage(values, generator, data=data, law=law)
        replaced = (damaged != values).double()
        assert stats.kstest(sure.mean(1).numpy(), "uniform").pvalue > 0.01  # the means are U(0, 1)
        if law == "bernoulli":
            assert torch.equal(replaced, 1 - sure.double())
        for low in (0.0, 0.25, 0.5, 0.75):
            near = (sure >= low) & (sure <= low + 0.25)
            if near.any():
                assert (replaced + sure - 1)[near].mean().abs() < 4 * 0.5 / near.sum() ** 0.5

    def test_takes_the_right_data(self, data, law, generator):
        values = constant_samples()
        damaged, _ = damage(values, generator, data=data, law=law)
        for sample in range(BATCH):
            new = damaged[sample][damaged[sample] != values[sample]]
            if data == "noise" and len(new) > 50:
                assert stats.kstest(new.numpy(), "uniform").pvalue > 1e-4
            elif data == "swap" and len(new):
                assert len(new.unique()) == 1
                assert new[0].item() in values[:, 0].tolist()

    def test_follows_the_law(self, data, law, generator):
        mean = torch.full((BATCH,), 0.7)
        _, sure = damage(constant_samples(), generator, data=data, law=law, mean=mean)
        if law == "bernoulli":
            assert set(sure.unique().tolist()) == {0.0, 1.0}
            assert sure.mean().item() == pytest.approx(0.7, abs=0.01)
        else:
            eta = certainty.mean_to_natural(torch.tensor(0.7)).item()
            assert stats.kstest(sure.flatten().numpy(), cdf, (eta,)).pvalue > 0.01

    def test_a_mean_of_one_leaves_the_sample_and_of_zero_replaces_it(self, data, law, generator):
        values = constant_samples(4)
        damaged, sure = damage(values, generator, data=data, law=law, mean=torch.tensor([1.0, 0, 1, 0]))
        assert torch.equal(damaged[::2], values[::2])
        assert (damaged[1::2] != values[1::2]).all()
        assert sure.mean(1).tolist() == [1, 0, 1, 0]

    def test_is_determined_by_its_generator(self, data, law):
        def once(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
            return damage(constant_samples(), torch.Generator().manual_seed(seed), data=data, law=law)

        torch.manual_seed(1)
        first = once(3)
        torch.manual_seed(2)
        assert all(torch.equal(a, b) for a, b in zip(first, once(3), strict=True))
        assert not torch.equal(first[1], once(4)[1])


def kinds_of(damaged: torch.Tensor, values: torch.Tensor, sure: torch.Tensor) -> list[tuple[bool, bool]]:
    """(swapped, continuous) for each sample."""
    new = torch.where(damaged == values, torch.nan, damaged)
    return list(
        zip((new.nanmean(1) > 1).tolist(), (~torch.isin(sure, torch.tensor([0.0, 1.0]))).any(1).tolist(), strict=True)
    )


def test_swaps_reach_every_other_sample_and_no_sample_itself(generator):
    values = constant_samples(5)
    taken = torch.cat(
        [damage(values, generator, data="swap", law="bernoulli", mean=torch.zeros(5))[0][:, :1] for _ in range(400)], 1
    )
    for sample in range(5):
        numbers, counts = taken[sample].unique(return_counts=True)
        assert sorted(numbers.tolist()) == sorted(set(values[:, 0].tolist()) - {values[sample, 0].item()})
        assert stats.chisquare(counts.numpy()).pvalue > 0.001


def test_mixture_has_the_four_combinations_in_equal_shares(generator):
    values = constant_samples()
    damaged, sure = damage_mixture(values, generator, mean=torch.full((BATCH,), 0.5))
    kinds = kinds_of(damaged, values, sure)
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(
        [(False, False), (False, True), (True, False), (True, True)], BATCH // 4
    )
    again = damage_mixture(values, generator, mean=torch.full((BATCH,), 0.5))
    assert kinds_of(again[0], values, again[1]) != kinds


def test_mixture_shares_the_rest_by_chance(generator):
    values = constant_samples(2)
    kinds = set()
    for _ in range(60):
        damaged, sure = damage_mixture(values, generator, mean=torch.full((2,), 0.5))
        kinds.update(kinds_of(damaged, values, sure))
    assert len(kinds) == 4


def test_mixture_takes_pictures_and_its_means_are_uniform(generator):
    pictures = torch.rand(400, 1, 20, 20, generator=generator)
    damaged, sure = damage_mixture(pictures, generator)
    assert damaged.shape == sure.shape == pictures.shape
    assert stats.kstest(sure.flatten(1).mean(1).numpy(), "uniform").pvalue > 0.01


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "blur"}, "unknown damage data 'blur'; expected 'noise' or 'swap'"),
        ({"law": "beta"}, "unknown law of certainty 'beta'; expected 'bernoulli' or 'continuous-bernoulli'"),
        ({"mean": torch.tensor([1.5])}, "means span [1.5, 1.5], expected means of certainty in [0, 1]"),
        ({"data": "swap"}, "a batch of one sample has no other to swap with; use batches of at least 2"),
    ],
)
def test_bad_arguments_are_named(arguments, message, generator):
    options = {"data": "noise", "law": "bernoulli"} | arguments
    with pytest.raises(ValueError, match=re.escape(message)):
        damage(torch.rand(1, 3), generator, **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_damage_on_cuda():
    values = torch.rand(8, 1, 5, 5, device="cuda")
    for generator in (torch.Generator().manual_seed(0), torch.Generator("cuda").manual_seed(0)):
        damaged, sure = damage_mixture(values, generator)
        assert damaged.device == sure.device == values.device
