"""How many more images training with damage takes than training without, for the same accuracy (ICG, A.3.3, Fig. 8)."""

from collections.abc import Mapping
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

ACCURACIES: Final = (0.80, 0.85, 0.90, 0.925, 0.95, 0.96, 0.97)

Curve = Mapping[str, Tensor]


def compare_trainings(damaged: Curve, undamaged: Curve) -> tuple[float, dict[str, Tensor]]:
    """The slowdown, and a series of what it is made from.

    Curves hold ``accuracy`` after so many ``images``. For each ``accuracy`` of ``ACCURACIES`` the series has the images
    that training ``with_damage`` and ``without_damage`` needs to get there (``reach``), and their ``ratio``, NaN where
    one of them never does. The slowdown is the ratios' geometric mean: the constant offset that the paper sees between
    the curves on a logarithmic axis.
    """
    levels = torch.tensor(ACCURACIES, dtype=torch.float64)
    slow, fast = reach(damaged, levels), reach(undamaged, levels)
    ratio = slow / fast
    slowdown = float(ratio.log().nanmean().exp())
    return slowdown, {"accuracy": levels, "with_damage": slow, "without_damage": fast, "ratio": ratio}


def reach(curve: Curve, levels: Float[Tensor, " levels"]) -> Float[Tensor, " levels"]:
    """Images after which the curve first gets to each accuracy, linear between its points; NaN where it never does."""
    images, accuracy = curve["images"].double(), curve["accuracy"].double()
    found = []
    for level in levels.tolist():
        above = (accuracy >= level).nonzero()
        if len(above) == 0:
            found.append(float("nan"))
            continue
        i = int(above[0])
        if i == 0:
            found.append(float(images[0]))
            continue
        share = (level - accuracy[i - 1]) / (accuracy[i] - accuracy[i - 1])
        found.append(float(images[i - 1] + share * (images[i] - images[i - 1])))
    return torch.tensor(found, dtype=torch.float64)
