"""captum's explainers that only evaluate the model: a sliding window, a local linear model, sampled permutations.

What is taken away becomes 0, as captum has it. A player's value is shared equally among its features.
"""

import math

import captum.attr
import torch
from captum._utils.models.linear_model import SkLearnLasso
from torch import Generator, Tensor

from sig import baselines
from sig.explicand import Explicand
from sig.foreign import global_seed, shared_among_features
from sig.registry import NotApplicable, method

FAMILY = "captum"


@method("captum/Occlusion", family=FAMILY, source="Zeiler and Fergus 2014, section 4.2, by captum", gradient=False)
def occlusion(e: Explicand, *, generator: Generator) -> Tensor:
    """Mean over the windows that hold a feature of F(x) - F(x with the window at zero), over the window's features.

    The window is a square with as many pixels as players have on average, which is a patch where players are square
    patches, and it moves by half its side. Its cost is the number of windows, and one.

    Raises:
        NotApplicable: when inputs are no pictures, or players single pixels, of which captum/FeatureAblation makes the
            same.
    """
    if len(e.features) != 3:
        raise NotApplicable(f"needs pictures (channels, height, width); the inputs have shape {e.features}")
    channels, height, width = e.features
    side = round(math.sqrt(height * width / e.n_players))
    if side < 2:
        raise NotApplicable("players are single pixels, where a window as large as a player is captum/FeatureAblation")
    explainer, window = captum.attr.Occlusion(e.outputs), (channels, side, side)
    with torch.no_grad():
        values = [
            explainer.attribute(
                e.inputs[i : i + 1],
                sliding_window_shapes=window,
                strides=(channels, side // 2, side // 2),
                target=e.target[i : i + 1],
                perturbations_per_eval=e.rows_per_batch,
            )
            for i in range(len(e.inputs))
        ]
    return torch.cat(values) / math.prod(window)


@method(
    "captum/Lime",
    family=FAMILY,
    source="Ribeiro et al. 2016, section 3.4, by captum",
    spend=("evaluations",),
    gradient=False,
)
def lime(e: Explicand, *, evaluations: int = 1000, alpha: float = 0.01, generator: Generator) -> Tensor:
    """The coefficients of a lasso from which players are in a random coalition to F, one weight for each coalition.

    As captum has it, each player is in a coalition with probability 1/2, and its weight is exp(-d^2 / 2), d the cosine
    distance to the explicand. The penalty does not know the scale of F: with captum's ``alpha`` of 0.01, a player that
    changes F by less than about 4 alpha = 0.04 gets 0, which on probabilities may be most of them.
    """
    explainer = captum.attr.Lime(e.outputs, interpretable_model=SkLearnLasso(alpha=alpha))
    with global_seed(generator):
        values = [
            explainer.attribute(
                e.inputs[i : i + 1],
                target=e.target[i : i + 1],
                feature_mask=e.players.unsqueeze(0),
                n_samples=evaluations,
                perturbations_per_eval=e.rows_per_batch,
            )
            for i in range(len(e.inputs))
        ]
    return shared_among_features(e, torch.cat(values))


@method(
    "captum/ShapleyValueSampling",
    family=FAMILY,
    source="Castro et al. 2009, section 3, by captum",
    spend=("evaluations",),
    gradient=False,
)
def shapley_value_sampling(e: Explicand, *, evaluations: int = 1000, generator: Generator) -> Tensor:
    """The mean marginal contribution over random permutations; compare permutation-shapley.

    A permutation takes as many evaluations as there are players, and the empty coalition one more in total.

    Raises:
        NotApplicable: when the evaluations do not suffice for one permutation.
    """
    permutations = (evaluations - 1) // e.n_players
    if permutations < 1:
        raise NotApplicable(
            f"{e.n_players} players take {e.n_players + 1} model rows, more than the {evaluations} given"
        )
    e.tally.paths = (baselines.zero(e), e.inputs.unsqueeze(1))
    explainer = captum.attr.ShapleyValueSampling(e.outputs)
    with global_seed(generator):
        values = [
            explainer.attribute(
                e.inputs[i : i + 1],
                target=e.target[i : i + 1],
                feature_mask=e.players.unsqueeze(0),
                n_samples=permutations,
                perturbations_per_eval=e.rows_per_batch,
            )
            for i in range(len(e.inputs))
        ]
    return shared_among_features(e, torch.cat(values))
