"""A network for digits anywhere along a wide canvas, and the task of explaining it where training saw nothing (ICG)."""

from functools import partial
from typing import Final

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from datasets import mnist
from datasets import mnist_in_space as data
from datasets.problem import Problem, task
from sig.players import patch_players
from training.batches import Batch, RandomBatches, TrainingData
from training.certainty_classifier import fit_certainty
from training.explain import Output, TrainedNetwork, explain
from training.recipe import Bounds, Damage, ModelSpec, Recipe
from training.seeds import generator_for, seed_for

ROWS_PER_BATCH: Final = 256
TUNING: Final = 4  # digits
RECIPE: Final = Recipe(batch=128, samples=160_000, lr=0.005, undamaged=0.2, unknown=0.05, bf16=True)
_HELD_OUT_SEED: Final = 0  # of the places of held-out digits, so that all models are checked on the same


class RingPadding(nn.Module):
    """A picture, continued to the left and to the right by columns from its other end."""

    def __init__(self, left: int, right: int):
        super().__init__()
        self.left, self.right = left, right

    def forward(self, x: Float[Tensor, "rows channels height width"]) -> Float[Tensor, "rows channels height wider"]:
        # A concatenation's gradient takes half the time of that of torch's circular padding.
        return torch.cat((x[..., x.shape[-1] - self.left :], x, x[..., : self.right]), dim=-1)


class MaxOverPlaces(nn.Module):
    """The largest value of each channel, over all places."""

    def forward(self, x: Float[Tensor, "rows channels height width"]) -> Float[Tensor, "rows channels"]:
        return x.amax((2, 3))


def make_ring() -> nn.Sequential:
    """The network of ``training.tasks.mnist_certainty.make_strided`` slid along a canvas that is closed to a ring.

    Its hidden layer is a convolution as high as the canvas, of which the largest values over the places along it count.
    Strides multiply to 8, so that moving the canvas around the ring by a multiple of 8 columns, such as from one half
    to the other, changes nothing but the order of the places: logits are the same. There is no border along the width;
    zeros above and below the canvas are no hindrance, since a digit on the right is as high up as one on the left. It
    has 156 thousand weights.
    """
    return nn.Sequential(
        RingPadding(2, 1),
        nn.Conv2d(2, 16, 5, stride=2, padding=(2, 0)),
        nn.ReLU(),
        RingPadding(1, 0),
        nn.Conv2d(16, 32, 3, stride=2, padding=(1, 0)),
        nn.ReLU(),
        RingPadding(1, 0),
        nn.Conv2d(32, 64, 3, stride=2, padding=(1, 0)),
        nn.ReLU(),
        RingPadding(1, 2),
        nn.Conv2d(64, 128, 4),
        nn.ReLU(),
        MaxOverPlaces(),
        nn.Linear(128, mnist.CLASSES),
    )


def make_data(recipe: Recipe, *, digits: mnist.Mnist, seed: int) -> TrainingData:
    """Canvases with a digit on the left, put at another place whenever it is used, and held-out ones."""

    def place(batch: Batch, generator: Generator) -> Batch:
        return data.place(batch[0], "left", generator), batch[1]

    stream = seed_for(seed, "training")
    batches = RandomBatches(
        digits.train.images, digits.train.labels, size=recipe.batch, steps=recipe.steps, seed=stream, augment=place
    )
    return TrainingData(batches, place_held_out(digits, "left"), digits.held_out.labels)


def specify_model(digits: mnist.Mnist) -> ModelSpec:
    """The certainty-aware classifier of canvases with one of these digits on the left.

    Swapping leaves the right half of such canvases empty; noise as damage data, and certainty, do cover it.
    """
    make, bounds = partial(make_data, digits=digits), Bounds(accuracy=0.95)
    return ModelSpec("mnist-in-space", make_ring, make, RECIPE, bounds, {"data": digits.sha256})


@task("mnist-in-space")
def mnist_in_space(
    *,
    digits: int = 50,
    patch: int = 8,
    background: int = 100,
    output: Output = "probability",
    damage: Damage = "mixture",
    compare: bool = True,
    full: bool = False,
    seed: int,
) -> Problem:
    """Held-out digits on the right, as many of each class, explained to a network that was trained on the left.

    The background is a sample of what it was trained on, digits on the left. The region ``shadow`` is where those vary
    but the input is empty. Checks, with digits on the left, are those of
    ``training.certainty_classifier.fit_certainty``, and ``accuracy_right`` with the same ones on the right. The first
    digit of each class is shown. For tuning there are further digits on the right. ``patch`` is a divisor of 32, and 8
    makes 32 players; for other options see ``training.tasks``.
    """
    players = patch_players((1, data.HEIGHT, data.WIDTH), patch)
    available = mnist.load(full=full)
    generator = generator_for(seed, "explained")
    chosen = mnist.choose_balanced(available.held_out.labels, digits, generator)
    inputs = data.place(available.held_out.images[chosen], "right", generator)
    others = mnist.choose_others(available.held_out.images, chosen, TUNING)
    sample = mnist.sample(available.train, background, generator)
    canvases = data.place(sample.images, "left", generator)
    trained = fit_certainty(specify_model(available), damage=damage, compare=compare, seed=seed)
    return explain(
        trained,
        inputs,
        background=canvases,
        background_classes=sample.labels,
        tuning=data.place(others, "right", generator_for(seed, "tuning")),
        output=output,
        players=players,
        rows_per_batch=ROWS_PER_BATCH,
        regions={"shadow": data.shadow(inputs, data.varied(available.train.images))},
        checks={"accuracy_right": measure_accuracy_right(trained, available)},
        provenance={"data": available.sha256},
        shown=range(min(digits, mnist.CLASSES)),
    )


def measure_accuracy_right(trained: TrainedNetwork, digits: mnist.Mnist) -> float:
    """The share of the held-out digits that are read on the right."""
    canvases, labels = place_held_out(digits, "right"), digits.held_out.labels
    with torch.no_grad():
        predictions = [trained.network(some).argmax(1) for some in canvases.split(ROWS_PER_BATCH)]
    return float((torch.cat(predictions) == labels).double().mean())


def place_held_out(digits: mnist.Mnist, half: data.Half) -> Float[Tensor, "digits 1 32 64"]:
    """All held-out digits on one half; on the other they have the same places."""
    return data.place(digits.held_out.images, half, Generator().manual_seed(_HELD_OUT_SEED))
