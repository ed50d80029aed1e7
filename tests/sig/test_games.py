import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from shapiq.game_theory.exact import ExactComputer
from torch import Tensor

from sig import games


def over_permutations(values: Tensor) -> Tensor:
    """Shapley values as the mean contribution over all orders in which the players may arrive."""
    n = len(values).bit_length() - 1
    total = torch.zeros(n, dtype=torch.float64)
    for order in itertools.permutations(range(n)):
        mask = 0
        for player in order:
            total[player] += values[mask | 1 << player] - values[mask]
            mask |= 1 << player
    return total / math.factorial(n)


def by_definition(values: Tensor) -> Tensor:
    """Shapley values as the weighted sum over coalitions, with factorials."""
    n = len(values).bit_length() - 1
    total = torch.zeros(n, dtype=torch.float64)
    for player, mask in itertools.product(range(n), range(2**n)):
        if not mask >> player & 1:
            k = mask.bit_count()
            weight = math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n)
            total[player] += weight * (values[mask | 1 << player] - values[mask])
    return total


def random_game(n: int, seed: int = 0) -> Tensor:
    return torch.randn(2**n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tables(n: int) -> st.SearchStrategy[Tensor]:
    return npst.arrays(np.float64, 2**n, elements=st.floats(-100, 100)).map(torch.from_numpy)


@pytest.mark.parametrize("n", range(1, 7))
def test_shapley_values_agree_with_all_permutations(n: int) -> None:
    values = random_game(n)
    torch.testing.assert_close(games.shapley_values(values), over_permutations(values))


@given(st.integers(1, 6).flatmap(tables))
def test_shapley_values_agree_with_the_definition(values: Tensor) -> None:
    torch.testing.assert_close(games.shapley_values(values), by_definition(values), rtol=0, atol=1e-11)


@pytest.mark.parametrize("n", [9, 10])
def test_shapley_values_agree_with_shapiq(n: int) -> None:
    values = random_game(n)
    computer = ExactComputer(lambda coalitions: values.numpy()[coalitions.astype(int) @ 2 ** np.arange(n)], n_players=n)
    expected = computer("SV")
    torch.testing.assert_close(
        games.shapley_values(values), torch.tensor([expected[(player,)] for player in range(n)], dtype=torch.float64)
    )


def test_glove_game_by_hand() -> None:
    """Players 0 and 1 hold a left glove, player 2 a right one; a pair is worth 1. Player 2 gets 2/3, the others 1/6."""
    values = torch.tensor([0.0, 0, 0, 0, 0, 1, 1, 1])
    torch.testing.assert_close(games.shapley_values(values), torch.tensor([1 / 6, 1 / 6, 2 / 3], dtype=torch.float64))


@given(tables(5))
def test_efficiency(values: Tensor) -> None:
    gain = values[-1] - values[0]
    torch.testing.assert_close(games.shapley_values(values).sum(), gain, rtol=0, atol=1e-11)


@given(tables(5), st.permutations(range(5)))
def test_renaming_players_renames_their_values(values: Tensor, names: list[int]) -> None:
    renamed = torch.tensor([sum(1 << names[i] for i in range(5) if mask >> i & 1) for mask in range(32)])
    expected = games.shapley_values(values)[names]
    # in the renamed game, player i plays the part of names[i]
    torch.testing.assert_close(games.shapley_values(values[renamed]), expected, rtol=0, atol=1e-11)


@given(tables(4), st.integers(0, 4), st.floats(-100, 100))
def test_a_player_that_always_adds_the_same_gets_just_that(values: Tensor, player: int, adds: float) -> None:
    masks = torch.arange(32)
    others = (masks >> player + 1 << player) | masks & (1 << player) - 1
    with_loner = values[others] + adds * (masks >> player & 1).double()
    phi = games.shapley_values(with_loner)
    assert phi[player].item() == pytest.approx(adds, abs=1e-11)
    rest = torch.arange(5) != player
    torch.testing.assert_close(phi[rest], games.shapley_values(values), rtol=0, atol=1e-11)


@given(tables(5), tables(5), st.floats(-10, 10))
def test_linearity(a: Tensor, b: Tensor, factor: float) -> None:
    expected = games.shapley_values(a) + factor * games.shapley_values(b)
    torch.testing.assert_close(games.shapley_values(a + factor * b), expected, rtol=0, atol=1e-10)


def test_batch_dimensions_hold_separate_games() -> None:
    batch = random_game(10).view(2, 4, 128)[:, 1:]
    phi = games.shapley_values(batch)
    assert phi.shape == (2, 3, 7)
    torch.testing.assert_close(phi[1, 2], by_definition(batch[1, 2]))
    assert games.shapley_values(batch[:0]).shape == (0, 3, 7)


def test_float32_tables_are_summed_in_float64() -> None:
    values = random_game(12).float()
    phi = games.shapley_values(values)
    assert phi.dtype == torch.float64
    torch.testing.assert_close(phi, games.shapley_values(values.double()), rtol=0, atol=1e-14)


def test_a_common_offset_does_not_drown_small_contributions() -> None:
    values = random_game(10)
    torch.testing.assert_close(games.shapley_values(values + 1e6), games.shapley_values(values), rtol=0, atol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_every_size_weighs_the_same_in_total(n: int) -> None:
    weights = games.coalition_weights(n)
    expected = [math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n) for k in range(n)]
    assert weights.tolist() == pytest.approx(expected)
    assert [weights[k].item() * math.comb(n - 1, k) for k in range(n)] == pytest.approx([1 / n] * n)


def test_weights_of_many_players_are_finite() -> None:
    weights = games.coalition_weights(2000)
    assert weights.isfinite().all()
    assert weights[0] == 1 / 2000


@pytest.mark.parametrize("n", [1, 3, 8])
def test_coalitions_are_listed_in_the_order_of_their_masks(n: int) -> None:
    matrix = games.coalition_matrix(n)
    assert (matrix.long() @ 2 ** torch.arange(n)).tolist() == list(range(2**n))
    assert games.coalition_sizes(n).tolist() == [mask.bit_count() for mask in range(2**n)]


@pytest.mark.parametrize("player", range(4))
def test_marginal_contributions_by_enumeration(player: int) -> None:
    values = torch.stack([random_game(4, seed=1), random_game(4, seed=2)])
    without = [mask for mask in range(16) if not mask >> player & 1]
    expected = torch.stack([values[:, mask | 1 << player] - values[:, mask] for mask in without], dim=1)
    assert torch.equal(games.marginal_contributions(values, player), expected)


@pytest.mark.parametrize("length", [0, 1, 3, 12])
def test_a_table_that_is_not_a_power_of_two_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"{length} entries, expected a power of two"):
        games.shapley_values(torch.zeros(length))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_place(bad: float) -> None:
    values = torch.zeros(2, 8)
    values[1, 5] = bad
    with pytest.raises(ValueError, match=rf"holds {bad} at \(1, 5\)"):
        games.shapley_values(values)


def test_too_many_players_are_refused_with_the_remedy() -> None:
    too_long = torch.zeros(1).expand(2**27)
    with pytest.raises(
        ValueError, match=r"27 players are too large for exact values .* permutation-shapley or kernel-shap"
    ):
        games.shapley_values(too_long)
    with pytest.raises(ValueError, match="30 players are too large"):
        games.coalition_matrix(30)


@pytest.mark.parametrize("n", [0, -1])
def test_no_players_are_refused(n: int) -> None:
    for call in (games.coalition_weights, games.coalition_sizes, games.coalition_matrix):
        with pytest.raises(ValueError, match=f"{n} players"):
            call(n)


@pytest.mark.parametrize("player", [-1, 3])
def test_an_unknown_player_is_refused(player: int) -> None:
    with pytest.raises(ValueError, match=f"no player {player}, expected one of 0 .. 2"):
        games.marginal_contributions(torch.zeros(8), player)
