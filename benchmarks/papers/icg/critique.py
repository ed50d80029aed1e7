"""What this project criticises in ICG, and what it asks beyond it."""

from typing import Final

from benchmarks.papers.claims import Superiority
from benchmarks.papers.icg.burnt_snacks import UNEVEN
from benchmarks.papers.icg.local_minimum import BSHAP_DISTANCE, BSHAP_RANKS
from benchmarks.papers.icg.tasks import BASELINES, MINIMUM_PROBABILITY, SNACKS_PROBABILITY
from benchmarks.papers.icg.two_features import PRINTED, SHAP, check_misprint
from benchmarks.papers.ledger import Item

CRITIQUE: Final = (
    Item("Table 1, A.1.3").computed(
        "SHAP's first number at A is a misprint: A.1.3 takes 0.474 for the expectation in this one place, and 0.434, "
        "which is right, everywhere else",
        check_misprint,
        printed=f"{PRINTED[SHAP][1][0]:g}",
    ),
)

QUESTIONS: Final = (
    Item("5.1, ICG").claimed(
        "For class 0 they are more diffuse and uniform than those of other methods",
        Superiority(SNACKS_PROBABILITY, (UNEVEN,), ("icg",), BASELINES),
        reading="less of the positive attribution would have to be moved for each part to have the share of its pixels",
    ),
    Item("5.2, Table 2").claimed(
        "ICG follows BShap more closely than IG with zero, mean, noise or data as baseline",
        Superiority(MINIMUM_PROBABILITY, (BSHAP_RANKS, BSHAP_DISTANCE), ("icg",), BASELINES),
        reading="what Table 2 sets side by side, on random inputs",
    ),
)
