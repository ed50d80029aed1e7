"""Shapley Integrated Gradients: IG whose baselines are coalitions of the explicand's own players (SIG).

A coalition becomes a point between the default and the explicand: players inside keep the explicand's values, the
others take the default's. The variants differ in how coalitions are drawn (``sig/coalitions.py``) and share how they
are used: ``direction`` and ``normalise``.

* ``direction="to-input"`` goes from the coalition to the explicand and attributes the absent players (ES proposal 1);
  ``"from-default"`` from the default to the coalition, attributing those present (ES proposal 2); ``"both"`` goes all
  the way from the default over the coalition to the explicand, with half of the steps on each half.
* ``normalise="all"`` divides by the number of coalitions (SIG, Algorithm 1); ``"absent"`` divides each player by
  the number of coalitions in which it moved (in direction to-input: was absent), 0 where it never did.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sig import baselines, coalitions, path
from sig.baselines import Default
from sig.explicand import Explicand
from sig.registry import method

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
    drawn = _for_each(e, coalitions.algorithm1(e.n_players, len(e.inputs) * samples, generator))
    return integrate_over_coalitions(e, drawn, default, direction, normalise, steps)


@method("sig-size-uniform", family=FAMILY, source="SIG, section IV (what the unbiasedness proof needs)", spend=SPEND)
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
    """Coalition sizes uniform on 0..n-1, then a uniform coalition of that size."""
    drawn = _for_each(e, coalitions.size_uniform(e.n_players, len(e.inputs) * samples, generator))
    return integrate_over_coalitions(e, drawn, default, direction, normalise, steps)


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
    drawn = _for_each(e, coalitions.game(e.n_players, len(e.inputs) * samples, fraction, generator))
    return integrate_over_coalitions(e, drawn, default, direction, normalise, steps)


def integrate_over_coalitions(
    e: Explicand,
    drawn: Bool[Tensor, "batch samples players"],
    default: Default,
    direction: Direction,
    normalise: Normalise,
    steps: int,
) -> Float[Tensor, "batch *features"]:
    """Mean IG over paths that start or end at the drawn coalitions.

    Raises:
        ValueError: on an unknown default, direction or normalisation.
    """
    _require_known("direction", direction, get_args(Direction))
    _require_known("normalise", normalise, get_args(Normalise))
    origin = baselines.single(e, default, known=baselines.DEFAULTS)
    middles = e.coalition_inputs(drawn, origin)
    origins = origin.unsqueeze(1).expand_as(middles)
    if direction == "to-input":
        return path.integrate(e, middles, steps=steps) * _correction(e, ~drawn, normalise)
    if direction == "from-default":
        return path.integrate(e, origins, middles, steps=steps) * _correction(e, drawn, normalise)
    half = max(1, steps // 2)
    first = path.integrate(e, origins, middles, steps=half) * _correction(e, drawn, normalise)
    second = path.integrate(e, middles, steps=half) * _correction(e, ~drawn, normalise)
    e.tally.paths = (origins, e.inputs.unsqueeze(1).expand_as(origins))
    return first + second


def _require_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}; expected one of {', '.join(known)}")


def _correction(e: Explicand, moved: Bool[Tensor, "batch samples players"], normalise: Normalise) -> Tensor:
    """What turns the mean over all coalitions into the mean over those in which the player moved."""
    if normalise == "all":
        return torch.ones_like(e.inputs)
    return (moved.shape[1] / moved.sum(1).clamp(min=1))[:, e.players].to(e.inputs)


def _for_each(e: Explicand, drawn: Bool[Tensor, "draws players"]) -> Bool[Tensor, "batch samples players"]:
    return drawn.view(len(e.inputs), -1, e.n_players).to(e.device)
