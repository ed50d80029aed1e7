"""Is what a task knows to be informative where the attribution is largest? (XAI-TRIS; Clark, Wilming and Haufe 2024)

Of attributions only the size counts here, not the sign. What is contested: a model may well use features that say
nothing of the class by themselves (suppressors), and an attribution to them is then true of the model. These scores say
what an attribution is worth to someone who takes it for the truth about the data (Haufe et al. 2014).

Attributing the same everywhere, or at random, gives a precision of the share of features that are informative, an area
of 1/2, and an earth mover's score above 0 that depends on where they are.
"""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata, wasserstein_distance_nd
from torch import Tensor

from sig.metrics.attribution_transfer import Scene, overlap
from sig.metrics.regions import marked
from sig.registry import NotApplicable, Trial, metric

Attribution = Float[Tensor, "batch *features"]
Region = Bool[Tensor, "batch *features"]
Score = Float[Tensor, " batch"]


@metric("truth_precision", better="higher", range=(0.0, 1.0), source="Clark et al. 2024 (XAI-TRIS), precision")
def truth_precision(trial: Trial, *, region: str = "informative") -> Score:
    """``precision`` against a region of the task.

    Raises:
        NotApplicable: when the task does not mark the region.
    """
    return precision(trial.attribution, marked(trial, region))


@metric("truth_auroc", better="higher", range=(0.0, 1.0), source="Fawcett 2006, section 7")
def truth_auroc(trial: Trial, *, region: str = "informative") -> Score:
    """``auroc`` against a region of the task.

    Raises:
        NotApplicable: when the task does not mark the region.
    """
    return auroc(trial.attribution, marked(trial, region))


@metric("truth_emd", better="higher", range=(0.0, 1.0), source="Clark et al. 2024 (XAI-TRIS), earth mover's distance")
def truth_emd(trial: Trial, *, region: str = "informative") -> Score:
    """``earth_mover`` against a region of the task.

    Raises:
        NotApplicable: when the task does not mark the region, or its inputs are no pictures.
    """
    if trial.attribution.ndim != 4:
        raise NotApplicable("features that are not pixels of a picture have no distance")
    return earth_mover(trial.attribution, marked(trial, region))


def precision(attribution: Attribution, region: Region) -> Score:
    """The share of the k largest absolute attributions, k the size of the region, inside it, in [0, 1].

    Of equal ones, of which not all are among the k largest, each counts for its share. NaN where nothing is attributed
    or the region is empty. **Reading.** The authors leave features out that are attributed exactly 0, even where fewer
    than k are not.
    """
    elsewhere = torch.zeros_like(region)
    scores = overlap(attribution.abs(), Scene(dark=region, light=elsewhere, triangle=elsewhere))
    return torch.where(attribution.flatten(1).any(1), scores, torch.nan)


def auroc(attribution: Attribution, region: Region) -> Score:
    """The share of pairs in which a feature inside has a larger absolute attribution than one outside, ties half.

    The area under the ROC curve in [0, 1]: Mann and Whitney's U / (k (n - k)) of k features inside, n - k outside.
    NaN where nothing is attributed, or one of both is empty.
    """
    sizes = attribution.detach().abs().cpu().double().flatten(1)
    inside = region.cpu().flatten(1)
    ranks = torch.from_numpy(rankdata(sizes.numpy(), axis=1))
    k = inside.sum(1).double()
    pairs = k * (inside.shape[1] - k)
    area = ((ranks * inside).sum(1) - k * (k + 1) / 2) / pairs
    return torch.where(sizes.any(1), area, torch.nan).to(attribution.device)


def earth_mover(attribution: Float[Tensor, "batch channels height width"], region: Region) -> Score:
    """1 - EMD / d_max, in [0, 1]: how little absolute attribution has to be moved to lie evenly on the region.

    EMD is the earth mover's distance between both, each scaled to sum to 1, over the Euclidean distances of pixels, and
    d_max that of opposite corners. A pixel's channels are added up. NaN where nothing is attributed or the region is
    empty.
    """
    sizes = attribution.detach().abs().cpu().double().sum(1).numpy()
    marks = region.cpu().any(1).numpy()
    scores = [_earth_mover_of_one(*picture) for picture in zip(sizes, marks, strict=True)]
    return torch.tensor(scores, dtype=torch.float64, device=attribution.device)


def _earth_mover_of_one(sizes: Float[np.ndarray, "height width"], marks: Bool[np.ndarray, "height width"]) -> float:
    used = sizes > 0
    if not used.any() or not marks.any():
        return math.nan
    farthest = math.hypot(*(side - 1 for side in sizes.shape))
    moved = wasserstein_distance_nd(np.argwhere(used), np.argwhere(marks), u_weights=sizes[used])
    return float(1 - moved / farthest)
