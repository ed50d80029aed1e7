"""Pictures put together from crops of real colour photographs, where it is known which part decides the class.

A picture is a grid of 3 x 3 tiles of 16 x 16 pixels in random order: one *target*, a crop of one of the photographs
``TARGETS``, which is the class; four *distractors*, crops of the photographs ``DISTRACTORS``, alike in every class; and
four *plain* tiles of one random colour, the background. The photographs come with scikit-image and are read from the
installed package. At half their size they are cut into blocks of 32 x 32 pixels, every fourth of which, along
diagonals, is held out; a crop lies within one block, so that no pixel of a held-out crop is in one that is trained on.
"""

import importlib.util
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional as F

from datasets.digest import hash_bytes

TARGETS: Final = ("chelsea.png", "coffee.png", "ihc.png", "hubble_deep_field.jpg")  # fur, brown, pale, nearly black
DISTRACTORS: Final = ("astronaut.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg")

TILE: Final = 16
GRID: Final = 3
SIDE: Final = GRID * TILE
DISTRACTED: Final = 4  # tiles of a picture that are distractors
BLOCK: Final = 32

Part = Literal["train", "held out"]


@dataclass(frozen=True)
class PhotographBlocks:
    """The blocks of each photograph, in the order of ``TARGETS`` and of ``DISTRACTORS``, and the files' SHA-256."""

    targets: tuple[Float[Tensor, "_ 3 32 32"], ...]
    distractors: tuple[Float[Tensor, "_ 3 32 32"], ...]
    sha256: str


@dataclass(frozen=True)
class Composites:
    """Pictures in [0, 1], the class of each, and what is where; what is in no mask is plain."""

    images: Float[Tensor, "pictures 3 48 48"]
    labels: Int[Tensor, " pictures"]
    target: Bool[Tensor, "pictures 3 48 48"]
    distractors: Bool[Tensor, "pictures 3 48 48"]


@cache
def load(part: Part) -> PhotographBlocks:
    """The blocks of one part of all photographs.

    Raises:
        FileNotFoundError: when scikit-image is not installed, or comes without a photograph.
    """
    contents = {name: _read(name) for name in TARGETS + DISTRACTORS}
    blocks: dict[str, Tensor] = {}
    for name, content in contents.items():
        photograph = torch.from_numpy(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).copy())
        blocks[name] = cut_blocks(photograph.permute(2, 0, 1).float() / 255, part)
    targets, distractors = (tuple(blocks[name] for name in names) for names in (TARGETS, DISTRACTORS))
    return PhotographBlocks(targets, distractors, hash_bytes(*contents.values()))


def cut_blocks(photograph: Float[Tensor, "3 height width"], part: Part) -> Float[Tensor, "blocks 3 32 32"]:
    """The blocks of one part of a photograph at half its size, by means of 2 x 2 pixels; what is left over is dropped.

    Block (row, column) is held out when row + 2 column leaves 3 when divided by 4.
    """
    half = F.avg_pool2d(photograph.unsqueeze(0), 2)[0]
    rows, cols = half.shape[1] // BLOCK, half.shape[2] // BLOCK
    blocks = half[:, : rows * BLOCK, : cols * BLOCK].unflatten(2, (cols, BLOCK)).unflatten(1, (rows, BLOCK))
    held_out = (torch.arange(rows).unsqueeze(1) + 2 * torch.arange(cols)) % 4 == 3
    chosen: Tensor = blocks.permute(1, 3, 0, 2, 4)[held_out if part == "held out" else ~held_out]
    return chosen.contiguous()


def generate(count: int, part: Part, generator: Generator) -> Composites:
    """Pictures, that many, of random crops, flipped from left to right at random, of equally likely classes."""
    photographs = load(part)
    labels = torch.randint(len(TARGETS), (count,), generator=generator)
    others = torch.randint(len(DISTRACTORS), (count, DISTRACTED), generator=generator)
    colours = torch.rand(count, 1, 3, 1, 1, generator=generator)
    tiles = colours.repeat(1, GRID**2, 1, TILE, TILE)
    tiles[:, 0] = _draw_crops(photographs.targets, labels, generator)
    drawn = _draw_crops(photographs.distractors, others.flatten(), generator)
    tiles[:, 1 : 1 + DISTRACTED] = drawn.unflatten(0, (count, DISTRACTED))
    order = torch.rand(count, GRID**2, generator=generator).argsort(1)  # what comes to each place
    images = _lay_out(tiles[torch.arange(count).unsqueeze(1), order])
    kinds = _lay_out(order.view(count, -1, 1, 1, 1).expand(-1, -1, 3, TILE, TILE))
    return Composites(images, labels, kinds == 0, (kinds >= 1) & (kinds <= DISTRACTED))


def _read(name: str) -> bytes:
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "the photographs come with scikit-image, which isn't installed; pip install scikit-image"
        )
    file = Path(package.origin).parent / "data" / name
    if not file.is_file():
        raise FileNotFoundError(f"the installed scikit-image comes without {file}; install version 0.24 or later")
    return file.read_bytes()


def _draw_crops(
    photographs: tuple[Float[Tensor, "_ 3 32 32"], ...], chosen: Int[Tensor, " crops"], generator: Generator
) -> Float[Tensor, "crops 3 16 16"]:
    """A random crop of each chosen photograph, from a random block."""
    sizes = torch.tensor([len(blocks) for blocks in photographs])
    u = torch.rand(len(chosen), dtype=torch.float64, generator=generator)
    block = (sizes.cumsum(0) - sizes)[chosen] + (u * sizes[chosen]).long()
    top, left = torch.randint(BLOCK - TILE + 1, (2, len(chosen), 1), generator=generator)
    steps = torch.arange(TILE)
    flipped = torch.rand(len(chosen), 1, generator=generator) < 0.5
    y, x = top + steps, left + torch.where(flipped, steps.flip(0), steps)
    channels = torch.arange(3).view(1, 3, 1, 1)
    return torch.cat(photographs)[block.view(-1, 1, 1, 1), channels, y[:, None, :, None], x[:, None, None, :]]


def _lay_out(tiles: Tensor) -> Tensor:
    """``(pictures, 9, 3, 16, 16)`` to ``(pictures, 3, 48, 48)``, row by row."""
    grid = tiles.unflatten(1, (GRID, GRID)).permute(0, 3, 1, 4, 2, 5)
    pictures: Tensor = grid.flatten(4, 5).flatten(2, 3)
    return pictures
