"""A problem whose model is moved by rounding, to see how far that alone moves a score; loaded as a plug-in by workers.

Each weight w becomes w (1 + u ``ROUNDING``) with u uniform in [-1, 1]: as much as float32 sums in another order move
what the model gives.
"""

import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import torch
from torch import nn

from datasets.problem import Problem, task, tasks
from training.hashing import hash_content
from training.seeds import derive_seed

ROUNDING: Final = 2.0**-21  # four times the distance of 1 from the next float32
KEPT: Final = 2


@task("moved-by-rounding")
def moved_by_rounding(*, kind: str, options: dict[str, Any], draw: int, seed: int) -> Problem:
    """The problem that the task ``kind`` prepares, its model moved by one of many ``draw``s.

    A model that is no ``nn.Module`` has no weights, and stays as it is.
    """
    problem = _prepare(kind, _Options(options), seed)
    e = problem.explicand
    return replace(problem, explicand=replace(e, model=_move(e.model, derive_seed("moved", seed, draw))))


def _move(model: Any, seed: int) -> Any:
    if not isinstance(model, nn.Module):
        return model
    generator, moved = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    with torch.no_grad():
        for weight in moved.parameters():
            noise = torch.rand(weight.shape, generator=generator, dtype=weight.dtype)
            weight.mul_(1 + (2 * noise - 1).to(weight.device) * ROUNDING)
    return moved


class _Options(dict[str, Any]):
    """Options that a cache can hold, by their content."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(hash_content(self))


@lru_cache(maxsize=KEPT)
def _prepare(kind: str, options: _Options, seed: int) -> Problem:
    return tasks[kind](seed=seed, **options)
