import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sig import games
from sig.explicand import Explicand
from sig.metrics.hybrids import swap_effects
from sig.metrics.monotonicity import monotonicity
from sig.registry import Cost, Trial, methods, metrics


def slow_monotonicity(effects, attribution):
    """One case at a time, over integers, where equal is equal."""
    scores = []
    for a in range(len(effects)):
        cases = []
        for b, player in itertools.product(range(len(effects)), range(effects.shape[1])):
            if len(attribution[:, player].unique()) == 1:
                continue
            more = [x - y for x, y in zip(effects[a, player].tolist(), effects[b, player].tolist(), strict=True)]
            given_more = (attribution[a, player] - attribution[b, player]).item()
            if all(x >= 0 for x in more) and any(more):
                cases.append(given_more >= 0)
            elif all(x <= 0 for x in more) and any(more):
                cases.append(given_more <= 0)
        scores.append(sum(cases) / len(cases) if cases else float("nan"))
    return scores


@given(st.integers(0, 2**31), st.integers(1, 5))
@settings(deadline=None, max_examples=50)
def test_is_its_definition(seed, explicands):
    generator = torch.Generator().manual_seed(seed)
    effects = torch.randint(-1, 2, (explicands, 3, 2), generator=generator).double()
    attribution = torch.randint(-2, 3, (explicands, 3), generator=generator).double()
    expected = slow_monotonicity(effects, attribution)
    assert monotonicity(effects, attribution).tolist() == pytest.approx(expected, nan_ok=True)


@given(st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_shapley_values_are_monotone(seed):
    """Young's monotonicity, on games whose marginal contributions are often comparable."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(1, 8, generator=generator).double() + torch.tensor([[0.0], [0.5], [1.0]]) * torch.rand(
        8, generator=generator
    )
    effects = torch.stack([games.marginal_contributions(values, player) for player in range(3)], 1)
    scores = monotonicity(effects, games.shapley_values(values))
    assert (scores[scores.isfinite()] == 1).all()


def test_rounding_is_no_difference():
    effects = torch.tensor([[[1.0, 2.0]], [[1.0, 2.0 + 1e-9]], [[0.0, 1.0]]], dtype=torch.float64)
    attribution = torch.tensor([[5.0 - 1e-9], [5.0], [4.0]], dtype=torch.float64)
    assert monotonicity(effects, attribution).tolist() == [1, 1, 1]
    # The first two each do more than the third; given the third's 4 and the first's 5 the other way round, only the
    # second is not given less than the third.
    assert monotonicity(effects, attribution.flip(0)).tolist() == [0, 1, 0.5]


def trial(e, attribution):
    return Trial(e, attribution, Cost(0.0, 0, 0, 0))


def test_integrated_gradients_are_less_monotone_than_bshap(generator):
    def model(x):
        """The first feature alone decides, by its end; on the path it rises and falls before."""
        return ((8 * x[:, :1]).sin() + 3 * x[:, :1] * x[:, 1:2] + x[:, 2:]).clamp(-1, 2)

    inputs = torch.rand(40, 3, generator=generator)
    e = Explicand(model, inputs, torch.zeros(40).long(), inputs, torch.arange(3))
    scores = {
        name: metrics["monotonicity"](trial(e, methods[name](e, generator=generator))).nanmean().item()
        for name in ("bshap", "ig-zero", "random-attribution")
    }
    assert scores["bshap"] == 1
    assert scores["random-attribution"] < scores["ig-zero"] < 1
    assert scores["random-attribution"] == pytest.approx(0.5, abs=0.1)


def test_a_constant_attribution_is_not_scored():
    effects = torch.tensor([[[1.0, 2.0], [0.0, 1.0]], [[0.0, 1.0], [3.0, 3.0]]])
    assert monotonicity(effects, torch.zeros(2, 2)).isnan().all()
    assert monotonicity(effects, torch.tensor([[4.0, 1.0], [4.0, 2.0]])).tolist() == [
        1,
        1,
    ]  # by the second player alone


def test_a_single_explicand_has_nothing_to_compare_with(vector_explicand):
    e = vector_explicand.only(0)
    assert metrics["monotonicity"](trial(e, torch.rand(1, 8))).isnan().all()
    assert swap_effects(e, "zero").shape == (1, 8, 128)
    assert isinstance(e.model, nn.Module)
    assert e.tally.forward_rows == 0
