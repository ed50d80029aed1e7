"""Completeness: do the attributions add up to what the method set out to distribute?"""

import math

from jaxtyping import Float
from torch import Tensor

from sig.registry import NotApplicable, Trial, metric


# Not a judge: random attributions follow no path and are not scored, and adding up says nothing about who gets what.
@metric("completeness", better="lower", range=(0.0, math.inf), source="Sundararajan et al. 2017, axiom", judges=False)
def completeness(trial: Trial) -> Float[Tensor, " batch"]:
    """|sum(attribution) - mean over paths of (F(end) - F(start))|, in units of the score
    (``path.change_along_paths``).

    Raises:
        NotApplicable: when the method states no baseline, so that nothing says what the attributions should add up to.
    """
    if trial.change is None:
        raise NotApplicable("the method states no baseline")
    return (trial.attribution.flatten(1).sum(1) - trial.change).abs()
