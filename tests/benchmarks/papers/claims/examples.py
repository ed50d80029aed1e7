"""Scores of a made-up board, and claims about them."""

import numpy as np

from benchmarks.papers.claims import Bound, Superiority
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.quantities import score

REPETITIONS = 10
BASE = np.linspace(0.3, 0.6, REPETITIONS)
FLIPS = 0.1 * (-1.0) ** np.arange(REPETITIONS)
SCORES = {
    "sig-game": BASE + 0.2 + 0.01 * FLIPS,
    "sig-size-uniform": BASE - 0.2,
    "ig-zero": BASE,
    "ig-mean": BASE + 0.2 + FLIPS,
    "sig-algorithm1": BASE - 0.1,
}
GAME = score("spearman with game", "spearman", truth="game")
REMOVAL = score("iaccuracy", "iaccuracy")


def superiority(methods, rivals, *scores):
    return Superiority(find_tasks, scores or (GAME,), methods, rivals)


SIG_AGAINST_SINGLE = superiority(("sig-game", "sig-size-uniform"), ("ig-zero", "ig-mean", "ig-random"))


def bound(method, quantity=GAME, **side):
    return Bound(find_tasks, (quantity,), (method,), **side)


def verdict(board, claim):
    (row,) = claim.test(board)
    return row["verdict"]
