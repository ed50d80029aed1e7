"""Methods that do what they should not, each in its own way. A plug-in: importing it registers them."""

import torch
from torch import Generator, Tensor, nn

from sig import Explicand, method


def _module(e: Explicand) -> nn.Module:
    assert isinstance(e.model, nn.Module)
    return e.model


def _first_weight(e: Explicand) -> Tensor:
    return next(_module(e).parameters())


@method("bad-writes-inputs", family="bad", source="by hand")
def writes_inputs(e: Explicand, *, generator: Generator) -> Tensor:
    e.inputs.mul_(0.5)
    return e.inputs.clone()


@method("bad-writes-background", family="bad", source="by hand")
def writes_background(e: Explicand, *, generator: Generator) -> Tensor:
    e.background[0] = 0.25
    return e.inputs.clone()


@method("bad-writes-classes", family="bad", source="by hand")
def writes_classes(e: Explicand, *, generator: Generator) -> Tensor:
    assert e.background_classes is not None
    e.background_classes.zero_()
    return e.inputs.clone()


@method("bad-writes-players", family="bad", source="by hand")
def writes_players(e: Explicand, *, generator: Generator) -> Tensor:
    e.players.copy_(e.players.flatten().flip(0).view_as(e.players))
    return e.inputs.clone()


@method("bad-writes-target", family="bad", source="by hand")
def writes_target(e: Explicand, *, generator: Generator) -> Tensor:
    e.target.copy_(1 - e.target.clamp(max=1))
    return e.inputs.clone()


@method("bad-leaves-gradients", family="bad", source="by hand")
def leaves_gradients(e: Explicand, *, generator: Generator) -> Tensor:
    e.inputs.requires_grad_()
    e.scores(e.inputs, torch.arange(len(e.inputs))).sum().backward()
    assert e.inputs.grad is not None
    return e.inputs.grad.clone()


@method("bad-resizes-inputs", family="bad", source="by hand")
def resizes_inputs(e: Explicand, *, generator: Generator) -> Tensor:
    answer = e.inputs.clone()
    e.inputs.data = e.inputs[:1]
    return answer


@method("bad-changes-weights", family="bad", source="by hand")
def changes_weights(e: Explicand, *, generator: Generator) -> Tensor:
    with torch.no_grad():
        _first_weight(e).add_(1)
    return e.inputs.clone()


@method("bad-replaces-weights", family="bad", source="by hand")
def replaces_weights(e: Explicand, *, generator: Generator) -> Tensor:
    layer = next(module for module in _module(e).modules() if isinstance(module, nn.Linear))
    layer.weight = nn.Parameter(torch.zeros_like(layer.weight))
    return e.inputs.clone()


@method("bad-unfreezes-weights", family="bad", source="by hand")
def unfreezes_weights(e: Explicand, *, generator: Generator) -> Tensor:
    _first_weight(e).requires_grad_()
    return e.inputs.clone()


@method("bad-changes-buffers", family="bad", source="by hand")
def changes_buffers(e: Explicand, *, generator: Generator) -> Tensor:
    next(_module(e).buffers()).add_(1)
    return e.inputs.clone()


@method("bad-trains", family="bad", source="by hand")
def trains(e: Explicand, *, generator: Generator) -> Tensor:
    _module(e).train()
    return e.inputs.clone()


@method("bad-leaves-hook", family="bad", source="by hand")
def leaves_hook(e: Explicand, *, generator: Generator) -> Tensor:
    _module(e).register_forward_hook(lambda module, inputs, output: output * 2)
    return e.inputs.clone()


@method("bad-leaves-backward-hook", family="bad", source="by hand")
def leaves_backward_hook(e: Explicand, *, generator: Generator) -> Tensor:
    layer = next(module for module in _module(e).modules() if isinstance(module, nn.Linear))
    layer.register_full_backward_hook(lambda module, into, out: (into[0] * 2,))  # type: ignore[index]
    return e.inputs.clone()


@method("bad-replaces-forward", family="bad", source="by hand")
def replaces_forward(e: Explicand, *, generator: Generator) -> Tensor:
    _module(e).forward = lambda x: x[:, :2] * 0
    return e.inputs.clone()


@method("bad-calls-past-the-counter", family="bad", source="by hand")
def calls_past_the_counter(e: Explicand, *, generator: Generator) -> Tensor:
    e.model(e.inputs)
    return e.inputs.clone()


@method("bad-calls-a-part", family="bad", source="by hand")
def calls_a_part(e: Explicand, *, generator: Generator) -> Tensor:
    layer = next(module for module in _module(e).modules() if isinstance(module, nn.Linear))
    layer(torch.zeros(1, layer.in_features))
    return e.inputs.clone()


@method("bad-resets-the-counter", family="bad", source="by hand")
def resets_the_counter(e: Explicand, *, generator: Generator) -> Tensor:
    e.outputs(e.inputs)
    e.tally.forward_rows = 0
    return e.inputs.clone()


@method("bad-overspends", family="bad", source="by hand", spend=("steps",), gradient=False)
def overspends(e: Explicand, *, steps: int = 5, generator: Generator) -> Tensor:
    for _ in range(steps + 1):
        e.outputs(e.inputs)
    return e.inputs.clone()


@method("bad-overspends-backward", family="bad", source="by hand", spend=("steps",), gradient=False)
def overspends_backward(e: Explicand, *, steps: int = 5, generator: Generator) -> Tensor:
    x = e.inputs.clone().requires_grad_()
    score = e.scores(x, torch.arange(len(x))).sum()
    for _ in range(steps + 1):
        torch.autograd.grad(score, x, retain_graph=True)
    return e.inputs.clone()


@method("bad-switches-gradients-off", family="bad", source="by hand")
def switches_gradients_off(e: Explicand, *, generator: Generator) -> Tensor:
    torch.set_grad_enabled(False)
    return e.inputs.clone()


@method("bad-leaves-a-global-hook", family="bad", source="by hand")
def leaves_a_global_hook(e: Explicand, *, generator: Generator) -> Tensor:
    nn.modules.module.register_module_forward_hook(lambda module, inputs, output: output * 2)
    return e.inputs.clone()


@method("bad-leaves-autocast", family="bad", source="by hand")
def leaves_autocast(e: Explicand, *, generator: Generator) -> Tensor:
    torch.set_autocast_enabled("cpu", True)
    return e.inputs.clone()


@method("bad-calls-forward", family="bad", source="by hand")
def calls_forward(e: Explicand, *, generator: Generator) -> Tensor:
    _module(e).forward(e.inputs)
    return e.inputs.clone()


@method("bad-calls-parts-forward", family="bad", source="by hand")
def calls_parts_forward(e: Explicand, *, generator: Generator) -> Tensor:
    x = e.inputs
    for part in _module(e).children():
        x = part.forward(x)
    return e.inputs.clone()


@method("bad-changes-and-raises", family="bad", source="by hand")
def changes_and_raises(e: Explicand, *, generator: Generator) -> Tensor:
    e.inputs.zero_()
    raise RuntimeError("after changing the inputs")
