"""Shapley values of the game v(S) = F(x_S), where players outside the coalition S take the default's values.

Each player's value is shared equally among its features.
"""

import numpy as np
import shapiq
import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sig import baselines, games
from sig.explicand import Explicand
from sig.registry import NotApplicable, method

FAMILY = "shapley"
EXACT_PLAYERS = 16


@method("bshap", family=FAMILY, source="Sundararajan and Najmi 2020, section 3 (BShap)", spend=("evaluations",))
def bshap(e: Explicand, *, evaluations: int = 2**EXACT_PLAYERS, generator: Generator) -> Tensor:
    """Exact over all 2^n coalitions for up to 16 players, when the evaluations suffice; else sampled permutations."""
    if e.n_players <= EXACT_PLAYERS and 2**e.n_players <= evaluations:
        default = _default(e)
        every = games.coalition_matrix(e.n_players).to(e.device).expand(len(e.inputs), -1, -1)
        return _to_features(e, games.shapley_values(e.coalition_scores(every, default)))
    return permutation_shapley(e, evaluations=evaluations, generator=generator)


@method("permutation-shapley", family=FAMILY, source="Castro et al. 2009, section 3", spend=("evaluations",))
def permutation_shapley(e: Explicand, *, evaluations: int = 1000, generator: Generator) -> Tensor:
    """The mean marginal contribution over random permutations, phi_i = mean over P of v(pre_i(P) + i) - v(pre_i(P)).

    A permutation takes n - 1 evaluations, its two ends, common to all, two more in total.

    Raises:
        NotApplicable: when the evaluations do not suffice for one permutation.
    """
    batch, n = len(e.inputs), e.n_players
    permutations = (evaluations - 2) // max(1, n - 1)
    if permutations < 1:
        raise NotApplicable(f"{n} players take {n + 1} model rows, more than the {evaluations} given")
    default = _default(e)
    arrival = torch.rand(batch, permutations, n, generator=generator).argsort(-1).to(e.device)  # when each player joins
    joined = arrival.unsqueeze(2) < torch.arange(1, n, device=e.device).view(-1, 1)
    inner = e.coalition_scores(joined.flatten(1, 2), default).view(batch, permutations, n - 1)
    ends = e.coalition_scores(_empty_and_full(e), default).unsqueeze(1).expand(-1, permutations, -1)
    values = torch.cat([ends[..., :1], inner, ends[..., 1:]], -1)
    contributions = values.diff(dim=-1).gather(-1, arrival)  # the step at which a player joins is its contribution
    return _to_features(e, contributions.double().mean(1))


@method("kernel-shap", family=FAMILY, source="Lundberg and Lee 2017, theorem 2 (by shapiq)", spend=("evaluations",))
def kernel_shap(e: Explicand, *, evaluations: int = 1000, generator: Generator) -> Tensor:
    """Weighted least squares over sampled coalitions, by shapiq; exact when all of them are affordable.

    Raises:
        NotApplicable: when there are fewer evaluations than players and two ends.
    """
    if evaluations < e.n_players + 2:
        raise NotApplicable(
            f"{e.n_players} players take {e.n_players + 2} model rows, more than the {evaluations} given"
        )
    default = _default(e)
    evaluations = min(evaluations, 2**e.n_players)
    seeds = torch.randint(2**31, (len(e.inputs),), generator=generator).tolist()
    values = torch.stack([_kernel_shap_of_one(e, i, default, evaluations, seed) for i, seed in enumerate(seeds)])
    return _to_features(e, values)


def _kernel_shap_of_one(
    e: Explicand, index: int, default: Float[Tensor, "batch *features"], evaluations: int, seed: int
) -> Float[Tensor, " players"]:
    one = e.only(index)

    def game(coalitions: np.ndarray) -> np.ndarray:
        asked = torch.as_tensor(coalitions, dtype=torch.bool, device=e.device).unsqueeze(0)
        return one.coalition_scores(asked, default[index : index + 1]).squeeze(0).double().cpu().numpy()

    approximation = shapiq.KernelSHAP(n=e.n_players, random_state=seed).approximate(evaluations, game)
    return torch.from_numpy(approximation.get_n_order_values(1))


def _default(e: Explicand) -> Float[Tensor, "batch *features"]:
    """All zeros; noted on the tally, as the values sum to F(x) - F(default)."""
    origin = baselines.zero(e)
    e.tally.paths = (origin, e.inputs.unsqueeze(1))
    return origin[:, 0]


def _empty_and_full(e: Explicand) -> Bool[Tensor, "batch 2 players"]:
    ends = torch.zeros(len(e.inputs), 2, e.n_players, dtype=torch.bool, device=e.device)
    ends[:, 1] = True
    return ends


def _to_features(e: Explicand, values: Float[Tensor, "batch players"]) -> Float[Tensor, "batch *features"]:
    return e.spread_over_features(values.to(e.device))
