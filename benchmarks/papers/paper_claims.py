"""What the papers claim of attribution methods, and what is asked here, for ``benchmarks.papers.claims`` to test.

Where a paper gives no number for "all", "never" or "follows", the one taken here is its reading.
"""

from typing import Final

import numpy as np

from benchmarks.papers.claims import Bound, Claim, Comparison
from benchmarks.papers.quantities import (
    MODEL,
    check,
    column,
    difference,
    distance_from_mean,
    largest_on_constant,
    of_first_shown,
)

# ---- SIG: rank correlation with the exact Shapley values of a game (section V, Fig. 3) ---------------------------

GAME: Final = column("spearman with game", "spearman", truth="game", limits=(-1.0, 1.0))
SIG_METHODS: Final = ("sig-game", "sig-size-uniform")

SIG_BEATS_SINGLE: Final = Comparison(
    paper="SIG",
    text="SIG beats IG with a single baseline",
    scores=(GAME,),
    methods=SIG_METHODS,
    rivals=("ig-zero", "ig-mean", "ig-random"),
)
SIG_AT_EQUAL_COST: Final = Comparison(
    paper="asked here",
    text="SIG beats other methods at equal cost",
    scores=(GAME,),
    methods=SIG_METHODS,
    rivals=("ig-background", "permutation-shapley"),
)
AS_PRINTED: Final = Comparison(
    paper="asked here",
    text="Algorithm 1 as printed beats drawing sizes uniformly",
    scores=(GAME,),
    methods=("sig-algorithm1",),
    rivals=("sig-size-uniform",),
)

# ---- ICG: attribution transfer on Burnt Snacks (sections 3 and 5) ------------------------------------------------

SNACKS: Final = "burnt-snacks"
MIXTURE: Final = {"damage": "mixture"}  # what the paper trains with; other kinds of damage are there to compare
PROBABILITY: Final = {**MIXTURE, "output": "probability"}
LOCALISATION: Final = column("localisation", "attribution_transfer", measure="localisation")
STRONGEST: Final = column("strongest", "attribution_transfer", measure="strongest")
FOUND: Final = column("found", "attribution_transfer", measure="found")
FOUND_OF_SEVERAL: Final = column("found-of-several", "attribution_transfer", measure="found-of-several")
DARK: Final = column("dark", "attribution_transfer", measure="dark")
DISTRACTORS: Final = column("distractors", "attribution_strayed", better="lower", measure="distractors")
BACKGROUND: Final = column("background", "attribution_strayed", better="lower", measure="background")

EG_NEVER_FINDS: Final = Bound(
    paper="ICG",
    text="Expected gradients never find the dark squares in the probability",
    reading="their largest attribution lies on one in less than one picture of ten",
    scores=(LOCALISATION,),
    methods=("expected-gradients",),
    below=0.1,
    kind=SNACKS,
    options=PROBABILITY,
)
ICG_ALWAYS_FINDS: Final = Bound(
    paper="ICG",
    text="ICG always attributes a dark square, in probability and logit",
    reading="in more than nine pictures of ten one is the strongest object and has the largest attribution",
    scores=(STRONGEST, LOCALISATION),
    methods=("icg",),
    above=0.9,
    kind=SNACKS,
    options=MIXTURE,
)
NOISE_FINDS_ALL: Final = Bound(
    paper="ICG",
    text="Gaussian noise finds all dark squares",
    reading="more than nine of ten, also where there are several",
    scores=(FOUND, FOUND_OF_SEVERAL),
    methods=("ig-gaussian-noise",),
    above=0.9,
    kind=SNACKS,
    options=MIXTURE,
)
NOISE_IS_NOISY: Final = Comparison(
    paper="ICG",
    text="Gaussian noise is noisy",
    reading="ICG leaves less of the positive attribution on the background",
    scores=(BACKGROUND,),
    methods=("icg",),
    rivals=("ig-gaussian-noise",),
    kind=SNACKS,
    options=MIXTURE,
)
BASELINES_TRANSFER: Final = Bound(
    paper="ICG",
    text="Zero and mean baselines transfer attribution to the distractors in the probability",
    reading="these have a larger share of the positive attribution than the dark squares",
    scores=(difference("distractors - dark", DISTRACTORS, DARK),),
    methods=("ig-zero", "ig-mean"),
    above=0.0,
    kind=SNACKS,
    options=PROBABILITY,
)

