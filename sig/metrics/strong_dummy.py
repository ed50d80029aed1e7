"""Strong dummies: is anything attributed to features that change no hybrid of explicand and baseline?"""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sig.metrics.hybrids import MAX_PLAYERS, own_swap_effects
from sig.metrics.regions import share
from sig.registry import Trial, metric


def dummies(
    effects: Iterable[Float[Tensor, "paths players hybrids"]], *, tolerance: float = 1e-6
) -> Bool[Tensor, "batch players"]:
    """The players whose swap changes no hybrid, for each explicand (ICG, Definition 2).

    "No change" is up to ``tolerance`` times the largest effect that any swap has, since networks compute in float32.

    **Reading.** Of several baselines, a player is a dummy when it is one for each of them.
    """
    return torch.stack([_never_more(of_paths.abs(), tolerance) for of_paths in effects])


@metric("strong_dummy_violation", better="lower", range=(0.0, 1.0), source="ICG, Definition 2")
def strong_dummy_violation(trial: Trial, *, tolerance: float = 1e-6) -> Float[Tensor, " batch"]:
    """The share of the players' absolute attribution that strong dummies get, by the method's own baseline.

    NaN where there are no strong dummies, or nothing is attributed; ``strong_dummies`` says how many there are.

    Args:
        tolerance: see ``dummies``; a trained network needs more than the default.

    Raises:
        NotApplicable: when there are more than 12 players, or the method states no baseline.
    """
    found = dummies(own_swap_effects(trial), tolerance=tolerance)
    given = share(trial.explicand.player_sums(trial.attribution).abs(), found.to(trial.attribution.device))
    return torch.where(found.any(1), given, torch.nan)


# Not a judge: it counts what there is to judge by, which the baseline decides and the attribution does not.
@metric(
    "strong_dummies",
    better="higher",
    range=(0.0, float(MAX_PLAYERS)),
    unit="players",
    source="ICG, Definition 2",
    judges=False,
)
def strong_dummies(trial: Trial, *, tolerance: float = 1e-6) -> Float[Tensor, " batch"]:
    """The number of players that are strong dummies by the method's own baseline.

    Args:
        tolerance: see ``dummies``.

    Raises:
        NotApplicable: when there are more than 12 players, or the method states no baseline.
    """
    return dummies(own_swap_effects(trial), tolerance=tolerance).sum(1).double()


def _never_more(changes: Float[Tensor, "paths players hybrids"], tolerance: float) -> Bool[Tensor, " players"]:
    return (changes <= tolerance * changes.max()).all(2).all(0)
