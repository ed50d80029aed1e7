"""Trainings of a few steps on little data, for tests in which it does not matter what a network has learned."""

import importlib
import pkgutil
from dataclasses import replace
from types import ModuleType

import pytest
from torch import nn

from datasets import mnist
from training import tasks
from training.recipe import Bounds, Recipe
from training.tasks import burnt_snacks, local_minimum, natural_crops

BATCH = 32
STEPS = 8
HELD_OUT = 500
FEW_TRAINED, FEW_HELD_OUT = 320, 150
PROBED = 50
NO_BOUNDS = Bounds(accuracy=0.0, neutrality_gap=None, absence_spread=None)


def task_modules() -> list[ModuleType]:
    """The project's modules of tasks that train."""
    names = [module.name for module in pkgutil.iter_modules(tasks.__path__)]
    modules = [importlib.import_module(f"training.tasks.{name}") for name in names]
    return [module for module in modules if hasattr(module, "RECIPES")]


def shorten_training(patch: pytest.MonkeyPatch) -> None:
    """Make every task of the project train within a second, whatever comes of it, as long as ``patch`` lasts."""
    few = few_digits()
    patch.setattr(mnist, "load", lambda *, full=False: few)
    patch.setattr(local_minimum, "find_boundary", lambda model: 0.5)  # a network that knows nothing has none
    patch.setattr(burnt_snacks, "NETWORKS", dict.fromkeys(burnt_snacks.NETWORKS, make_tiny))
    patch.setattr(natural_crops, "make_network", lambda: make_tiny(channels=6, classes=4))
    for module in task_modules():
        patch.setattr(module, "RECIPES", {name: shorten(recipe) for name, recipe in module.RECIPES.items()})
        for name, value in (("BOUNDS", NO_BOUNDS), ("HELD_OUT", HELD_OUT)):
            if hasattr(module, name):
                patch.setattr(module, name, value)


def shorten(recipe: Recipe) -> Recipe:
    """The recipe for a few small steps, with damage from the beginning."""
    return replace(recipe, batch=BATCH, samples=BATCH * STEPS, release=None, ramp=0, probe_rows=PROBED)


def make_tiny(channels: int = 2, classes: int = 2) -> nn.Sequential:
    """Of pictures with their certainty, in place of networks of which a row costs milliseconds."""
    return nn.Sequential(
        nn.Conv2d(channels, 4, 5, stride=5), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )


def few_digits() -> mnist.Mnist:
    """The first of the embedded digits."""
    digits = mnist.load()
    return mnist.Mnist(
        mnist.Digits(digits.train.images[:FEW_TRAINED], digits.train.labels[:FEW_TRAINED]),
        mnist.Digits(digits.held_out.images[:FEW_HELD_OUT], digits.held_out.labels[:FEW_HELD_OUT]),
        "few",
    )
