import itertools
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from sig.explicand import Explicand, Tally


def test_scores_pick_each_rows_own_target(vector_explicand):
    e = vector_explicand
    scores = e.scores(e.inputs, torch.tensor([0, 1, 2]))
    torch.testing.assert_close(scores, e.model(e.inputs)[[0, 1, 2], [0, 1, 0]])


def test_rows_are_counted_once_forward_and_once_backward(vector_explicand):
    x = torch.rand(150, 8, requires_grad=True)  # three batches of at most 64
    vector_explicand.outputs(x).sum().backward()
    assert vector_explicand.tally.forward_rows == 150
    assert vector_explicand.tally.backward_rows == 150


def test_batching_does_not_change_outputs(vector_explicand):
    x = torch.rand(100, 8)
    torch.testing.assert_close(vector_explicand.outputs(x), vector_explicand.model(x))


def test_coalition_inputs_by_hand():
    e = Explicand(
        model=nn.Linear(4, 1),
        inputs=torch.tensor([[0.1, 0.2, 0.3, 0.4]]),
        target=torch.tensor([0]),
        background=torch.rand(1, 4),
        players=torch.tensor([0, 0, 1, 2]),  # the first two features enter as one
    )
    mixed = e.coalition_inputs(torch.tensor([[[True, False, True], [False, True, False]]]), torch.full((1, 4), 0.9))
    torch.testing.assert_close(mixed, torch.tensor([[[0.1, 0.2, 0.9, 0.4], [0.9, 0.9, 0.3, 0.9]]]))


@pytest.mark.parametrize("players", [[0, 1, 2], [2, 0, 1], [0, 1, 1]])
@pytest.mark.parametrize("count", [1, 2])
def test_coalition_inputs_whoever_the_features_players_are(players: list[int], count: int, generator) -> None:
    inputs, default = torch.rand(2, count, 3, generator=generator)
    target = torch.zeros(count, dtype=torch.long)
    e = Explicand.of(nn.Linear(3, 1).eval(), inputs, target=target, players=torch.tensor(players))
    coalitions = torch.rand(count, 20, e.n_players, generator=generator) < 0.5
    mixed = e.coalition_inputs(coalitions, default)
    for b, s, feature in itertools.product(range(count), range(20), range(3)):
        kept = coalitions[b, s, players[feature]]
        assert mixed[b, s, feature] == (inputs if kept else default)[b, feature]


def test_coalition_scores_are_the_models_scores_of_coalition_inputs(picture_explicand, generator):
    e = picture_explicand
    coalitions = torch.rand(4, 60, 16, generator=generator) < 0.5
    default = torch.rand(4, 1, 8, 8, generator=generator)
    inputs = e.coalition_inputs(coalitions, default)
    expected = torch.stack([e.model(inputs[b])[:, e.target[b]] for b in range(4)])
    torch.testing.assert_close(e.coalition_scores(coalitions, default), expected)


def test_player_sums_give_spread_values_back(picture_explicand):
    values = torch.randn(4, 16)
    attribution = picture_explicand.spread_over_features(values)
    assert attribution.shape == picture_explicand.inputs.shape
    torch.testing.assert_close(picture_explicand.player_sums(attribution), values)


def test_player_sums_by_hand(picture_explicand):
    attribution = torch.zeros(4, 1, 8, 8)
    attribution[2, 0, 2:4, 4:6] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])  # patch row 1, column 2
    expected = torch.zeros(4, 16)
    expected[2, 6] = 10
    torch.testing.assert_close(picture_explicand.player_sums(attribution), expected)


def test_only_keeps_the_tally(vector_explicand):
    one = vector_explicand.only(1)
    one.outputs(one.inputs)
    assert vector_explicand.tally.forward_rows == 1


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": torch.tensor([[0.5, float("nan"), 0.5]])}, "inputs hold nan at (0, 1), expected finite numbers"),
        ({"background": torch.tensor([[0.5, 0.5, float("inf")]])}, "background hold inf at (0, 2)"),
        ({"background": torch.zeros(0, 3)}, "background is empty, expected at least one sample"),
        ({"target": torch.tensor([0, 1])}, "target has shape (2,), expected (1,)"),
        ({"players": torch.tensor([0, 2, 2])}, "players are numbered [0, 2], expected 0 .. n-1 without a gap"),
        ({"input_range": (1.0, 0.0)}, "input_range is (1.0, 0.0), expected a low value below a high one"),
        ({"inputs": torch.tensor([[0.5, 2.0, 0.5]])}, "inputs span [0.5, 2], expected values inside input_range"),
    ],
)
def test_bad_parts_are_named(change, message):
    parts = {
        "model": nn.Linear(3, 2),
        "inputs": torch.full((1, 3), 0.5),
        "target": torch.tensor([0]),
        "background": torch.full((2, 3), 0.5),
        "players": torch.arange(3),
    }
    with pytest.raises(ValueError, match=re.escape(message)):
        Explicand(**(parts | change))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: x.sum(1), "the model returned shape (3,) for 3 rows, expected (3, outputs); wrap a scalar model"),
        (lambda x: x[:, :2] * float("nan"), "the model returned nan, expected finite outputs"),
        (lambda x: x[:, :2] / 0, "the model returned inf, expected finite outputs"),
    ],
)
def test_bad_models_are_named(vector_explicand, model, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(vector_explicand, model=model).outputs(vector_explicand.inputs)


def test_a_fresh_tally_leaves_the_first_alone(vector_explicand):
    other = vector_explicand.with_tally(Tally())
    other.outputs(other.inputs)
    assert (vector_explicand.tally.forward_rows, other.tally.forward_rows) == (0, 3)
