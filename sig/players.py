"""Players of a picture: patches of pixels, or superpixels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def patch_players(features: tuple[int, int, int], patch: int) -> Int[Tensor, "channels height width"]:
    """The player of each pixel when the players are ``patch`` x ``patch`` squares, numbered row by row.

    All channels of a pixel belong to the same player. ``features`` is (channels, height, width).

    Raises:
        ValueError: when the squares do not fill the picture.
    """
    _, height, width = features
    if patch < 1 or height % patch or width % patch:
        raise ValueError(
            f"patch is {patch}, expected a number of pixels that divides height {height} and width {width}; "
            f"choose {_example(height, width)}"
        )
    return rectangle_players(features, patch, patch)


def rectangle_players(
    features: tuple[int, int, int], patch_height: int, patch_width: int
) -> Int[Tensor, "channels height width"]:
    """The player of each pixel when the players are M x N patches, numbered row by row (SIG, Fig. 2b).

    Patches are laid from the top left. Where they do not fill the picture, those in the last row and column are what
    is left of it: 80 x 80 patches (SIG, V) on 224 x 224 pixels are 3 x 3 players, 80, 80 and 64 pixels a side. The
    paper does not say what happens to the remainder; this is a **reading**.

    All channels of a pixel belong to the same player. ``features`` is (channels, height, width).

    Raises:
        ValueError: when a patch is smaller than a pixel or larger than the picture.
    """
    channels, height, width = features
    if not (1 <= patch_height <= height and 1 <= patch_width <= width):
        raise ValueError(
            f"patches are {patch_height} x {patch_width}, expected 1 x 1 .. {height} x {width}, the picture's height "
            "and width; choose another size"
        )
    rows, cols = torch.arange(height) // patch_height, torch.arange(width) // patch_width
    per_row = -(-width // patch_width)
    return (rows.unsqueeze(1) * per_row + cols).expand(channels, -1, -1).contiguous()


def superpixel_players(
    picture: Float[Tensor, "channels height width"], segments: int, *, compactness: float = 10.0
) -> Int[Tensor, "channels height width"]:
    """The player of each pixel when the players are superpixels by SLIC (Achanta et al. 2012), as in scikit-image.

    All channels of a pixel belong to the same player. Superpixels follow the edges of this one picture, so other
    pictures have other players. Nothing is drawn: the same picture has the same ones.

    Args:
        picture: in [0, 1]; of three channels red, green, blue, or of one.
        segments: how many superpixels there are, roughly.
        compactness: how much nearness counts beside likeness of colour; more makes them squarer.

    Raises:
        ModuleNotFoundError: without scikit-image.
        ValueError: when ``segments`` is below 1 or above the number of pixels, or ``compactness`` not above 0.
    """
    channels, height, width = picture.shape
    if not 1 <= segments <= height * width:
        raise ValueError(f"segments is {segments}, expected 1 .. {height * width}, the number of pixels; choose fewer")
    if not compactness > 0:
        raise ValueError(f"compactness is {compactness}, expected a number above 0, such as 10")
    try:
        from skimage.segmentation import slic  # an optional package, and slow to import
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "superpixels need scikit-image, which is not installed; pip install scikit-image", name=error.name
        ) from error
    pixels = picture.detach().cpu().double().numpy()
    labels = torch.from_numpy(slic(pixels, n_segments=segments, compactness=compactness, channel_axis=0))
    numbers: Tensor = labels.unique(return_inverse=True)[1]
    return numbers.expand(channels, -1, -1).contiguous().to(picture.device)


def _example(height: int, width: int) -> str:
    return " or ".join(str(n) for n in range(1, min(height, width) + 1) if height % n == 0 and width % n == 0)
