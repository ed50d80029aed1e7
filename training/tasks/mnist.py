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
from training.explain import Output, Trained, explain
from training.recipe import Bounds, Recipe

SHIFT: Final = 2
ROWS_PER_BATCH: Final = 1024
TUNING: Final = 4  # digits, on which budgets are split
BOUNDS: Final = Bounds(accuracy=0.97)
RECIPES: Final = {  # both go over all digits 15 times
    "embedded": Recipe(batch=128, samples=15 * 62 * 128, lr=0.005),
    "full": Recipe(batch=128, samples=15 * 468 * 128, lr=0.005),
}


def make_network() -> nn.Sequential:
    """Three strided convolutions and a linear layer, 34 thousand weights: digits to ten logits.

    Strides in place of pooling make a forward row cost about ten microseconds of one core.
    """
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, data.CLASSES),
    )


def make_data(recipe: Recipe, digits: data.Mnist, *, shift: int, seed: int) -> TrainingData:
    """Digits to train on, each moved by up to ``shift`` pixels whenever it is used, and held-out ones as they are."""

    def move(batch: Batch, generator: Generator) -> Batch:
        return data.shift_images(batch[0], shift, generator), batch[1]

    batches = RandomBatches(
        digits.train.images, digits.train.labels, size=recipe.batch, steps=recipe.steps, seed=seed, augment=move
    )
    return TrainingData(batches, digits.held_out.images, digits.held_out.labels)


def fit_digits(digits: data.Mnist, *, full: bool = False, seed: int) -> Trained:
    """A classifier trained on ``digits``; its check ``accuracy`` is that on those held out.

    Raises:
        NotConverged: when no seed leads to a model that keeps to ``BOUNDS``.
    """
    return fit_classifier(
        make_network,
        partial(make_data, digits=digits, shift=SHIFT, seed=seed),
        name="mnist",
        recipe=RECIPES["full" if full else "embedded"],
        bounds=BOUNDS,
        seed=seed,
        config={"data": digits.sha256},
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
    tuning there are further digits held out.

    Args:
        digits: how many are explained; classes take turns.
        patch: players are squares of this many pixels a side; a divisor of 28.
        background: how many training digits the background holds.
        output: the probability of the predicted class, or its logit.
        full: the full database instead of the ten thousand embedded digits.

    Raises:
        NotConverged: when no seed leads to a usable model.
        ValueError: when there are not so many digits, or the squares do not fill a picture.
    """
    players = patch_players((1, 28, 28), patch)
    available = data.load(full=full)
    generator = torch.Generator().manual_seed(seed)
    chosen = data.choose_balanced(available.held_out.labels, digits, generator)
    sample = data.sample(available.train, background, generator)
    return explain(
        fit_digits(available, full=full, seed=seed),
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
