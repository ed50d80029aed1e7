import itertools
import math
from collections import Counter

import pytest
import torch
from torch import Generator, Tensor

from sig import coalitions, effective, games
from tests.sig.laws import masks_of, p_value


def voting_game() -> Tensor:
    """Six players with 4, 3, 2, 1, 1 and 0 votes; a coalition is worth its votes beyond four. The last is a dummy."""
    votes = games.coalition_matrix(6).double() @ torch.tensor([4.0, 3, 2, 1, 1, 0], dtype=torch.float64)
    return (votes - 4).clamp(min=0)


def draw_effective(generator: Generator, draws: int = 1000, **options: object) -> effective.EffectiveDraws:
    arguments = {"fraction": 1.0, "count": False, **options}
    return effective.from_table(voting_game(), draws=draws, generator=generator, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [False, True])
def test_drawn_coalitions_are_effective(count: bool, generator: Generator) -> None:
    values = voting_game()
    drawn = draw_effective(generator, fraction=0.5, count=count)
    masks = masks_of(drawn.coalitions)
    assert len(masks) == 1000
    assert not (masks >> drawn.player & 1).any()
    assert torch.equal(drawn.contributions, values[masks | 1 << drawn.player] - values[masks])
    assert (drawn.contributions != 0).all()


def test_estimate_converges_to_a_multiple_of_the_shapley_values(generator: Generator) -> None:
    phi = games.shapley_values(voting_game())
    estimate = draw_effective(generator, draws=100_000).estimate()
    torch.testing.assert_close(estimate / estimate.sum(), phi / phi.sum(), rtol=1e-3, atol=0)
    assert estimate[5] == phi[5] == 0


def test_estimate_from_few_draws_is_right_on_average(generator: Generator) -> None:
    draws, repeats = 7, 300
    estimates = torch.stack([draw_effective(generator, draws=draws).estimate() for _ in range(repeats)])
    factor = draws / sum(weight for _, _, weight in effective_coalitions())
    error = estimates.mean(0) - factor * games.shapley_values(voting_game())
    assert (error.abs() <= 4.5 * estimates.std(0) / repeats**0.5 + 1e-12).all()


def effective_coalitions() -> list[tuple[int, tuple[float, int], float]]:
    """(player, its group (contribution, size), w(size)) of every effective coalition of the voting game."""
    values, weights = voting_game().tolist(), games.coalition_weights(6).tolist()
    found = []
    for player in range(6):
        for mask in range(64):
            if not mask >> player & 1 and values[mask | 1 << player] != values[mask]:
                group = (values[mask | 1 << player] - values[mask], mask.bit_count())
                found.append((player, group, weights[mask.bit_count()]))
    return found


@pytest.mark.parametrize("count", [False, True])
def test_every_group_gets_its_share_rounded_up_or_down(count: bool, generator: Generator) -> None:
    draws = 500
    player_weight: Counter[int] = Counter()
    player_count: Counter[int] = Counter()
    group_weight: Counter[tuple[int, tuple[float, int]]] = Counter()
    for player, group, weight in effective_coalitions():
        player_weight[player] += weight  # type: ignore[assignment]
        player_count[player] += 1
        group_weight[player, group] += weight  # type: ignore[assignment]
    share_of_player = player_count if count else player_weight
    drawn = draw_effective(generator, draws=draws, count=count)
    sizes = drawn.coalitions.sum(1).tolist()
    got = Counter(
        (player, (contribution, size))
        for player, contribution, size in zip(drawn.player.tolist(), drawn.contributions.tolist(), sizes, strict=True)
    )
    for (player, group), weight in group_weight.items():
        total = draws * share_of_player[player] / share_of_player.total()
        assert abs(got[player, group] - total * weight / player_weight[player]) < 1
    assert got.keys() <= group_weight.keys()


