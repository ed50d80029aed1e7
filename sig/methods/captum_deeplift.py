"""captum's DeepLift and DeepLiftShap, by the rescale rule, of models whose layers captum sees.

Layers are modules that a model calls once each, and captum has rules for ReLU, LeakyReLU, ELU, Softplus, Sigmoid, Tanh
and max pooling. Where a model does anything else that is not linear (torch.relu as a function, ReLU6, a product, a
largest value, a layer used twice), captum takes the gradient there and says nothing. That is found by what DeepLift
promises (Shrikumar et al. 2017, eq. 1): attributions that do not sum to the change of the output are not its own.

A final softmax gets the rescale rule row by row: p_k = softmax(z)_k has the multiplier (p_k(x) - p_k(x')) /
(z_k(x) - z_k(x')) to its logit z_k and none to the others, so that attributions sum to the change of the probability.
captum's own rule for ``nn.Softmax`` subtracts a mean over all rows of a call, by which the attribution of an explicand
would depend on the others, and would not sum to any change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import captum.attr
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sig import baselines
from sig.explicand import Explicand
from sig.foreign import CountedModel, final_softmax, logits_behind, no_leftovers, quiet
from sig.registry import NotApplicable, method

FAMILY = "captum"
HOOKED = "Setting forward, backward hooks and attributes on non-linear"
REUSED = "being used more than once"
SMALLEST = 1e-10  # change of a logit, below which captum's rules take the gradient
GAP = 1e-3  # of the sum of sizes of attributions, that rounding may leave


@method("captum/DeepLift", family=FAMILY, source="Shrikumar et al. 2017, section 3.5.2 (rescale rule), by captum")
def deep_lift(e: Explicand, *, generator: Generator) -> Tensor:
    """DeepLift from zero. Explicand and baseline both go through the model, forward and backward: four rows.

    One explicand a call, since captum's rule for max pooling looks at the first row for all.

    Raises:
        NotApplicable: when the model is no module, or does something that captum has no rule for.
    """
    e.tally.paths = (baselines.zero(e), e.inputs.unsqueeze(1))
    wide = replace(e, rows_per_batch=max(2, e.rows_per_batch))
    return torch.cat([_mean_lift(wide.only(i), torch.zeros_like(e.inputs[:1])) for i in range(len(e.inputs))])


@method(
    "captum/DeepLiftShap",
    family=FAMILY,
    source="Lundberg and Lee 2017, section 4.2 (Deep SHAP); rescale rule, by captum",
    spend=("evaluations",),
)
def deep_lift_shap(e: Explicand, *, evaluations: int = 100, generator: Generator) -> Tensor:
    """Mean of DeepLifts from samples of the background, each of which takes two evaluations, forward and backward.

    That is what captum's DeepLiftShap computes, here of so many pairs at a time as ``rows_per_batch`` allows.

    Raises:
        NotApplicable: as captum/DeepLift, or when the evaluations do not suffice for one sample.
    """
    samples = evaluations // 2
    if samples < 1:
        raise NotApplicable(f"a background sample takes 2 evaluations, more than the {evaluations} given")
    starts = baselines.distribution(e, samples=samples, generator=generator)
    e.tally.paths = (starts, e.inputs.unsqueeze(1))
    wide = replace(e, rows_per_batch=max(2, e.rows_per_batch))
    return torch.cat([_mean_lift(wide.only(i), starts[i]) for i in range(len(starts))])


def _mean_lift(one: Explicand, starts: Float[Tensor, "samples *features"]) -> Float[Tensor, "1 *features"]:
    """The mean attribution of one explicand from each of the starts, some at a time."""
    chunks = starts.split(one.rows_per_batch // 2)
    return torch.stack([_lift(one, chunk).sum(0, keepdim=True) for chunk in chunks]).sum(0) / len(starts)


def _lift(one: Explicand, starts: Float[Tensor, "pairs *features"]) -> Float[Tensor, "pairs *features"]:
    """captum's attribution from each start, after a look at whether it is complete."""
    model, ends = _ModelWithMultipliers(one), one.inputs.expand_as(starts).clone().requires_grad_()
    with quiet(HOOKED), no_leftovers(model.model), _apart(model.model), _no_layer_used_twice():
        found: Tensor = captum.attr.DeepLift(model).attribute(ends, starts, target=one.target.repeat(len(starts)))
    gap = (found.flatten(1).sum(1) - model.change[:, int(one.target)]).abs()
    if (gap > GAP * found.flatten(1).abs().sum(1) + torch.finfo(torch.float32).eps).any():
        raise NotApplicable(
            "captum/DeepLift's attributions do not sum to the change of the output: the model has something that is "
            "not linear and that captum has no rule for, such as torch.relu as a function, ReLU6 or a product"
        )
    return found.detach()


class _ModelWithMultipliers(CountedModel):
    """The model, with multipliers in the place of gradients at a final softmax; see this file's docstring.

    It sees explicands in the first half of the rows and their baselines in the second. ``change`` is the change of
    the outputs, ``(pairs, outputs)``, in the last call.
    """

    change: Tensor

    def forward(self, x: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows outputs"]:
        with final_softmax(self.model) as seen:
            outputs = super().forward(x)
        self.change = _change(outputs.detach())
        logits = logits_behind(outputs, seen)
        if logits is None:
            return outputs
        change = _change(logits.detach())
        middle = outputs.detach().chunk(2)[0]
        multipliers = torch.where(change.abs() < SMALLEST, middle * (1 - middle), self.change / change).repeat(2, 1)
        rescaled = outputs.detach() + (logits - logits.detach()) * multipliers
        rescaled.register_hook(self._count)
        return rescaled

    def _count(self, gradient: Tensor) -> None:
        self.explicand.tally.backward_rows += len(gradient)


def _change(rows: Float[Tensor, "rows outputs"]) -> Float[Tensor, "pairs outputs"]:
    end, start = rows.chunk(2)
    return end - start


@contextmanager
def _apart(model: nn.Module) -> Iterator[None]:
    """Copy what goes from layer to layer within the block. captum notes the gradient of a layer's outputs before the
    next layer's rule has changed it where they share a tensor, as ReLU and the pool after it do."""
    handles = [
        part.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(), *inputs[1:]))
        for part in model.modules()
        if not list(part.children())
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _no_layer_used_twice() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if REUSED not in str(error):
            raise
        raise NotApplicable("captum/DeepLift needs a model that uses each of its layers once") from error
