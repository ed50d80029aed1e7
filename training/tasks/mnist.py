"""A small convolutional network that reads digits, and the task of explaining it."""

from functools import partial
from typing import Final

import torch
from torch import Generator, nn

from datasets import mnist as data
from datasets.problem import Problem, task
from sig.players import patch_players
from training.batches import Batch, RandomBatches, TrainingData
from training.classifier import fit_classifier
from training.explain import Output, explain
from training.recipe import Bounds, ModelSpec, Recipe

FEATURES: Final = 64 * 4 * 4  # that the convolutions give
BATCH: Final = 128
SHIFT: Final = 2
ROWS_PER_BATCH: Final = 1024
TUNING: Final = 4  # digits


def make_network() -> nn.Sequential:
    """Three strided convolutions and a linear layer, 34 thousand weights: digits to ten logits.

    Strides in place of pooling make a forward row cost about ten microseconds of one core.
    """
    return nn.Sequential(*make_convolutions(1), nn.Linear(FEATURES, data.CLASSES))


def make_convolutions(channels: int) -> tuple[nn.Module, ...]:
    """Layers from pictures of 28 x 28 with so many channels to ``FEATURES`` numbers."""
    return (
        nn.Conv2d(channels, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
    )


def make_data(recipe: Recipe, *, digits: data.Mnist, shift: int, seed: int) -> TrainingData:
    """Digits to train on, each moved by up to ``shift`` pixels whenever it is used, and held-out ones as they are."""

    def move(batch: Batch, generator: Generator) -> Batch:
        return data.shift_images(batch[0], shift, generator), batch[1]

    batches = RandomBatches(
        digits.train.images, digits.train.labels, size=recipe.batch, steps=recipe.steps, seed=seed, augment=move
    )
    return TrainingData(batches, digits.held_out.images, digits.held_out.labels)


def specify_model(digits: data.Mnist) -> ModelSpec:
    """The classifier of these digits, which goes over all of them 15 times."""
    batches = len(digits.train) // BATCH
    return ModelSpec(
        "mnist",
        make_network,
        partial(make_data, digits=digits, shift=SHIFT),
        Recipe(batch=BATCH, samples=15 * batches * BATCH, lr=0.005),
        Bounds(accuracy=0.97),
        {"data": digits.sha256},
    )


@task("mnist")
def mnist(
    *,
    digits: int = 50,
    patch: int = 4,
    background: int = 100,
    output: Output = "probability",
    full: bool = False,
    seed: int,
) -> Problem:
    """Held-out digits, as many of each class, explained for the class that the classifier predicts.

    The check is the classifier's accuracy on all held-out digits. The first digit of each class is shown. For
    tuning there are further digits held out. ``patch`` is a divisor of 28; for other options see ``training.tasks``.
    """
    players = patch_players((1, 28, 28), patch)
    available = data.load(full=full)
    generator = torch.Generator().manual_seed(seed)
    chosen = data.choose_balanced(available.held_out.labels, digits, generator)
    sample = data.sample(available.train, background, generator)
    return explain(
        fit_classifier(specify_model(available), seed=seed),
        available.held_out.images[chosen],
        background=sample.images,
        background_classes=sample.labels,
        tuning=data.choose_others(available.held_out.images, chosen, TUNING),
        output=output,
        players=players,
        rows_per_batch=ROWS_PER_BATCH,
        provenance={"data": available.sha256},
        shown=range(min(digits, data.CLASSES)),
    )
