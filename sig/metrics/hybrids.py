"""Hybrids of explicand and baseline, all of them; shared by the metrics that judge attributions against what swaps do.

In a hybrid every player takes either the explicand's values or the baseline's (ICG, section 2): a coalition. The
baseline ``certainty`` is that of a certainty-aware model: the player keeps its values, at certainty 1 or 0.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from sig import baselines, certainty, games
from sig.explicand import Explicand, Tally
from sig.registry import NotApplicable

Baseline = Literal["zero", "mean", "middle", "certainty"]

MAX_PLAYERS = 12


def swap_effects(e: Explicand, baseline: Baseline) -> Float[Tensor, "batch players hybrids"]:
    """What changes in F, in float64, when a player goes from the baseline's values to the explicand's, in each hybrid
    of the others; the rows it takes are not counted on ``e``.

    Raises:
        NotApplicable: when there are more than 12 players, or ``certainty`` is asked of a model that does not see it.
        ValueError: on an unknown baseline.
    """
    if e.n_players > MAX_PLAYERS:
        raise NotApplicable(f"{e.n_players} players have too many hybrids to try all; up to {MAX_PLAYERS}")
    values = games.value_table(*_seen_and_default(e.with_tally(Tally()), baseline))
    return torch.stack([games.marginal_contributions(values, player) for player in range(e.n_players)], dim=1)


def _seen_and_default(e: Explicand, baseline: Baseline) -> tuple[Explicand, Float[Tensor, "batch *features"]]:
    """The explicand as the model sees it, and what players outside a hybrid's coalition take."""
    if baseline == "certainty":
        aware = certainty.explicand_with_certainty(e)
        return aware, certainty.with_certainty(e.inputs, torch.zeros_like(e.inputs))
    return e, baselines.single(e, baseline, known=get_args(Baseline))
