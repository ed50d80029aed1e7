"""A folder of pictures as Imagenette's is, made up, and small."""

from pathlib import Path

import torch
from PIL import Image

CLASSES = ("n01", "n02")


def make_folder(folder: Path, sides: tuple[int, int] = (40, 48)) -> Path:
    """Two classes, one reddish and one bluish, of four pictures to train on and four held out."""
    draws = torch.Generator().manual_seed(0)
    for part in ("train", "val"):
        for tint, name in enumerate(CLASSES):
            (folder / part / name).mkdir(parents=True)
            for number in range(4):
                pixels = torch.randint(0, 156, (*sides, 3), dtype=torch.uint8, generator=draws)
                pixels[..., 2 * tint] += 100
                Image.fromarray(pixels.numpy()).save(folder / part / name / f"{number}.png")
    return folder
