from collections.abc import Iterator

import pydantic
import pytest
import torch
from scipy.stats import norm
from torch import nn

from datasets import suppressors as data
from datasets.problem import Problem
from sig.methods.gradients import input_x_gradient
from sig.metrics.regions import share
from training.tasks import suppressors as task


@pytest.fixture(scope="module")
def short(own_cache) -> Iterator[None]:
    """A third of the training, which is enough for linear networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(task.STEPS, "linear", task.STEPS["linear"] // 3)
        yield


@pytest.fixture(scope="module")
def white(short) -> Problem:
    return task.suppressors(scenario="linear", noise="white", seed=0)


@pytest.fixture(scope="module")
def correlated(short) -> Problem:
    return task.suppressors(scenario="linear", noise="correlated", seed=0)


def contrast_of(problem: Problem) -> torch.Tensor:
    """What each pixel adds to the lead of class 0, as a picture."""
    model = problem.explicand.model
    assert isinstance(model, nn.Module)
    return torch.tensor([1.0, -1.0]).matmul(model.get_parameter("1.weight")).view(8, 8)


def test_on_white_noise_the_linear_network_is_as_good_as_any(white) -> None:
    """The best classifier projects on T - L: its accuracy is Phi(d / 2), d^2 = 8 (signal / noise)^2 of a pixel."""
    alpha = data.ALPHA["linear", "white"]
    signal, noise = alpha / 2, (1 - alpha) / 8  # norms of a tetromino and of the noise of a picture
    best = norm.cdf(8**0.5 * signal / noise / 2)
    assert white.checks["accuracy"] == pytest.approx(best, abs=0.015)
    pattern = data.place("T") - data.place("L")
    found = contrast_of(white)
    assert float((found * pattern).sum() / found.norm() / pattern.norm()) > 0.98
    assert white.checks["accuracy_without_suppressors"] == pytest.approx(white.checks["accuracy"], abs=0.03)


def test_on_correlated_noise_it_is_nothing_without_suppressors(correlated) -> None:
    assert correlated.checks["accuracy"] > 0.95
    assert correlated.checks["accuracy_without_suppressors"] < 0.6
    outside = ~(data.place("T") + data.place("L")).bool()
    found = contrast_of(correlated)
    assert found[outside].abs().sum() > found[~outside].abs().sum()


def test_attributions_true_of_the_network_fall_for_suppressors(white, correlated) -> None:
    """Input times weight is exact for a linear network. On correlated noise half of it goes to suppressors, since the
    weights there cancel those on the tetrominoes for what all pixels have in common."""
    shares = []
    for problem in (white, correlated):
        found = input_x_gradient(problem.explicand, generator=torch.Generator())
        shares.append(float(share(found.abs(), problem.regions["informative"]).mean()))
    assert shares[0] > 0.8
    assert shares[1] < 0.55


def test_every_picture_has_one_purpose(white) -> None:
    e, tuning = white.explicand, white.tuning
    assert tuning is not None
    every = torch.cat([tuning, e.inputs, e.background])
    assert len(every.unique(dim=0)) == len(every) == 4 + 20 + 100
    assert e.n_players == 64
    assert white.shown == (0, 1, 2, 3)


@pytest.mark.parametrize("name", task.NETWORKS)
def test_networks_see_pictures(name) -> None:
    assert task.NETWORKS[name]()(torch.rand(3, 1, 8, 8)).shape == (3, 2)


@pytest.mark.parametrize("options", [{"scenario": "cubic"}, {"noise": "pink"}, {"images": 0}, {"background": 0}])
def test_options_that_do_not_exist(options) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(options))):
        task.suppressors(seed=0, **options)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", ["white", "correlated"])
@pytest.mark.parametrize("scenario", ["linear", "multiplicative", "xor", "rotated"])
def test_every_network_learns_and_uses_suppressors_where_there_are_any(scenario, noise, seed, own_cache) -> None:
    checks = task.suppressors(scenario=scenario, noise=noise, seed=seed).checks
    assert checks["accuracy"] > (0.87 if scenario == "linear" else 0.95)
    lost = checks["accuracy"] - checks["accuracy_without_suppressors"]
    assert (lost > 0.1) == (noise == "correlated")
