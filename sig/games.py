"""Cooperative games as value tables, and their exact Shapley values.

A coalition S of n players is a bit mask: bit i is set when player i is in. A game is a table of ``2**n`` values,
indexed by mask: entry 0 is the empty coalition, the last entry the full one.
"""

import math

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from sig.explicand import Explicand

MAX_PLAYERS = 26


def shapley_values(values: Float[Tensor, "*batch coalitions"]) -> Float[Tensor, "*batch players"]:
    """Exact Shapley values of every game in the batch, in float64 and the unit of the values.

    phi_i = sum over S without i of w(|S|) (v(S + i) - v(S)), computed from the equal form in which each coalition
    enters once, whoever the player is (Ruiz, Valenciano and Zarzuelo 1998, "The family of least square values"):

        phi_i = (v(N) - v(0)) / n + s_i - mean(s),   s_i = sum over S with i, S != N, of v(S) / ((n-1) C(n-2, |S|-1)).

    All s_i come from one pass that folds the table in half per player: O(2**n) time.

    Raises:
        ValueError: when the table is not ``2**n`` long with n from 1 to 26, or holds NaN or infinity.
    """
    n = table_players(values)
    low, high = _weighted_halves(values, n)
    s = torch.cat([_sums_with_each_player(low), _sums_with_each_player(high)], dim=-1)
    gain = values[..., -1:].double() - values[..., :1].double()
    return gain / n + s - s.mean(-1, keepdim=True)


@torch.no_grad()
def value_table(e: Explicand, default: Float[Tensor, "batch *features"]) -> Float[Tensor, "batch coalitions"]:
    """The game of each explicand: v(S) = F(x_S) of all ``2**n`` coalitions; players outside S take the default's.

    In float64, on the explicand's device; uses ``2**n`` forward rows per explicand.

    Raises:
        ValueError: when there are more than 26 players.
    """
    every = coalition_matrix(e.n_players).to(e.device).expand(len(e.inputs), -1, -1)
    return e.coalition_scores(every, default).double()


def coalition_weights(n: int) -> Float[Tensor, " sizes"]:
    """w(k) = k! (n-k-1)! / n! for k = 0 .. n-1, float64: the weight of one coalition of size k in a Shapley value.

    There are C(n-1, k) coalitions of size k without a given player, so every size has the same total weight 1/n.

    Raises:
        ValueError: when n is below one.
    """
    if n < 1:
        raise ValueError(f"a game of {n} players has no coalition weights; expected at least 1 player")
    return torch.tensor([1 / (n * math.comb(n - 1, k)) for k in range(n)], dtype=torch.float64)


def coalition_sizes(n: int) -> Int[Tensor, " coalitions"]:
    """|S| of each of the ``2**n`` coalitions, in the order of their masks.

    Raises:
        ValueError: when n is not between 1 and 26.
    """
    _require_listable(n)
    return by_size(torch.arange(n + 1))


def coalition_matrix(n: int) -> Bool[Tensor, "coalitions players"]:
    """Who is in each of the ``2**n`` coalitions, in the order of their masks.

    Raises:
        ValueError: when n is not between 1 and 26.
    """
    _require_listable(n)
    matrix = torch.zeros(2**n, n, dtype=torch.bool)
    for player in range(n):
        matrix.view(-1, 2, 2**player, n)[:, 1, :, player] = True
    return matrix


def marginal_contributions(
    values: Float[Tensor, "*batch coalitions"], player: int
) -> Float[Tensor, "*batch coalitions_without"]:
    """v(S + i) - v(S) for each coalition S without player i, in the order of the masks with bit i taken out.

    Raises:
        ValueError: when the table is not ``2**n`` long with n from 1 to 26, holds NaN or infinity, or has no such
            player.
    """
    n = table_players(values)
    if not 0 <= player < n:
        raise ValueError(f"the game has no player {player}, expected one of 0 .. {n - 1}")
    table = values.reshape(*values.shape[:-1], 2 ** (n - 1 - player), 2, 2**player)
    return (table[..., 1, :] - table[..., 0, :]).flatten(-2)


