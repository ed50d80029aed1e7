"""Whom SIG and ES compare: the methods that stand for SIG, other baselines, and what counts as close."""

from typing import Final

SIG_ON_GAMES: Final = ("sig-game",)  # N baselines from a fraction Q of the coalitions
SIG_ON_PICTURES: Final = ("sig-algorithm1", "sig-game")
SINGLE_BASELINES: Final = ("ig-random", "ig-zero", "ig-mean")
ZERO_AND_MEAN: Final = ("ig-zero", "ig-mean")

NEAR: Final = 0.05  # of a score
NOT_DIFFERENT: Final = f"means differ by less than {NEAR:g}: the whole interval of the difference does"
