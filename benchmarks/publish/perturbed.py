"""A problem whose model is perturbed by rounding, to see how far that moves a score; workers load it as a plug-in.

Each number y that a layer gives becomes y + (1 + r) u ``ROUNDING`` s, with u uniform in [-1, 1] for each place in the
layer and r likewise for each row, by the numbers in it and its place in the batch: as much as float32 sums in another
order change it, and, as these do, otherwise in one place than in the next, so that equal numbers of a layer, of which a
maximum has to choose one, are no longer equal, nor are the outputs of equal rows; but in part alike in all rows, as a
processor's exponential is. Where a layer has weights, s is the largest |y| of the row, since a sum of large terms that
cancel changes by rounding of the terms, and may change its sign, as a ReLU sees; elsewhere s = y. The gradient of a
softmax, y_i (g_i - sum_j g_j y_j), is that of the perturbed y: where one class is nearly sure it lives on the last bits
of 1 - y.
"""

import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import torch
from torch import Tensor, nn

from datasets.digest import hash_content
from datasets.problem import Problem, task, tasks
from training.seeds import derive_seed

ROUNDING: Final = 2.0**-22  # twice the distance of 1 from the next float32, before the factor 1 + r
SCRAMBLED: Final = 2.0**26  # so that the last bits of float32 fill the fraction
KEPT: Final = 2


@task("perturbed-by-rounding")
def perturbed_by_rounding(*, kind: str, options: dict[str, Any], draw: int, seed: int) -> Problem:
    """The problem that the task ``kind`` prepares, its model perturbed by one of many ``draw``s.

    A model that is no ``nn.Module`` has no layers, and stays as it is.
    """
    problem = _prepare(kind, _Options(options), seed)
    e = problem.explicand
    return replace(problem, explicand=replace(e, model=perturb(e.model, derive_seed("moved", seed, draw))))


def perturb(model: Any, seed: int) -> Any:
    """A copy of the model whose layers are perturbed; what is no ``nn.Module`` stays as it is."""
    if not isinstance(model, nn.Module):
        return model
    perturbed = copy.deepcopy(model)
    layers = [layer for layer in perturbed.modules() if not list(layer.children())]
    for number, layer in enumerate(layers):
        layer.register_forward_hook(_Rounding(derive_seed(seed, number)))
    return perturbed


class _Rounding:
    """A hook that perturbs what a layer gives, in each call the same numbers in the same way."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn: dict[tuple[Any, ...], tuple[Tensor, Tensor]] = {}

    def __call__(self, layer: nn.Module, inputs: Any, output: Any) -> Any:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return output
        largest = output.detach().abs().flatten(1).amax(1)
        change = self._draw_changes(output.detach(), largest)
        if isinstance(layer, nn.Softmax):
            return _PerturbedSoftmax.apply(inputs[0], layer.dim, 1 + change)
        if next(layer.parameters(), None) is None:
            return output * (1 + change)
        return output + change * largest.view(-1, *[1] * (output.ndim - 1))

    def _draw_changes(self, output: Tensor, largest: Tensor) -> Tensor:
        """(1 + r) u ``ROUNDING``; r hangs on all last bits of the row, as in a hash, and on its place in the batch."""
        about = (output.shape, output.dtype, output.device)
        if about not in self._drawn:
            generator = torch.Generator().manual_seed(self._seed)
            drawn = [torch.rand(shape, generator=generator) for shape in (output.shape[1:], output.shape[:1])]
            self._drawn[about] = drawn[0].to(output), drawn[1].to(output.device).double()
        u, of_place = self._drawn[about]
        mixed = (output.flatten(1) * u.flatten()).sum(1).double() / largest.double().clamp(min=1e-30) * SCRAMBLED
        r = 2 * ((mixed + of_place) % 1) - 1
        return ROUNDING * (1 + r.to(output)).view(-1, *[1] * u.ndim) * (2 * u - 1)


class _PerturbedSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int, factor: Tensor) -> Tensor:
        y = torch.softmax(x, dim) * factor
        ctx.save_for_backward(y)
        ctx.dim = dim
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        (y,), (g,) = ctx.saved_tensors, gradients
        return y * (g - (g * y).sum(ctx.dim, keepdim=True)), None, None


class _Options(dict[str, Any]):
    """Options that a cache can hold, by their content."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(hash_content(self))


@lru_cache(maxsize=KEPT)
def _prepare(kind: str, options: _Options, seed: int) -> Problem:
    return tasks[kind](seed=seed, **options)
