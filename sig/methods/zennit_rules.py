"""Layer-wise relevance propagation (LRP) by zennit: relevance goes back from the output, layer by layer.

The relevance of the target's output is the output itself, F(x), or where the model ends in a softmax the logit behind
the probability. A layer passes the relevance R_k of its outputs on to its inputs in proportion to what each did for it,
R_j = sum_k z_jk / (sum_j z_jk) R_k, and the composites below say what z_jk is in which layer. Biases keep their part.

Rules are for layers one after another. Sums, products and largest values outside of modules have none: zennit would
take the gradient there, and relevance would come out doubled or lost. So models are asked to be made of modules that
are known. Within the backward pass, which counts as one row, the rules pass through each layer up to five times.
"""

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import EpsilonGammaBox, EpsilonPlusFlat
from zennit.core import Composite
from zennit.types import Activation, AvgPool, BatchNorm, Convolution, Linear, MaxPool

from sig.certainty import CertaintyAware
from sig.explicand import Explicand
from sig.foreign import CountedModel, final_softmax, logits_behind
from sig.registry import NotApplicable, method

FAMILY = "lrp"
CONTAINERS = (nn.Sequential, CertaintyAware)
LINEAR = (Linear, BatchNorm, AvgPool, nn.Flatten, nn.Dropout, nn.Dropout2d, nn.Identity)
KNOWN = (*LINEAR, Activation, MaxPool, nn.Softmax)


@method(
    "zennit/EpsilonPlusFlat", family=FAMILY, source="Kohlbrenner et al. 2020; flat: Lapuschkin et al. 2019; by zennit"
)
def epsilon_plus_flat(e: Explicand, *, generator: Generator) -> Tensor:
    """The epsilon rule in dense layers, z+ in convolutions, flat in the first: each input of a neuron gets as much.

    z_jk is x_j w_jk (epsilon), its positive part (z+), or 1 (flat). With a flat first layer a pixel's attribution says
    how relevant its surroundings are. Certainty, where the model sees it, is an input as well, and keeps its part.

    Raises:
        NotApplicable: when the model is not a chain of layers that have rules, the first linear one a convolution.
    """
    return _propagate(e, CountedModel(e), EpsilonPlusFlat(canonizers=[SequentialMergeBatchNorm()]))


@method("zennit/EpsilonGammaBox", family=FAMILY, source="Montavon et al. 2019, sections 10.2.1 and 10.3.2, by zennit")
def epsilon_gamma_box(e: Explicand, *, gamma: float = 0.25, generator: Generator) -> Tensor:
    """The epsilon rule in dense layers, gamma in convolutions, and in the first the box rule of the input range.

    z_jk is x_j w_jk (epsilon), x_j (w_jk + gamma max(0, w_jk)) for positive x_j (gamma), or x_j w_jk - l_j max(0, w_jk)
    - h_j min(0, w_jk) (box). l and h are what the first convolution sees of inputs that are all at the lower or the
    upper end of the input range, so that certainty, which does not vary, gets nothing; two rows find them.

    Raises:
        NotApplicable: when the model is not a chain of layers that have rules, the first linear one a convolution.
    """
    model = CountedModel(e)
    low, high = _box(e, _first_convolution(model.model))
    return _propagate(e, model, EpsilonGammaBox(low, high, gamma=gamma, canonizers=[SequentialMergeBatchNorm()]))


def _propagate(e: Explicand, model: CountedModel, composite: Composite) -> Float[Tensor, "batch *features"]:
    _first_convolution(model.model)
    attributions = []
    with composite.context(model.model):
        for inputs, target in zip(e.inputs.split(e.rows_per_batch), e.target.split(e.rows_per_batch), strict=True):
            x = inputs.clone().requires_grad_()
            explained = _ModelToLogits(e)(x).gather(1, target.unsqueeze(1))
            attributions.append(torch.autograd.grad(explained, x, explained.detach())[0])
    return torch.cat(attributions)


class _ModelToLogits(CountedModel):
    """The outputs, or the logits behind them."""

    def forward(self, x: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows outputs"]:
        with final_softmax(self.model) as seen:
            outputs = super().forward(x)
        logits = logits_behind(outputs, seen)
        if logits is None:
            return outputs
        logits.register_hook(self._count)
        return logits

    def _count(self, gradient: Tensor) -> None:
        self.explicand.tally.backward_rows += len(gradient)


def _first_convolution(model: nn.Module) -> nn.Module:
    """The first linear layer of a chain."""
    for part in model.modules():
        if not isinstance(part, CONTAINERS if len(list(part.children())) else KNOWN):
            raise NotApplicable(
                "rules of LRP are for chains of linear layers, activations and pools in torch.nn.Sequential; the model "
                f"has a {type(part).__name__}"
            )
    first: nn.Module | None = next((part for part in model.modules() if isinstance(part, Linear)), None)
    if first is None or not isinstance(first, Convolution):
        raise NotApplicable("the rule of the first layer is for a convolution, and the model begins with none")
    return first


def _box(e: Explicand, first: nn.Module) -> tuple[Float[Tensor, "1 *maps"], Float[Tensor, "1 *maps"]]:
    """The smallest and the largest that the first convolution may see."""
    seen: list[Tensor] = []
    handle = first.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    try:
        with torch.no_grad():
            for end in e.input_range:
                e.outputs(torch.full_like(e.inputs[:1], end))
    finally:
        handle.remove()
    return torch.minimum(*seen), torch.maximum(*seen)
