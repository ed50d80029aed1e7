"""Effective coalitions: only those to which a player contributes anything (ES, Algorithm 1).

Which coalitions are effective is only known once they are valued. Valuing a fraction Q for every player takes more
rows than valuing all 2^n once, so both methods value the whole table: a fixed cost, for up to 20 players.
"""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sig import baselines, coalitions, games
from sig.baselines import Default
from sig.explicand import Explicand
from sig.methods.shapley_integrated_gradients import Direction, Normalise, integrate_over_coalitions
from sig.registry import NotApplicable, method

FAMILY = "effective-coalitions"
MAX_PLAYERS = 20


@method("effective-shapley", family=FAMILY, source="ES, Algorithm 1")
def effective_shapley(
    e: Explicand,
    *,
    draws: int = 2000,
    fraction: float = 0.4,
    count: bool = False,
    default: Default = "zero",
    generator: Generator,
) -> Tensor:
    """The sum of each player's drawn contributions, over the number of draws: a multiple of the Shapley values."""
    drawn = [
        coalitions.effective(values, draws=draws, fraction=fraction, count=count, generator=generator)
        for values in _value_tables(e, default)
    ]
    estimates = torch.stack([one.estimate() / draws for one in drawn])
    return e.spread_over_features(estimates.to(e.device))


@method("effective-sig", family=FAMILY, source="ES, Algorithm 1 and proposals 1 and 2")
def effective_sig(
    e: Explicand,
    *,
    draws: int = 200,
    fraction: float = 0.4,
    count: bool = False,
    steps: int = 50,
    default: Default = "zero",
    direction: Direction = "to-input",
    normalise: Normalise = "all",
    generator: Generator,
) -> Tensor:
    """Mean IG over the effective coalitions drawn for all players.

    Raises:
        NotApplicable: when no player contributes to any coalition.
    """
    drawn = [
        coalitions.effective(values, draws=draws, fraction=fraction, count=count, generator=generator).coalitions()
        for values in _value_tables(e, default)
    ]
    if any(len(one) == 0 for one in drawn):
        raise NotApplicable("the model gives every coalition the same score, so none is effective")
    return integrate_over_coalitions(e, torch.stack(drawn).to(e.device), default, direction, normalise, steps)


def _value_tables(e: Explicand, default: Default) -> Float[Tensor, "batch coalitions"]:
    if e.n_players > MAX_PLAYERS:
        raise NotApplicable(f"valuing all coalitions of {e.n_players} players is out of reach; up to {MAX_PLAYERS}")
    return games.value_table(e, baselines.single(e, default, known=baselines.DEFAULTS)).cpu()
