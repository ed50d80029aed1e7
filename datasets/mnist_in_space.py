"""MNIST in Space: a digit on one half of a wide canvas, of which training only ever saw the left one (ICG).

Train on ``place(mnist.load().train.images, "left", generator)``, attribute ``place(..., "right", generator)``: all that
is worth attributing has moved, and what varied in training is empty.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn import functional as F

HEIGHT = 32
WIDTH = 64
MOST_SHIFT = 2

_DIGIT = 28

Half = Literal["left", "right"]


def place(digits: Float[Tensor, "rows 1 28 28"], half: Half, generator: Generator) -> Float[Tensor, "rows 1 32 64"]:
    """Each digit in the middle of one half of a black canvas, then moved by -2 .. 2 pixels along each axis at random.

    **Reading.** The digits that are attributed, on the right, are moved in the same way as those for training.

    Raises:
        ValueError: when ``half`` is neither left nor right.
    """
    if half not in get_args(Half):
        raise ValueError(f"half is {half!r}, expected one of {', '.join(get_args(Half))}")
    rows = torch.arange(len(digits)).view(-1, 1, 1)
    # A digit leaves two pixels on each side of its half, just what the largest shift takes.
    top, left = torch.randint(2 * MOST_SHIFT + 1, (2, len(digits), 1, 1), generator=generator)
    y = top + torch.arange(_DIGIT).view(-1, 1)
    x = left + torch.arange(_DIGIT) + (WIDTH // 2 if half == "right" else 0)
    canvas = digits.new_zeros(len(digits), 1, HEIGHT, WIDTH)
    canvas[rows, 0, y, x] = digits[:, 0]
    return canvas


def varied(digits: Float[Tensor, "rows 1 28 28"]) -> Bool[Tensor, "1 32 64"]:
    """The pixels that some digit lights in some position on the left: where training on these digits sees variation."""
    ever_lit = F.pad((digits > 0).any(0).float(), (MOST_SHIFT,) * 4)
    reached = F.max_pool2d(ever_lit, 2 * MOST_SHIFT + 1, stride=1, padding=MOST_SHIFT)
    return F.pad(reached, (0, WIDTH // 2)).bool()


def shadow(
    inputs: Float[Tensor, "batch 1 32 64"], varied_in_training: Bool[Tensor, "1 32 64"]
) -> Bool[Tensor, "batch 1 32 64"]:
    """A mask of where training varied but the input has nothing; attribution there is about digits that are absent."""
    return varied_in_training & (inputs == 0)
