"""Whether coalitions were drawn from the law they should have."""

import torch
from scipy import stats
from torch import Tensor


def masks_of(drawn: Tensor) -> Tensor:
    return drawn.long() @ 2 ** torch.arange(drawn.shape[1])


def p_value(drawn: Tensor, law: Tensor) -> float:
    """Chi-square test of drawn categories against their exact probabilities; impossible ones must not occur."""
    counts = torch.bincount(drawn, minlength=len(law)).double()
    assert counts[law == 0].sum() == 0
    possible = law > 0
    return float(stats.chisquare(counts[possible], law[possible] / law.sum() * len(drawn)).pvalue)
