"""Kernel SHAP, computed by shapiq, of the same game as ``sig/methods/shapley.py``."""

import numpy as np
import shapiq
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sig.baselines import Default
from sig.explicand import Explicand
from sig.methods.shapley import FAMILY, absent_input, to_features
from sig.registry import NotApplicable, method


@method(
    "kernel-shap",
    family=FAMILY,
    source="Lundberg and Lee 2017, theorem 2 (by shapiq)",
    spend=("evaluations",),
    gradient=False,
)
def kernel_shap(e: Explicand, *, evaluations: int = 1000, default: Default = "zero", generator: Generator) -> Tensor:
    """Weighted least squares over sampled coalitions, by shapiq; exact when all of them are affordable.

    Raises:
        NotApplicable: when there are fewer evaluations than players and two ends.
    """
    if evaluations < e.n_players + 2:
        raise NotApplicable(
            f"{e.n_players} players take {e.n_players + 2} model rows, more than the {evaluations} given"
        )
    absent = absent_input(e, default)
    evaluations = min(evaluations, 2**e.n_players)
    seeds = torch.randint(2**31, (len(e.inputs),), generator=generator).tolist()
    values = torch.stack([_values_of_one(e, i, absent, evaluations, seed) for i, seed in enumerate(seeds)])
    return to_features(e, values)


def _values_of_one(
    e: Explicand, index: int, absent: Float[Tensor, "batch *features"], evaluations: int, seed: int
) -> Float[Tensor, " players"]:
    one = e.only(index)

    def game(coalitions: np.ndarray) -> np.ndarray:
        asked = torch.as_tensor(coalitions, dtype=torch.bool, device=e.device).unsqueeze(0)
        return one.coalition_scores(asked, absent[index : index + 1]).squeeze(0).double().cpu().numpy()

    approximation = shapiq.KernelSHAP(n=e.n_players, random_state=seed).approximate(evaluations, game)
    return torch.from_numpy(approximation.get_n_order_values(1))
