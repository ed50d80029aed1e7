"""Faithfulness correlation: do attributions of a set of features add up to what removing it does? (Bhatt et al. 2020)

What is contested: the score depends on what removed features take, on how many are removed at once, and on inputs that
the model was not trained on. Tomsett et al. 2020 ("Sanity Checks for Saliency Metrics") find metrics of this kind,
which perturb and correlate, unreliable: they rank methods differently from one choice, and from one picture, to the
next. So it stands beside others, at several settings.
"""

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sig import baselines
from sig.baselines import DEFAULTS, Default
from sig.coalitions import size_uniform
from sig.explicand import Explicand, Tally
from sig.registry import Trial, metric

RELATIVE_TOLERANCE = 1e-6  # relative, of scores and of sums: what varies less is the same


@metric("faithfulness_correlation", better="higher", range=(-1.0, 1.0), source="Bhatt et al. 2020, faithfulness")
def faithfulness_correlation(
    trial: Trial, *, baseline: Default = "zero", share: float = 0.25, samples: int = 100, generator: Generator
) -> Float[Tensor, " batch"]:
    """corr_S(sum_{i in S} a_i, F(x) - F(x with S at the baseline)), Pearson's, over random sets S of players, F being
    the target output.

    **Reading.** The paper's S are of features and of one size; here they are of players, which are features or patches.
    NaN where either side is the same for all S drawn, up to rounding: where there is one set, where the attribution is
    the same everywhere, or where the model is flat.

    Args:
        baseline: what removed players take: ``zero``, ``mean`` of the background, ``middle`` of the input range.
        share: of the players in S, rounded to at least one of them.
        samples: how many S are drawn for each explicand.

    Raises:
        ValueError: on ``share`` outside (0, 1], fewer than 2 samples, or an unknown baseline.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, expected a share of the players above 0 and at most 1")
    if samples < 2:
        raise ValueError(f"samples is {samples}, expected at least 2 sets to correlate over")
    e = trial.explicand.with_tally(Tally())
    default = baselines.single(e, baseline, known=DEFAULTS)
    given = e.player_sums(trial.attribution.double())
    pairs = zip(range(len(e.inputs)), given, default, strict=True)
    scores = [_correlate(e.only(i), a, x, share, samples, generator) for i, a, x in pairs]
    return torch.tensor(scores, dtype=torch.float64)


def _correlate(
    one: Explicand,
    given: Float[Tensor, " players"],
    default: Float[Tensor, " *features"],
    share: float,
    samples: int,
    generator: Generator,
) -> float:
    kept = one.n_players - max(1, round(share * one.n_players))
    present = size_uniform(one.n_players, samples, generator, sizes=range(kept, kept + 1)).to(one.device)
    sums = (~present).to(given) @ given
    left = one.coalition_scores(present.unsqueeze(0), default.unsqueeze(0))[0].double()
    if any(values.max() - values.min() <= RELATIVE_TOLERANCE * values.abs().max() for values in (sums, left)):
        return torch.nan
    return float(torch.corrcoef(torch.stack([sums, -left]))[0, 1])
