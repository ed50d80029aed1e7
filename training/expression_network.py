"""The network that reads facial expressions, ported from the weights that come with the project, and distances by it.

It is face-api's ``FaceExpressionNet`` (npm ``@vladmandic/face-api`` 1.7.15). Inputs are RGB pictures of 112 x 112
pixels in [0, 1]; outputs are logits of ``EXPRESSIONS``.
"""

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from datasets.faces import MANIFEST, WEIGHTS, read_file

EXPRESSIONS: Final = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
CHANNELS: Final = (32, 64, 128, 256)  # of the four blocks
MEAN: Final = (122.782, 117.001, 104.298)  # of red, green and blue, on a scale of 0 .. 255
SAME: Final = 1e-5  # between unit vectors; a smaller distance is rounding

# Where torch has the axes of an array that TensorFlow calls so; a bias has but one.
AXES: Final = {
    "filters": (3, 2, 0, 1),
    "depthwise_filter": (2, 3, 0, 1),
    "pointwise_filter": (3, 2, 0, 1),
    "weights": (1, 0),
    "bias": (0,),
}

FacePictures = Float[Tensor, "rows 3 112 112"]


class Block(nn.Module):
    """Four 3 x 3 convolutions, the first of stride 2, each of the others of the sum of all before it.

    With c0 .. c3 the convolutions, o1 = relu(c0(x)), o2 = c1(o1), o3 = c2(relu(o1 + o2)), o4 = c3(relu(o1 + o2 + o3)),
    and the output is relu(o1 + o2 + o3 + o4).
    """

    def __init__(self, first: nn.Module, channels: int):
        super().__init__()
        self.conv0 = first
        self.conv1, self.conv2, self.conv3 = (make_separable(channels, channels) for _ in range(3))

    def forward(self, x: Float[Tensor, "rows before height width"]) -> Float[Tensor, "rows after lower narrower"]:
        # TensorFlow's "same" padding, where windows of three move by two along an even number of pixels
        total = F.relu(self.conv0(F.pad(x, (0, 1, 0, 1))))
        total = total + self.conv1(total)
        total = total + self.conv2(F.relu(total))
        total = total + self.conv3(F.relu(total))
        return F.relu(total)


def make_separable(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """A 3 x 3 convolution of each channel by itself, then a 1 x 1 convolution with bias; of stride 1, padded by one."""
    padding = 1 if stride == 1 else 0
    alone = nn.Conv2d(before, before, 3, stride, padding, groups=before, bias=False)
    return nn.Sequential(alone, nn.Conv2d(before, after, 1))


class ExpressionNetwork(nn.Module):
    """Four blocks, the mean of each channel over the 7 x 7 places left, a linear layer; 324 thousand weights."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        firsts = [
            nn.Conv2d(3, CHANNELS[0], 3, stride=2),
            *(make_separable(before, after, stride=2) for before, after in pairwise(CHANNELS)),
        ]
        self.blocks = nn.Sequential(*map(Block, firsts, CHANNELS))
        self.head = nn.Linear(CHANNELS[-1], len(EXPRESSIONS))
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1) / 255, persistent=False)

    def features(self, x: FacePictures) -> Float[Tensor, "rows 256"]:
        """The features, not negative, that the logits are linear in."""
        found: Tensor = self.blocks(x - self.mean).mean((2, 3))
        return found

    def forward(self, x: FacePictures) -> Float[Tensor, "rows 7"]:
        logits: Tensor = self.head(self.features(x))
        return logits


class Nearness(nn.Module):
    """Minus the distance of faces from a reference face, -|f(x) / |f(x)| - f(r) / |f(r)||, f the network's features.

    It is between -sqrt(2) and 0. At the reference itself, where a norm has no gradient, its gradient is 0; so it is
    within ``SAME``, where the direction is one of rounding.
    """

    reference: Tensor

    def __init__(self, network: ExpressionNetwork, reference: Float[Tensor, "3 112 112"]):
        super().__init__()
        self.network = network
        with torch.no_grad():
            self.register_buffer("reference", self._unit(reference.unsqueeze(0)))

    def forward(self, x: FacePictures) -> Float[Tensor, "rows 1"]:
        difference = self._unit(x) - self.reference
        differs = difference.detach().norm(dim=1, keepdim=True) > SAME
        distance: Tensor = (difference * differs).norm(dim=1, keepdim=True)
        return -distance

    def _unit(self, x: FacePictures) -> Float[Tensor, "rows 256"]:
        return F.normalize(self.network.features(x))


def load_network() -> ExpressionNetwork:
    """The network with the weights that come with the project, in eval mode, without gradients of its weights.

    Raises:
        FileNotFoundError, ValueError: as ``datasets.faces.read_file``.
    """
    with torch.random.fork_rng(devices=[]):  # layers begin with random weights
        network = ExpressionNetwork()
    # The manifest has the arrays in the order in which the network has its parts.
    network.load_state_dict(dict(zip(network.state_dict(), _read_arrays(), strict=True)))
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # faster on a CPU


def _read_arrays() -> Iterator[Tensor]:
    """The arrays in the manifest's order, with torch's order of axes.

    They follow one another in the file: float32, or bytes q that stand for q * scale + min.
    """
    content, start = read_file(WEIGHTS), 0
    for entry in json.loads(read_file(MANIFEST))[0]["weights"]:
        quantisation, axes = entry.get("quantization"), AXES[entry["name"].rpartition("/")[2]]
        values = np.frombuffer(content, "u1" if quantisation else "<f4", math.prod(entry["shape"]), start)
        start += values.nbytes
        if quantisation:
            values = values.astype(np.float32) * np.float32(quantisation["scale"]) + np.float32(quantisation["min"])
        yield torch.tensor(values).view(entry["shape"]).permute(axes)
