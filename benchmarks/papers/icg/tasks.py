"""The tasks that ICG's claims are about, and the baselines that it compares with."""

from functools import partial
from typing import Final

from benchmarks.papers.evidence import find_tasks

TRAINED: Final = partial(find_tasks, damage="mixture")  # as in the paper; other kinds of damage are there to compare
TWO_FEATURES: Final = partial(find_tasks, kind="two-feature")
SNACKS: Final = partial(TRAINED, kind="burnt-snacks")
SNACKS_PROBABILITY: Final = partial(SNACKS, output="probability")
SNACKS_LOGIT: Final = partial(SNACKS, output="logit")
MINIMUM: Final = partial(TRAINED, kind="local-minimum")
MINIMUM_PROBABILITY: Final = partial(MINIMUM, output="probability")
DIGITS: Final = partial(TRAINED, kind="mnist-certainty")
SPACE: Final = partial(TRAINED, kind="mnist-in-space")
CROPS: Final = partial(TRAINED, kind="natural-crops")

ZERO_AND_MEAN: Final = ("ig-zero", "ig-mean")
NOISE_AND_BEFORE: Final = (*ZERO_AND_MEAN, "ig-gaussian-noise")
BASELINES: Final = (*NOISE_AND_BEFORE, "expected-gradients")
