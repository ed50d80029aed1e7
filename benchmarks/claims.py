"""What is claimed of Shapley Integrated Gradients, put to the test on the games of a run (SIG, section V, Fig. 3).

Scores are Spearman's rank correlations with the exact Shapley values of the game, at the headline budget, paired by
repetition. P-values are Holm-corrected over the tests of one environment for one claim.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.leaderboard import SEED, Leaderboard
from sig import stats

SIGNIFICANT: Final = 0.05


@dataclass(frozen=True)
class Claim:
    """Each of ``methods`` scores higher than each of ``rivals``."""

    text: str
    methods: tuple[str, ...]
    rivals: tuple[str, ...]


SIG: Final = ("sig-game", "sig-size-uniform")
CLAIMS: Final = (
    Claim("SIG beats IG with a single baseline (the paper's claim)", SIG, ("ig-zero", "ig-mean", "ig-random")),
    Claim("SIG beats other methods at equal cost", SIG, ("ig-background", "permutation-shapley")),
    Claim("Algorithm 1 as printed beats drawing sizes uniformly", ("sig-algorithm1",), ("sig-size-uniform",)),
)


def measure(board: Leaderboard, claim: Claim) -> pd.DataFrame:
    """One row per environment and pair of methods that the run scored.

    ``task, method, rival``; the mean ``difference`` with its 95 % interval ``low, high``; the corrected ``p``; the
    ``verdict``: "held" where the difference is positive and p at most 5 %, "not held" where it is negative and p at
    most 5 %, else "undecided"; and of both the ``spread`` and ``rows`` (``rival_spread``, ``rival_rows``).
    """
    rows = [row for task, column in board.game_columns.items() for row in _measure(board, claim, task, column)]
    return pd.DataFrame(rows)


def _measure(board: Leaderboard, claim: Claim, task: str, column: str) -> Iterator[dict[str, object]]:
    scores = board.scores(task, column)
    pairs = [pair for pair in product(claim.methods, claim.rivals) if set(pair) <= set(scores.index)]
    if not pairs:
        return
    methods, rivals = (scores.loc[list(names)].to_numpy() for names in zip(*pairs, strict=True))
    differences, p_values = methods - rivals, stats.holm(stats.paired_p(methods, rivals))
    about = board.summary.query("headline and task == @task and column == @column").set_index("method")
    for (method, rival), difference, p in zip(pairs, differences, p_values, strict=True):
        low, high = stats.interval(difference, seed=SEED)
        mean = float(np.nanmean(difference))
        yield {
            "task": task,
            "method": method,
            "rival": rival,
            "difference": mean,
            "low": low,
            "high": high,
            "p": p,
            "verdict": _verdict(mean, p),
            "spread": about.loc[method, "spread"],
            "rival_spread": about.loc[rival, "spread"],
            "rows": about.loc[method, "rows"],
            "rival_rows": about.loc[rival, "rows"],
        }


def _verdict(difference: float, p: float) -> str:
    if p > SIGNIFICANT or difference == 0:
        return "undecided"
    return "held" if difference > 0 else "not held"
