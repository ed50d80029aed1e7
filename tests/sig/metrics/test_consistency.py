import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from datasets.two_feature import POINT_A, model
from sig import games
from sig.certainty import CertaintyAware
from sig.explicand import Explicand
from sig.metrics.consistency import consistency
from sig.registry import Cost, NotApplicable, Trial, methods, metrics


def tried(e, name, **options):
    """A trial of a method, with its own baselines."""
    attribution = methods[name](e, generator=torch.Generator().manual_seed(0), **options)
    return Trial(e, attribution, Cost(0.0, 0, 0, 0), paths=e.tally.paths)


def explain(function, inputs, background=None):
    background = torch.zeros(1, inputs.shape[1]) if background is None else background
    target, players = torch.zeros(len(inputs)).long(), torch.arange(inputs.shape[1])
    return Explicand(lambda x: function(x).unsqueeze(1), inputs, target, background, players)


def table_model(values):
    """A game's table as a model of corners of the cube: 1 is in, 0 is out."""
    return lambda x: values[x.round().long() @ 2 ** torch.arange(x.shape[1])].float()


@given(st.integers(0, 2**31), st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_bshap_is_consistent_and_gives_strong_dummies_nothing(seed, players):
    """Strong Dummy and Completeness, with Symmetry and Linearity, give consistency (ICG, A.2)."""
    generator = torch.Generator().manual_seed(seed)
    votes = torch.randint(-1, 2, (players,), generator=generator)  # players without a vote are dummies
    inside = games.coalition_matrix(players)
    values = (inside * votes).sum(1).clamp(max=1) + torch.randint(0, 2, (1,), generator=generator) * inside[:, 0]
    trial = tried(explain(table_model(values), torch.ones(1, players)), "bshap")
    assert metrics["consistency"](trial).nan_to_num(1).item() == 1
    assert metrics["strong_dummy_violation"](trial).nan_to_num(0).item() == pytest.approx(0, abs=1e-6)
    assert metrics["strong_dummies"](trial).item() >= (votes[1:] == 0).sum()


@given(st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_is_its_definition(seed):
    """Over integers, one player and one hybrid at a time."""
    generator = torch.Generator().manual_seed(seed)
    effects = torch.randint(-1, 2, (3, 2, 4, 2), generator=generator).double()
    attribution = torch.randint(-1, 2, (3, 4), generator=generator).double()
    expected = []
    for changes, given_ in zip(effects.tolist(), attribution.tolist(), strict=True):
        positive = [player for player in range(4) if given_[player] > 0]
        good = [any(change > 0 for of_path in changes for change in of_path[player]) for player in positive]
        expected.append(sum(good) / len(good) if good else math.nan)
    assert consistency(effects, attribution).tolist() == pytest.approx(expected, nan_ok=True)


def test_integrated_gradients_at_point_a_by_hand():
    """At A, x1 is above the target range and x2 in it: from zero only x2 changes a hybrid, and IG gives x1 all."""
    e = Explicand(model, torch.tensor([POINT_A]), torch.tensor([0]), torch.rand(4, 2), torch.arange(2))
    ig, exact = tried(e, "ig-zero", steps=1000), tried(e, "bshap")
    assert metrics["consistency"](ig).item() == 0
    assert metrics["strong_dummy_violation"](ig).item() == pytest.approx(1, abs=1e-3)
    assert metrics["consistency"](exact).item() == 1
    assert metrics["strong_dummy_violation"](exact).item() == 0
    assert metrics["strong_dummies"](ig).tolist() == metrics["strong_dummies"](exact).tolist() == [1]


def test_one_baseline_of_several_suffices():
    """F = max(x1, 0.5) at (0.6, 0.3): from zero and from 0.6 it falls, from 0.9 it does not."""
    e = explain(lambda x: x[:, 0].clamp(min=0.5), torch.tensor([[0.6, 0.3]]))
    given_ = torch.tensor([[0.1, 0.0]])
    falls, rises = torch.tensor([0.0, 0.0]), torch.tensor([0.9, 0.0])

    def score(*starts):
        stated = torch.stack(starts).unsqueeze(0)
        paths = (stated, e.inputs.unsqueeze(1).expand_as(stated))
        return metrics["consistency"](Trial(e, given_, Cost(0.0, 0, 0, 0), paths=paths)).item()

    assert [score(falls), score(rises), score(rises, falls)] == [1, 0, 1]


class Ramp(nn.Module):
    """F = v1 c1 - v2 c2 + v3."""

    def forward(self, x):
        return (x[:, 0, 0] * x[:, 1, 0] - x[:, 0, 1] * x[:, 1, 1] + x[:, 0, 2]).unsqueeze(1)


def test_certainty_is_the_baseline_of_methods_that_raise_it():
    inputs = torch.tensor([[0.5, 0.5, 0.5]])
    e = Explicand(CertaintyAware(Ramp(), (3,)), inputs, torch.tensor([0]), inputs, torch.arange(3))
    paths = tried(e, "icg").paths
    good, bad = torch.tensor([[1.0, -1.0, 0.0]]), torch.tensor([[1.0, 1.0, 1.0]])
    scores = [metrics["consistency"](Trial(e, a, Cost(0.0, 0, 0, 0), paths=paths)).item() for a in (good, bad)]
    assert scores == pytest.approx([1, 1 / 3])
    rows = e.tally.forward_rows
    assert metrics["strong_dummies"](Trial(e, good, Cost(0.0, 0, 0, 0), paths=paths)).item() == 1  # the third
    assert e.tally.forward_rows == rows


def test_nothing_positive_is_not_scored():
    e = explain(lambda x: x.sum(1), torch.ones(2, 2))
    paths = (torch.zeros(2, 1, 2), torch.ones(2, 1, 2))
    attribution = torch.tensor([[-1.0, -2.0], [0.0, 0.0]])
    assert metrics["consistency"](Trial(e, attribution, Cost(0.0, 0, 0, 0), paths=paths)).isnan().all()


@pytest.mark.parametrize("name", ["consistency", "strong_dummy_violation", "strong_dummies"])
def test_without_a_baseline_or_with_many_players_there_is_a_reason(name):
    e = explain(lambda x: x.sum(1), torch.ones(1, 3))
    with pytest.raises(NotApplicable, match="the method states no baseline"):
        metrics[name](tried(e, "gradient"))
    strange = (torch.zeros(1, 1, 5), torch.ones(1, 1, 5))
    with pytest.raises(NotApplicable, match="needs a certainty-aware model"):
        metrics[name](Trial(e, e.inputs, Cost(0.0, 0, 0, 0), paths=strange))
    many = explain(lambda x: x.sum(1), torch.ones(1, 13))
    with pytest.raises(NotApplicable, match="13 players have too many hybrids to try all; up to 12"):
        metrics[name](tried(many, "ig-zero"))
