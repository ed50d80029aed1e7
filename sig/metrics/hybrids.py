"""Hybrids of explicand and baseline, all of them; shared by the metrics that judge attributions against what swaps do.

In a hybrid every player takes either the explicand's values or the baseline's (ICG, section 3.2): a coalition. The
baseline is one of a name, the same for every method, or each method's own: where the paths start that it attributed
along. In a certainty-aware model a player may hold its values, and go from certainty 0 to 1.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from sig import baselines, certainty, games
from sig.explicand import Explicand, Tally
from sig.registry import NotApplicable, Trial

Baseline = Literal["zero", "mean", "middle", "certainty"]

MAX_PLAYERS = 12


def swap_effects(e: Explicand, baseline: Baseline) -> Float[Tensor, "batch players hybrids"]:
    """The change of F, in float64, when a player goes from the baseline's values to the explicand's, in each hybrid
    of the others; the rows it takes are not counted on ``e``.

    Raises:
        NotApplicable: when there are more than 12 players, or ``certainty`` is asked of a model that does not see it.
        ValueError: on an unknown baseline.
    """
    _require_few_players(e)
    return _effects(*_seen_and_default(e.with_tally(Tally()), baseline))


def own_swap_effects(trial: Trial) -> Iterator[Float[Tensor, "paths players hybrids"]]:
    """``swap_effects`` of each explicand with the method's own baselines: along each of its paths (``Trial.paths``)
    the baseline is the start and the explicand the end.

    Raises:
        NotApplicable: when there are more than 12 players, or the method states no baseline.
    """
    _require_few_players(trial.explicand)
    if trial.paths is None:
        raise NotApplicable("the method states no baseline")
    starts, ends = (part.to(trial.explicand.inputs) for part in trial.paths)
    seen = _seen_by_paths(trial.explicand.with_tally(Tally()), tuple(starts.shape[2:]))
    for target, start, end in zip(seen.target, starts, ends, strict=True):
        whole_line = (-math.inf, math.inf)  # ends may leave the range by rounding
        along = replace(seen, inputs=end, target=target.expand(len(end)), input_range=whole_line)
        yield _effects(along, start)


def _effects(e: Explicand, default: Float[Tensor, "batch *features"]) -> Float[Tensor, "batch players hybrids"]:
    values = games.value_table(e, default)
    return torch.stack([games.marginal_contributions(values, player) for player in range(e.n_players)], dim=1)


def _require_few_players(e: Explicand) -> None:
    if e.n_players > MAX_PLAYERS:
        raise NotApplicable(f"{e.n_players} players have too many hybrids to try all; up to {MAX_PLAYERS}")


def _seen_and_default(e: Explicand, baseline: Baseline) -> tuple[Explicand, Float[Tensor, "batch *features"]]:
    """The explicand as the model sees it, and what players outside a hybrid's coalition take."""
    if baseline == "certainty":
        aware = certainty.explicand_with_certainty(e)
        return aware, certainty.with_certainty(e.inputs, torch.zeros_like(e.inputs))
    return e, baselines.single(e, baseline, known=get_args(Baseline))


def _seen_by_paths(e: Explicand, features: tuple[int, ...]) -> Explicand:
    """The explicand of which these are the features: as it is, or with certainty."""
    if features == e.features:
        return e
    aware = certainty.explicand_with_certainty(e)
    if features != aware.features:
        raise NotApplicable(
            f"the method's baselines have shape {features}, expected {e.features}, or {aware.features} with certainty"
        )
    return aware