# ---- ICG: Local Minimum (Table 2) --------------------------------------------------------------------------------

MINIMUM: Final = "local-minimum"
BSHAP_RANKS: Final = column("spearman with bshap", "spearman", truth="bshap", limits=(-1.0, 1.0))
BSHAP_DISTANCE: Final = column(
    "distance from bshap", "local_minimum", truth="bshap", better="lower", limits=(0.0, np.inf)
)
ON_CONSTANT: Final = of_first_shown("largest share where f is constant", largest_on_constant)
INSTABILITY: Final = of_first_shown("distance from own mean", distance_from_mean)

ICG_FOLLOWS_BSHAP: Final = Bound(
    paper="ICG",
    text="ICG follows BShap",
    reading="their rank correlation is above 0.8; half of the features, those up to 0.5, have one score and no order",
    scores=(BSHAP_RANKS,),
    methods=("icg",),
    above=0.8,
    kind=MINIMUM,
    options=PROBABILITY,
)
ICG_FOLLOWS_CLOSEST: Final = Comparison(
    paper="ICG",
    text="ICG follows BShap more closely than IG with zero, mean, noise or data as baseline",
    reading="what Table 2 sets side by side, put to the test here",
    scores=(BSHAP_RANKS, BSHAP_DISTANCE),
    methods=("icg",),
    rivals=("ig-zero", "ig-mean", "ig-gaussian-noise", "expected-gradients"),
    kind=MINIMUM,
    options=PROBABILITY,
)
ZERO_IS_BLIND: Final = Bound(
    paper="ICG",
    text="IG from zero gives nothing to features around which f is constant",
    reading="in Table 2, those up to 0.5 get less than 5 % of the largest attribution",
    scores=(ON_CONSTANT,),
    methods=("ig-zero",),
    below=0.05,
    kind=MINIMUM,
    options=PROBABILITY,
)
MEAN_IS_UNSTABLE: Final = Comparison(
    paper="ICG",
    text="IG from the mean is unstable",
    reading="in Table 2, attributions divided by their largest absolute value, it is farther from its mean over the "
    "models than ICG is from its own",
    scores=(INSTABILITY,),
    methods=("icg",),
    rivals=("ig-mean",),
    kind=MINIMUM,
    options=PROBABILITY,
)

# ---- ICG: MNIST in Space, and training with damage (Fig. 8) ------------------------------------------------------

SHADOW: Final = column("shadow", "shadow", better="lower")
ACCURACY_LOST: Final = difference("accuracy lost", check("accuracy_without_damage"), check("accuracy"))

ICG_LESS_SHADOW: Final = Comparison(
    paper="ICG",
    text="ICG leaves less attribution in the shadow than expected gradients",
    scores=(SHADOW,),
    methods=("icg",),
    rivals=("expected-gradients",),
    kind="mnist-in-space",
    options=MIXTURE,
)
DAMAGE_IS_FREE: Final = Bound(
    paper="ICG",
    text="Training with damage costs no accuracy",
    reading="less than 0.005",
    scores=(ACCURACY_LOST,),
    methods=(MODEL,),
    below=0.005,
    options=MIXTURE,
)

CLAIMS: Final[tuple[Claim, ...]] = (
    SIG_BEATS_SINGLE,
    SIG_AT_EQUAL_COST,
    AS_PRINTED,
    EG_NEVER_FINDS,
    ICG_ALWAYS_FINDS,
    NOISE_FINDS_ALL,
    NOISE_IS_NOISY,
    BASELINES_TRANSFER,
    ICG_FOLLOWS_BSHAP,
    ICG_FOLLOWS_CLOSEST,
    ZERO_IS_BLIND,
    MEAN_IS_UNSTABLE,
    ICG_LESS_SHADOW,
    DAMAGE_IS_FREE,
)
