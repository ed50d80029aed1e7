"""Infidelity: by how much do attributions miss what perturbing the input does? (Yeh et al. 2019)"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sig import baselines
from sig.baselines import DEFAULTS, Default
from sig.coalitions import size_uniform
from sig.explicand import Explicand, Tally
from sig.registry import Trial, metric


def infidelity(
    e: Explicand,
    attribution: Float[Tensor, "batch *features"],
    coalitions: Bool[Tensor, "batch samples players"],
    default: Float[Tensor, "batch *features"],
    *,
    rescale: bool = True,
) -> Float[Tensor, " batch"]:
    """E_S[(b sum_{i not in S} a_i - (F(x) - F(x_S)))^2], 0 or more, with the target output F in its own unit; x_S has
    the players of S, and the default's values elsewhere (Yeh et al. 2019, with the perturbation I = x - x_S).

    **Reading.** The paper multiplies the perturbation by an explanation per unit of input. Attributions here are shares
    of F(x) - F(default) that hold that factor already, as in captum's ``multiply_by_inputs``; those of methods without
    it, such as the gradient, are taken as if they did.

    Args:
        rescale: b is the factor of the attributions that makes it smallest, E[AD] / E[A^2] with A and D the two
            terms, as in the authors' code; otherwise 1.
    """
    uncounted = e.with_tally(Tally())
    whole = torch.ones_like(coalitions[:, :1])
    scores = uncounted.coalition_scores(torch.cat([whole, coalitions], 1), default).double()
    drop = scores[:, :1] - scores[:, 1:]
    given = torch.einsum("bsp,bp->bs", (~coalitions).double(), e.player_sums(attribution.double()))
    if rescale:
        size = given.square().mean(1, keepdim=True)
        factor = (given * drop).mean(1, keepdim=True) / torch.where(size > 0, size, 1)
        given = factor * given
    return (given - drop).square().mean(1)


@metric("infidelity", better="lower", range=(0.0, math.inf), source="Yeh et al. 2019, infidelity", judges=False)
def infidelity_of_trial(
    trial: Trial, *, baseline: Default = "zero", samples: int = 100, rescale: bool = True, generator: Generator
) -> Float[Tensor, " batch"]:
    """``infidelity`` over coalitions drawn with every size, 0 to all players but one, equally often.

    It describes and does not judge. What is contested: the law of the perturbation decides which explanation is best
    (Yeh et al. derive new ones by varying it), so that it measures how near a method's perturbations are to those
    chosen here. In squared units of F it is small for every attribution where F hardly moves, so that explicands weigh
    unequally in its mean. And it says nothing of the other measure of that paper, max-sensitivity, which a constant
    attribution wins.

    Args:
        baseline: what players outside a coalition take: ``zero``, ``mean`` of the background, ``middle`` of the input
            range.
        samples: how many coalitions are drawn for each explicand.
        rescale: see ``infidelity``.

    Raises:
        ValueError: on no samples, or an unknown baseline.
    """
    e = trial.explicand
    default = baselines.single(e, baseline, known=DEFAULTS)
    scores = []
    for i in range(len(e.inputs)):
        coalitions = size_uniform(e.n_players, samples, generator).to(e.device).unsqueeze(0)
        one = slice(i, i + 1)
        scores.append(infidelity(e.only(i), trial.attribution[one], coalitions, default[one], rescale=rescale))
    return torch.cat(scores)