def test_coalitions_of_a_group_are_drawn_equally_often(generator: Generator) -> None:
    """Only player 0 counts: it adds one to every coalition of the others, so that each size is one group."""
    values = games.coalition_matrix(5)[:, 0].double()
    drawn = [effective.from_table(values, draws=3, fraction=1.0, generator=generator).coalitions for _ in range(300)]
    law = torch.zeros(32, dtype=torch.float64)
    law[::2] = games.coalition_weights(5)[games.coalition_sizes(5)[::2]]
    assert p_value(masks_of(torch.cat(drawn)), law) > 1e-4


def test_rounding_noise_is_neither_effective_nor_a_group_of_its_own(generator: Generator) -> None:
    values = voting_game()
    noisy = values + 1e-6 * torch.rand(len(values), dtype=torch.float64, generator=generator)
    assert (noisy != values).all()
    exact, rounded = (
        effective.from_table(table, draws=300, fraction=0.7, generator=Generator().manual_seed(3))
        for table in (values, noisy.float())
    )
    assert torch.equal(exact.coalitions, rounded.coalitions)
    assert torch.equal(exact.player, rounded.player)
    torch.testing.assert_close(rounded.contributions, exact.contributions, rtol=0, atol=1e-5)


def test_a_game_in_which_nobody_contributes_gives_no_draws(generator: Generator) -> None:
    drawn = effective.from_table(torch.full((16,), 3.0), draws=10, fraction=0.5, generator=generator)
    assert len(drawn.player) == 0
    assert drawn.coalitions.shape == (0, 4)
    assert drawn.estimate().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5, math.nan])
def test_a_fraction_outside_the_unit_interval_is_refused(fraction: float, generator: Generator) -> None:
    with pytest.raises(ValueError, match=f"fraction is {fraction}"):
        draw_effective(generator, fraction=fraction)


def test_numbers_below_one_are_refused(generator: Generator) -> None:
    with pytest.raises(ValueError, match="draws is 0"):
        draw_effective(generator, draws=0)


@pytest.mark.parametrize("tolerance", [0.0, 1e-9, 1.0])
def test_a_tolerance_that_cannot_group_is_refused(tolerance: float, generator: Generator) -> None:
    with pytest.raises(ValueError, match=f"tolerance is {tolerance}"):
        draw_effective(generator, tolerance=tolerance)


def draw_from_sample(
    values: Tensor, samples: int, draws: int, generator: Generator, *, count: bool = False
) -> effective.EffectiveDraws:
    n = games.table_players(values)
    drawn = coalitions.without_each(n, samples, generator)
    masks = masks_of(drawn.flatten(0, 1)).view(n, samples)
    including = values[masks | (1 << torch.arange(n)).unsqueeze(1)]
    return effective.from_sample(drawn, values[masks], including, draws=draws, count=count, generator=generator)


@pytest.mark.parametrize("samples", [3, 25])
def test_a_sample_of_the_coalitions_estimates_a_multiple_of_the_shapley_values(
    samples: int, generator: Generator
) -> None:
    """Every coalition of a random game is effective, so that the common factor is known: draws / players."""
    values, draws, repeats = torch.randn(64, dtype=torch.float64, generator=generator), 40, 600
    drawn = [draw_from_sample(values, samples, draws, generator).estimate() for _ in range(repeats)]
    estimates = torch.stack(drawn) * 6 / draws
    error = (estimates.mean(0) - games.shapley_values(values)).abs()
    assert (error <= 4 * estimates.std(0) / repeats**0.5).all()


def test_few_effective_coalitions_of_a_sample_keep_the_players_ratios(generator: Generator) -> None:
    phi = games.shapley_values(voting_game())
    estimate = draw_from_sample(voting_game(), 6000, 200_000, generator).estimate()
    torch.testing.assert_close(estimate / estimate.sum(), phi / phi.sum(), rtol=0.05, atol=0)
    assert estimate[5] == phi[5] == 0


