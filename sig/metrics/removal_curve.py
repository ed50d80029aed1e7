"""The probability of the target while features are taken away, whatever stands for them.

Shared by metrics of insertion and deletion: what the model sees instead of these features is theirs to say.
"""

import math
from collections.abc import Callable
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sig.explicand import Explicand, Tally
from sig.metrics.removal import REMOVALS, blank_unordered, check_removal, find_counts, is_removed, removed_after
from sig.registry import NotApplicable

TOLERANCE: Final = 1e-4  # of sums of probabilities

# What the model sees of the explicands at some positions with these features, in pictures pixels, taken away.
See = Callable[[Int[Tensor, " chunk"], Bool[Tensor, "chunk points *units"]], Float[Tensor, "chunk points *seen"]]


@torch.no_grad()
def probability_curves(
    e: Explicand,
    attribution: Float[Tensor, "batch *features"],
    see: See,
    *,
    share: float,
    points: int,
    removed: bool = True,
    least_first: bool = False,
) -> Float[Tensor, "batch points"]:
    """The probability of the target, in [0, 1], with k features taken away, for a grid of k from 0 to ``share`` of
    them; NaN where the attribution is the same everywhere, so that no feature is first.

    Args:
        see: gives what the model is shown.
        removed: whether the k features are taken away; False takes away all others.
        least_first: whether the features with the least positive attribution come first; those with the most do unless
            given. In pictures a feature is a pixel (``removal.removed_after``).

    Raises:
        ValueError: on ``share`` outside (0, 1], or fewer than 2 points.
        NotApplicable: when outputs are not probabilities of classes.
    """
    check_removal(REMOVALS[0], share, points)  # of which there is no other choice here
    after = removed_after(e, -attribution if least_first else attribution)
    counts = find_counts(math.prod(after.shape[1:]), share, points).to(e.device)
    uncounted = e.with_tally(Tally())
    curves = []
    for i in torch.arange(len(attribution), device=e.device).split(max(1, e.rows_per_batch // len(counts))):
        taken = is_removed(after[i], counts)
        seen = see(i, taken if removed else ~taken)
        owner = i.repeat_interleave(len(counts))
        curves.append(target_probabilities(uncounted, seen.flatten(0, 1), owner).view(len(i), len(counts)))
    return blank_unordered(torch.cat(curves), attribution)


def target_probabilities(
    e: Explicand, x: Float[Tensor, "rows *features"], owner: Int[Tensor, " rows"]
) -> Float[Tensor, " rows"]:
    """The probability of each row's target, that of the explicand which owns it.

    Raises:
        NotApplicable: when outputs are not probabilities of classes.
    """
    outputs = e.outputs(x)
    sums = outputs.sum(1)
    if outputs.min() < 0 or not torch.allclose(sums, torch.ones_like(sums), atol=TOLERANCE):
        raise NotApplicable("the outputs of the model are not probabilities of classes")
    return outputs.gather(1, e.target[owner].unsqueeze(1)).squeeze(1)
