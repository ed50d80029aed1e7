"""The part of inputs and attributions that records keep for figures."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from benchmarks.run.fields import EncodedArray
from datasets.problem import Problem

MOST_COLOURED = 4  # pictures in colour of a problem that are shown
SIDE = 56  # squares of pixels, the longest side of a map of a picture in colour


def is_coloured(features: tuple[int, ...]) -> bool:
    """Whether inputs of these features are pictures of three channels: red, green and blue."""
    return len(features) == 3 and features[0] == 3


def choose_shown(problem: Problem) -> list[int]:
    """Indices of the inputs that records show: those of the problem, of pictures in colour the first few alone."""
    return list(problem.shown)[: MOST_COLOURED if is_coloured(problem.explicand.features) else None]


def make_maps(attribution: Float[Tensor, "batch *features"], problem: Problem) -> EncodedArray | None:
    """The attributions of the inputs shown, as ``CellRecord.maps`` has them; None where none is shown."""
    if not (shown := choose_shown(problem)):
        return None
    chosen = attribution[shown].cpu()
    if is_coloured(problem.explicand.features):
        chosen = pool(chosen.sum(1))
    return EncodedArray.of_levels(chosen) if chosen.ndim > 2 else EncodedArray.of(chosen)


def pool(planes: Float[Tensor, "shown height width"]) -> Float[Tensor, "shown rows columns"]:
    """Means over squares of k x k pixels, k the least with which no side has more than ``SIDE``; signs may cancel.

    Squares at the right and at the bottom are cut off where k does not divide a side.
    """
    k = -(-max(planes.shape[1:]) // SIDE)
    return F.avg_pool2d(planes.unsqueeze(1), k, ceil_mode=True).squeeze(1) if k > 1 else planes
