"""Shadow: attribution where the inputs hold nothing, but the training data varied (ICG, MNIST in Space)."""

from jaxtyping import Float
from torch import Tensor

from sig.metrics.regions import marked, share
from sig.registry import Trial, metric


@metric("shadow", better="lower", range=(0.0, 1.0), source="ICG, MNIST in Space", judges=False)
def shadow(trial: Trial) -> Float[Tensor, " batch"]:
    """The share of the absolute attribution that lies in the region ``shadow``; NaN where nothing is attributed.

    It describes and does not judge: a method that multiplies by x - x' gives nothing where the baseline x' is the
    background, whatever it knows, and one whose baselines vary there cannot help giving something.

    Raises:
        NotApplicable: when the task marks no such region.
    """
    return share(trial.attribution.abs(), marked(trial, "shadow"))
