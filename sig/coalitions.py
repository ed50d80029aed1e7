"""Samplers of coalitions: SIG's three, and coalitions without each player.

A coalition is a row of booleans, ``Bool[Tensor, "samples players"]``; where a value table is at hand, a bit mask.

Sizes are drawn by systematic sampling: of m draws each size gets its expected number, rounded up or down at random, and
the draws come in random order. So each draw follows the law that is stated, and the mean over draws varies less.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from sig.games import by_size, coalition_weights

MAX_LISTED_PLAYERS = 24


def algorithm1(n: int, samples: int, generator: Generator) -> Bool[Tensor, "samples players"]:
    """Size k with probability proportional to w(k), k = 0 .. n-1, then a uniform coalition of k of the n players.

    SIG, Algorithm 1, as printed. w(k) is the weight of one coalition and not of all of its size, so nearly all draws
    have size 0 or n-1.

    Raises:
        ValueError: when n or samples is below one.
    """
    require_positive(players=n, samples=samples)
    return _uniform_of_sizes(_stratified(coalition_weights(n), samples, generator), n, generator)


def size_uniform(
    n: int, samples: int, generator: Generator, *, sizes: range | None = None
) -> Bool[Tensor, "samples players"]:
    """Size k uniform on ``sizes``, 0 .. n-1 unless given, then a uniform coalition of k of the n players.

    SIG, proof of unbiasedness: each size weighs 1/n in a Shapley value. A coalition of size k misses player i with
    probability (n-k)/n, so i's Shapley value is the mean over draws of n/(n-k) times what i adds, 0 where i is in.

    Raises:
        ValueError: when n or samples is below one, or the sizes are not among 0 .. n.
    """
    require_positive(players=n, samples=samples)
    sizes = range(n) if sizes is None else sizes
    if not sizes or not 0 <= min(sizes) <= max(sizes) <= n:
        raise ValueError(f"sizes are {sizes}, expected some of 0 .. {n}")
    drawn = _stratified(torch.ones(len(sizes), dtype=torch.float64), samples, generator)
    return _uniform_of_sizes(torch.tensor(sizes, device=drawn.device)[drawn], n, generator)


def game(n: int, samples: int, fraction: float, generator: Generator) -> Bool[Tensor, "samples players"]:
    """A random fraction Q of all coalitions, then draws from it with replacement in proportion to w(|S|).

    SIG, appendix. Over the draws that miss player i, the mean of what i adds estimates its Shapley value. The full
    coalition is the explicand itself and has no weight, so Q is a fraction of the others; at least one is kept.

    **Reading.** Beyond 24 players the coalitions cannot be listed, and Q has no effect: a draw comes from all
    coalitions, which is P(k) proportional to C(n, k) w(k) = 1 / (n-k) for the size, then a uniform coalition of it.

    Raises:
        ValueError: when n or samples is below one, or the fraction is not in (0, 1].
    """
    require_positive(players=n, samples=samples)
    require_fraction(fraction)
    if n > MAX_LISTED_PLAYERS or fraction == 1:
        sizes = _stratified(1 / (n - torch.arange(n, dtype=torch.float64)), samples, generator)
        return _uniform_of_sizes(sizes, n, generator)
    kept = random_masks(2**n - 1, fraction, generator)
    weights = by_size(torch.cat([coalition_weights(n), torch.zeros(1)]).to(kept.device)).index_select(0, kept)
    drawn = torch.multinomial(weights.to(generator.device), samples, replacement=True, generator=generator)
    return from_masks(kept[drawn], n)


def without_each(n: int, samples: int, generator: Generator) -> Bool[Tensor, "players samples players"]:
    """Coalitions of the others, ``samples`` for each player: size uniform on 0 .. n-1, then uniform of that size.

    The mean of what a player adds to its coalitions estimates its Shapley value.

    Raises:
        ValueError: when n or samples is below one.
    """
    require_positive(players=n, samples=samples)
    drawn = torch.zeros(n, samples, n, dtype=torch.bool, device=generator.device)
    for player in range(n):
        others = torch.arange(n, device=generator.device) != player
        sizes = _stratified(torch.ones(n, dtype=torch.float64), samples, generator)
        drawn[player, :, others] = _uniform_of_sizes(sizes, n - 1, generator)
    return drawn


def from_masks(masks: Int[Tensor, " samples"], n: int) -> Bool[Tensor, "samples players"]:
    """Bit masks as coalitions: player i is in when bit i is set."""
    return (masks.unsqueeze(1) >> torch.arange(n, device=masks.device) & 1).bool()


def systematic(shares: Float[Tensor, " items"], draws: int, generator: Generator) -> Int[Tensor, " draws"]:
    """Items in proportion to their shares and in their order, any run of items its exact number of draws rounded up or
    down; none where there are no items."""
    if len(shares) == 0:
        return torch.zeros(0, dtype=torch.int64, device=shares.device)
    offset = torch.rand(1, dtype=torch.float64, generator=generator, device=generator.device).to(shares.device)
    steps = (torch.arange(draws, device=shares.device) + offset) / draws
    edges = shares.cumsum(0)
    return torch.searchsorted(edges, steps * edges[-1], right=True).clamp(max=len(shares) - 1)


def random_masks(total: int, fraction: float, generator: Generator) -> Int[Tensor, " kept"]:
    """A random fraction of ``0 .. total-1``, at least one of them, in random order."""
    # several times faster than randperm, whose shuffle jumps through memory
    keys = torch.randint(2**31 - 1, (total,), dtype=torch.int32, generator=generator, device=generator.device)
    return keys.argsort(stable=True)[: max(1, round(fraction * total))]


def require_positive(**numbers: int) -> None:
    """Raise ``ValueError`` where a number is below one."""
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} is {number}, expected at least 1")


def require_fraction(fraction: float) -> None:
    """Raise ``ValueError`` unless the fraction is in (0, 1]."""
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}, expected a share of the coalitions in (0, 1]; use 0.4 for 40 %")


def _stratified(law: Float[Tensor, " items"], samples: int, generator: Generator) -> Int[Tensor, " samples"]:
    """Items by systematic sampling, in random order."""
    drawn = systematic(law.to(generator.device), samples, generator)
    return drawn[torch.randperm(samples, generator=generator, device=generator.device)]


def _uniform_of_sizes(sizes: Int[Tensor, " samples"], n: int, generator: Generator) -> Bool[Tensor, "samples players"]:
    """A uniform coalition of each given size: the first so many players of a random order."""
    order = torch.rand(len(sizes), n, dtype=torch.float64, generator=generator, device=generator.device).argsort(1)
    first = torch.arange(n, device=order.device) < sizes.unsqueeze(1)
    return torch.zeros_like(first).scatter(1, order, first)
