"""What other libraries' explainers need to stand on the board: rows counted, model and random state left alone."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sig.explicand import Explicand
from sig.registry import NotApplicable


class CountedModel(nn.Module):
    """The explicand's model as a module whose rows are counted, however others hook it or parts of it.

    Raises:
        NotApplicable: when the model is no module, so that there is nothing to hook.
    """

    def __init__(self, e: Explicand):
        super().__init__()
        if not isinstance(e.model, nn.Module):
            raise NotApplicable("needs a torch.nn.Module, whose layers can be hooked")
        self.model = e.model
        self.explicand = e

    def forward(self, x: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows outputs"]:
        return self.explicand.outputs(x)


@contextmanager
def final_softmax(model: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Pairs of inputs and outputs of every ``nn.Softmax`` that the model calls within the block, in that order."""
    seen: list[tuple[Tensor, Tensor]] = []
    handles = [
        part.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
        for part in model.modules()
        if isinstance(part, nn.Softmax)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def logits_behind(outputs: Tensor, seen: list[tuple[Tensor, Tensor]]) -> Tensor | None:
    """The inputs of the softmax that the outputs come from; None where they come from none."""
    return seen[-1][0] if seen and torch.equal(seen[-1][1], outputs) else None


@contextmanager
def no_leftovers(model: nn.Module) -> Iterator[None]:
    """Attributes that the block sets on the model and its parts are deleted afterwards.

    captum keeps the inputs and outputs of layers on the layers, and forgets those that no gradient came back to.
    """
    before = {part: set(vars(part)) for part in model.modules()}
    try:
        yield
    finally:
        for part, names in before.items():
            for name in vars(part).keys() - names:
                delattr(part, name)


@contextmanager
def quiet(*messages: str) -> Iterator[None]:
    """Warnings that begin with one of these messages are not shown."""
    with warnings.catch_warnings():
        for message in messages:
            warnings.filterwarnings("ignore", message=message)
        yield


@contextmanager
def global_seed(generator: Generator) -> Iterator[None]:
    """The global random states of torch and numpy, seeded from the generator, and put back after the block."""
    seed = int(torch.randint(2**31, (1,), generator=generator))
    numpy_state = np.random.get_state()  # noqa: NPY002 - captum draws from the legacy global state
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002


def shared_among_features(e: Explicand, values: Float[Tensor, "batch *features"]) -> Float[Tensor, "batch *features"]:
    """Explainers repeat a player's value on each of its features; here the features share it."""
    return values / e.player_sizes[e.players]
