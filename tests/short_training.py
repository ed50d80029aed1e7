"""Trainings of a few steps on little data, for tests in which it does not matter what a network has learned."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from torch import nn

from datasets import mnist
from training import certainty_classifier, classifier
from training.classifier import C, fit_network
from training.fit import FittedModule
from training.recipe import Bounds, ModelSpec, Recipe
from training.tasks import burnt_snacks, gridworld, local_minimum, natural_crops, suppressors

BATCH = 32
STEPS = 8
HELD_OUT = 500
FEW_TRAINED, FEW_HELD_OUT = 320, 150
PROBED = 50
NO_BOUNDS = Bounds(accuracy=0.0, neutrality_gap=None, absence_spread=None)


def shorten_training(
    patch: pytest.MonkeyPatch, *, change: Callable[[Bounds], Bounds] = lambda bounds: NO_BOUNDS
) -> None:
    """Make every task train within a second, whatever comes of it, as long as ``patch`` lasts.

    Its model has to keep to what ``change`` makes of the task's bounds.
    """
    few = few_digits()
    patch.setattr(mnist, "load", lambda *, full=False: few)
    patch.setattr(local_minimum, "find_boundary", lambda model: 0.5)  # a network that knows nothing has none
    patch.setattr(gridworld, "RECIPES", {name: shorten(recipe) for name, recipe in gridworld.RECIPES.items()})
    for module in (burnt_snacks, local_minimum, natural_crops, suppressors):
        patch.setattr(module, "HELD_OUT", HELD_OUT)

    def fit_shortly(kind: type[C], spec: ModelSpec, *, seed: int) -> FittedModule[C]:
        network = TINY.get(spec.name.removesuffix("-undamaged"), spec.network)
        short = replace(spec, network=network, recipe=shorten(spec.recipe), bounds=change(spec.bounds))
        return fit_network(kind, short, seed=seed)

    for caller in (classifier, certainty_classifier):
        patch.setattr(caller, "fit_network", fit_shortly)


def shorten(recipe: Recipe) -> Recipe:
    """The recipe for a few small steps, with damage from the beginning."""
    return replace(recipe, batch=BATCH, samples=BATCH * STEPS, release=None, ramp=0, probe_rows=PROBED)


def make_tiny(channels: int = 2, classes: int = 2) -> nn.Sequential:
    """A network of pictures with their certainty."""
    return nn.Sequential(
        nn.Conv2d(channels, 4, 5, stride=5), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )


TINY: dict[str, Callable[[], nn.Module]] = {  # in place of networks of which a row costs milliseconds
    "burnt-snacks-small": make_tiny,
    "burnt-snacks-paper": make_tiny,
    "natural-crops": partial(make_tiny, channels=6, classes=4),
}


def few_digits() -> mnist.Mnist:
    """The first of the embedded digits."""
    digits = mnist.load()
    return mnist.Mnist(
        mnist.Digits(digits.train.images[:FEW_TRAINED], digits.train.labels[:FEW_TRAINED]),
        mnist.Digits(digits.held_out.images[:FEW_HELD_OUT], digits.held_out.labels[:FEW_HELD_OUT]),
        "few",
    )
