"""captum's explainers by gradients: of noised inputs, through ReLUs that are guided, and at a layer of maps."""

from collections.abc import Iterator
from contextlib import contextmanager

import captum.attr
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sig.explicand import Explicand
from sig.foreign import CountedModel, global_seed, quiet
from sig.registry import NotApplicable, method

FAMILY = "captum"
HOOKED = "Setting backward hooks on ReLU activations"


@method("captum/SmoothGrad", family=FAMILY, source="Smilkov et al. 2017, section 3, by captum", spend=("samples",))
def smooth_grad(e: Explicand, *, samples: int = 50, noise: float = 0.15, generator: Generator) -> Tensor:
    """Mean over N(0, sigma^2) noise of dF/dx_i(x + noise), with its sign, by NoiseTunnel over Saliency.

    ``noise`` is sigma over the length of the input range; the paper finds 10 % to 20 % good. Noise may leave the range.
    """
    return _through_noise(e, "smoothgrad", samples, noise, generator)


@method("captum/VarGrad", family=FAMILY, source="Adebayo et al. 2018 (VarGrad), by captum", spend=("samples",))
def var_grad(e: Explicand, *, samples: int = 50, noise: float = 0.15, generator: Generator) -> Tensor:
    """Variance over N(0, sigma^2) noise of dF/dx_i(x + noise); noise as captum/SmoothGrad has it.

    It says where the gradient varies, not in which direction features count.

    Raises:
        NotApplicable: when there is a single sample, which has no variance.
    """
    if samples < 2:
        raise NotApplicable("the variance of gradients takes at least 2 samples")
    return _through_noise(e, "vargrad", samples, noise, generator)


def _through_noise(e: Explicand, kind: str, samples: int, noise: float, generator: Generator) -> Tensor:
    explainer = captum.attr.NoiseTunnel(captum.attr.Saliency(e.outputs))
    low, high = e.input_range
    with global_seed(generator):
        attributions = [
            explainer.attribute(
                e.inputs[i : i + 1].clone().requires_grad_(),
                nt_type=kind,
                nt_samples=samples,
                nt_samples_batch_size=min(samples, e.rows_per_batch),
                stdevs=noise * (high - low),
                target=e.target[i : i + 1],
                abs=False,
            )
            for i in range(len(e.inputs))
        ]
    return torch.cat(attributions)


@method("captum/GuidedBackprop", family=FAMILY, source="Springenberg et al. 2015, by captum")
def guided_backprop(e: Explicand, *, generator: Generator) -> Tensor:
    """The gradient, of which each ReLU passes back only what is positive.

    A known negative control: it nearly restores the input and barely depends on the weights of upper layers
    (Adebayo et al. 2018; Nie et al. 2018). It is ranked like any other method.

    Raises:
        NotApplicable: when the model is no module, or has no ReLU as a module (captum guides no others), or has one
            besides as a function.
    """
    explainer = captum.attr.GuidedBackprop(_ModelOfReLUModules(e))
    with quiet(HOOKED):
        attributions = [
            explainer.attribute(inputs.clone().requires_grad_(), target=target)
            for inputs, target in zip(e.inputs.split(e.rows_per_batch), e.target.split(e.rows_per_batch), strict=True)
        ]
    return torch.cat(attributions)


class _ModelOfReLUModules(CountedModel):
    """The model, if all of its ReLUs are modules, and there are some."""

    def forward(self, x: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows outputs"]:
        with _order_of_calls(self.model) as calls:
            outputs = super().forward(x)
        modules = sum(isinstance(part, nn.ReLU) for part, _ in calls)
        if modules == 0:
            raise NotApplicable("captum/GuidedBackprop guides torch.nn.ReLU modules, of which the model calls none")
        everywhere = _count_nodes(outputs, "ReluBackward")
        if everywhere != modules:
            raise NotApplicable(
                f"captum/GuidedBackprop sees {modules} of the model's {everywhere} ReLUs; the others are functions"
            )
        return outputs


def _count_nodes(outputs: Tensor, name: str) -> int:
    """The number of steps of that name in the graph that the outputs came by."""
    waiting, seen = [outputs.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return sum(node.name().startswith(name) for node in seen)


@method("captum/GradCam", family=FAMILY, source="Selvaraju et al. 2017, eq. 1 and 2 without its ReLU, by captum")
def grad_cam(e: Explicand, *, generator: Generator) -> Tensor:
    """Sum over channels of the mean gradient of F to a map, times the map, of the last layer whose outputs are maps.

    That is the last module to return a map of more than one pixel in height and width, ``(rows, channels, height,
    width)``, among those that are called once; one row goes through the model to find it. The sum is interpolated
    bilinearly to the input's size, and shared by the channels of a pixel. As captum has it, the paper's ReLU is left
    out, so that what speaks against the target keeps its sign.

    Raises:
        NotApplicable: when the model is no module, inputs are no pictures, or there is no such layer.
    """
    model = CountedModel(e)
    explainer = captum.attr.LayerGradCam(model, _last_map(e, model))
    attributions = []
    for inputs, target in zip(e.inputs.split(e.rows_per_batch), e.target.split(e.rows_per_batch), strict=True):
        maps = explainer.attribute(inputs.clone().requires_grad_(), target=target, relu_attributions=False)
        attributions.append(captum.attr.LayerAttribution.interpolate(maps, e.features[1:], "bilinear"))
    return (torch.cat(attributions) / e.features[0]).expand_as(e.inputs)


def _last_map(e: Explicand, model: CountedModel) -> nn.Module:
    if len(e.features) != 3:
        raise NotApplicable(f"needs pictures (channels, height, width); the inputs have shape {e.features}")
    with torch.no_grad(), _order_of_calls(model.model) as calls:
        model(e.inputs[:1])
    parts = [part for part, _ in calls]
    for part, output in reversed(calls):
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1 and parts.count(part) == 1:
            return part
    raise NotApplicable("the model has no layer whose outputs are maps with a height and a width")


@contextmanager
def _order_of_calls(model: nn.Module) -> Iterator[list[tuple[nn.Module, object]]]:
    """The modules that return within the block, in that order, and what they return."""
    calls: list[tuple[nn.Module, object]] = []
    handles = [
        part.register_forward_hook(lambda part, _, output: calls.append((part, output))) for part in model.modules()
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
