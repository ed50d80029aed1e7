import math
from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Generator, Tensor

from sig import coalitions, games
from tests.sig.laws import masks_of, p_value

N = 5
SAMPLES = 20_000


def law_over_coalitions(size_law: Tensor) -> Tensor:
    """The probability of each coalition when its size follows ``size_law`` and it is uniform given its size."""
    sizes = games.coalition_sizes(N)
    return torch.cat([size_law, torch.zeros(1)])[sizes] / torch.bincount(sizes)[sizes]


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
        return [
            coalitions.algorithm1(12, 200, generator),
            coalitions.size_uniform(12, 200, generator),
            coalitions.game(12, 200, 0.4, generator),
            coalitions.game(30, 200, 0.4, generator),
            coalitions.without_each(12, 30, generator),
        ]

    assert all(torch.equal(a, b) for a, b in zip(draw(1), draw(1), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(draw(1), draw(2), strict=True))


def test_from_masks_sets_the_bits() -> None:
    assert torch.equal(coalitions.from_masks(torch.arange(256), 8), games.coalition_matrix(8))


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5, math.nan])
def test_a_fraction_outside_the_unit_interval_is_refused(fraction: float, generator: Generator) -> None:
    with pytest.raises(ValueError, match=f"fraction is {fraction}"):
        coalitions.game(4, 10, fraction, generator)


def test_numbers_below_one_are_refused(generator: Generator) -> None:
    for sample in (coalitions.algorithm1, coalitions.size_uniform, coalitions.without_each):
        with pytest.raises(ValueError, match="players is 0, expected at least 1"):
            sample(0, 10, generator)
        with pytest.raises(ValueError, match="samples is 0"):
            sample(4, 0, generator)
    with pytest.raises(ValueError, match="players is 0"):
        coalitions.game(0, 10, 0.4, generator)


@pytest.mark.parametrize("sizes", [range(0), range(-1, 3), range(2, 6)])
def test_sizes_that_do_not_exist_are_refused(sizes: range, generator: Generator) -> None:
    with pytest.raises(ValueError, match=r"sizes are .*, expected some of 0 .. 4"):
        coalitions.size_uniform(4, 10, generator, sizes=sizes)


LAWS = {
    "algorithm1": (coalitions.algorithm1, games.coalition_weights(N)),
    "size-uniform": (coalitions.size_uniform, torch.ones(N)),
    "game": (lambda n, m, g: coalitions.game(n, m, 1.0, g), 1 / (N - torch.arange(N))),
}


@pytest.mark.parametrize("name", LAWS)
def test_each_draw_of_a_few_follows_the_law(name: str, generator: Generator) -> None:
    """Stratified sizes are dependent; the first of three draws alone is as good as any."""
    sample, law = LAWS[name]
    first = torch.stack([sample(N, 3, generator)[0] for _ in range(4000)])
    assert p_value(masks_of(first), law_over_coalitions(law.double() / law.sum())) > 1e-4


@pytest.mark.parametrize("name", LAWS)
def test_each_size_gets_its_expected_number_up_to_one(name: str, generator: Generator) -> None:
    sample, law = LAWS[name]
    for samples in (1, 7, 40):
        counts = torch.bincount(sample(N, samples, generator).sum(1), minlength=N)
        assert ((counts - samples * law / law.sum()).abs() < 1 + 1e-9).all()


def test_stratified_sizes_vary_the_mean_less_than_independent_ones(generator: Generator) -> None:
    """The size is all that this game counts: 16 independent draws of 0 .. 4 have a variance of 2 / 16."""
    means = torch.tensor([coalitions.size_uniform(N, 16, generator).sum(1).double().mean() for _ in range(500)])
    assert means.var() < 0.1 * 2 / 16
    assert abs(means.mean() - 2) < 4 * means.std() / 500**0.5


def test_sizes_can_be_given(generator: Generator) -> None:
    drawn = coalitions.size_uniform(N, 600, generator, sizes=range(1, N + 1))
    assert torch.bincount(drawn.sum(1)).tolist() == [0, 120, 120, 120, 120, 120]


def test_coalitions_without_each_player(generator: Generator) -> None:
    """Without player i, a coalition of the others has probability 1 / (n C(n-1, k))."""
    drawn = coalitions.without_each(N, SAMPLES, generator)
    law = torch.zeros(2**N, dtype=torch.float64)
    for player in range(N):
        assert not drawn[player, :, player].any()
        without = torch.tensor([not mask >> player & 1 for mask in range(2**N)])
        law = torch.cat([games.coalition_weights(N), torch.zeros(1)])[games.coalition_sizes(N)] * without
        assert p_value(masks_of(drawn[player]), law) > 1e-4
    assert coalitions.without_each(1, 3, generator).tolist() == [[[False]] * 3]
