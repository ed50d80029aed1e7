"""Captum's Integrated Gradients of the same explicands, baselines and steps as ours, as it comes and tuned."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from captum.attr import IntegratedGradients
from torch import Tensor

from benchmarks.perf.race import Peer, fastest
from sig.explicand import Explicand

PEER_TOLERANCE = 1e-5

Captum = Callable[..., Tensor]  # options of captum's ``attribute`` in, attributions of the explicands out


def row_by_row(e: Explicand, starts: Tensor, *, steps: int) -> Captum:
    """Captum as it comes: it asks autograd for every row's score by itself."""
    return partial(_attribute, IntegratedGradients(e.model), e, starts, steps, target=_targets(e, starts))


def with_summed_scores(e: Explicand, starts: Tensor, *, steps: int) -> Captum:
    """Captum with a forward function that sums the scores, which its documentation of Integrated Gradients does not
    mention: autograd is asked once for each batch, and both do the same work."""
    target = _targets(e, starts)

    def summed(rows: Tensor) -> Tensor:
        targets = target.repeat(len(rows) // len(target)).unsqueeze(1)
        return e.model(rows).gather(1, targets).sum().reshape(1)

    return partial(_attribute, IntegratedGradients(summed), e, starts, steps)


def tune(
    name: str, captum: Captum, sizes: Iterable[int | None], *, turns: int = 3, at_least: float | None = None
) -> Peer:
    """Captum by the midpoint rule, with the fastest of several batch sizes, each tried in so many turns.

    Args:
        sizes: in rows, at least one for each path; None is all rows at once.
    """
    by_size = {size: partial(captum, method="riemann_middle", internal_batch_size=size) for size in sizes}
    best = fastest(by_size, turns=turns)
    return Peer(name, by_size[best], PEER_TOLERANCE, at_least, f"internal_batch_size={best}")


def _attribute(explainer: IntegratedGradients, e: Explicand, starts: Tensor, steps: int, **options: Any) -> Tensor:
    inputs = e.inputs.repeat_interleave(starts.shape[1], 0)
    attributions: Tensor = explainer.attribute(inputs, starts.flatten(0, 1), n_steps=steps, **options)
    return attributions.view_as(starts).mean(1)


def _targets(e: Explicand, starts: Tensor) -> Tensor:
    return e.target.repeat_interleave(starts.shape[1])
