"""SIG, question 2 on faces: how much of the attribution lies on mouth and eyes, and how much outside."""

from dataclasses import replace
from functools import partial
from typing import Final

from benchmarks.papers.claims import Superiority
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.ledger import Item
from benchmarks.papers.quantities import Quantity, score
from benchmarks.papers.sig.baselines import SIG_ON_PICTURES, SINGLE_BASELINES, ZERO_AND_MEAN

FACES: Final = "a network of expressions and faces of its demonstration, in place of the private ones; mouth and eyes"

find_faces: Final = partial(find_tasks, kind="faces", explain="distance")


def share_on_faces(name: str, *regions: str, sign: str = "absolute") -> Quantity:
    """The share of the attribution of a sign that lies on these regions."""
    return score(name, "region_share", regions=list(regions), measure=sign, see=("saliency-{task}",))


ORGANS: Final = share_on_faces("share on mouth and eyes", "mouth", "eyes")
OUTSIDE: Final = replace(share_on_faces("share outside the face", "background"), better="lower")

ENTRIES: Final = (
    Item("Fig. 5").claimed(
        "On faces SIG attends to eyes and lips more than the other baselines",
        Superiority(find_faces, (ORGANS,), SIG_ON_PICTURES, SINGLE_BASELINES),
        reading=f"{FACES} have a larger share of the absolute attribution",
    ),
    Item("Fig. 5, outside").claimed(
        "On faces the zero and mean baselines attend to regions outside the face too",
        Superiority(find_faces, (OUTSIDE,), SIG_ON_PICTURES, ZERO_AND_MEAN),
        reading="SIG has a smaller share of the absolute attribution there, on the same substitutes",
    ),
)
