"""Symmetry: do features that the model cannot tell apart get the same? One of Shapley's axioms."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sig.metrics.regions import marked
from sig.registry import Trial, metric


@metric("symmetry", better="lower", range=(0.0, 2.0), source="Sundararajan et al. 2017, 4.2", judges=False)
def symmetry(trial: Trial) -> Float[Tensor, " batch"]:
    """max |a_i - a_j| / max_k |a_k| over pairs (i, j) of features that have equal values and that the model cannot
    tell apart: the k-th feature of the region ``twin-a`` with the k-th of ``twin-b``.

    NaN where nothing is attributed, or no pair is marked.

    It describes and does not judge, since attributing the same everywhere is best. What is contested: causal knowledge
    may be a reason to give more to one of two such features (Frye et al. 2020), and a method that keeps the symmetry
    need not be a straight path's (Lerma and Lucas 2021), so that it singles nothing out.

    Raises:
        NotApplicable: when the task marks no such regions.
        ValueError: when the regions of an explicand are not of one size.
    """
    first, second = marked(trial, "twin-a").flatten(1), marked(trial, "twin-b").flatten(1)
    if not torch.equal(first.sum(1), second.sum(1)):
        raise ValueError("regions 'twin-a' and 'twin-b' differ in size, expected a feature of each in every pair")
    values = trial.attribution.double().flatten(1)
    scores = [_largest_gap(*one) for one in zip(values, first, second, strict=True)]
    return torch.stack(scores)


def _largest_gap(
    values: Float[Tensor, " features"], first: Bool[Tensor, " features"], second: Bool[Tensor, " features"]
) -> Float[Tensor, ""]:
    largest = values.abs().max()
    if not first.any() or not largest > 0:
        return torch.full_like(largest, torch.nan)
    return (values[first] - values[second]).abs().max() / largest
