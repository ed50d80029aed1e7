"""Shapley values of the game v(S) = E[F(X) | X_S = x_S], where the data say what absent players look like.

**Reading.** A background is a sample, and for continuous data hardly ever has a member that agrees with the explicand
on S. So members count the more, the better they agree (Aas, Jullum and Loland 2021, section 3.3, "empirical"):

    v(S) = sum_k w_k F(x_S, b_k outside S) / sum_k w_k,    w_k = exp(-D_S(x, b_k)^2 / (2 bandwidth^2)),

with D_S^2 the mean, over the features of S, of the squared difference in units of the feature's standard deviation in
the background. As the bandwidth goes to 0, members that agree get all the weight where there are any: the conditional
expectation of discrete data. A large bandwidth ignores all dependence: the interventional values.
"""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sig import games
from sig.explicand import Explicand
from sig.registry import NotApplicable, method

EXACT_PLAYERS = 16


@method("shap", family="shapley", source="Lundberg and Lee 2017, eq. 9 and 10", spend=("evaluations",), gradient=False)
def shap(e: Explicand, *, bandwidth: float = 0.1, evaluations: int = 2**EXACT_PLAYERS, generator: Generator) -> Tensor:
    """Exact over all 2^n coalitions, for up to 16 players; each is valued over the background.

    Where the evaluations do not suffice for 2^n times the whole background, each coalition takes the members of the
    background that agree best with the explicand, as many as are affordable; the empty coalition takes random ones,
    drawn anew for each explicand.

    Raises:
        NotApplicable: when there are more players, or fewer evaluations than coalitions.
        ValueError: when the bandwidth is not positive.
    """
    if bandwidth <= 0:
        raise ValueError(f"bandwidth is {bandwidth}, expected a positive number of standard deviations")
    if e.n_players > EXACT_PLAYERS:
        raise NotApplicable(f"valuing all coalitions of {e.n_players} players is out of reach; up to {EXACT_PLAYERS}")
    affordable = evaluations // 2**e.n_players
    if affordable < 1:
        raise NotApplicable(
            f"{e.n_players} players take at least {2**e.n_players} model rows, more than the {evaluations} given"
        )
    members = min(affordable, len(e.background))
    starts, tables = [], []
    for index in range(len(e.inputs)):
        shuffled = e.background[torch.randperm(len(e.background), generator=generator).to(e.device)]
        tables.append(_value_table(e.only(index), shuffled, members, bandwidth))
        starts.append(shuffled[:members])
    e.tally.paths = (torch.stack(starts), e.inputs.unsqueeze(1))
    return e.spread_over_features(games.shapley_values(torch.stack(tables)))


@torch.no_grad()
def _value_table(
    one: Explicand, background: Float[Tensor, "members *features"], members: int, bandwidth: float
) -> Float[Tensor, " coalitions"]:
    """v(S) of a single explicand; each coalition takes as many members, the first among equals."""
    squares = _squared_differences(one, background)
    sizes = one.player_sizes.to(squares)
    values = []
    for coalitions in games.coalition_matrix(one.n_players).to(one.device).split(max(1, one.rows_per_batch // members)):
        inside = coalitions.to(squares)
        distance = (inside @ squares) / (inside @ sizes).clamp(min=1).unsqueeze(1)
        nearest, chosen = (part[:, :members] for part in distance.sort(dim=1, stable=True))
        weights = torch.softmax(-nearest / (2 * bandwidth**2), dim=1)
        points = torch.where(coalitions[:, one.players].unsqueeze(1), one.inputs, background[chosen])
        owner = torch.zeros(chosen.numel(), dtype=torch.long, device=one.device)
        values.append((weights * one.scores(points.flatten(0, 1), owner).view(chosen.shape).double()).sum(1))
    return torch.cat(values)


def _squared_differences(
    one: Explicand, background: Float[Tensor, "members *features"]
) -> Float[Tensor, "players members"]:
    """The sum over a player's features, for each player, of the squared difference in standard deviations, in float64.

    A feature that is the same throughout the background is measured in its own units.
    """
    deviation = background.double().std(0, correction=0)
    scaled = (one.inputs - background) / torch.where(deviation > 0, deviation, 1.0)
    return one.player_sums(scaled.square()).T
