"""Shapley values of the game v(S) = F(x_S), where players outside the coalition S take the default's values.

Each player's value is shared equally among its features. ``default`` names the input whose values absent players take.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from sig import baselines, games
from sig.baselines import Default
from sig.explicand import Explicand
from sig.registry import NotApplicable, method

FAMILY = "shapley"
EXACT_PLAYERS = 16


@method(
    "bshap",
    family=FAMILY,
    source="Sundararajan and Najmi 2020, section 3 (BShap)",
    spend=("evaluations",),
    gradient=False,
)
def bshap(
    e: Explicand, *, evaluations: int = 2**EXACT_PLAYERS, default: Default = "zero", generator: Generator
) -> Tensor:
    """Exact over all 2^n coalitions for up to 16 players, when the evaluations suffice; else sampled permutations."""
    if e.n_players <= EXACT_PLAYERS and 2**e.n_players <= evaluations:
        return to_features(e, games.shapley_values(games.value_table(e, absent_input(e, default))))
    return permutation_shapley(e, evaluations=evaluations, default=default, generator=generator)


@method(
    "permutation-shapley",
    family=FAMILY,
    source="Castro et al. 2009, section 3; reversed pairs as in Mitchell et al. 2022",
    spend=("evaluations",),
    gradient=False,
)
def permutation_shapley(
    e: Explicand, *, evaluations: int = 1000, default: Default = "zero", generator: Generator
) -> Tensor:
    """The mean marginal contribution over random permutations, phi_i = mean over P of v(pre_i(P) + i) - v(pre_i(P)).

    Every other permutation is the one before in reverse. Each is uniform, and where a player joins early in one and
    late in the other, their mean varies less. A permutation takes n - 1 evaluations, its two ends, common to all, two
    more in total.

    Raises:
        NotApplicable: when the evaluations do not suffice for one permutation.
    """
    batch, n = len(e.inputs), e.n_players
    permutations = (evaluations - 2) // max(1, n - 1)
    if permutations < 1:
        raise NotApplicable(f"{n} players take {n + 1} model rows, more than the {evaluations} given")
    absent = absent_input(e, default)
    arrival = _arrivals(batch, permutations, n, generator).to(e.device)
    joined = arrival.unsqueeze(2) < torch.arange(1, n, device=e.device).view(-1, 1)
    inner = e.coalition_scores(joined.flatten(1, 2), absent).view(batch, permutations, n - 1)
    ends = e.coalition_scores(_empty_and_full(e), absent).unsqueeze(1).expand(-1, permutations, -1)
    values = torch.cat([ends[..., :1], inner, ends[..., 1:]], -1)
    contributions = values.diff(dim=-1).gather(-1, arrival)  # the step at which a player joins is its contribution
    return to_features(e, contributions.double().mean(1))


def absent_input(e: Explicand, default: Default) -> Float[Tensor, "batch *features"]:
    """The input of this name; noted on the tally, as the values sum to F(x) - F(default).

    Raises:
        ValueError: on an unknown name.
    """
    absent = baselines.single(e, default, known=baselines.DEFAULTS)
    e.tally.paths = (absent.unsqueeze(1), e.inputs.unsqueeze(1))
    return absent


def to_features(e: Explicand, values: Float[Tensor, "batch players"]) -> Float[Tensor, "batch *features"]:
    """Players' values, shared equally among their features."""
    return e.spread_over_features(values.to(e.device))


def _arrivals(batch: int, permutations: int, n: int, generator: Generator) -> Int[Tensor, "batch permutations players"]:
    """When each player joins, in random permutations, each followed by its reverse."""
    drawn = torch.rand(batch, (permutations + 1) // 2, n, generator=generator).argsort(-1)
    return torch.stack([drawn, n - 1 - drawn], 2).flatten(1, 2)[:, :permutations]


def _empty_and_full(e: Explicand) -> Bool[Tensor, "batch 2 players"]:
    ends = torch.zeros(len(e.inputs), 2, e.n_players, dtype=torch.bool, device=e.device)
    ends[:, 1] = True
    return ends
