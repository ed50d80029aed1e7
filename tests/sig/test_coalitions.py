import math
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Generator, Tensor

from sig import coalitions, games

N = 5
SAMPLES = 20_000


def masks_of(drawn: Tensor) -> Tensor:
    return drawn.long() @ 2 ** torch.arange(drawn.shape[1])


def p_value(drawn: Tensor, law: Tensor) -> float:
    """Chi-square test of drawn categories against their exact probabilities; impossible ones must not occur."""
    counts = torch.bincount(drawn, minlength=len(law)).double()
    assert counts[law == 0].sum() == 0
    possible = law > 0
    return float(stats.chisquare(counts[possible], law[possible] / law.sum() * len(drawn)).pvalue)


def law_over_coalitions(size_law: Tensor) -> Tensor:
    """The probability of each coalition when its size follows ``size_law`` and it is uniform given its size."""
    sizes = games.coalition_sizes(N)
    return torch.cat([size_law, torch.zeros(1)])[sizes] / torch.bincount(sizes)[sizes]


def voting_game() -> Tensor:
    """Six players with 4, 3, 2, 1, 1 and 0 votes; a coalition is worth its votes beyond four. The last is a dummy."""
    votes = games.coalition_matrix(6).double() @ torch.tensor([4.0, 3, 2, 1, 1, 0], dtype=torch.float64)
    return (votes - 4).clamp(min=0)


def draw_effective(generator: Generator, draws: int = 1000, **options: object) -> coalitions.EffectiveDraws:
    arguments = {"fraction": 1.0, "count": False, **options}
    return coalitions.effective(voting_game(), draws=draws, generator=generator, **arguments)  # type: ignore[arg-type]


def test_algorithm1_follows_the_weight_of_one_coalition(generator: Generator) -> None:
    drawn = coalitions.algorithm1(N, SAMPLES, generator)
    weights = games.coalition_weights(N)
    assert p_value(masks_of(drawn), law_over_coalitions(weights / weights.sum())) > 1e-4


def test_size_uniform_gives_every_size_the_same_share(generator: Generator) -> None:
    drawn = coalitions.size_uniform(N, SAMPLES, generator)
    assert p_value(masks_of(drawn), law_over_coalitions(torch.full((N,), 1 / N, dtype=torch.float64))) > 1e-4


def test_game_over_all_coalitions_follows_their_weights(generator: Generator) -> None:
    drawn = coalitions.game(N, SAMPLES, 1.0, generator)
    law = torch.cat([games.coalition_weights(N), torch.zeros(1)])[games.coalition_sizes(N)]
    assert p_value(masks_of(drawn), law) > 1e-4


def test_game_draws_from_a_fraction_in_proportion_to_the_weights(generator: Generator) -> None:
    drawn = masks_of(coalitions.game(N, SAMPLES, 0.4, generator))
    law = torch.cat([games.coalition_weights(N), torch.zeros(1)])[games.coalition_sizes(N)]
    kept = torch.zeros(2**N, dtype=torch.bool).index_fill(0, drawn, True)
    assert kept.sum() == round(0.4 * (2**N - 1))
    assert p_value(drawn, law * kept) > 1e-4


def test_game_keeps_each_coalition_equally_often(generator: Generator) -> None:
    repeats, kept = 1000, round(0.4 * 7)
    drawn = [masks_of(coalitions.game(3, 200, 0.4, generator)).unique() for _ in range(repeats)]
    assert {len(each) for each in drawn} == {kept}
    counts = torch.bincount(torch.cat(drawn), minlength=8).double()
    assert counts[7] == 0
    share = kept / 7
    statistic = ((counts[:7] - repeats * share) ** 2).sum() / (repeats * share * (1 - share)) * 6 / 7
    assert stats.chi2.sf(float(statistic), df=6) > 1e-4


@pytest.mark.parametrize("n", [25, 49])
def test_game_of_many_players_draws_sizes_from_all_coalitions(n: int, generator: Generator) -> None:
    drawn = coalitions.game(n, SAMPLES, 0.4, generator)
    exact = torch.tensor([math.comb(n, k) * games.coalition_weights(n)[k].item() for k in range(n)])
    assert p_value(drawn.sum(1), exact.double()) > 1e-4
    # given its size, a coalition has each player equally often; membership sums to the size, hence (n-1)/n
    size = drawn.sum(1) == n - 1
    absent = (~drawn[size]).sum(0)
    assert stats.chisquare(absent).pvalue > 1e-4


def test_many_players_are_no_obstacle(generator: Generator) -> None:
    for sample in (coalitions.algorithm1, coalitions.size_uniform):
        drawn = sample(1000, 50, generator)
        assert drawn.shape == (50, 1000)
        assert (drawn.sum(1) < 1000).all()


