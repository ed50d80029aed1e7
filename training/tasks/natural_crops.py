"""A small network that sees certainty, on pictures of crops of colour photographs, and the task of explaining it.

It measures what the ICG paper shows on Imagenette (A.4.1): whether attributions on natural textures are "tightly
localized" on what decides the class, with the truth known tile by tile. It can show where attribution goes, between
the target's tile, tiles that look as natural but say nothing, and plain ones; and, one class being a nearly black
photograph and another a pale one, whether a baseline's colour hides a target. It cannot show how a method does on
objects in scenes: a class is the texture of one photograph, which colour alone may give away, a crop has no context,
and the network is not one that recognises objects. For that there is ``training.imagenette``.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from datasets import natural_crops as data
from datasets.problem import Problem, task
from sig.players import patch_players
from training.batches import Batch, FreshBatches, TrainingData
from training.certainty_classifier import fit_certainty
from training.explain import Output, explain
from training.recipe import Bounds, Damage, ModelSpec, Recipe
from training.seeds import generator_for, seed_for

HELD_OUT: Final = 2000
ROWS_PER_BATCH: Final = 128
TUNING: Final = 4
SHOWN: Final = 8
RECIPE: Final = Recipe(
    batch=64,
    samples=150_000,
    lr=0.005,
    weight_decay=0.05,
    undamaged=0.4,
    unknown=0.05,
    release=0.6,
    ramp=30_000,
    bf16=True,
    probe_rows=500,
)


class MaxAndMeanOverPlaces(nn.Module):
    """The largest value of each channel over all places, and the mean."""

    def forward(self, x: Float[Tensor, "rows channels height width"]) -> Float[Tensor, "rows features"]:
        return torch.cat((x.amax((2, 3)), x.mean((2, 3))), dim=1)


def make_network() -> nn.Sequential:
    """Four convolutions with batch normalisation that see one tile each, and what is largest and mean over tiles.

    The first and the third take whole squares of 4 x 4, side by side, so that of a tile there is one place left. Where
    convolutions overlap tiles, a network of this size takes several times as long to leave chance. Each colour of a
    pixel has its certainty, unlike in the paper's network (``training.certainty_resnet``).
    """
    return nn.Sequential(
        *_convolution(6, 32, 4),
        *_convolution(32, 64, 1),
        *_convolution(64, 96, data.TILE // 4),
        *_convolution(96, 96, 1),
        MaxAndMeanOverPlaces(),
        nn.Linear(2 * 96, len(data.TARGETS)),
    )


def make_data(recipe: Recipe, *, seed: int) -> TrainingData:
    """Pictures put together as training goes, and held-out ones, of crops from elsewhere."""
    batches = FreshBatches(_make_batch, size=recipe.batch, steps=recipe.steps, seed=seed_for(seed, "training"))
    held_out = data.generate(HELD_OUT, "held out", generator_for(seed, "held out"))
    return TrainingData(batches, held_out.images, held_out.labels)


def specify_model() -> ModelSpec:
    """The certainty-aware classifier of pictures of crops."""
    config = {"data": data.load("train").sha256}
    return ModelSpec("natural-crops", make_network, make_data, RECIPE, Bounds(accuracy=0.92), config)


@task("natural-crops")
def natural_crops(
    *,
    pictures: int = 100,
    patch: int = 8,
    background: int = 100,
    output: Output = "probability",
    damage: Damage = "mixture",
    compare: bool = False,
    seed: int,
) -> Problem:
    """Pictures of held-out crops, each explained for its true class.

    Regions are ``target``, the tile that decides the class, and ``distractors``; what is in neither is plain. Checks
    and series are those of ``training.certainty_classifier.fit_certainty``, on held-out crops. The background holds
    pictures as in training. ``patch`` is a divisor of 48; for other options see ``training.tasks``.

    Raises:
        FileNotFoundError: when scikit-image's photographs are not installed.
    """
    players = patch_players((3, data.SIDE, data.SIDE), patch)
    explained = data.generate(pictures, "held out", generator_for(seed, "explained"))
    others = data.generate(background, "train", generator_for(seed, "background"))
    return explain(
        fit_certainty(specify_model(), damage=damage, compare=compare, seed=seed),
        explained.images,
        target=explained.labels,
        background=others.images,
        background_classes=others.labels,
        tuning=data.generate(TUNING, "held out", generator_for(seed, "tuning")).images,
        output=output,
        players=players,
        rows_per_batch=ROWS_PER_BATCH,
        regions={"target": explained.target, "distractors": explained.distractors},
        provenance={"data": data.load("train").sha256},
        shown=range(min(pictures, SHOWN)),
    )


def _convolution(before: int, after: int, size: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, size, stride=size, bias=False), nn.BatchNorm2d(after), nn.ReLU()


def _make_batch(count: int, generator: Generator) -> Batch:
    composites = data.generate(count, "train", generator)
    return composites.images, composites.labels
