"""Effective coalitions: only those to which a player contributes anything (ES, Algorithm 1).

Which coalitions are effective is only known once they are valued. Where all 2^n can be afforded, a random fraction of
those without a player is looked at, as in the paper. Where not, each player gets equally many coalitions without it,
their sizes equally often ("subsets grouped by length"), which are valued with and without the player.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sig import baselines, coalitions, effective, games
from sig.baselines import Default
from sig.effective import EffectiveDraws
from sig.explicand import Explicand
from sig.methods.shapley_integrated_gradients import Direction, Normalise, integrate_over_coalitions
from sig.registry import NotApplicable, method

FAMILY = "effective-coalitions"
MAX_TABLE_PLAYERS = 20


@method("effective-shapley", family=FAMILY, source="ES, Algorithm 1", spend=("evaluations",), gradient=False)
def effective_shapley(
    e: Explicand,
    *,
    evaluations: int = 2**16,
    draws: int = 100_000,
    fraction: float = 0.4,
    count: bool = False,
    default: Default = "zero",
    generator: Generator,
) -> Tensor:
    """The sum of each player's drawn contributions, over the number of draws: a multiple of the Shapley values.

    Draws are among coalitions that are valued already, and take no rows.

    Raises:
        NotApplicable: when the evaluations do not suffice for one coalition of each player.
    """
    drawn = _draw_of_each(e, default, evaluations, draws, fraction, count, generator)
    estimates = torch.stack([one.estimate() / draws for one in drawn])
    return e.spread_over_features(estimates.to(e.device))


@method("effective-sig", family=FAMILY, source="ES, Algorithm 1 and proposals 1 and 2", spend=("samples", "steps"))
def effective_sig(
    e: Explicand,
    *,
    samples: int = 400,
    steps: int = 50,
    fraction: float = 0.4,
    count: bool = False,
    default: Default = "zero",
    direction: Direction = "to-input",
    normalise: Normalise = "all",
    generator: Generator,
) -> Tensor:
    """Mean IG over effective coalitions drawn for all players.

    The rows that ``samples`` paths would take are spent half on valuing coalitions and half on paths, so that half as
    many coalitions are drawn.

    Raises:
        NotApplicable: when there are fewer than two samples, their rows do not suffice to value a coalition of each
            player, or no player of any explicand contributes to any of those valued.
    """
    draws = samples // 2
    if draws < 1:
        raise NotApplicable(f"valuing coalitions and a path from one take 2 samples, more than the {samples} given")
    evaluations = 2 * steps * (samples - draws)
    drawn = list(_draw_of_each(e, default, evaluations, draws, fraction, count, generator))
    if all(len(one.player) == 0 for one in drawn):
        raise NotApplicable("the model gives every coalition the same score, so none is effective")
    everybody = torch.ones(draws, e.n_players, dtype=torch.bool)  # from the explicand to itself, nothing is attributed
    chosen = [one.coalitions if len(one.player) else everybody for one in drawn]
    return integrate_over_coalitions(e, torch.stack(chosen).to(e.device), default, direction, normalise, steps)


def _draw_of_each(
    e: Explicand, default: Default, evaluations: int, draws: int, fraction: float, count: bool, generator: Generator
) -> Iterator[EffectiveDraws]:
    """Effective coalitions of each explicand in turn, with so many values each at most."""
    absent = baselines.single(e, default, known=baselines.DEFAULTS)
    if e.n_players <= MAX_TABLE_PLAYERS and 2**e.n_players <= evaluations:
        for values in games.value_table(e, absent).cpu():
            yield effective.from_table(values, draws=draws, fraction=fraction, count=count, generator=generator)
        return
    for index in range(len(e.inputs)):
        yield _sampled(e.only(index), absent[index : index + 1], evaluations, draws, count, generator)


def _sampled(
    one: Explicand,
    absent: Float[Tensor, "1 *features"],
    evaluations: int,
    draws: int,
    count: bool,
    generator: Generator,
) -> EffectiveDraws:
    n = one.n_players
    samples = evaluations // (2 * n)
    if samples < 1:
        raise NotApplicable(f"a coalition of each of {n} players takes {2 * n} model rows, more than {evaluations}")
    without = coalitions.without_each(n, samples, generator)
    including = without | torch.eye(n, dtype=torch.bool).unsqueeze(1)
    asked = torch.stack([without, including]).view(1, -1, n).to(one.device)
    values = one.coalition_scores(asked, absent).double().cpu().view(2, n, samples)
    return effective.from_sample(without, values[0], values[1], draws=draws, count=count, generator=generator)
