"""Controls, which do not see the model: what a method must beat before its attributions can tell of one."""

import numpy as np
import torch
from scipy.ndimage import sobel as edge_filter
from torch import Generator, Tensor

from sig.explicand import Explicand
from sig.registry import NotApplicable, method


@method("random-attribution", family="control", source="control", control=True, gradient=False)
def random_attribution(e: Explicand, *, generator: Generator) -> Tensor:
    """Independent N(0, 1) numbers: knows nothing of the model or the explicand."""
    return torch.randn(e.inputs.shape, generator=generator).to(e.inputs)


@method("input-magnitude", family="control", source="control", control=True, gradient=False)
def input_magnitude(e: Explicand, *, generator: Generator) -> Tensor:
    """|x_i|: sees the explicand alone."""
    return e.inputs.abs()


@method("sobel", family="control", source="control (edges, as in Adebayo et al. 2018)", control=True, gradient=False)
def sobel(e: Explicand, *, generator: Generator) -> Tensor:
    """The strength of edges, sqrt(G_h^2 + G_w^2) by Sobel's filters along height and width, in each channel.

    Raises:
        NotApplicable: when the inputs are not pictures ``(channels, height, width)``.
    """
    if len(e.features) != 3:
        raise NotApplicable(f"edges need pictures (channels, height, width); the inputs have shape {e.features}")
    channels = e.inputs.flatten(0, 1).cpu().numpy()  # the filter smooths along every axis that it is given
    edges = [np.hypot(edge_filter(channel, 0), edge_filter(channel, 1)) for channel in channels]
    return torch.from_numpy(np.stack(edges)).to(e.inputs).view_as(e.inputs)


@method("class-mean", family="control", source="control", control=True, gradient=False)
def class_mean(e: Explicand, *, generator: Generator) -> Tensor:
    """The mean of the background's samples of the class explained: sees neither the model nor the explicand's values.

    Raises:
        NotApplicable: when the classes of the background are not known, or it has no sample of a class explained.
    """
    if e.background_classes is None:
        raise NotApplicable("needs to know the classes of the background's samples")
    of_class = (e.background_classes == e.target.unsqueeze(1)).to(e.background)
    counts = of_class.sum(1, keepdim=True)
    if (counts == 0).any():
        raise NotApplicable(f"the background holds no sample of class {e.target[counts.squeeze(1) == 0][0]}")
    return torch.einsum("bs,s...->b...", of_class / counts, e.background)
