"""Samplers of coalitions: SIG's three, and the effective coalitions of ES.

A coalition is a row of booleans, ``Bool[Tensor, "samples players"]``; where a value table is at hand, a bit mask.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sig.games import MAX_PLAYERS, by_size, coalition_weights, marginal_contributions, table_players

MAX_LISTED_PLAYERS = 24


def algorithm1(n: int, samples: int, generator: torch.Generator) -> Bool[Tensor, "samples players"]:
    """Size k with probability proportional to w(k), k = 0 .. n-1, then a uniform coalition of k of the n players.

    SIG, Algorithm 1, as printed. w(k) is the weight of one coalition and not of all of its size, so nearly all draws
    have size 0 or n-1.

    Raises:
        ValueError: when n or samples is below one.
    """
    _require_positive(players=n, samples=samples)
    return _uniform_of_sizes(_draw(coalition_weights(n), samples, generator), n, generator)


def size_uniform(n: int, samples: int, generator: torch.Generator) -> Bool[Tensor, "samples players"]:
    """Size k uniform on 0 .. n-1, then a uniform coalition of k of the n players.

    SIG, proof of unbiasedness: each size weighs 1/n in a Shapley value. A coalition of size k misses player i with
    probability (n-k)/n, so i's Shapley value is the mean over draws of n/(n-k) times what i adds, 0 where i is in.

    Raises:
        ValueError: when n or samples is below one.
    """
    _require_positive(players=n, samples=samples)
    sizes = torch.randint(n, (samples,), generator=generator, device=generator.device)
    return _uniform_of_sizes(sizes, n, generator)


def game(n: int, samples: int, fraction: float, generator: torch.Generator) -> Bool[Tensor, "samples players"]:
    """A random fraction Q of all coalitions, then draws from it with replacement in proportion to w(|S|).

    SIG, appendix. Over the draws that miss player i, the mean of what i adds estimates its Shapley value. The full
    coalition is the explicand itself and has no weight, so Q is a fraction of the others; at least one is kept.

    **Reading.** Beyond 24 players the coalitions cannot be listed, and Q has no effect: a draw comes from all
    coalitions, which is P(k) proportional to C(n, k) w(k) = 1 / (n-k) for the size, then a uniform coalition of it.

    Raises:
        ValueError: when n or samples is below one, or the fraction is not in (0, 1].
    """
    _require_positive(players=n, samples=samples)
    _require_fraction(fraction)
    if n > MAX_LISTED_PLAYERS or fraction == 1:
        sizes = _draw(1 / (n - torch.arange(n, dtype=torch.float64)), samples, generator)
        return _uniform_of_sizes(sizes, n, generator)
    kept = _random_masks(2**n - 1, fraction, generator)
    weights = by_size(torch.cat([coalition_weights(n), torch.zeros(1)]).to(kept.device))
    return from_masks(kept[_draw(weights.index_select(0, kept), samples, generator)], n)


@dataclass(frozen=True)
class EffectiveDraws:
    """Effective coalitions drawn for the players of one game, ordered by player.

    Attributes:
        n_players: players of the game.
        player: whose draw it is.
        masks: the coalition drawn, without that player.
        contributions: what the player adds to it, in the unit of the values.
    """

    n_players: int
    player: Int[Tensor, " draws"]
    masks: Int[Tensor, " draws"]
    contributions: Float[Tensor, " draws"]

    def coalitions(self) -> Bool[Tensor, "draws players"]:
        """The drawn coalitions, each without the player it was drawn for."""
        return from_masks(self.masks, self.n_players)

    def estimate(self) -> Float[Tensor, " players"]:
        """The sum of each player's drawn contributions: the Shapley values, up to a common factor."""
        sums = self.contributions.new_zeros(self.n_players)
        return sums.index_add(0, self.player, self.contributions)


