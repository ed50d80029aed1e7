"""The task of explaining a pretrained network's classes of photographs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from datasets import imagenet as data
from datasets.problem import PHOTOGRAPHS, Problem, task
from sig.players import rectangle_players, superpixel_players
from training.explain import Output, TrainedNetwork, explain
from training.imagenet_models import LITE0, NormalisedNetwork, load_pretrained
from training.seeds import generator_for

ROWS_PER_BATCH: Final = 8  # more rows leave the processor's cache, and take longer each
TUNING: Final = 1  # picture, on which budgets are split: with two it would take as long as all the scoring
SHOWN: Final = 6
SURE: Final = 0.7  # the probability from which a check counts a picture as one that the network is sure of
PIXELS: Final = (3, data.SIDE, data.SIDE)


@dataclass(frozen=True)
class PictureChoice:
    """The pictures to explain: their positions, and what the network said of all that were looked at for them."""

    positions: list[int]
    seen: int
    probabilities: Float[Tensor, " seen"]
    classes: Int[Tensor, " seen"]


@task("imagenet")
def imagenet(
    *,
    pictures: int = 16,
    confident: float = SURE,
    folder: Path | None = None,
    mapping: Path | None = None,
    model: str = LITE0,
    pretrained: bool = True,
    output: Output = "probability",
    players: Literal["patches", "superpixels"] = "patches",
    patch: int | tuple[int, int] = 28,
    segments: int = 50,
    background: int = 10,
    seed: int,
) -> Problem:
    """Photographs, explained for the class that a network trained on ImageNet predicts.

    The network and the pictures explained are the same in every repetition, which draws another background: units of
    a statistical test are pictures, explained for one model, and say nothing of other models. With superpixels, which
    belong to one picture, a repetition explains a single picture, drawn by its seed among those that patches would
    explain; two repetitions may draw the same.

    Checks: ``sure``, the share of the pictures looked at, until enough were found, whose largest probability is at
    least 0.7; ``probability``, the mean largest probability of those explained; ``accuracy``, of those looked at, where
    classes are known (the packaged photographs come without).

    Args:
        pictures: how many are explained: the first ones with a largest probability of at least ``confident``, by name,
            or in a folder by class in turn (``datasets.imagenet``).
        confident: 0 takes all.
        folder: of pictures, with their classes; the packaged photographs unless given.
        mapping: the classes of a folder's folders, as a CSV.
        model: ``efficientnet-lite0``, ``resnet50``, or ``timm:`` and a name.
        pretrained: False for random weights.
        output: the probability of the predicted class, or its logit.
        players: patches, the same for all pictures, or superpixels.
        patch: the patches' side, or height and width, in pixels; what is left at the right and bottom are smaller ones.
        segments: about how many superpixels there are.
        background: how many pictures the background holds, drawn from those not explained, nor kept for tuning.

    Raises:
        ValueError: when there are not so many pictures, or the patches do not fit; and as ``datasets.imagenet`` and
            ``training.imagenet_models`` do.
        FileNotFoundError, ModuleNotFoundError: where files or packages are missing.
    """
    photographs = data.load_packaged() if folder is None else data.load_folder(folder, mapping=mapping)
    network = load_pretrained(model, pretrained=pretrained, seed=seed)
    chosen = choose_confident(photographs, network.network, pictures, confident)
    checks = _measure(chosen, photographs.labels)
    explained = chosen.positions
    if players == "superpixels":
        drawn = torch.randint(len(explained), (), generator=generator_for(seed, "picture"))
        explained = [explained[int(drawn)]]
    tuning, others = _choose_others(len(photographs), explained, background, seed)
    inputs = photographs.read(explained)
    return explain(
        TrainedNetwork(network.network, checks, {"weights": network.sha256}),
        inputs,
        background=photographs.read(others),
        tuning=photographs.read(tuning),
        output=output,
        players=superpixel_players(inputs[0], segments) if players == "superpixels" else _make_patches(patch),
        rows_per_batch=ROWS_PER_BATCH,
        provenance={PHOTOGRAPHS: photographs.digest([*explained, *others, *tuning])},
        shown=range(min(SHOWN, len(explained))),
    )


def choose_confident(
    photographs: data.Photographs, network: NormalisedNetwork, count: int, confident: float
) -> PictureChoice:
    """The first ``count`` pictures whose largest probability is at least ``confident``.

    Raises:
        ValueError: when there are not so many, or ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"{count} pictures were asked for, expected at least 1; ask for more")
    found: list[int] = []
    probabilities, classes = [], []
    for positions in torch.arange(len(photographs)).split(ROWS_PER_BATCH):
        if len(found) >= count:
            break
        with torch.no_grad():
            largest = network(photographs.read(positions.tolist())).softmax(1).max(1)
        probabilities.append(largest.values)
        classes.append(largest.indices)
        found += positions[largest.values >= confident].tolist()
    if len(found) < count:
        raise ValueError(
            f"{count} pictures were asked for, expected 1 .. {len(found)}: of {len(photographs)} there are so many "
            f"with a probability of at least {confident}; ask for fewer, or for a lower one"
        )
    seen = found[count - 1] + 1
    return PictureChoice(found[:count], seen, torch.cat(probabilities)[:seen], torch.cat(classes)[:seen])


def _measure(chosen: PictureChoice, labels: Sequence[int] | None) -> dict[str, float]:
    checks = {
        "sure": (chosen.probabilities >= SURE).double().mean().item(),
        "probability": chosen.probabilities[chosen.positions].double().mean().item(),
    }
    if labels is not None:
        right = chosen.classes == torch.tensor(labels[: chosen.seen])
        checks["accuracy"] = right.double().mean().item()
    return checks


def _choose_others(count: int, explained: Iterable[int], background: int, seed: int) -> tuple[list[int], list[int]]:
    """Positions of the pictures for tuning, the first that are not explained, and of the background, drawn."""
    left = sorted(set(range(count)) - set(explained))
    tuning, rest = left[:TUNING], torch.tensor(left[TUNING:])
    if not 1 <= background <= len(rest):
        raise ValueError(
            f"a background of {background} pictures was asked for, expected 1 .. {len(rest)}: as many of {count} are "
            f"neither explained nor among the {TUNING} kept for tuning; explain fewer pictures or change its size"
        )
    drawn = torch.randperm(len(rest), generator=generator_for(seed, "background"))[:background]
    return tuning, rest[drawn].tolist()


def _make_patches(patch: int | tuple[int, int]) -> Int[Tensor, "3 224 224"]:
    height, width = (patch, patch) if isinstance(patch, int) else patch
    return rectangle_players(PIXELS, height, width)
