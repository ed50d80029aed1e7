"""The task of explaining which pixels bring a face near to another, or make its expression (SIG, V)."""

from typing import Final, Literal

import torch
from jaxtyping import Int
from torch import Tensor

from datasets import faces as data
from datasets.problem import Problem, task
from sig.players import patch_players
from training.explain import TrainedNetwork
from training.explain import explain as make_problem
from training.expression_network import ExpressionNetwork, Nearness, load_network
from training.seeds import generator_for

ROWS_PER_BATCH: Final = 16  # larger batches leave the processor's cache
TUNING: Final = 2  # faces, on which budgets are split
SHOWN: Final = 6
PROVENANCE: Final = {
    "data": data.SHA256[data.CROPS],
    "weights": data.SHA256[data.WEIGHTS],
    "weights_manifest": data.SHA256[data.MANIFEST],
}

Positions = Int[Tensor, " _"]
Baseline = Literal["others", "reference"]
Explained = Literal["distance", "expression"]


@task("faces")
def faces(
    *,
    faces: int = 10,
    patch: int = 7,
    baseline: Baseline = "others",
    explain: Explained = "distance",
    seed: int,
) -> Problem:
    """Faces, explained for how near their expression is to that of a reference face, or for the expression predicted.

    It stands in for the Expression Code task of SIG, V and Fig. 5, whose model (a Deviation Learning Network) and data
    are private. There, too, a model gives the distance of two pictures, and pixels with positive values "help to reduce
    the distance"; so minus the distance is explained (``training.expression_network.Nearness``). The paper gives no
    equation of it. What it cannot show: the network is a small classifier of expressions, its features are not
    disentangled from identity as those of the paper's are, and so two faces differ by person, pose and light too. The
    crops have no labels, so that nothing is known of accuracy; and nowhere is it known where attribution belongs. It
    shows where methods put it, on a network of faces: ``mouth``, ``eyes``, the rest of the ``face`` and the
    ``background`` are the regions (``datasets.faces.mark_regions``).

    The seed chooses the reference, the faces explained and their order. Of the others two are for tuning, the rest is
    the background. Each problem has the same network. The check ``probability_gap`` is the largest difference of its
    probabilities, on all 23 faces, from those stated with the data. The first six faces are shown.

    Args:
        faces: how many are explained, 1 .. 19.
        patch: players are squares of this many pixels a side, a divisor of 112; 7 makes 16 x 16 players. Paper: 80 of
            a picture's 244 pixels (ES, appendix), of which 28, 4 x 4 players, is nearest.
        baseline: what the background is, ``others`` for faces neither explained nor the reference, ``reference`` for
            the reference face alone, which then is the mean and the random baseline.
        explain: ``distance`` for minus the distance from the reference, one output; ``expression`` for the probability
            of the predicted one of seven expressions.

    Raises:
        FileNotFoundError: when an embedded file is missing.
        ValueError: when one is damaged, there are not so many faces, or the squares do not fill a picture.
    """
    players = patch_players((3, data.SIDE, data.SIDE), patch)
    available = data.load()
    reference, chosen, tuning, others = split_faces(len(available), faces, seed)
    network = load_network()
    near = Nearness(network, available.images[reference]).eval()
    checks = {"probability_gap": measure_probability_gap(network, available)}
    trained = TrainedNetwork(near if explain == "distance" else network, checks, provenance=PROVENANCE)
    regions = data.mark_regions(available.landmarks[chosen])
    return make_problem(
        trained,
        available.images[chosen],
        background=available.images[others if baseline == "others" else reference.unsqueeze(0)],
        tuning=available.images[tuning],
        output=None if explain == "distance" else "probability",
        players=players,
        rows_per_batch=ROWS_PER_BATCH,
        regions={name: mask.unsqueeze(1).expand(-1, 3, -1, -1).contiguous() for name, mask in regions.items()},
        shown=range(min(faces, SHOWN)),
    )


def split_faces(available: int, explained: int, seed: int) -> tuple[Int[Tensor, ""], Positions, Positions, Positions]:
    """Positions of the reference, of the faces explained, of those for tuning, and of all others, in random order.

    Raises:
        ValueError: when there are not so many, with one for each other purpose.
    """
    most = available - TUNING - 2
    if not 1 <= explained <= most:
        raise ValueError(
            f"{explained} faces were asked for, expected 1 .. {most} of the {available}: one is the reference, "
            f"{TUNING} are for tuning and at least one is the background; change their number"
        )
    order = torch.randperm(available, generator=generator_for(seed, "faces"))
    chosen, tuning, others = order[1:].split([explained, TUNING, available - 1 - explained - TUNING])
    return order[0], chosen, tuning, others


@torch.no_grad()
def measure_probability_gap(network: ExpressionNetwork, faces: data.Faces) -> float:
    """The largest difference of a probability from that stated with the data."""
    found = torch.cat([network(some).softmax(1) for some in faces.images.split(ROWS_PER_BATCH)])
    return float((found - faces.probabilities).abs().max())
