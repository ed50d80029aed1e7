import itertools

import pytest
import torch
from torch import nn

from sig.certainty import CertaintyAware
from sig.explicand import Explicand
from sig.metrics.hybrids import own_swap_effects, swap_effects
from sig.metrics.strong_dummy import dummies
from sig.registry import Cost, NotApplicable, Trial, methods, metrics


def explain(model, inputs, background=None, players=None):
    background = torch.full((2, inputs.shape[1]), 0.5) if background is None else background
    players = torch.arange(inputs.shape[1]) if players is None else players
    target = torch.zeros(len(inputs)).long()
    return Explicand(lambda x: model(x).unsqueeze(1), inputs, target, background, players)


def score(e, attribution, *starts, **options):
    """The violation where the method's baselines are these, zero unless given."""
    stated = torch.stack([torch.zeros_like(e.inputs[0])] if not starts else list(starts))
    paths = (stated.expand(len(e.inputs), -1, -1), e.inputs.unsqueeze(1).expand(-1, len(stated), -1))
    return metrics["strong_dummy_violation"](Trial(e, attribution, Cost(0.0, 0, 0, 0), paths=paths), **options)


def bump(x):
    """0 at both ends, 1 in the middle: a feature at 1 differs from 0 along the path only."""
    return 4 * x * (1 - x)


def test_swap_effects_try_every_hybrid(six_features):
    effects = swap_effects(six_features, "mean")
    baseline = six_features.background.mean(0)
    for b, player in itertools.product(range(2), range(5)):
        others, expected = [p for p in range(5) if p != player], []
        for chosen in itertools.product((False, True), repeat=4):
            inside = dict(zip(reversed(others), chosen, strict=True))  # the first of the others changes fastest
            rows = []
            for own in (False, True):
                keep = torch.tensor([(inside | {player: own})[p] for p in six_features.players.tolist()])
                rows.append(torch.where(keep, six_features.inputs[b], baseline))
            without, including = six_features.model(torch.stack(rows))[:, 0].tolist()
            expected.append(including - without)
        assert effects[b, player].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.fixture
def six_features():
    """Two inputs of six features; the last two are one player."""
    generator = torch.Generator().manual_seed(1)
    inputs, background = torch.rand(2, 6, generator=generator), torch.rand(3, 6, generator=generator)
    return explain(
        lambda x: (x.cumprod(1) * torch.arange(1.0, 7)).sum(1).sin(),
        inputs,
        background,
        torch.tensor([0, 1, 2, 3, 4, 4]),
    )


def test_by_hand():
    """F = bump(x1) + x2 at (1, 1): the first feature changes no hybrid of the input and zero, yet IG has a slope."""
    e = explain(lambda x: bump(x[:, 0]) + x[:, 1], torch.ones(1, 2))
    assert dummies(swap_effects(e, "zero").unsqueeze(1)).tolist() == [[True, False]]
    assert score(e, torch.tensor([[1.0, -3.0]])).tolist() == [0.25]
    assert score(e, torch.tensor([[0.0, 3.0]])).tolist() == [0]
    half = torch.full((2,), 0.5)
    assert score(e, torch.tensor([[1.0, 3.0]]), half).isnan().all()  # from 1/2, both features count
    assert score(e, torch.tensor([[1.0, 3.0]]), torch.zeros(2), half).isnan().all()  # and so of both baselines
    low = torch.tensor([0.0, 0.5])
    assert score(e, torch.tensor([[1.0, 3.0]]), torch.zeros(2), low).tolist() == [0.25]
    assert score(e, torch.zeros(1, 2)).isnan().all()


def test_interactions_on_the_path_violate_it_and_bshap_does_not():
    """F = bump(x1) x2: in a hybrid bump is 0, so both are dummies; on the straight path it is not."""
    e = explain(lambda x: bump(x[:, 0]) * x[:, 1] + x[:, 2], torch.ones(1, 3))
    attributions = {name: methods[name](e, generator=torch.Generator()) for name in ("ig-zero", "bshap")}
    assert score(e, attributions["bshap"]).item() == pytest.approx(0, abs=1e-6)
    assert score(e, attributions["ig-zero"]).item() > 0.2


class TwoTerms(nn.Module):
    """F = v1 c1 + v2: the first value counts as far as it is certain, the second always."""

    def forward(self, x):
        return (x[:, 0, 0] * x[:, 1, 0] + x[:, 0, 1]).unsqueeze(1)


def test_hybrids_of_certainty_hold_the_values():
    inputs = torch.tensor([[0.5, 0.25]])
    e = Explicand(CertaintyAware(TwoTerms(), (2,)), inputs, torch.tensor([0]), inputs, torch.arange(2))
    assert swap_effects(e, "certainty").tolist() == [[[0.5, 0.5], [0, 0]]]
    assert e.tally.forward_rows == 0
    methods["icg"](e, generator=torch.Generator())
    own = Trial(e, torch.tensor([[3.0, 1.0]]), Cost(0.0, 0, 0, 0), paths=e.tally.paths)
    assert metrics["strong_dummy_violation"](own).tolist() == [0.25]
    assert score(e, torch.tensor([[3.0, 1.0]])).isnan().all()  # from zero, both count
    with pytest.raises(NotApplicable, match="needs a certainty-aware model"):
        swap_effects(explain(lambda x: x[:, 0], inputs), "certainty")


def test_own_baselines_are_tried_one_by_one(six_features):
    e = six_features
    starts = torch.rand(2, 3, 6, generator=torch.Generator().manual_seed(2))
    ends = torch.rand(2, 3, 6, generator=torch.Generator().manual_seed(3))
    trial = Trial(e, e.inputs, Cost(0.0, 0, 0, 0), paths=(starts, ends))
    for b, effects in enumerate(own_swap_effects(trial)):
        for p in range(3):
            one = Explicand(e.model, ends[b, p : p + 1], e.target[:1], starts[b, p : p + 1], e.players)
            torch.testing.assert_close(effects[p], swap_effects(one, "mean")[0])
    assert e.tally.forward_rows == 0


def test_a_feature_that_counts_in_one_hybrid_only_is_no_dummy():
    e = explain(lambda x: x.prod(1), torch.ones(1, 4))
    assert not dummies(swap_effects(e, "zero").unsqueeze(1)).any()
    assert score(e, torch.rand(1, 4)).isnan().all()


def test_tolerance_is_relative_to_the_largest_effect():
    effects = torch.tensor([[[[1e-4, 0.0], [-200.0, 3.0]]]])
    assert dummies(effects).tolist() == [[True, False]]
    assert dummies(effects, tolerance=1e-7).tolist() == [[False, False]]
    assert dummies(effects * 0).all()


def test_counts_no_rows_on_the_method_and_needs_few_players():
    e = explain(lambda x: x[:, 0], torch.rand(1, 12))
    score(e, torch.rand(1, 12))
    assert e.tally.forward_rows == 0
    many = explain(lambda x: x[:, 0], torch.rand(1, 13))
    with pytest.raises(NotApplicable, match="13 players have too many hybrids to try all; up to 12"):
        score(many, torch.rand(1, 13))


@pytest.mark.usefixtures("as_users_run_it")
def test_unknown_baselines_are_named():
    e = explain(lambda x: x[:, 0], torch.rand(1, 3))
    with pytest.raises(ValueError, match="unknown baseline 'blur'; expected one of zero, mean, middle, certainty"):
        swap_effects(e, "blur")  # type: ignore[arg-type]
