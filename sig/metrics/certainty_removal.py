"""Deletion and insertion by certainty 0: a feature is not replaced, the model is told that its value may be anything.

Pixels that are replaced make pictures that the network was never trained on, which is what is contested about deletion
and insertion (``sig.metrics.insertion_deletion``). A certainty-aware network was trained with features of certainty 0
(ICG, 4 and A.3), so that here removal stays inside the training distribution.

What is contested: that holds as far as training went. A network may still read the value of a feature of certainty 0
(the check *information absence* of the tasks says how much), and neighbours of one picture need not be uncertain
together in training as they are here. It compares methods on certainty-aware models only, and one that walks along
certainty itself, as ICG does, is scored on its own ground.
"""

from typing import Final

from jaxtyping import Bool, Float, Int
from torch import Tensor

from sig.certainty import CertaintyAware, with_certainty
from sig.metrics.removal_curve import probability_curves
from sig.registry import NotApplicable, Trial, metric

SOURCE: Final = "ICG, 4, for Petsiuk et al. 2018 (RISE), 3"


@metric("certainty_deletion", better="lower", range=(0.0, 1.0), source=SOURCE, curve="share of features removed")
def certainty_deletion(trial: Trial, *, share: float = 1.0, points: int = 25) -> Float[Tensor, "batch points"]:
    """F(x, c^k) for a grid of k from 0 to ``share`` of the features, F being the probability of the target.

    c^k is 0 in the k most positively attributed features and 1 elsewhere; values x stay. The score is the area, the
    mean over the grid; it should fall early. In a picture a feature is a pixel, with all its channels. NaN where the
    attribution is the same everywhere, so that no feature is first.

    Raises:
        ValueError: on ``share`` outside (0, 1], or fewer than 2 points.
        NotApplicable: when the model does not see certainty, or outputs are not probabilities of classes.
    """
    return _curves(trial, share, points, removed=True)


@metric("certainty_insertion", better="higher", range=(0.0, 1.0), source=SOURCE, curve="share of features inserted")
def certainty_insertion(trial: Trial, *, share: float = 1.0, points: int = 25) -> Float[Tensor, "batch points"]:
    """The same where c^k is 1 in the k most positively attributed features and 0 elsewhere: from a model that is told
    nothing, the probability should rise early. Otherwise as ``certainty_deletion``.

    Where a method gives 0 to many features, as with a baseline that they equal, they have no order of their own and
    come in that of the input, row by row; random attribution scatters them, and may tell the model more at first.

    Raises:
        ValueError, NotApplicable: as ``certainty_deletion`` does.
    """
    return _curves(trial, share, points, removed=False)


def _curves(trial: Trial, share: float, points: int, *, removed: bool) -> Float[Tensor, "batch points"]:
    e = trial.explicand
    if not isinstance(e.model, CertaintyAware):
        raise NotApplicable("needs a certainty-aware model")

    def see(
        i: Int[Tensor, " chunk"], uncertain: Bool[Tensor, "chunk points *units"]
    ) -> Float[Tensor, "chunk points *seen"]:
        values = e.inputs[i].unsqueeze(1).expand(-1, uncertain.shape[1], *e.features)
        certainty = (~uncertain).to(values).expand_as(values)
        seen: Tensor = with_certainty(values.flatten(0, 1), certainty.flatten(0, 1))
        return seen.view(*uncertain.shape[:2], *seen.shape[1:])

    return probability_curves(e, trial.attribution, see, share=share, points=points, removed=removed)
