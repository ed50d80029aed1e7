"""Square patches of a picture as its players."""

import torch
from jaxtyping import Int
from torch import Tensor


def patch_players(features: tuple[int, int, int], patch: int) -> Int[Tensor, "channels height width"]:
    """The player of each pixel when the players are ``patch`` x ``patch`` squares, numbered row by row.

    All channels of a pixel belong to the same player. ``features`` is (channels, height, width).

    Raises:
        ValueError: when the squares do not fill the picture.
    """
    channels, height, width = features
    if patch < 1 or height % patch or width % patch:
        raise ValueError(
            f"patch is {patch}, expected a number of pixels that divides height {height} and width {width}; "
            f"choose {_example(height, width)}"
        )
    rows, cols = torch.arange(height) // patch, torch.arange(width) // patch
    return (rows.unsqueeze(1) * (width // patch) + cols).expand(channels, -1, -1).contiguous()


def _example(height: int, width: int) -> str:
    return " or ".join(str(n) for n in range(1, min(height, width) + 1) if height % n == 0 and width % n == 0)