def test_a_sample_counts_the_effective_coalitions_of_all(generator: Generator) -> None:
    """By ``count``, draws are in proportion to the number of effective coalitions, sampled or not."""
    number = Counter(player for player, _, _ in effective_coalitions())
    drawn = draw_from_sample(voting_game(), 6000, 100_000, generator, count=True)
    got = torch.bincount(drawn.player, minlength=6) / 100_000
    expected = torch.tensor([number[player] / number.total() for player in range(6)])
    torch.testing.assert_close(got, expected, rtol=0.05, atol=0)


@pytest.mark.parametrize("fraction", [0.1, 0.4])
def test_a_fraction_of_the_table_estimates_a_multiple_of_the_shapley_values(
    fraction: float, generator: Generator
) -> None:
    """In a random game, and every size is looked at: where size alone decides, the estimate is exact."""
    values, repeats = torch.randn(64, dtype=torch.float64, generator=generator), 300
    drawn = [effective.from_table(values, draws=60, fraction=fraction, generator=generator) for _ in range(repeats)]
    estimates = torch.stack([one.estimate() for one in drawn]) / 10
    error = (estimates.mean(0) - games.shapley_values(values)).abs()
    assert (error <= 4 * estimates.std(0) / repeats**0.5).all()
    by_size = games.coalition_sizes(6).double().square()
    decided = effective.from_table(by_size, draws=6000, fraction=fraction, generator=generator)
    torch.testing.assert_close(decided.estimate(), torch.full((6,), 6000.0).double(), rtol=1e-3, atol=0)


def exact_probability(numbers: list[int], of_all: int, selected: int) -> float:
    """Theorem 2 by listing every selection of every player."""
    event = total = 0
    selections = [list(itertools.combinations(range(of_all), selected))] * len(numbers)
    for each in itertools.product(*selections):
        found = [sum(one < number for one in chosen) for chosen, number in zip(each, numbers, strict=True)]
        pairs = itertools.combinations(zip(found, numbers, strict=True), 2)
        event += any(found) and all(a * f == b * e for (a, e), (b, f) in pairs)
        total += 1
    return event / total


@pytest.mark.parametrize("numbers", [[2, 2], [1, 2, 3], [4, 2], [3, 0], [4, 4, 4]])
@pytest.mark.parametrize("selected", [1, 2, 3, 4])
def test_theorem_2_lists_every_selection(numbers: list[int], selected: int) -> None:
    found = effective.proportional_probability(numbers, coalitions=4, selected=selected)
    assert found == pytest.approx(exact_probability(numbers, 4, selected), abs=1e-12)


def test_theorem_2_by_simulation(generator: Generator) -> None:
    """For each of three players 6 of 16 coalitions are selected, of which the first few are effective."""
    numbers, selected, repeats = [4, 8, 12], 6, 50_000
    found = torch.stack([
        (torch.rand(repeats, 16, generator=generator).argsort(1)[:, :selected] < number).sum(1) for number in numbers
    ])  # fmt: skip
    share = ((found[1] == 2 * found[0]) & (found[2] == 3 * found[0]) & (found[0] > 0)).double().mean().item()
    expected = effective.proportional_probability(numbers, coalitions=16, selected=selected)
    assert abs(share - expected) < 4 * (expected * (1 - expected) / repeats) ** 0.5
    assert 0.01 < expected < 0.2


def test_theorem_2_with_everything_selected_is_certain() -> None:
    assert effective.proportional_probability([3, 5, 8], coalitions=8, selected=8) == pytest.approx(1)


@pytest.mark.parametrize(
    ("numbers", "selected", "message"),
    [
        ([0, 0], 2, r"effective coalitions number \[0, 0\], expected some, of 4 at most each"),
        ([5], 2, r"number \[5\]"),
        ([], 2, r"number \[\]"),
        ([2], 5, "selected are 5, expected some of the 4 coalitions"),
    ],
)
def test_theorem_2_of_impossible_numbers_is_refused(numbers: list[int], selected: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        effective.proportional_probability(numbers, coalitions=4, selected=selected)
