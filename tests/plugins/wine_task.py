"""Wine: three cultivars told apart by 13 chemical measurements, each a player, with the network's exact Shapley values.

A task of one's own is this one file: the data, a network, a recipe to train it, and the problem of explaining it.
"""

from functools import partial

import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn

from datasets.problem import Problem, task
from sig.games import shapley_values, value_table
from training.batches import RandomBatches, TrainingData
from training.classifier import fit_classifier
from training.explain import explain
from training.recipe import Bounds, Recipe

RECIPE = Recipe(batch=32, samples=12_800, lr=0.01)
BOUNDS = Bounds(accuracy=0.95)


def load() -> tuple[Tensor, Tensor, Tensor]:
    """178 wines, each feature scaled to [0, 1]; their cultivars; and which are held out, every third."""
    features, cultivars = (torch.from_numpy(array) for array in load_wine(return_X_y=True))
    low, high = features.aminmax(dim=0)
    return ((features - low) / (high - low)).float(), cultivars, torch.arange(len(features)) % 3 == 0


def make_data(recipe: Recipe, *, seed: int) -> TrainingData:
    """Wines in random order to train on, and those held out."""
    x, y, held_out = load()
    batches = RandomBatches(x[~held_out], y[~held_out], size=recipe.batch, steps=recipe.steps, seed=seed)
    return TrainingData(batches, x[held_out], y[held_out])


def make_network() -> nn.Module:
    """13 measurements to the logits of three cultivars."""
    return nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))


@task("wine")
def wine(*, inputs: int = 20, seed: int) -> Problem:
    """Held-out wines explained for the cultivar that is predicted; features that are out take the training mean.

    The truth ``shapley`` is exact: all 8,192 coalitions are valued.
    """
    x, _, held_out = load()
    train, chosen = x[~held_out], torch.randperm(int(held_out.sum()), generator=torch.Generator().manual_seed(seed))
    data = partial(make_data, seed=seed)
    return explain(
        fit_classifier(make_network, data, name="wine", recipe=RECIPE, bounds=BOUNDS, seed=seed),
        x[held_out][chosen[:inputs]],
        background=train,
        truths={"shapley": lambda e: shapley_values(value_table(e, train.mean(0).expand_as(e.inputs)))},
    )
