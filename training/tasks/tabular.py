"""Small networks that classify tables of measurements, and the task of explaining them by exact Shapley values."""

from functools import partial
from typing import Final

import torch
from jaxtyping import Float, Int
from pydantic import PositiveInt
from torch import Tensor, nn

from datasets import tabular as data
from datasets.problem import Problem, task
from sig.explicand import Explicand
from sig.games import shapley_values, value_table
from training.batches import RandomBatches, TrainingData
from training.classifier import fit_classifier
from training.explain import Output, explain
from training.recipe import Bounds, ModelSpec, Recipe
from training.seeds import generator_for, seed_for

TUNING: Final = 8  # samples
SHOWN: Final = 3
ROWS_PER_BATCH: Final = 8192
RECIPES: Final = {
    "breast-cancer": Recipe(batch=64, samples=64 * 400, lr=0.01),
    "wine": Recipe(batch=32, samples=32 * 400, lr=0.01),
}


def make_network(features: int, classes: int) -> nn.Sequential:
    """Two hidden layers of 32."""
    return nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, classes))


def make_data(recipe: Recipe, *, table: data.Name, seed: int) -> TrainingData:
    """Samples in random order to train on, and those held out."""
    split = split_table(table, seed)
    batches = RandomBatches(
        split.train, split.train_labels, size=recipe.batch, steps=recipe.steps, seed=seed_for(seed, "training")
    )
    return TrainingData(batches, split.held_out, split.held_out_labels)


def split_table(table: data.Name, seed: int) -> data.Split:
    """The samples of a repetition."""
    return data.split(data.load(table), generator_for(seed, "held out"))


def specify_model(table: data.Name) -> ModelSpec:
    """The classifier of a table's samples."""
    loaded = data.load(table)
    return ModelSpec(
        f"tabular-{table}",
        partial(make_network, len(loaded.names), int(loaded.labels.max()) + 1),
        partial(make_data, table=table),
        RECIPES[table],
        Bounds(accuracy=0.88),
        {"data": loaded.sha256},
    )


@task("tabular")
def tabular(
    *,
    table: data.Name = "breast-cancer",
    inputs: PositiveInt = 10,
    background: PositiveInt = 50,
    output: Output = "probability",
    seed: int,
) -> Problem:
    """Held-out samples of a table, explained for the class that is predicted; see ``datasets.tabular``.

    Truths are exact Shapley values of the network: where features that are out take the training mean, which is 0
    (``baseline``), and where they take the values of each sample of the background in turn, whose outputs are averaged
    (``interventional``). The seed decides which samples are held out. The check is the network's accuracy on those. For
    tuning there are further ones. For options see ``training.tasks``.
    """
    split = split_table(table, seed)
    explained, tuning = _choose(len(split.held_out), inputs, TUNING, what="inputs", seed=seed)
    sample, _ = _choose(len(split.train), background, 0, what="samples of the background", seed=seed)
    return explain(
        fit_classifier(specify_model(table), seed=seed),
        split.held_out[explained],
        background=split.train[sample],
        background_classes=split.train_labels[sample],
        output=output,
        input_range=split.input_range,
        rows_per_batch=ROWS_PER_BATCH,
        truths={"baseline": shapley_from_mean, "interventional": shapley_from_background},
        provenance={"data": data.load(table).sha256},
        tuning=split.held_out[tuning],
        shown=range(min(inputs, SHOWN)),
        exact={"baseline": ("bshap",)},
    )


def shapley_from_mean(e: Explicand) -> Float[Tensor, "batch players"]:
    """The exact Shapley values of the game in which features that are out are 0, the mean."""
    return shapley_values(value_table(e, torch.zeros_like(e.inputs)))


def shapley_from_background(e: Explicand) -> Float[Tensor, "batch players"]:
    """The exact Shapley values of v(S) = mean over the background's b of F(x_S, b outside S)."""
    tables = [value_table(e, one.expand_as(e.inputs)) for one in e.background]
    return shapley_values(torch.stack(tables).mean(0))


def _choose(
    available: int, count: int, others: int, *, what: str, seed: int
) -> tuple[Int[Tensor, " count"], Int[Tensor, " others"]]:
    """Positions of random samples, and of further ones.

    Raises:
        ValueError: when there are not so many.
    """
    if count + others > available:
        most = available - others
        raise ValueError(f"{count} {what} were asked for, expected 1 .. {most}; ask for fewer")
    order = torch.randperm(available, generator=generator_for(seed, what))
    return order[:count], order[count : count + others]
