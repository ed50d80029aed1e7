"""Effective coalitions: those to which a player contributes anything (ES, section 4.2 and Algorithm 1).

Of the coalitions without player i that are valued, those with a marginal contribution that is not zero are its
effective ones. They form groups of equal contribution j and size k, and T_i draws are shared among the groups in
proportion to |group| * w(k), uniformly within each. A share is rounded up or down at random so that it is right on
average (systematic sampling), and the T_i add up to the number of draws.

**Reading.** T_i is proportional to the player's effective weight, the sum of w(|S|) over its effective coalitions, so
that summed contributions converge to a multiple of the Shapley values. With ``count`` it is proportional to their
number instead, as in Theorem 2, and that multiple differs from player to player.

A network's values carry rounding noise. With a unit of ``tolerance`` times the spread of the values (largest minus
smallest), contributions up to one unit count as zero, and contributions that round to the same number of units as
equal. A game in which nobody contributes gives no draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import stats
from torch import Generator, Tensor

from sig.coalitions import from_masks, random_masks, require_fraction, require_positive, systematic
from sig.games import by_size, coalition_weights, marginal_contributions, table_players


@dataclass(frozen=True)
class EffectiveDraws:
    """Effective coalitions drawn for the players of one game, ordered by player.

    Attributes:
        player: whose draw it is.
        coalitions: the coalition drawn, without that player.
        contributions: what the player adds to it, in the unit of the values.
    """

    player: Int[Tensor, " draws"]
    coalitions: Bool[Tensor, "draws players"]
    contributions: Float[Tensor, " draws"]

    def estimate(self) -> Float[Tensor, " players"]:
        """The sum of each player's drawn contributions: the Shapley values, up to a common factor."""
        sums = self.contributions.new_zeros(self.coalitions.shape[1])
        return sums.index_add(0, self.player, self.contributions)


def from_table(
    values: Float[Tensor, " coalitions"],
    *,
    draws: int,
    fraction: float,
    generator: Generator,
    count: bool = False,
    tolerance: float = 1e-5,
) -> EffectiveDraws:
    """Draws from a random fraction of the coalitions without each player, where all ``2**n`` are valued.

    **Reading.** The fraction is taken of the coalitions of each size ("subsets grouped by length"), at least one of
    them, which stand for the others: |group| is estimated for all coalitions.

    Raises:
        ValueError: when the table is not ``2**n`` long with n from 1 to 26 or holds NaN or infinity, ``draws`` is below
            one, the fraction is not in (0, 1], or the tolerance not in [1e-7, 1).
    """
    n = table_players(values)
    require_fraction(fraction)
    values = values.double()
    unit = _unit(values, tolerance)
    sizes = by_size(torch.arange(n, device=values.device))
    pools = []
    for player in range(n):
        kept, numbers = _fraction_of_each_size(sizes, fraction, generator)
        low = kept & (2**player - 1)
        contributions = marginal_contributions(values, player)
        valued = _Pool((kept - low) * 2 + low, contributions[kept], sizes[kept], numbers)
        pools.append(_effective(valued, n, unit))
    whose, masks, added = _draw(pools, n, draws, count, generator)
    return EffectiveDraws(whose, from_masks(masks, n), added)


def from_sample(
    coalitions: Bool[Tensor, "players samples players"],
    without: Float[Tensor, "players samples"],
    including: Float[Tensor, "players samples"],
    *,
    draws: int,
    generator: Generator,
    count: bool = False,
    tolerance: float = 1e-5,
) -> EffectiveDraws:
    """Draws from a sample of the coalitions without each player, sizes equally often (``coalitions.without_each``).

    Among C(n-1, k) coalitions of size k, one of the sample stands for a number in proportion to that, by which the
    groups of all coalitions are estimated: |group| * w(k) is in proportion to how often the group was sampled, since
    C(n-1, k) w(k) = 1/n.

    Args:
        without, including: the value of each coalition, and with the player.

    Raises:
        ValueError: when ``draws`` is below one, or the tolerance not in [1e-7, 1).
    """
    n, samples = coalitions.shape[:2]
    without, including = without.double(), including.double()
    unit = _unit(torch.stack([without, including]), tolerance)
    contributions, sizes = including - without, coalitions.sum(2).to(unit.device)
    of_size = torch.tensor([float(math.comb(n - 1, k)) for k in range(n)], dtype=torch.float64, device=unit.device)
    rows = torch.arange(n * samples, device=unit.device).view(n, samples)
    valued = [_Pool(rows[i], contributions[i], sizes[i], of_size[sizes[i]]) for i in range(n)]
    whose, drawn, added = _draw([_effective(pool, n, unit) for pool in valued], n, draws, count, generator)
    return EffectiveDraws(whose, coalitions.flatten(0, 1).to(drawn.device)[drawn], added)


