"""Classifiers of digits that see certainty, and the task of explaining them (ICG, 5)."""

from dataclasses import replace
from functools import partial
from typing import Final, Literal

from torch import nn

from datasets import mnist as data
from datasets.problem import Problem, make_columns, task
from sig.players import patch_players
from training.batches import TrainingData
from training.certainty_classifier import fit_certainty
from training.damage_slowdown import compare_trainings
from training.explain import Output, explain
from training.information_absence import measure_absence
from training.recipe import Bounds, Damage, ModelSpec, Recipe
from training.seeds import generator_for, seed_for
from training.tasks import mnist

Network = Literal["strided", "paper"]

SHIFT: Final = 1
TUNING: Final = 4  # digits
ROWS_PER_BATCH: Final[dict[Network, int]] = {"strided": 256, "paper": 64}


def make_strided() -> nn.Sequential:
    """The convolutions of ``training.tasks.mnist.make_network`` and a hidden layer: 156 thousand weights.

    A forward and backward row costs about a tenth of a millisecond of one core, an eighth of what the paper's network
    takes. Without the hidden layer, training with damage costs up to 0.7 points of accuracy.
    """
    return nn.Sequential(
        *mnist.make_convolutions(2), nn.Linear(mnist.FEATURES, 128), nn.ReLU(), nn.Linear(128, data.CLASSES)
    )


def make_paper() -> nn.Sequential:
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


NETWORKS: Final = {"strided": make_strided, "paper": make_paper}
RECIPES: Final[dict[Network, Recipe]] = {
    "strided": Recipe(batch=128, samples=360_000, lr=0.005, unknown=0.05, bf16=True, probes=60, probe_rows=1000),
    "paper": Recipe(batch=128, samples=160_000, lr=0.002, unknown=0.05, bf16=True),
}


def make_data(recipe: Recipe, *, digits: data.Mnist, seed: int) -> TrainingData:
    """Digits to train on, each moved by up to a pixel whenever it is used, and held-out ones as they are."""
    return mnist.make_data(recipe, digits=digits, shift=SHIFT, seed=seed_for(seed, "training"))


def specify_model(digits: data.Mnist, network: Network) -> ModelSpec:
    """The certainty-aware classifier of these digits."""
    config = {"data": digits.sha256, "network": network, "shift": SHIFT}
    make = partial(make_data, digits=digits)
    return ModelSpec("mnist-certainty", NETWORKS[network], make, RECIPES[network], Bounds(accuracy=0.965), config)


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

    Checks and series are those of ``training.certainty_classifier.fit_certainty`` and of
    ``training.information_absence.measure_absence``, as ``absence``; with ``compare`` a check ``slowdown`` and its
    series (``training.damage_slowdown.compare_trainings``). The first digit of each class is shown. For tuning there
    are further digits held out. ``patch`` is a divisor of 28; for most options see ``training.tasks``.

    Args:
        network: the paper's takes four times as long to train, and eight times as long to explain, for the same
            accuracy.
    """
    players = patch_players((1, 28, 28), patch)
    available = data.load(full=full)
    generator = generator_for(seed, "explained")
    chosen = data.choose_balanced(available.held_out.labels, digits, generator)
    sample = data.sample(available.train, background, generator)
    trained = fit_certainty(specify_model(available, network), damage=damage, compare=compare, seed=seed)
    problem = explain(
        trained,
        available.held_out.images[chosen],
        background=sample.images,
        background_classes=sample.labels,
        tuning=data.choose_others(available.held_out.images, chosen, TUNING),
        output=output,
        players=players,
        rows_per_batch=ROWS_PER_BATCH[network],
        provenance={"data": available.sha256},
        shown=range(min(digits, data.CLASSES)),
    )
    checks, absence = measure_absence(problem.explicand)
    series = {"absence": absence}
    if "training-without-damage" in trained.series:
        curves = [make_columns(name, trained.series[name]) for name in ("training", "training-without-damage")]
        checks["slowdown"], series["slowdown"] = compare_trainings(*curves)
    return replace(problem, checks={**problem.checks, **checks}, series={**problem.series, **series})
