"""ROAD: the probability of the target, as pixels are taken away and imputed from what is left (Rong et al. 2022).

Rong et al. show that the shape of what is removed tells a network the class, so that orders of methods by removal of
the most and of the least relevant pixels contradict each other; imputed pixels hide the shape, without the retraining
of ROAR, and the two orders agree better.

What is contested: Song et al. 2023 ("On Pitfalls of RemOve-And-Retrain", arXiv 2304.13836) find ROAD, like ROAR, to
favour blurred attributions, even where these know less of the model. A pixel that is interpolated is still one of a
picture that the network was not trained on, smoother than real ones, and a single removed pixel is nearly restored.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.sparse.linalg import splu
from torch import Generator, Tensor

from sig.metrics.removal_curve import probability_curves
from sig.registry import NotApplicable, Trial, metric

SOURCE: Final = "Rong et al. 2022, ROAD"
DIRECT, DIAGONAL = 1 / 6, 1 / 12  # weights of a pixel's neighbours
NOISE: Final = 0.01  # standard deviation, of pixels in [0, 1], as in the authors' code
# A positive definite system needs no pivots, and is then solved in half of the time.
SYMMETRIC: Final = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}


@metric("road", better="lower", range=(0.0, 1.0), source=SOURCE, curve="share of pixels removed")
def road(
    trial: Trial, *, share: float = 0.9, points: int = 10, noise: float = NOISE, generator: Generator
) -> Float[Tensor, "batch points"]:
    """F(x^k) for a grid of k from 0 to ``share`` of the pixels, F being the probability of the target, and x^k the
    picture whose k most positively attributed pixels are ``imputed`` from the others. It should fall early.

    The score is the area, the mean over the grid; NaN where the attribution is the same everywhere. **Reading.** The
    paper counts predictions that stay right; one picture's probability says more than whether it does.

    Args:
        share: one that leaves some pixels, from which the others are imputed.
        noise: standard deviation of what is added to every imputed value, drawn once for each pixel of each picture.

    Raises:
        ValueError: on ``share`` outside (0, 1] or of all pixels, or fewer than 2 points.
        NotApplicable: where the inputs are not pictures, or outputs are not probabilities of classes.
    """
    return _curves(trial, share, points, noise, generator, least_first=False)


@metric("road_least", better="higher", range=(0.0, 1.0), source=SOURCE, curve="share of pixels removed", judges=False)
def road_least(
    trial: Trial, *, share: float = 0.9, points: int = 10, noise: float = NOISE, generator: Generator
) -> Float[Tensor, "batch points"]:
    """The same with the least positively attributed pixels first: the probability should stay. Otherwise as ``road``.

    It describes and does not judge. Random attribution scatters the pixels that it removes, each among known neighbours
    that restore it, and so keeps the prediction longer than methods whose least positive pixels lie together.

    Raises:
        ValueError, NotApplicable: as ``road`` does.
    """
    return _curves(trial, share, points, noise, generator, least_first=True)


def imputed(
    picture: Float[Tensor, "channels height width"], missing: Bool[Tensor, "height width"]
) -> Float[Tensor, "channels height width"]:
    """The picture in which each missing pixel is the weighted mean of its neighbours, the missing ones among them too.

    Neighbours above, below and beside a pixel weigh 1/6, diagonal ones 1/12; at the border, those that there are share
    the whole. That is one sparse linear system for the missing pixels u, known ones k: L_uu x_u = -L_uk x_k, with L the
    graph Laplacian of these weights.

    Raises:
        ValueError: when no pixel is known.
    """
    unknown = missing.flatten().cpu().numpy()
    if unknown.all():
        raise ValueError("all pixels are missing, expected at least one known; remove a smaller share")
    filled = picture.flatten(1).clone()
    if unknown.any():
        rows = _laplacian(*missing.shape)[unknown]
        known = filled[:, ~missing.flatten()].double().cpu().numpy()
        solution = splu(rows[:, unknown].tocsc(), **SYMMETRIC).solve(-(rows[:, ~unknown] @ known.T))
        filled[:, missing.flatten()] = torch.from_numpy(solution.T.copy()).to(filled)
    return filled.view_as(picture)


@lru_cache(maxsize=4)
def _laplacian(height: int, width: int) -> sparse.csr_array:
    down, across = (sparse.diags_array([1.0, 1.0], offsets=[-1, 1], shape=(n, n)) for n in (height, width))
    beside = sparse.kron(sparse.eye_array(height), across) + sparse.kron(down, sparse.eye_array(width))
    weights = DIRECT * beside + DIAGONAL * sparse.kron(down, across)
    return sparse.csr_array(sparse.diags_array(np.asarray(weights.sum(1))) - weights)


def _curves(
    trial: Trial, share: float, points: int, noise: float, generator: Generator, *, least_first: bool
) -> Float[Tensor, "batch points"]:
    e = trial.explicand
    if len(e.features) != 3:
        raise NotApplicable(f"imputation needs pictures (channels, height, width); the inputs have shape {e.features}")
    added = noise * torch.randn(e.inputs.shape, generator=generator).to(e.inputs)

    def see(
        i: Int[Tensor, " chunk"], taken: Bool[Tensor, "chunk points *units"]
    ) -> Float[Tensor, "chunk points *seen"]:
        noisy = [
            torch.stack([imputed(e.inputs[j], missing) + added[j] * missing for missing in of_one.squeeze(1)])
            for j, of_one in zip(i.tolist(), taken, strict=True)
        ]
        return torch.stack(noisy)

    return probability_curves(e, trial.attribution, see, share=share, points=points, least_first=least_first)
