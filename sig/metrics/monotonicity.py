"""Monotonicity: does a feature that does more, whatever the others do, get at least as much?"""

import torch
from jaxtyping import Float
from torch import Tensor

from sig.metrics.hybrids import Baseline, swap_effects
from sig.registry import Trial, metric


def monotonicity(
    effects: Float[Tensor, "batch players hybrids"],
    attribution: Float[Tensor, "batch players"],
    *,
    tolerance: float = 1e-6,
) -> Float[Tensor, " batch"]:
    """The share of comparable cases in which the attribution is monotone, in [0, 1].

    Lundberg and Lee (2017, property 3; Young 1985): when in one game every marginal contribution of a player is at
    least what it is in another, its attribution is at least what it is there. **Reading.** The games compared are those
    of two explicands of the batch, a hybrid of one against the same hybrid of the other. The case of explicand a,
    another explicand b and player i is comparable when i's effects in a are all at least, or all at most, those in b,
    and not all equal. A row of the result has the comparable cases of its explicand; NaN where there are none. A player
    that is given the same in all explicands is not compared: that would be monotone without saying anything.

    Args:
        tolerance: differences up to this, relative to the largest effect or attribution, count as none.
    """
    some_effect, some_attribution = tolerance * effects.abs().max(), tolerance * attribution.abs().max()
    agreeing = torch.zeros(len(effects), dtype=torch.float64, device=effects.device)
    comparable = torch.zeros_like(agreeing)
    for player in range(effects.shape[1]):  # one at a time: all pairs of explicands in all hybrids
        own, given = effects[:, player], attribution[:, player]
        if given.max() - given.min() <= some_attribution:
            continue
        more = own.unsqueeze(1) - own  # of a, b, in each hybrid
        never_less, somewhere_more = (more >= -some_effect).all(2), (more > some_effect).any(2)
        dominates = never_less & somewhere_more
        monotone = dominates & (given.unsqueeze(1) - given >= -some_attribution)
        comparable += dominates.sum(1) + dominates.sum(0)
        agreeing += monotone.sum(1) + monotone.sum(0)
    return agreeing / comparable


@metric("monotonicity", better="higher", range=(0.0, 1.0), source="Young 1985; Lundberg and Lee 2017, property 3")
def monotonicity_of_trial(
    trial: Trial, *, baseline: Baseline = "zero", tolerance: float = 1e-6
) -> Float[Tensor, " batch"]:
    """``monotonicity`` of the players' attributions with what swaps do to hybrids of explicand and baseline.

    Args:
        baseline: of the hybrids: ``zero``, ``mean`` of the background, ``middle`` of the input range, or ``certainty``:
            0 in a certainty-aware model.
        tolerance: see ``monotonicity``.

    Raises:
        NotApplicable: when there are more than 12 players, or ``certainty`` is asked of a model that does not see it.
        ValueError: on an unknown baseline.
    """
    attribution = trial.explicand.player_sums(trial.attribution)
    return monotonicity(swap_effects(trial.explicand, baseline), attribution, tolerance=tolerance)
