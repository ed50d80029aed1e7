"""Consistency: is what gets positive attribution responsible for an increase anywhere? (ICG, A.2)"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from sig.metrics.hybrids import own_swap_effects
from sig.registry import Trial, metric


def consistency(
    effects: Iterable[Float[Tensor, "paths players hybrids"]],
    attribution: Float[Tensor, "batch players"],
    *,
    tolerance: float = 1e-6,
) -> Float[Tensor, " batch"]:
    """The share of the players with a positive attribution that raises F in some hybrid, in [0, 1].

    A positive attribution asks for a hybrid a with a_i = x_i, F of which falls when player i takes the baseline's value
    instead. Strong Dummy, with Completeness, Symmetry and Linearity, guarantees that (ICG, A.2).

    **Reading.** The paper lets a_i go to any value; here it goes to the baseline's, as in Definition 2. Of several
    baselines, one that has such a hybrid suffices.

    Args:
        tolerance: attributions and effects up to this, relative to the largest effect of a swap in any hybrid, count as
            none. (They have the same unit, that of F, in a method that states baselines.)

    Returns:
        One number for each explicand; NaN where no player has a positive attribution.
    """
    scores = []
    for of_paths, given in zip(effects, attribution.double(), strict=True):
        some = tolerance * of_paths.abs().max()
        positive, raises = given > some, (of_paths > some).any(2).any(0)
        scores.append((positive & raises).sum() / positive.sum())
    return torch.stack(scores)


@metric("consistency", better="higher", range=(0.0, 1.0), source="ICG, A.2")
def consistency_of_trial(trial: Trial, *, tolerance: float = 1e-6) -> Float[Tensor, " batch"]:
    """``consistency`` of the players' attributions with swaps by the method's own baseline.

    Args:
        tolerance: see ``consistency``; a trained network needs more than the default.

    Raises:
        NotApplicable: when there are more than 12 players, or the method states no baseline.
    """
    attribution = trial.explicand.player_sums(trial.attribution)
    return consistency(own_swap_effects(trial), attribution, tolerance=tolerance)
