"""Small pictures of which it is known what tells the class, and what only helps to: suppressors (XAI-TRIS).

After Clark, Wilming and Haufe 2024, "XAI-TRIS", whose data EXACT (Clark et al. 2024) offers too: pictures of 8 x 8
pixels, a signal s on a background b of noise. With tetrominoes T and L, of four pixels each, for the classes 0 and 1:

    linear           x = alpha s + (1 - alpha) b,   s = T or L, each at its place
    multiplicative   x = (1 - alpha s) b,           s = T or L, each at its place
    xor              x = alpha s + (1 - alpha) b,   s = T + L or -T - L (class 0), T - L or L - T (class 1)
    rotated          x = alpha s + (1 - alpha) b,   s = T or L, turned by quarters and moved anywhere ("rigid")

    white            b = n,       n independent N(0, 1)
    correlated       b = G n,     G a Gaussian filter of 3 pixels' standard deviation, edges reflected

Before they are added, s and b are divided by the Frobenius norms of all signals and all backgrounds; x is scaled to
[-1, 1].

*Informative* pixels are those that the class acts on, each by itself or (xor) together: in ``rotated`` those of the
picture's own tetromino; elsewhere those of both, since a T that is missing tells as much as an L that is there. In
correlated noise the other pixels are *suppressors*: independent of the class, they tell what the noise is under the
tetrominoes, so that a good model uses them. An attribution to them may be true of the model; that they have anything to
do with the class is false.

**Reading.** The norms are expectations, instead of those of one data set. The scale is a fixed one, and the few values
beyond [-1, 1], fewer than one in 10,000, are clipped. That is done pixel by pixel, so no other pixel becomes
informative.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import gaussian_filter1d
from torch import Generator, Tensor

Scenario = Literal["linear", "multiplicative", "xor", "rotated"]
Noise = Literal["white", "correlated"]

SIDE: Final = 8  # pixels
SHAPES: Final = {"T": ((1, 0), (1, 1), (1, 0)), "L": ((1, 0), (1, 0), (1, 1))}
PLACES: Final = {"T": (1, 1), "L": (4, 5)}  # row and column of the upper left corner
PIXELS: Final = 4  # of a tetromino
SMOOTHING: Final = 3.0  # standard deviation, in pixels
REACH: Final = 4.0  # standard deviations of the noise that the scale leaves room for
ALPHA: Final[dict[tuple[Scenario, Noise], float]] = {  # the authors', of their pictures of 8 x 8 pixels
    ("linear", "white"): 0.18,
    ("linear", "correlated"): 0.0125,
    ("multiplicative", "white"): 0.7,
    ("multiplicative", "correlated"): 0.1,
    ("xor", "white"): 0.35,
    ("xor", "correlated"): 0.15,
    ("rotated", "white"): 0.65,
    ("rotated", "correlated"): 0.2,
}

Images = Float[Tensor, "pictures 1 8 8"]
Signal = Float[Tensor, "pictures 8 8"]
Labels = Int[Tensor, " pictures"]


@dataclass(frozen=True)
class SuppressorPictures:
    """Pictures with their classes and the pixels that tell them.

    Attributes:
        images: in [-1, 1].
        labels: 0 or 1, equally likely.
        informative: marks of the pixels that the class acts on.
    """

    images: Images
    labels: Labels
    informative: Bool[Tensor, "pictures 1 8 8"]


def generate(count: int, generator: Generator, *, scenario: Scenario, noise: Noise) -> SuppressorPictures:
    """Pictures of a scenario, independent of one another."""
    labels = torch.randint(2, (count,), generator=generator)
    signal = SIGNALS[scenario](labels, generator)
    images = combine(signal, draw_noise(count, noise, generator), scenario=scenario, noise=noise)
    shown = signal != 0 if scenario == "rotated" else (place("T") + place("L") != 0).expand(count, -1, -1)
    return SuppressorPictures(images, labels, shown.unsqueeze(1).contiguous())


def draw_empty(count: int, generator: Generator, *, scenario: Scenario, noise: Noise) -> Images:
    """Pictures of a scenario without a signal."""
    background = draw_noise(count, noise, generator)
    return combine(torch.zeros_like(background), background, scenario=scenario, noise=noise)


def draw_fixed(labels: Labels, generator: Generator) -> Signal:
    """T (class 0) or L (class 1), each at its place."""
    return torch.stack([place("T"), place("L")])[labels]


def draw_signs(labels: Labels, generator: Generator) -> Signal:
    """Both tetrominoes at their places, of equal signs (class 0) or of unequal ones (class 1)."""
    of_t = 1 - 2 * torch.randint(2, (len(labels), 1, 1), generator=generator)
    return of_t * (place("T") + (1 - 2 * labels.view(-1, 1, 1)) * place("L"))


def draw_rotated(labels: Labels, generator: Generator) -> Signal:
    """T (class 0) or L (class 1), in one of four rotations, all equally likely, then at one of all places."""
    turns = torch.randint(4, (len(labels),), generator=generator)
    places = torch.rand(len(labels), generator=generator)
    signal = torch.empty(len(labels), SIDE, SIDE)
    for label, name in enumerate(SHAPES):
        for turn in range(4):
            every = place_everywhere(torch.tensor(SHAPES[name]).rot90(turn))
            chosen = (labels == label) & (turns == turn)
            signal[chosen] = every[(places[chosen] * len(every)).long()]
    return signal


SIGNALS: Final[dict[Scenario, Callable[[Labels, Generator], Signal]]] = {
    "linear": draw_fixed,
    "multiplicative": draw_fixed,
    "xor": draw_signs,
    "rotated": draw_rotated,
}


def place(name: str) -> Float[Tensor, "8 8"]:
    """A tetromino at its place: 1 on its pixels, 0 elsewhere."""
    row, column = PLACES[name]
    shape = torch.tensor(SHAPES[name])
    picture = torch.zeros(SIDE, SIDE)
    picture[row : row + shape.shape[0], column : column + shape.shape[1]] = shape.float()
    return picture


def place_everywhere(shape: Int[Tensor, "height width"]) -> Float[Tensor, "places 8 8"]:
    """A shape at all places inside the picture."""
    height, width = shape.shape
    corners = [(row, column) for row in range(SIDE - height + 1) for column in range(SIDE - width + 1)]
    pictures = torch.zeros(len(corners), SIDE, SIDE)
    for picture, (row, column) in zip(pictures, corners, strict=True):
        picture[row : row + height, column : column + width] = shape.float()
    return pictures


def draw_noise(count: int, noise: Noise, generator: Generator) -> Float[Tensor, "pictures 8 8"]:
    """b, before it is divided by its norm."""
    one_axis = filter_along_axis(noise)
    return one_axis @ torch.randn(count, SIDE, SIDE, generator=generator) @ one_axis.T


@cache
def filter_along_axis(noise: Noise) -> Float[Tensor, "8 8"]:
    """The filter G, which is separable, along one axis as a matrix; the identity for white noise."""
    if noise == "white":
        return torch.eye(SIDE)
    return torch.from_numpy(gaussian_filter1d(np.eye(SIDE), SMOOTHING, axis=0)).float()


def measure_spread(noise: Noise) -> Float[Tensor, "8 8"]:
    """The standard deviation of each pixel of b."""
    along_axis = filter_along_axis(noise).square().sum(1)
    return torch.outer(along_axis, along_axis).sqrt()


def combine(signal: Signal, background: Float[Tensor, "pictures 8 8"], *, scenario: Scenario, noise: Noise) -> Images:
    """x, on the scale on which the largest signal and ``REACH`` standard deviations of the noise end at 1."""
    alpha, spread = ALPHA[scenario, noise], measure_spread(noise)
    if scenario == "multiplicative":
        images = (1 - alpha * signal) * background / (REACH * spread.max())
    else:
        of_signal = alpha / math.sqrt(PIXELS * (2 if scenario == "xor" else 1))
        of_background = (1 - alpha) / spread.square().sum().sqrt()
        images = (of_signal * signal + of_background * background) / (of_signal + of_background * REACH * spread.max())
    return images.clamp(-1, 1).unsqueeze(1)
