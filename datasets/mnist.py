"""MNIST: ten thousand digits that come with the project, or the full database through torchvision."""

import io
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from jaxtyping import Float, Int, Integer, UInt8
from torch import Tensor
from torch.nn import functional as F

from datasets.cache import cache_directory
from datasets.digest import hash_bytes, hash_tensors

EMBEDDED = Path(__file__).parent / "data" / "mnist10k.npz"
EMBEDDED_SHA256 = "f1a23f2fb1a1c97bb00a811807ddd50a888dbcdcdead94147993273c22ee3f37"
CLASSES = 10


@dataclass(frozen=True)
class Digits:
    """Digits as light on black in [0, 1], with what they show."""

    images: Float[Tensor, "digits 1 28 28"]
    labels: Int[Tensor, " digits"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Mnist:
    """Digits to train on, others held out, and the SHA-256 of all of them."""

    train: Digits
    held_out: Digits
    sha256: str


def load(*, full: bool = False) -> Mnist:
    """The embedded digits, 8,000 and 2,000 held out, or the full database, 60,000 and 10,000.

    The embedded ones are split without chance: sorted by class, in the file's order within a class, every fifth is
    held out. That makes the classes' shares the same in both parts, up to one digit.

    Raises:
        FileNotFoundError: when the embedded file is missing, or the full database is neither in the cache nor can be
            downloaded.
        ValueError: when the embedded file is not the one expected.
    """
    return _full() if full else _embedded()


def choose_balanced(labels: Int[Tensor, " digits"], count: int, generator: torch.Generator) -> Int[Tensor, " count"]:
    """Positions of ``count`` random digits, different ones, whose classes take turns: 0, 1, ..., 9, 0, 1, ...

    Raises:
        ValueError: when a class has too few digits.
    """
    smallest = int(torch.bincount(labels, minlength=CLASSES).min())
    if not 1 <= count <= CLASSES * smallest:
        raise ValueError(
            f"{count} digits were asked for, expected 1 .. {CLASSES * smallest} (the rarest class has {smallest}); "
            "ask for fewer"
        )
    order = torch.randperm(len(labels), generator=generator)
    by_class = [order[labels[order] == digit][:smallest] for digit in range(CLASSES)]
    return torch.stack(by_class, dim=1).flatten()[:count]


def choose_others(
    images: Float[Tensor, "digits 1 28 28"], chosen: Int[Tensor, " chosen"], count: int
) -> Float[Tensor, "others 1 28 28"]:
    """The first ``count`` images that are not among the chosen ones, as many as there are."""
    left = torch.ones(len(images), dtype=torch.bool)
    left[chosen] = False
    return images[left][:count]


def sample(digits: Digits, count: int, generator: torch.Generator) -> Digits:
    """Different digits, that many, as a background.

    Raises:
        ValueError: when there are not so many.
    """
    most = len(digits.images)
    if not 1 <= count <= most:
        raise ValueError(f"a background of {count} digits was asked for, expected 1 .. {most}; change its size")
    chosen = torch.randperm(most, generator=generator)[:count]
    return Digits(digits.images[chosen], digits.labels[chosen])


def shift_images(
    images: Float[Tensor, "rows 1 height width"], by: int, generator: torch.Generator
) -> Float[Tensor, "rows 1 height width"]:
    """Each image moved by its own whole number of pixels, -by .. by, along each axis; zeros come in at the edges."""
    rows, _, height, width = images.shape
    down, right = torch.randint(2 * by + 1, (2, rows, 1), generator=generator)
    y, x = down + torch.arange(height), right + torch.arange(width)
    padded = F.pad(images, (by, by, by, by))
    return padded[torch.arange(rows).view(-1, 1, 1), 0, y.unsqueeze(2), x.unsqueeze(1)].unsqueeze(1)


def _embedded() -> Mnist:
    remedy = f"restore it: git checkout -- {EMBEDDED.parent.parent.name}/{EMBEDDED.parent.name}/{EMBEDDED.name}"
    if not EMBEDDED.is_file():
        raise FileNotFoundError(f"{EMBEDDED} is missing; {remedy}")
    content = EMBEDDED.read_bytes()
    sha256 = hash_bytes(content)
    if sha256 != EMBEDDED_SHA256:
        raise ValueError(f"{EMBEDDED} has SHA-256 {sha256}, expected {EMBEDDED_SHA256}; {remedy}")
    with np.load(io.BytesIO(content)) as arrays:
        digits = _digits(torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]))
    by_class = digits.labels.argsort(stable=True)
    fifth = torch.arange(len(digits)) % 5 == 4
    train, held_out = by_class[~fifth].sort().values, by_class[fifth].sort().values
    return Mnist(
        Digits(digits.images[train], digits.labels[train]),
        Digits(digits.images[held_out], digits.labels[held_out]),
        sha256,
    )


def _full() -> Mnist:
    from torchvision.datasets import MNIST  # takes a second, and only the full database needs it

    folder = cache_directory() / "mnist"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"), redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
            parts = [MNIST(str(folder), train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise FileNotFoundError(
            f"the full MNIST is not in {folder / 'MNIST' / 'raw'} and cannot be downloaded ({reason}); put its four "
            "unpacked idx files there, or use the embedded digits (full=False)"
        ) from error
    sha256 = hash_tensors(*(values for part in parts for values in (part.data, part.targets)))
    train, held_out = (_digits(part.data, part.targets) for part in parts)
    return Mnist(train, held_out, sha256)


def _digits(pixels: UInt8[Tensor, "digits 28 28"], labels: Integer[Tensor, " digits"]) -> Digits:
    return Digits(pixels.unsqueeze(1).float() / 255, labels.long())