def effective(
    values: Float[Tensor, " coalitions"],
    *,
    draws: int,
    fraction: float,
    generator: torch.Generator,
    count: bool = False,
    tolerance: float = 1e-5,
) -> EffectiveDraws:
    """Draw from the coalitions to which a player contributes (ES, Algorithm 1).

    Of a random fraction of the coalitions without player i, those with a marginal contribution are its effective
    ones. They form groups of equal contribution j and size k, and T_i draws are shared among the groups in proportion
    to |group| * w(k), uniformly within each. A share is rounded up or down at random so that it is right on average
    (systematic sampling), and the T_i add up to ``draws``.

    **Reading.** T_i is proportional to the player's effective weight, the sum of w(|S|) over its effective
    coalitions, so that summed contributions converge to a multiple of the Shapley values. With ``count`` it is
    proportional to their number instead, as in Theorem 2, and that multiple differs from player to player.

    A network's values carry rounding noise. With a unit of ``tolerance`` times the spread of the values (largest minus
    smallest), contributions up to one unit count as zero, and contributions that round to the same number of units as
    equal. A game in which nobody contributes gives no draws.

    Raises:
        ValueError: when the table is not ``2**n`` long with n from 1 to 26 or holds NaN or infinity, ``draws`` is below
            one, the fraction is not in (0, 1], or the tolerance not in [1e-7, 1).
    """
    n = table_players(values)
    _require_positive(draws=draws)
    _require_fraction(fraction)
    if not 1e-7 <= tolerance < 1:
        raise ValueError(f"tolerance is {tolerance}, expected a share of the spread of the values in [1e-7, 1)")
    values = values.double()
    unit = tolerance * (values.max() - values.min())
    sizes = by_size(torch.arange(n, dtype=torch.int32, device=values.device))
    pools = []
    for player in range(n):
        contributions = marginal_contributions(values, player)
        kept = _random_masks(len(contributions), fraction, generator).to(values.device)
        pools.append(
            _effective_pool(player, kept, contributions.index_select(0, kept), sizes.index_select(0, kept), unit)
        )
    chosen = _systematic(torch.cat([_shares(pool.sizes, n, count) for pool in pools]), draws, generator)
    return EffectiveDraws(
        n,
        player=torch.cat([torch.full_like(pool.masks, player) for player, pool in enumerate(pools)])[chosen],
        masks=torch.cat([pool.masks for pool in pools])[chosen],
        contributions=torch.cat([pool.contributions for pool in pools])[chosen],
    )


def from_masks(masks: Int[Tensor, " samples"], n: int) -> Bool[Tensor, "samples players"]:
    """Bit masks as coalitions: player i is in when bit i is set."""
    return (masks.unsqueeze(1) >> torch.arange(n, device=masks.device) & 1).bool()


class _Pool(NamedTuple):
    """One player's effective coalitions, group by group."""

    masks: Int[Tensor, " effective"]
    contributions: Float[Tensor, " effective"]
    sizes: Int[Tensor, " effective"]


def _effective_pool(
    player: int,
    others: Int[Tensor, " kept"],
    contributions: Float[Tensor, " kept"],
    sizes: Int[Tensor, " kept"],
    unit: Float[Tensor, ""],
) -> _Pool:
    """The effective ones among coalitions of the other players, sorted by contribution, in units, and size."""
    effective = contributions.abs() > unit
    others, contributions, sizes = (each.masked_select(effective) for each in (others, contributions, sizes))
    groups = (contributions / unit).round().int() * MAX_PLAYERS + sizes
    order = groups.argsort(stable=True)  # coalitions arrive in random order, and stay so within a group
    low = others & (2**player - 1)
    masks = (others - low) * 2 + low
    return _Pool(*(each.index_select(0, order) for each in (masks, contributions, sizes)))


def _shares(sizes: Int[Tensor, " effective"], n: int, count: bool) -> Float[Tensor, " effective"]:
    """What each of a player's effective coalitions weighs in the draws: w(|S|), or that scaled to a mean of one."""
    shares = coalition_weights(n).to(sizes.device).index_select(0, sizes)
    return shares / shares.mean() if count else shares


def _systematic(shares: Float[Tensor, " items"], draws: int, generator: torch.Generator) -> Int[Tensor, " draws"]:
    """Items in proportion to their shares, any run of items its exact number of draws rounded up or down."""
    if len(shares) == 0:
        return torch.zeros(0, dtype=torch.int64, device=shares.device)
    offset = torch.rand(1, dtype=torch.float64, generator=generator, device=generator.device).to(shares.device)
    steps = (torch.arange(draws, device=shares.device) + offset) / draws
    edges = shares.cumsum(0)
    return torch.searchsorted(edges, steps * edges[-1], right=True).clamp(max=len(shares) - 1)


def _draw(weights: Float[Tensor, " items"], samples: int, generator: torch.Generator) -> Int[Tensor, " samples"]:
    return torch.multinomial(weights.to(generator.device), samples, replacement=True, generator=generator)


def _random_masks(total: int, fraction: float, generator: torch.Generator) -> Int[Tensor, " kept"]:
    """A random fraction of ``0 .. total-1``, at least one of them, in random order."""
    # several times faster than randperm, whose shuffle jumps through memory
    keys = torch.randint(2**31 - 1, (total,), dtype=torch.int32, generator=generator, device=generator.device)
    return keys.argsort(stable=True)[: max(1, round(fraction * total))]


def _uniform_of_sizes(
    sizes: Int[Tensor, " samples"], n: int, generator: torch.Generator
) -> Bool[Tensor, "samples players"]:
    """A uniform coalition of each given size: the first so many players of a random order."""
    order = torch.rand(len(sizes), n, dtype=torch.float64, generator=generator, device=generator.device).argsort(1)
    first = torch.arange(n, device=order.device) < sizes.unsqueeze(1)
    return torch.zeros_like(first).scatter(1, order, first)


def _require_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} is {number}, expected at least 1")


def _require_fraction(fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}, expected a share of the coalitions in (0, 1]; use 0.4 for 40 %")
