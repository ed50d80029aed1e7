"""Insertion and deletion: the probability of the target, as the most positive features are put in or taken away (RISE).

What is contested: a picture with pixels missing is like none that the network was trained on, so that its output may
fall because the picture is odd, and not because what was removed mattered. Hooker et al. 2019 (ROAR) therefore train
anew on what is left, and find several methods no better than chance. Petsiuk et al. 2018 blur what is not yet inserted,
since sharp edges of grey may themselves be read as evidence. Both scores also depend on what features are replaced by,
and reward scattered pixels, which a network hardly meets elsewhere. So they stand beside other metrics, never alone.
"""

import math
from typing import Final, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sig import baselines
from sig.explicand import Explicand, Tally
from sig.metrics.removal import blank_unordered, check_removal, find_counts, is_removed, removed_after
from sig.registry import NotApplicable, Trial, metric

Measure = Literal["insertion", "deletion"]
RISE: Final = "Petsiuk et al. 2018 (RISE), 3"
TOLERANCE: Final = 1e-4  # of sums of probabilities


@torch.no_grad()
def target_curves(
    e: Explicand,
    attribution: Float[Tensor, "batch *features"],
    *,
    measure: Measure,
    removal: str,
    share: float = 1.0,
    points: int = 25,
) -> Float[Tensor, "batch points"]:
    """F(x^k) for a grid of k from 0 to ``share`` of the features, F being the probability of the target, in [0, 1].

    By ``deletion`` x^k is the explicand with its k most positively attributed features replaced, by ``insertion`` the
    replacement with these features of the explicand; in pictures features are pixels (``removal.removed_after``). Where
    ``share`` is 1, the one ends where the other starts. With ``points`` above the number of features, k is every whole
    number.

    Args:
        removal: what features are replaced by: zero, the background's mean, or the blurred picture (``sig.baselines``).

    Raises:
        ValueError: on an unknown removal, ``share`` outside (0, 1], or fewer than 2 points.
        NotApplicable: when outputs are not probabilities of classes, or on blur where the inputs are not pictures.
    """
    check_removal(removal, share, points)
    after = removed_after(e, attribution)
    counts = find_counts(math.prod(after.shape[1:]), share, points).to(e.device)
    ends = e.inputs, baselines.single(e, removal)
    first, last = ends if measure == "deletion" else reversed(ends)
    uncounted = e.with_tally(Tally())
    chunks = torch.arange(len(e.inputs), device=e.device).split(max(1, e.rows_per_batch // len(counts)))
    return torch.cat([_curves(uncounted, i, first[i], last[i], after[i], counts) for i in chunks])


@metric("deletion", better="lower", range=(0.0, 1.0), source=RISE, curve="share of features removed")
def deletion(
    trial: Trial, *, removal: str = "zero", share: float = 1.0, points: int = 25
) -> Float[Tensor, "batch points"]:
    """The probability of the target while the most positively attributed features are removed: it should fall early.

    The score is the area under the curve, as the mean over the grid in place of RISE's trapezoids; NaN where the
    attribution is the same everywhere, so that no feature is first.

    Raises:
        ValueError, NotApplicable: as ``target_curves`` does.
    """
    return _score(trial, "deletion", removal, share, points)


@metric("insertion", better="higher", range=(0.0, 1.0), source=RISE, curve="share of features inserted")
def insertion(
    trial: Trial, *, removal: str = "blur", share: float = 1.0, points: int = 25
) -> Float[Tensor, "batch points"]:
    """The probability of the target while the most positively attributed features are put into the picture without any:
    it should rise early. Otherwise as ``deletion``.

    Raises:
        ValueError, NotApplicable: as ``target_curves`` does.
    """
    return _score(trial, "insertion", removal, share, points)


def _score(trial: Trial, measure: Measure, removal: str, share: float, points: int) -> Float[Tensor, "batch points"]:
    curves = target_curves(
        trial.explicand, trial.attribution, measure=measure, removal=removal, share=share, points=points
    )
    return blank_unordered(curves, trial.attribution)


def _curves(
    e: Explicand,
    i: Int[Tensor, " chunk"],
    first: Float[Tensor, "chunk *features"],
    last: Float[Tensor, "chunk *features"],
    after: Int[Tensor, "chunk *places"],
    counts: Int[Tensor, " points"],
) -> Float[Tensor, "chunk points"]:
    x = torch.where(is_removed(after, counts), last.unsqueeze(1), first.unsqueeze(1))
    outputs = e.outputs(x.flatten(0, 1))
    sums = outputs.sum(1)
    if outputs.min() < 0 or not torch.allclose(sums, torch.ones_like(sums), atol=TOLERANCE):
        raise NotApplicable("the outputs of the model are not probabilities of classes")
    owner = i.repeat_interleave(len(counts))
    return outputs.gather(1, e.target[owner].unsqueeze(1)).view(len(i), len(counts))
