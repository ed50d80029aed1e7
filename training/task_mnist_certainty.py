"""Classifiers of digits that see certainty, and the task of explaining them (ICG, 5)."""

import sys
from dataclasses import replace
from typing import Final, Literal

import torch
from torch import Generator, Tensor, nn

from datasets import mnist as data
from datasets.problem import Problem, task
from sig.explicand import Explicand
from sig.players import patch_players
from training import task_mnist as plain
from training.batches import Batch, RandomBatches
from training.certainty_classifier import Bounds, CertaintyData, Damage, Output, Recipe, Trained, fit_certainty
from training.seeds import generator_for, seed_for

Network = Literal["strided", "paper"]

SHIFT: Final = 1
ROWS_PER_BATCH: Final[dict[Network, int]] = {"strided": 256, "paper": 64}
BOUNDS: Final = Bounds(accuracy=0.965)
RECIPES: Final[dict[Network, Recipe]] = {
    "strided": Recipe(batch=128, images=240_000, lr=0.005, undamaged=0.2, unknown=0.05, bf16=True),
    "paper": Recipe(batch=128, images=160_000, lr=0.002, unknown=0.05, bf16=True),
}


def strided() -> nn.Sequential:
    """The convolutions of ``training.task_mnist.DigitClassifier`` and a hidden layer: 156 thousand weights.

    A forward and backward row costs about a tenth of a millisecond of one core, an eighth of what the paper's network
    takes. Without the hidden layer, training with damage costs up to 0.7 points of accuracy.
    """
    return nn.Sequential(
        nn.Conv2d(2, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 128),
        nn.ReLU(),
        nn.Linear(128, data.CLASSES),
    )


def paper() -> nn.Sequential:
    """The paper's network (ICG, 5): 262 thousand weights.

    **Reading.** Convolutions are 3x3 without padding, pooling takes maxima of 2x2.
    """
    return nn.Sequential(
        nn.Conv2d(2, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64 * 5 * 5, 128),
        nn.ReLU(),
        nn.Linear(128, data.CLASSES),
    )


def fit_digits(
    digits: data.Mnist, *, network: Network = "strided", damage: Damage = "mixture", compare: bool = True, seed: int
) -> Trained:
    """A certainty-aware classifier of digits, each moved by up to a pixel whenever it is used.

    Raises:
        NotConverged: when no seed leads to a model that keeps to ``BOUNDS``.
    """

    def moved(batch: Batch, generator: Generator) -> Batch:
        return plain.shifted(batch[0], SHIFT, generator), batch[1]

    def samples(recipe: Recipe) -> CertaintyData:
        batches = RandomBatches(
            digits.train.images,
            digits.train.labels,
            size=recipe.batch,
            steps=recipe.steps,
            seed=seed_for(seed, "training"),
            augment=moved,
        )
        return CertaintyData(batches, digits.held_out.images, digits.held_out.labels)

    return fit_certainty(
        {"strided": strided, "paper": paper}[network],
        samples,
        name="mnist-certainty",
        recipe=replace(RECIPES[network], damage=damage),
        bounds=BOUNDS,
        config={"data": digits.sha256, "network": network, "shift": SHIFT},
        seed=seed,
        sources=[data, plain, sys.modules[__name__]],
        compare=compare,
    )


@task("mnist-certainty")
def mnist_certainty(
    *,
    digits: int = 50,
    patch: int = 4,
    background: int = 100,
    output: Output = "probability",
    network: Network = "strided",
    damage: Damage = "mixture",
    compare: bool = True,
    full: bool = False,
    seed: int,
) -> Problem:
    """Held-out digits, as many of each class, explained for the class that the classifier predicts.

    Checks are those of ``training.certainty_classifier.Trained``. The first digit of each class is shown.

    Args:
        digits: how many are explained; classes take turns.
        patch: players are squares of this many pixels a side; a divisor of 28.
        background: how many training digits the background holds.
        output: the probability of the predicted class, or its logit.
        network: the paper's takes four times as long to train, and eight times as long to explain, for the same
            accuracy.
        compare: train the same network without damage too, on half the images.
        full: the full database instead of the ten thousand embedded digits.

    Raises:
        NotConverged: when no seed leads to a usable model.
        ValueError: when there are not so many digits, or the squares do not fill a picture.
    """
    players = patch_players((1, 28, 28), patch)
    available = data.load(full=full)
    generator = generator_for(seed, "explained")
    inputs = available.held_out.images[data.balanced(available.held_out.labels, digits, generator)]
    sample = plain.sampled(available.train.images, background, generator)
    trained = fit_digits(available, network=network, damage=damage, compare=compare, seed=seed)
    model = trained.model(output)
    explicand = Explicand(
        model=model,
        inputs=inputs,
        target=predicted(model, inputs),
        background=sample,
        players=players,
        rows_per_batch=ROWS_PER_BATCH[network],
    )
    return Problem(
        explicand,
        checks=trained.checks,
        provenance={"data": available.sha256, **trained.provenance},
        shown=tuple(range(min(digits, data.CLASSES))),
        series=trained.series,
    )


def predicted(model: nn.Module, inputs: Tensor) -> Tensor:
    """The class that the model gives the largest output, for each input."""
    with torch.no_grad():
        classes: Tensor = model(inputs).argmax(1)
    return classes
