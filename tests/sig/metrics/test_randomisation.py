from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from sig.certainty import CertaintyAware
from sig.explicand import Explicand, Tally
from sig.metrics.randomisation import randomise
from sig.registry import Cost, NotApplicable, Trial, methods, metrics

FEATURES = 10


def explicand_of(model) -> Explicand:
    x = torch.rand(4, FEATURES, generator=torch.Generator().manual_seed(2))
    return Explicand.of(model.eval().requires_grad_(False), x, target=torch.zeros(4, dtype=torch.long))


@pytest.fixture
def linear() -> Explicand:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return explicand_of(nn.Linear(FEATURES, 1))


def trial_of(e, attribute):
    return Trial(e, attribute(e), Cost(0.0, 0, 0, None), attribute=attribute)


def run(trial, seed=0, **options):
    return metrics["randomisation"](trial, generator=torch.Generator().manual_seed(seed), **options)


def attribute_by(name):
    return lambda e: methods[name](e.with_tally(Tally()), generator=torch.Generator().manual_seed(5))


def test_a_linear_model_by_hand(linear):
    """The gradient is the row of weights, so that the score is how new rows correlate with it."""
    seeds = torch.Generator().manual_seed(0)
    expected = []
    for _ in range(3):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=seeds)))
            drawn = nn.Linear(FEATURES, 1).weight.detach()
        expected.append(abs(stats.spearmanr(drawn[0].numpy(), linear.model.weight[0].numpy()).statistic))
    assert run(trial_of(linear, attribute_by("gradient"))).tolist() == pytest.approx([np.mean(expected)] * 4)


@pytest.mark.parametrize("blind", [lambda e: e.inputs, lambda e: e.inputs.round(decimals=1) ** 2])
def test_what_never_looks_at_the_model_has_one(linear, blind):
    torch.testing.assert_close(run(trial_of(linear, blind)), torch.ones(4, dtype=torch.float64))


def test_turning_round_with_the_output_is_no_dependence(linear):
    signs = iter([1.0, 1.0, -1.0, 1.0])
    scores = run(trial_of(linear, lambda e: next(signs) * e.inputs))
    torch.testing.assert_close(scores, torch.ones(4, dtype=torch.float64))


def test_independent_attributions_come_to_what_is_said():
    """sqrt(2 / (pi (n - 1))), stated in the docstring."""
    x = torch.rand(30, 64, generator=torch.Generator().manual_seed(6))
    e = Explicand.of(nn.Linear(64, 1).eval(), x, target=torch.zeros(30, dtype=torch.long))
    noise = torch.Generator().manual_seed(7)
    score = run(trial_of(e, lambda other: torch.randn(other.inputs.shape, generator=noise)), draws=20).mean()
    assert score.item() == pytest.approx((2 / (np.pi * 63)) ** 0.5, rel=0.1)


def test_methods_that_look_at_the_model_change_and_controls_do_not(vector_explicand):
    scores = {name: run(trial_of(vector_explicand, attribute_by(name))) for name in ("gradient", "random-attribution")}
    torch.testing.assert_close(scores["random-attribution"], torch.ones_like(scores["random-attribution"]))
    assert (scores["gradient"] < 1).all()


def test_undefined_draws_are_left_out(linear):
    maps = iter([linear.inputs, torch.zeros(4, FEATURES), linear.inputs, torch.ones(4, FEATURES)])
    torch.testing.assert_close(run(trial_of(linear, lambda e: next(maps))), torch.ones(4, dtype=torch.float64))
    assert run(trial_of(linear, lambda e: torch.zeros_like(e.inputs))).isnan().all()


class Bare(nn.Module):
    """Holds weights that no layer knows how to draw."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(3 + 2 * torch.randn(200, 50, generator=torch.Generator().manual_seed(8)))
        self.one = nn.Parameter(torch.tensor([4.0]))

    def forward(self, x):
        return x @ self.weight + self.one


def test_all_weights_of_a_copy_are_drawn_anew():
    norm = nn.BatchNorm1d(FEATURES)
    norm.get_buffer("running_mean").add_(1)
    network = nn.Sequential(nn.Linear(2 * FEATURES, FEATURES), norm, nn.Sequential(nn.Linear(FEATURES, 2)))
    aware = CertaintyAware(nn.Sequential(nn.Flatten(), network), (FEATURES,)).eval()
    before = {name: value.clone() for name, value in aware.state_dict().items()}
    torch.manual_seed(0)
    state = torch.get_rng_state()
    copy = randomise(aware, torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), state)
    assert isinstance(copy, CertaintyAware)
    assert all(torch.equal(value, before[name]) for name, value in aware.state_dict().items())
    for name, value in copy.named_parameters():
        assert "1.1" in name or not torch.equal(value, before[name]), name  # a norm starts from ones and zeros
    assert not copy.get_buffer("network.1.1.running_mean").any()
    assert not any(module.training for module in copy.modules())


def test_weights_without_a_law_keep_their_mean_and_spread():
    bare = Bare()
    copy = randomise(bare, torch.Generator().manual_seed(1))
    assert isinstance(copy, Bare)
    assert copy.weight.mean().item() == pytest.approx(3, abs=0.1)
    assert copy.weight.std().item() == pytest.approx(2, abs=0.1)
    assert abs(np.corrcoef(copy.weight.detach().flatten(), bare.weight.detach().flatten())[0, 1]) < 0.05
    assert copy.one.item() == 4


def test_without_weights_or_method_it_has_no_meaning(linear):
    trial = trial_of(linear, attribute_by("gradient"))
    for model in (lambda x: x, nn.Identity()):
        with pytest.raises(NotApplicable, match="no weights"):
            run(replace(trial, explicand=replace(linear, model=model)))
    with pytest.raises(NotApplicable, match="needs the method"):
        run(replace(trial, attribute=None))
    with pytest.raises(ValueError, match="draws is 0"):
        run(trial, draws=0)
