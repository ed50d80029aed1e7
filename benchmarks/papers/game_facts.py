"""What SIG and ES say of games that needs no run: arithmetic, computed exactly on the papers' own games."""

import math
from functools import cache
from itertools import product
from typing import Final, get_args

import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor, nn

from benchmarks.papers.verdicts import HELD, NOT_HELD, PROVED, Finding, conclude
from datasets.gridworld import GridWorld
from sig.effective import proportional_probability
from sig.games import (
    coalition_matrix,
    coalition_sizes,
    coalition_weights,
    marginal_contributions,
    shapley_values,
    table_players,
)
from training.tasks.gridworld import RECIPES, SHARES, Reward, Surrogate

PLAYERS: Final = {2: 12, 3: 20}  # by the number of columns, of grids with two rows
BASELINES: Final = {2: 200, 3: 1500}  # N, likewise
STEPS: Final = 50
FRACTION: Final = 0.4  # Q
CLOSE: Final = 0.9  # a rank correlation
HIDDEN: Final = (64, 32)
REWARDS: Final[tuple[Reward, ...]] = get_args(Reward)


def count_players() -> Finding:
    """The number of players of each grid."""
    found = {cols: GridWorld(2, cols, "r1").n_players for cols in PLAYERS}
    return conclude(", ".join(f"{n} in 2 x {cols}" for cols, n in found.items()), found == PLAYERS)


def check_single_baselines() -> Finding:
    """The two polynomials with which SIG motivates several baselines."""
    roots = [x**3 - 6 * x**2 + 11 * x - 6 for x in (1, 2, 3)]
    return conclude(f"F1(0) = {0 + 1}, F2(1), F2(2), F2(3) = {', '.join(map(str, roots))}", roots == [0, 0, 0])


def check_weights() -> Finding:
    """SIG's Observation 2: weights add up to 1, those of one size to 1/n, and 1/w(k) = n C(n-1, k)."""
    texts, kept = [], []
    for n in PLAYERS.values():
        weights = [math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n) for k in range(n)]
        of_sizes = [math.comb(n - 1, k) * weight for k, weight in enumerate(weights)]
        kept += [math.isclose(1 / weight, n * math.comb(n - 1, k)) for k, weight in enumerate(weights)]
        kept += [math.isclose(of_size, 1 / n) for of_size in of_sizes]
        texts.append(f"{n} players: sum {sum(of_sizes):.12g}, of each size {min(of_sizes):.6g} to {max(of_sizes):.6g}")
    return conclude("; ".join(texts), all(kept))


def check_binomial() -> Finding:
    """SIG's Observation 2 in words: C(n-1, k-1) in place of C(n-1, k), which is another number but for 2k = n."""
    n = PLAYERS[2]
    wrong = [k for k in range(1, n) if math.comb(n - 1, k - 1) != math.comb(n - 1, k)]
    text = f"of {n} players, for {len(wrong)} of the sizes 1 to {n - 1} the two binomials differ"
    return conclude(text, len(wrong) > 0)


def check_two_features() -> Finding:
    """SIG's Shapley values of two features: those of the table (v00, v10, v01, v11)."""
    v00, v10, v01, v11 = table = (0.3, 1.7, -0.4, 2.9)
    printed = ((v10 - v00) / 2 + (v11 - v01) / 2, (v01 - v00) / 2 + (v11 - v10) / 2)
    found = shapley_values(torch.tensor(table)).tolist()
    text = "; ".join(f"{a:.6g} by the formula, {b:.6g} exact" for a, b in zip(printed, found, strict=True))
    return conclude(text, all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(printed, found, strict=True)))


def check_unbiasedness() -> Finding:
    """The mean contribution over SIG's law p_i(S) = 1 / (n C(n-1, |S|)) against the Shapley value, on 2 x 2."""
    texts, kept = [], []
    for reward in REWARDS:
        values = value_game(2, reward)
        n = PLAYERS[2]
        sizes = coalition_sizes(n - 1)  # of the coalitions without a player, in the order of their contributions
        law = 1 / (n * torch.tensor([math.comb(n - 1, int(k)) for k in sizes], dtype=torch.float64))
        means = torch.stack([law @ marginal_contributions(values, player).double() for player in range(n)])
        gap = float((means - shapley_values(values)).abs().max())
        kept.append(gap < 1e-9 and math.isclose(float(law.sum()), 1))
        texts.append(f"{gap:.0e} on {reward}")
    return conclude(f"largest difference from the Shapley values {', '.join(texts)}", all(kept))