@pytest.mark.parametrize("sampler", ["size-uniform", "game"])
def test_mean_contribution_to_draws_is_the_shapley_value(sampler: str, generator: Generator) -> None:
    n, samples = 6, 100_000
    values = torch.randn(2**n, dtype=torch.float64, generator=generator)
    if sampler == "game":
        drawn = coalitions.game(n, samples, 1.0, generator)
    else:
        drawn = coalitions.size_uniform(n, samples, generator)
    masks, sizes = masks_of(drawn), drawn.sum(1)
    for player, truth in enumerate(games.shapley_values(values)):
        absent = ~drawn[:, player]
        adds = values[masks | 1 << player] - values[masks]  # zero where the player is in
        terms = adds[absent] if sampler == "game" else adds * n / (n - sizes)
        assert abs(terms.mean() - truth) < 4.5 * terms.std() / len(terms) ** 0.5


@pytest.mark.parametrize("sample", [coalitions.algorithm1, coalitions.size_uniform])
def test_one_player_is_always_absent(sample: Callable[..., Tensor], generator: Generator) -> None:
    assert not sample(1, 10, generator).any()
    assert not coalitions.game(1, 10, 0.1, generator).any()


def test_draws_repeat_under_the_same_seed_and_differ_under_another() -> None:
    def draw(seed: int) -> list[Tensor]:
        generator = Generator().manual_seed(seed)
        drawn = draw_effective(generator, fraction=0.5)
        return [
            coalitions.algorithm1(12, 200, generator),
            coalitions.size_uniform(12, 200, generator),
            coalitions.game(12, 200, 0.4, generator),
            coalitions.game(30, 200, 0.4, generator),
            drawn.masks,
        ]

    assert all(torch.equal(a, b) for a, b in zip(draw(1), draw(1), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(draw(1), draw(2), strict=True))


def test_from_masks_sets_the_bits() -> None:
    assert torch.equal(coalitions.from_masks(torch.arange(256), 8), games.coalition_matrix(8))


@pytest.mark.parametrize("count", [False, True])
def test_drawn_coalitions_are_effective(count: bool, generator: Generator) -> None:
    values = voting_game()
    drawn = draw_effective(generator, fraction=0.5, count=count)
    assert len(drawn.masks) == 1000
    assert not (drawn.masks >> drawn.player & 1).any()
    assert torch.equal(drawn.contributions, values[drawn.masks | 1 << drawn.player] - values[drawn.masks])
    assert (drawn.contributions != 0).all()
    assert torch.equal(drawn.coalitions(), coalitions.from_masks(drawn.masks, 6))


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
    sizes = drawn.coalitions().sum(1).tolist()
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
    masks = [coalitions.effective(values, draws=3, fraction=1.0, generator=generator).masks for _ in range(300)]
    drawn = torch.cat(masks)
    law = torch.zeros(32, dtype=torch.float64)
    law[::2] = games.coalition_weights(5)[games.coalition_sizes(5)[::2]]
    assert p_value(drawn, law) > 1e-4


def test_rounding_noise_is_neither_effective_nor_a_group_of_its_own(generator: Generator) -> None:
    values = voting_game()
    noisy = values + 1e-6 * torch.rand(len(values), dtype=torch.float64, generator=generator)
    assert (noisy != values).all()
    exact, rounded = (
        coalitions.effective(table, draws=300, fraction=0.7, generator=Generator().manual_seed(3))
        for table in (values, noisy.float())
    )
    assert torch.equal(exact.masks, rounded.masks)
    assert torch.equal(exact.player, rounded.player)
    torch.testing.assert_close(rounded.contributions, exact.contributions, rtol=0, atol=1e-5)


def test_a_game_in_which_nobody_contributes_gives_no_draws(generator: Generator) -> None:
    drawn = coalitions.effective(torch.full((16,), 3.0), draws=10, fraction=0.5, generator=generator)
    assert len(drawn.masks) == 0
    assert drawn.coalitions().shape == (0, 4)
    assert drawn.estimate().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5, math.nan])
def test_a_fraction_outside_the_unit_interval_is_refused(fraction: float, generator: Generator) -> None:
    with pytest.raises(ValueError, match=f"fraction is {fraction}"):
        coalitions.game(4, 10, fraction, generator)
    with pytest.raises(ValueError, match=f"fraction is {fraction}"):
        draw_effective(generator, fraction=fraction)


def test_numbers_below_one_are_refused(generator: Generator) -> None:
    for sample in (coalitions.algorithm1, coalitions.size_uniform):
        with pytest.raises(ValueError, match="players is 0, expected at least 1"):
            sample(0, 10, generator)
        with pytest.raises(ValueError, match="samples is 0"):
            sample(4, 0, generator)
    with pytest.raises(ValueError, match="players is 0"):
        coalitions.game(0, 10, 0.4, generator)
    with pytest.raises(ValueError, match="draws is 0"):
        draw_effective(generator, draws=0)


@pytest.mark.parametrize("tolerance", [0.0, 1e-9, 1.0])
def test_a_tolerance_that_cannot_group_is_refused(tolerance: float, generator: Generator) -> None:
    with pytest.raises(ValueError, match=f"tolerance is {tolerance}"):
        draw_effective(generator, tolerance=tolerance)