def by_size(per_size: Shaped[Tensor, " sizes"]) -> Shaped[Tensor, " coalitions"]:
    """``per_size[|S|]`` for each coalition S of ``len(per_size) - 1`` players, in O(2**n) and without indexing."""
    table = per_size.unsqueeze(1)
    while len(table) > 1:
        table = _with_another_player(table)
    return table[0]


def table_players(values: Float[Tensor, "*batch coalitions"]) -> int:
    """The number of players n of a value table of ``2**n`` entries.

    Raises:
        ValueError: when the table is not ``2**n`` long with n from 1 to 26, or holds NaN or infinity.
    """
    length = values.shape[-1] if values.ndim else 0
    n = length.bit_length() - 1
    if n < 1 or length != 2**n:
        raise ValueError(
            f"a value table has {length} entries, expected a power of two, 2 or more: one value for each coalition"
        )
    _require_listable(n)
    if values.numel() and not torch.stack(values.aminmax()).isfinite().all():
        bad = (~values.isfinite()).nonzero()[0].tolist()
        raise ValueError(
            f"the value table holds {values[tuple(bad)].item()} at {tuple(bad)}, expected finite values; "
            "look for the coalition that cannot be valued"
        )
    return n


def _weighted_halves(
    values: Float[Tensor, "*batch coalitions"], n: int
) -> tuple[Float[Tensor, "*batch low_coalitions"], Float[Tensor, "*batch high_coalitions"]]:
    """v(S) / ((n-1) C(n-2, |S|-1)), summed over the S that agree on the low half of players, and on the high half.

    The table is a matrix of high by low coalitions. Rows with equally many players share their weights, so that no
    second table of ``2**n`` is ever made.
    """
    n_low = n // 2
    weights = torch.tensor(_coalition_shares(n), dtype=torch.float64, device=values.device).unsqueeze(1)
    for _ in range(n_low):
        weights = _with_another_player(weights)
    sizes = by_size(torch.arange(n - n_low + 1, device=values.device))
    table = values.reshape(*values.shape[:-1], len(sizes), 2**n_low)
    low = weights.new_zeros(*values.shape[:-1], 2**n_low)
    high = weights.new_zeros(*values.shape[:-1], len(sizes))
    # A coalition is a row (its high players) and a column (its low ones); rows of equal size have the same weights.
    for size, row_weights in enumerate(weights):
        rows = (sizes == size).nonzero().squeeze(1)
        weighted = table.index_select(-2, rows) * row_weights
        low += weighted.sum(-2)
        high.index_copy_(-1, rows, weighted.sum(-1))
    return low, high


def _sums_with_each_player(table: Float[Tensor, "*batch coalitions"]) -> Float[Tensor, "*batch players"]:
    """The sum of the table over the coalitions with a player, for each, folding the table in half per player."""
    sums: list[Tensor] = []
    while table.shape[-1] > 1:
        without, including = table.chunk(2, dim=-1)
        sums.insert(0, including.sum(-1))  # the halves differ in the last player left
        table = without + including
    return torch.stack(sums, dim=-1) if sums else table[..., :0]


def _with_another_player(table: Shaped[Tensor, "sizes coalitions"]) -> Shaped[Tensor, "fewer_sizes more_coalitions"]:
    """Rows "k further players are in" turned to the same with one player made explicit, as the next bit of the mask."""
    return torch.cat([table[:-1], table[1:]], dim=1)


def _coalition_shares(n: int) -> list[float]:
    """1 / ((n-1) C(n-2, k-1)) = w(k-1) + w(k) for k = 1 .. n-1; nothing for the empty and the full coalition."""
    return [0.0, *(1 / ((n - 1) * math.comb(n - 2, k - 1)) for k in range(1, n)), 0.0]


def _require_listable(n: int) -> None:
    if n < 1:
        raise ValueError(f"{n} players form no coalitions, expected at least 1 player")
    if n > MAX_PLAYERS:
        raise ValueError(
            f"{n} players are too large for exact values (2**{n} coalitions), expected at most {MAX_PLAYERS}; "
            "estimate with permutation-shapley or kernel-shap, or join features into fewer players"
        )