def proportional_probability(effective: Sequence[int], *, coalitions: int, selected: int) -> float:
    """The probability that a random selection finds effective coalitions in exactly the players' proportions (ES,
    Theorem 2).

    Player j has |e_j| effective ones among |n_j| coalitions without it, of which |b_j| are selected at random, apart
    from the other players'. Of them a_j are effective: P(a_j) = C(|e_j|, a_j) C(|n_j| - |e_j|, |b_j| - a_j) /
    C(|n_j|, |b_j|). The event, in A.2, is a_1 : .. : a_N = e_1 : .. : e_N, with something found; so a_j = t e_j / g,
    with g the greatest common divisor of the |e_j|, and

        P = sum over t = 1, 2, .. of product over j of P(a_j = t |e_j| / g).

    **Reading.** The formula as printed lacks the denominators C(|n_j|, |b_j|), without which it is no probability. A
    player without effective coalitions finds none, which is in proportion.

    Args:
        effective: |e_j| of each player.
        coalitions: |n_j| of each, ``2**(n-1)`` in a game of n players.
        selected: |b_j| of each.

    Raises:
        ValueError: when a player has more effective coalitions than there are, nobody has any, or more are selected
            than there are.
    """
    if not effective or min(effective) < 0 or not 0 < max(effective) <= coalitions:
        raise ValueError(f"effective coalitions number {list(effective)}, expected some, of {coalitions} at most each")
    if not 0 < selected <= coalitions:
        raise ValueError(f"selected are {selected}, expected some of the {coalitions} coalitions")
    ratios = np.array(effective) // math.gcd(*effective)
    multiples = np.arange(1, selected // ratios.max() + 1)
    found = stats.hypergeom(coalitions, np.array(effective), selected).pmf(multiples[:, None] * ratios)
    return float(found.prod(1).sum())


class _Pool(NamedTuple):
    """The coalitions drawn for one player, what it adds to them, their sizes, and how many each stands for."""

    which: Int[Tensor, " pool"]
    contributions: Float[Tensor, " pool"]
    sizes: Int[Tensor, " pool"]
    numbers: Float[Tensor, " pool"]


def _unit(values: Float[Tensor, "*any"], tolerance: float) -> Float[Tensor, ""]:
    if not 1e-7 <= tolerance < 1:
        raise ValueError(f"tolerance is {tolerance}, expected a share of the spread of the values in [1e-7, 1)")
    return tolerance * (values.max() - values.min())


def _fraction_of_each_size(
    sizes: Int[Tensor, " coalitions"], fraction: float, generator: Generator
) -> tuple[Int[Tensor, " kept"], Float[Tensor, " kept"]]:
    """A random fraction of the coalitions of each size, at least one, and how many each of them stands for."""
    shuffled = random_masks(len(sizes), 1.0, generator).to(sizes.device)
    grouped = shuffled[sizes[shuffled].argsort(stable=True)]
    totals = torch.bincount(sizes)
    quotas = (fraction * totals).round().long().clamp(min=1)
    # A coalition's rank among the shuffled ones of its size: its index less the number of smaller coalitions.
    rank = torch.arange(len(sizes), device=sizes.device) - (totals.cumsum(0) - totals)[sizes[grouped]]
    kept = grouped[rank < quotas[sizes[grouped]]]
    return kept, (totals.double() / quotas)[sizes[kept]]


def _effective(valued: _Pool, n: int, unit: Float[Tensor, ""]) -> _Pool:
    """The effective coalitions of the pool, sorted by contribution, in units, and size."""
    effective = valued.contributions.abs() > unit
    which, contributions, sizes, numbers = (each[effective] for each in valued)
    # One number for each pair of contribution j and size k, j n + k, which sorts by j and then by k, since k < n.
    groups = (contributions / unit).round().long() * n + sizes
    order = groups.argsort(stable=True)  # coalitions arrive in random order, and stay so within a group
    return _Pool(*(each[order] for each in (which, contributions, sizes, numbers)))


def _draw(
    pools: Sequence[_Pool], n: int, draws: int, count: bool, generator: Generator
) -> tuple[Int[Tensor, " draws"], Int[Tensor, " draws"], Float[Tensor, " draws"]]:
    """The player of each draw, its coalition, and what the player adds.

    Draws are in proportion to how many a coalition stands for times w(|S|), or to that scaled so that the player's
    total is its number of coalitions.
    """
    require_positive(draws=draws)
    weights = coalition_weights(n).to(pools[0].numbers.device)
    shares = [weights[pool.sizes] * pool.numbers for pool in pools]
    if count:
        shares = [own * pool.numbers.sum() / own.sum() for own, pool in zip(shares, pools, strict=True)]
    chosen = systematic(torch.cat(shares), draws, generator)
    player = torch.cat([torch.full_like(pool.which, player) for player, pool in enumerate(pools)])
    which = torch.cat([pool.which for pool in pools])
    contributions = torch.cat([pool.contributions for pool in pools])
    return player[chosen], which[chosen], contributions[chosen]
