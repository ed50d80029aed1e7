"""Shapley Integrated Gradients: IG whose baselines are coalitions of the explicand's own players (SIG).

A coalition becomes a point between the default and the explicand: players inside keep the explicand's values, the
others take the default's. The variants differ in how coalitions are drawn (``sig/coalitions.py``) and share how they
are used: ``direction`` and ``normalise``.

* ``direction="to-input"`` goes from the coalition to the explicand and attributes the absent players (ES proposal 1);
  ``"from-default"`` from the default to the coalition, attributing those present (ES proposal 2); ``"both"`` goes all
  the way from the default over the coalition to the explicand, with half of the steps on each half.
* ``normalise="all"`` divides by the number of coalitions (SIG, Algorithm 1); ``"absent"`` divides each player by
  the number of coalitions in which it moved (in direction to-input: was absent), 0 where it never did. Coalitions that
  weigh unequally count as much as they weigh.
* Every explicand gets coalitions of its own.
"""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sig import baselines, coalitions, path
from sig.baselines import Default
from sig.explicand import Explicand
from sig.registry import NotApplicable, method

Direction = Literal["to-input", "from-default", "both"]
Normalise = Literal["all", "absent"]

FAMILY = "shapley-integrated-gradients"
SPEND = ("samples", "steps")


@method("sig-algorithm1", family=FAMILY, source="SIG, Algorithm 1 as printed", spend=SPEND)
def sig_algorithm1(
    e: Explicand,
    *,
    samples: int = 200,
    steps: int = 50,
    default: Default = "zero",
    direction: Direction = "to-input",
    normalise: Normalise = "all",
    generator: Generator,
) -> Tensor:
    """Coalition sizes k with probability proportional to w(k) itself: nearly always 0 or n-1."""
    drawn = _for_each(e, lambda: coalitions.algorithm1(e.n_players, samples, generator))
    return integrate_over_coalitions(e, drawn, default, direction, normalise, steps)


@method("sig-size-uniform", family=FAMILY, source="SIG, section IV, with the weights its proof needs", spend=SPEND)
def sig_size_uniform(
    e: Explicand,
    *,
    samples: int = 200,
    steps: int = 50,
    default: Default = "zero",
    direction: Direction = "to-input",
    normalise: Normalise = "all",
    generator: Generator,
) -> Tensor:
    """Coalition sizes uniform, then a uniform coalition of that size, weighed so that each player is treated as in a
    Shapley value.

    SIG's proof takes, for each size 0 .. n-1, a uniform coalition of those *without* player i. A coalition of size k of
    all players is without i with probability (n-k)/n only, so that the mean over draws falls short of what is proved
    (by a factor of (n+1)/(2n) where features add up). Here the integral of a coalition of k counts n/(n-k) times. Then,
    where IG from S gives player i its marginal contribution to S (Observation 3), the expected attribution is the
    Shapley value. In direction from-default i gets something where it is present, so sizes are 1 .. n and the factor is
    n/k. In direction both i moves once on each path, and with sizes 0 .. n nothing is to be corrected.
    """
    n = e.n_players
    sizes = {"to-input": range(n), "from-default": range(1, n + 1)}.get(direction, range(n + 1))
    drawn = _for_each(e, lambda: coalitions.size_uniform(n, samples, generator, sizes=sizes))
    moved = {"to-input": ~drawn, "from-default": drawn}.get(direction)
    weights = None if moved is None else n / moved.sum(2)
    return integrate_over_coalitions(e, drawn, default, direction, normalise, steps, weights)


@method(
    "sig-game", family=FAMILY, source="SIG, appendix (N baselines from a fraction Q of the coalitions)", spend=SPEND
)
def sig_game(
    e: Explicand,
    *,
    samples: int = 200,
    fraction: float = 0.4,
    steps: int = 50,
    default: Default = "zero",
    direction: Direction = "to-input",
    normalise: Normalise = "all",
    generator: Generator,
) -> Tensor:
    """N = ``samples`` coalitions, in proportion to w(|S|), from a random fraction Q of all of them."""
    drawn = _for_each(e, lambda: coalitions.game(e.n_players, samples, fraction, generator))
    return integrate_over_coalitions(e, drawn, default, direction, normalise, steps)


def integrate_over_coalitions(
    e: Explicand,
    drawn: Bool[Tensor, "batch samples players"],
    default: Default,
    direction: Direction,
    normalise: Normalise,
    steps: int,
    weights: Float[Tensor, "batch samples"] | None = None,
) -> Float[Tensor, "batch *features"]:
    """Mean IG over paths that start or end at the drawn coalitions.

    Args:
        weights: what each coalition's integral counts, where they count unequally; not in direction both.

    Raises:
        NotApplicable: when direction is both, of which each half takes a step, and there is but one.
        ValueError: on an unknown default, direction or normalisation.
    """
    _require_known("direction", direction, get_args(Direction))
    _require_known("normalise", normalise, get_args(Normalise))
    origin = baselines.single(e, default, known=baselines.DEFAULTS)
    middles = e.coalition_inputs(drawn, origin)
    origins = origin.unsqueeze(1).expand_as(middles)
    if direction == "to-input":
        return path.integrate(e, middles, steps=steps, weights=weights) * _correction(e, ~drawn, normalise, weights)
    if direction == "from-default":
        attribution = path.integrate(e, origins, middles, steps=steps, weights=weights)
        return attribution * _correction(e, drawn, normalise, weights)
    if steps < 2:
        raise NotApplicable("a path over a coalition takes at least 2 steps, one on each half")
    first = path.integrate(e, origins, middles, steps=steps // 2) * _correction(e, drawn, normalise)
    second = path.integrate(e, middles, steps=steps - steps // 2) * _correction(e, ~drawn, normalise)
    e.tally.paths = (origins, e.inputs.unsqueeze(1).expand_as(origins))
    return first + second


def _require_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}; expected one of {', '.join(known)}")


def _correction(
    e: Explicand,
    moved: Bool[Tensor, "batch samples players"],
    normalise: Normalise,
    weights: Float[Tensor, "batch samples"] | None = None,
) -> Float[Tensor, "batch *features"]:
    """The factor from the mean over all coalitions to the weighted mean over those in which the player moved."""
    if normalise == "all":
        return torch.ones_like(e.inputs)
    counts = torch.ones(moved.shape[:2], device=e.device) if weights is None else weights
    moves = (moved * counts.unsqueeze(2)).sum(1)
    # The mean over all divides by their number; here it is divided by the weight of those in which the player moved.
    return torch.where(moves > 0, moved.shape[1] / moves, 0)[:, e.players].to(e.inputs)


def _for_each(
    e: Explicand, draw: Callable[[], Bool[Tensor, "samples players"]]
) -> Bool[Tensor, "batch samples players"]:
    """Coalitions of its own for every explicand."""
    drawn = [draw() for _ in range(len(e.inputs))]
    return torch.stack(drawn).to(e.device)
