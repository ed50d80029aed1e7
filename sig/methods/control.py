"""The control that every metric must rank last."""

import torch
from torch import Generator, Tensor

from sig.explicand import Explicand
from sig.registry import method


@method("random-attribution", family="control", source="control", control=True, gradient=False)
def random_attribution(e: Explicand, *, generator: Generator) -> Tensor:
    """Independent N(0, 1) numbers: knows nothing of the model or the explicand."""
    return torch.randn(e.inputs.shape, generator=generator).to(e.inputs)
