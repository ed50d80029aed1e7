"""Blur Integrated Gradients: the path of a picture that comes into focus."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from torch import Generator, Tensor

from sig import path
from sig.explicand import Explicand
from sig.registry import NotApplicable, method


@method("blur-ig", family="integrated-gradients", source="Xu et al. 2020, eq. 4", spend=("steps",))
def blur_ig(e: Explicand, *, extent: float = 50 / 224, steps: int = 50, generator: Generator) -> Tensor:
    """The integral of dF/dx_i dx_i along x(sigma), x blurred by a Gaussian of sigma, from sigma_max to 0.

    The path is cut at ``steps`` + 1 equally spaced sigmas. Each piece gives dF/dx_i in its middle times what x_i
    changes on it, one forward and one backward row.

    Args:
        extent: sigma_max as a share of the picture's longer side.

    **Reading.** The authors' code has sigma_max = 50 pixels for photographs of 224; pictures of other sizes are blurred
    as much for their size. Outside a picture its edge goes on, as in ig-blur.

    Raises:
        NotApplicable: when the inputs are not pictures ``(channels, height, width)``.
    """
    if len(e.features) != 3:
        raise NotApplicable(f"blur needs pictures (channels, height, width); the inputs have shape {e.features}")
    height, width = e.features[1:]
    sigmas = np.linspace(0, extent * max(height, width), steps + 1)
    total = torch.zeros_like(e.inputs)
    for pieces in torch.arange(steps).split(e.rows_per_batch):
        down, across = (_blurs(size, sigmas[pieces[0] : pieces[-1] + 2]).to(e.inputs) for size in (height, width))
        for some in torch.arange(len(e.inputs), device=e.device).split(max(1, e.rows_per_batch // len(pieces))):
            blurred = _blur(e.inputs[some], down, across)
            sharper, softer = blurred[:, :-1], blurred[:, 1:]
            middles = ((sharper + softer) / 2).flatten(0, 1)
            _, gradients = path.scores_and_gradients(e, middles, some.repeat_interleave(len(pieces)))
            total[some] += (gradients.view_as(sharper) * (sharper - softer)).sum(1)
    start = _blur(e.inputs, *(_blurs(size, sigmas[-1:]).to(e.inputs) for size in (height, width)))
    e.tally.paths = (start, e.inputs.unsqueeze(1))
    return total


def _blur(
    pictures: Float[Tensor, "batch channels height width"],
    down: Float[Tensor, "sigmas height height"],
    across: Float[Tensor, "sigmas width width"],
) -> Float[Tensor, "batch sigmas channels height width"]:
    return down.unsqueeze(1) @ pictures.unsqueeze(1) @ across.unsqueeze(1).mT


def _blurs(size: int, sigmas: Float[np.ndarray, " sigmas"]) -> Float[Tensor, "sigmas size size"]:
    """The matrices that blur a line of so many pixels, for many pictures at once."""
    unit = np.eye(size)
    return torch.from_numpy(np.stack([gaussian_filter(unit, (sigma, 0), mode="nearest") for sigma in sigmas]))
