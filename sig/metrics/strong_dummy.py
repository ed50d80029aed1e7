"""Strong dummies: is anything attributed to features that change no hybrid of explicand and baseline?"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sig.metrics.hybrids import Baseline, swap_effects
from sig.metrics.regions import share
from sig.registry import Trial, metric


def strong_dummies(
    effects: Float[Tensor, "batch players hybrids"], *, tolerance: float = 1e-6
) -> Bool[Tensor, "batch players"]:
    """Players whose swap changes no hybrid (ICG, Definition 2).

    "No change" is up to ``tolerance`` times the largest effect that any swap has, since networks compute in float32.
    """
    largest = effects.abs().amax(2)
    return largest <= tolerance * largest.amax(1, keepdim=True)


@metric("strong_dummy_violation", better="lower", range=(0.0, 1.0), source="ICG, Definition 2")
def strong_dummy_violation(
    trial: Trial, *, baseline: Baseline = "zero", tolerance: float = 1e-6
) -> Float[Tensor, " batch"]:
    """The share of the players' absolute attribution that strong dummies get.

    NaN where there are no strong dummies, or nothing is attributed.

    Args:
        baseline: of the hybrids: ``zero``, ``mean`` of the background, ``middle`` of the input range, or ``certainty``:
            0 in a certainty-aware model.
        tolerance: see ``strong_dummies``; a trained network needs more than the default.

    Raises:
        NotApplicable: when there are more than 12 players, or ``certainty`` is asked of a model that does not see it.
        ValueError: on an unknown baseline.
    """
    dummies = strong_dummies(swap_effects(trial.explicand, baseline), tolerance=tolerance)
    given = share(trial.explicand.player_sums(trial.attribution).abs(), dummies)
    return torch.where(dummies.any(1), given, torch.nan)