def compare_with_the_rest() -> Finding:
    """SIG's Observation 3 on 2 x 2: what players add to coalitions, against IG from these to the complete set.

    That IG is of the multilinear extension of the game (Owen 1972), which makes any game differentiable. On the line
    from S to the complete set the players outside S are each in with probability t, so that its integral for i is the
    Shapley value of i in the game that they play on top of S, and is exact.
    """
    found = {reward: _correlate_with_the_rest(value_game(2, reward)) for reward in REWARDS}
    text = ", ".join(f"{of_reward:.2f} on {reward}" for reward, of_reward in found.items())
    return Finding(
        f"rank correlation {text} (claimed above {CLOSE:g})", HELD if min(found.values()) > CLOSE else NOT_HELD
    )


def _correlate_with_the_rest(values: Float[Tensor, " coalitions"]) -> float:
    n, complete = table_players(values), len(values) - 1
    added, integrated = [], []
    for mask in range(complete):
        bits = [1 << player for player in range(n) if not mask >> player & 1]
        on_top = coalition_matrix(len(bits)).long() @ torch.tensor(bits) + mask
        added.append(values[torch.tensor(bits) + mask] - values[mask])
        integrated.append(shapley_values(values[on_top]))
    both = (torch.cat(of).round(decimals=10) for of in (added, integrated))  # so that equal numbers are tied
    return float(spearmanr(*both).statistic)


def count_extremes() -> Finding:
    """Share of Algorithm 1's draws, as printed, that have the smallest or the largest size."""
    shares = {n: float((weights := coalition_weights(n))[[0, -1]].sum() / weights.sum()) for n in PLAYERS.values()}
    text = ", ".join(f"{share:.1%} of {n} players" for n, share in shares.items())
    return conclude(f"sizes 0 and n-1 together: {text}", all(share > 0.5 for share in shares.values()))


def check_sampling_cost() -> Finding:
    """The cost of Algorithm 1's loops: a pass over the sizes draws n numbers and adds one coalition in the mean."""
    added = {n: float((weights := coalition_weights(n)).div(weights.sum()).sum()) for n in PLAYERS.values()}
    text = f"a pass over n sizes adds {', '.join(f'{mean:.6g}' for mean in added.values())} coalitions of n players in "
    text += "the mean, so that B baselines take about 2 B n operations: n^2 where B grows as n does"
    return conclude(text, all(math.isclose(mean, 1) for mean in added.values()))


def count_published_rows() -> Finding:
    """Model rows of SIG at the paper's settings against those of IG from one baseline."""
    texts = [f"{n * STEPS:,} rows against {STEPS} on 2 x {cols}, {n:,} times" for cols, n in BASELINES.items()]
    return Finding(f"at {STEPS} steps: {', '.join(texts)}", PROVED)


def check_factor() -> Finding:
    """ES's factor of the coalition of two among four players."""
    found = float(coalition_weights(4)[2])
    return conclude(f"2! 1! / 4! = {found:.4f} = 1/{1 / found:.0f}", math.isclose(found, 1 / 12))


def evaluate_theorem_2() -> Finding:
    """ES's probability, for the numbers of effective coalitions of its four games and Q = 40 %."""
    texts = []
    for cols, reward in product(PLAYERS, REWARDS):
        n = PLAYERS[cols]
        effective = count_effective(cols, reward)
        total = 2 ** (n - 1)
        probability = proportional_probability(effective, coalitions=total, selected=round(FRACTION * total))
        ends = f"{min(effective):,} to {max(effective):,} of {total:,} coalitions effective"
        texts.append(f"{f'{probability:.1e}' if probability else 'below 1e-300'} on 2 x {cols} {reward} ({ends})")
    return Finding("; ".join(texts), PROVED)


def describe_shares() -> Finding:
    """The shares of the coalitions that networks are trained on."""
    kept = list(SHARES.values()) == [0.5, 0.4]
    return conclude(", ".join(f"{share:.0%}" for share in SHARES.values()), kept)


def describe_network() -> Finding:
    """The layers of the networks that learn the games."""
    network = Surrogate(PLAYERS[2], mean=0.0, spread=1.0, recipe=RECIPES["small"]).network
    widths = [layer.out_features for layer in network if isinstance(layer, nn.Linear)][:-1]
    return conclude(f"hidden layers of {' and '.join(map(str, widths))}, with ReLU", tuple(widths) == HIDDEN)


@cache
def value_game(cols: int, reward: Reward) -> Float[Tensor, " coalitions"]:
    """The table of a grid of two rows."""
    return GridWorld(2, cols, reward).values()


@cache
def count_effective(cols: int, reward: Reward) -> tuple[int, ...]:
    """The number of coalitions to which each player contributes anything."""
    values = value_game(cols, reward)
    return tuple(int((marginal_contributions(values, player) != 0).sum()) for player in range(PLAYERS[cols]))
