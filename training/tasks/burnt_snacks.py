"""Networks that tell whether a snack is burnt, and the task of explaining them (ICG, 3 and 5)."""

from dataclasses import replace
from functools import partial
from typing import Final, Literal

import torch
from torch import Generator, Tensor, nn

from datasets import burnt_snacks as data
from datasets.problem import Problem, task
from sig.players import patch_players
from training.batches import Batch, DeferredData, FreshBatches, TrainingData
from training.certainty_classifier import fit_certainty
from training.explain import Output, explain
from training.recipe import Bounds, Damage, ModelSpec, Recipe
from training.seeds import generator_for, seed_for

HELD_OUT: Final = 20_000
AT_ONCE: Final = 500  # images generated in one call, which the generator makes fastest
ROWS_PER_BATCH: Final = 64
SHOWN: Final = 3  # of each class
TUNING: Final = 2  # images, one of each class

Network = Literal["small", "paper"]


def make_paper() -> nn.Sequential:
    """The paper's: convolutions of 32, 64, 128 and 128 channels with pooling, dense layers of 32, 16 and 2, dropout.

    **Reading.** Convolutions are 3 x 3 without padding and pools take the rest at the edges, which gives the paper's
    5 x 5 x 128 values before the dense layers. Dropout follows the pools and the first dense layer. Initialisation is
    He's in place of Xavier's, with which few seeds leave chance where there is dropout.
    """
    return _make_convolutional(1.0, dropout=(0.2, 0.1, 0.1, 0.2))


def make_small() -> nn.Sequential:
    """The paper's at half its width and without dropout: 112 thousand weights, a third of the time."""
    return _make_convolutional(0.5, dropout=(0.0,) * 4)


def _make_convolutional(width: float, *, dropout: tuple[float, float, float, float]) -> nn.Sequential:
    first, second, third = (round(width * channels) for channels in (32, 64, 128))
    return _initialise(
        *_convolution(2, first),
        *_convolution(first, second),
        *_pool(dropout[0]),
        *_convolution(second, third),
        *_pool(dropout[1]),
        *_convolution(third, third),
        *_pool(dropout[2]),
        nn.Flatten(),
        nn.Linear(third * 5 * 5, 32),
        nn.ReLU(),
        nn.Dropout(dropout[3]),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Linear(16, 2),
    )


def _convolution(before: int, after: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, 3), nn.ReLU()


def _pool(dropout: float) -> tuple[nn.Module, nn.Module]:
    return nn.MaxPool2d(2, ceil_mode=True), nn.Dropout(dropout)


def _initialise(*layers: nn.Module) -> nn.Sequential:
    network = nn.Sequential(*layers)
    for name, weights in network.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(weights)
        else:
            nn.init.zeros_(weights)
    return network.to(memory_format=torch.channels_last)  # faster on a CPU


def make_data(recipe: Recipe, *, seed: int) -> TrainingData:
    """Images painted as training goes, and 20,000 held out."""
    batches = FreshBatches(_paint_batch, size=recipe.batch, steps=recipe.steps, seed=seed_for(seed, "training"))
    return DeferredData(batches, partial(_paint_held_out, seed), features=(1, data.SIDE, data.SIDE), classes=2)


def _paint_held_out(seed: int) -> tuple[Tensor, Tensor]:
    generator = generator_for(seed, "held out")
    parts = [_paint_batch(AT_ONCE, generator) for _ in range(HELD_OUT // AT_ONCE)]
    images, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    return images, labels


def _paint_batch(count: int, generator: Generator) -> Batch:
    snacks = data.generate(count, generator)
    return snacks.images, snacks.labels


BOUNDS: Final = Bounds(accuracy=0.987)  # the paper's
SMALL: Final = Recipe(
    batch=32,
    samples=120_000,
    lr=2e-3,
    weight_decay=0.1,
    undamaged=0.5,
    unknown=0.05,
    release=0.55,
    ramp=20_000,
    bf16=True,
)
PAPER: Final = replace(SMALL, samples=200_000, weight_decay=0.3)
MODELS: Final[dict[Network, ModelSpec]] = {
    "small": ModelSpec("burnt-snacks-small", make_small, make_data, SMALL, BOUNDS, {"network": "small"}),
    "paper": ModelSpec("burnt-snacks-paper", make_paper, make_data, PAPER, BOUNDS, {"network": "paper"}),
}


@task("burnt-snacks")
def burnt_snacks(
    *,
    images: int = 200,
    patch: int = 10,
    background: int = 100,
    output: Output = "probability",
    network: Network = "small",
    damage: Damage = "mixture",
    compare: bool = True,
    seed: int,
) -> Problem:
    """Fresh images, half of them with dark squares, each explained for its true class.

    Regions are ``dark``, ``light`` and ``triangle``. Checks and series are those of
    ``training.certainty_classifier.fit_certainty``. The first three images of class 1 are shown, then the first three
    of class 0. ``patch`` is a divisor of 50; for other options see ``training.tasks``.
    """
    players = patch_players((1, data.SIDE, data.SIDE), patch)
    trained = fit_certainty(MODELS[network], damage=damage, compare=compare, seed=seed)
    snacks = data.generate(images, generator_for(seed, "explained"))
    others = data.generate(background, generator_for(seed, "background"))
    return explain(
        trained,
        snacks.images,
        target=snacks.labels,
        background=others.images,
        background_classes=others.labels,
        tuning=data.generate(TUNING, generator_for(seed, "tuning")).images,
        output=output,
        players=players,
        rows_per_batch=ROWS_PER_BATCH,
        shown=[i for label in (1, 0) for i in (snacks.labels == label).nonzero()[:SHOWN, 0].tolist()],
        regions={"dark": snacks.dark, "light": snacks.light, "triangle": snacks.triangle},
    )
