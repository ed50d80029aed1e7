"""Networks that read pictures with suppressors, and the task of explaining them (XAI-TRIS)."""

from functools import partial
from typing import Final

import torch
from pydantic import PositiveInt
from torch import Generator, nn

from datasets import suppressors as data
from datasets.problem import Problem, task
from training.batches import Batch, FreshBatches, TrainingData
from training.classifier import fit_classifier
from training.explain import Output, explain
from training.recipe import Bounds, ModelSpec, Recipe
from training.seeds import generator_for, seed_for

HELD_OUT: Final = 5_000
TUNING: Final = 4  # pictures
SHOWN: Final = 4
ROWS_PER_BATCH: Final = 1024
INPUT_RANGE: Final = (-1.0, 1.0)


def make_linear() -> nn.Sequential:
    """Logistic regression: 64 pixels to the logits of both classes."""
    return nn.Sequential(nn.Flatten(), nn.Linear(data.SIDE**2, 2))


def make_dense() -> nn.Sequential:
    """Two hidden layers of 64."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(data.SIDE**2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    )


def make_convolutions() -> nn.Sequential:
    """Two convolutions and the largest of each channel anywhere: what is seen may be at any place."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 4), nn.ReLU(), nn.Conv2d(16, 32, 2), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(32, 2)
    )


NETWORKS: Final = {"linear": make_linear, "dense": make_dense, "convolutions": make_convolutions}
STEPS: Final = {"linear": 1500, "dense": 1500, "convolutions": 600}
KINDS: Final = {"linear": "linear", "multiplicative": "dense", "xor": "dense", "rotated": "convolutions"}


def make_data(recipe: Recipe, *, scenario: data.Scenario, noise: data.Noise, seed: int) -> TrainingData:
    """Pictures made as training goes, and 5,000 held out."""
    draw = partial(draw_labelled, scenario=scenario, noise=noise)
    batches = FreshBatches(draw, size=recipe.batch, steps=recipe.steps, seed=seed_for(seed, "training"))
    return TrainingData(batches, *draw(HELD_OUT, generator_for(seed, "held out")))


def draw_labelled(count: int, generator: Generator, *, scenario: data.Scenario, noise: data.Noise) -> Batch:
    """Pictures and their classes."""
    pictures = data.generate(count, generator, scenario=scenario, noise=noise)
    return pictures.images, pictures.labels


def specify_model(scenario: data.Scenario, noise: data.Noise) -> ModelSpec:
    """The classifier of the pictures of a scenario."""
    kind = KINDS[scenario]
    return ModelSpec(
        f"suppressors-{scenario}-{noise}",
        NETWORKS[kind],
        partial(make_data, scenario=scenario, noise=noise),
        Recipe(batch=256, samples=256 * STEPS[kind], lr=0.03),
        Bounds(accuracy=0.87),  # a linear one at its best tells 89 % of the pictures on white noise
        {"network": kind, "scenario": scenario, "noise": noise},
    )


@task("suppressors")
def suppressors(
    *,
    scenario: data.Scenario = "linear",
    noise: data.Noise = "correlated",
    images: PositiveInt = 20,
    background: PositiveInt = 100,
    output: Output = "logit",
    seed: int,
) -> Problem:
    """Pictures of which it is known what tells the class, explained for the class that is predicted.

    Each pixel is a player. The region ``informative`` marks the pixels that the class acts on, see
    ``datasets.suppressors``; what is attributed elsewhere goes to noise (``white``) or to suppressors (``correlated``).
    The network is linear for the linear scenario, has two hidden layers for the multiplicative and the xor one, and
    convolutions for the rotated one. Checks are its accuracy on held-out pictures, and
    ``accuracy_without_suppressors``, that with all uninformative pixels taken from a picture without a signal: what it
    loses is what it owes to suppressors. For tuning there are further pictures. For most options see
    ``training.tasks``.

    Args:
        output: the logit of the predicted class, or its probability, which is so near 1 that gradients vanish.
    """
    draw = partial(data.generate, scenario=scenario, noise=noise)
    trained = fit_classifier(specify_model(scenario, noise), seed=seed)
    explained = draw(images, generator_for(seed, "explained"))
    others = draw(background, generator_for(seed, "background"))
    return explain(
        trained,
        explained.images,
        background=others.images,
        background_classes=others.labels,
        output=output,
        input_range=INPUT_RANGE,
        rows_per_batch=ROWS_PER_BATCH,
        regions={"informative": explained.informative},
        checks={
            "accuracy_without_suppressors": measure_without(trained.network, scenario=scenario, noise=noise, seed=seed)
        },
        tuning=draw(TUNING, generator_for(seed, "tuning")).images,
        shown=range(min(images, SHOWN)),
    )


def measure_without(network: nn.Module, *, scenario: data.Scenario, noise: data.Noise, seed: int) -> float:
    """The accuracy on pictures whose uninformative pixels are those of pictures without a signal."""
    generator = generator_for(seed, "without suppressors")
    pictures = data.generate(HELD_OUT, generator, scenario=scenario, noise=noise)
    empty = data.draw_empty(HELD_OUT, generator, scenario=scenario, noise=noise)
    with torch.no_grad():
        predicted = network(torch.where(pictures.informative, pictures.images, empty)).argmax(1)
    return float((predicted == pictures.labels).float().mean())
