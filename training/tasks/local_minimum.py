"""Networks that learn Local Minimum component by component, and the task of explaining them (ICG, Table 2)."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, Literal

import torch
from jaxtyping import Float
from pydantic import NonNegativeInt
from scipy.optimize import brentq
from torch import Tensor, nn

from datasets import local_minimum as data
from datasets.problem import Problem, task
from sig.explicand import Explicand
from sig.games import shapley_values, value_table
from training.batches import FreshBatches, TrainingData
from training.certainty_classifier import fit_certainty
from training.explain import Output, explain
from training.recipe import Bounds, Damage, ModelSpec, Recipe
from training.seeds import generator_for, seed_for

HELD_OUT: Final = 20_000
TUNING: Final = 8  # inputs
ROWS_PER_BATCH: Final = 1024
AROUND_THE_STEP: Final = (0.4, 0.6)  # at 1/2 the scores of all features jump, and so does the class of equal features

Network = Literal["slim", "paper"]


class ComponentNetwork(nn.Module):
    """Each feature, with its certainty, goes through the same network to one number; their sum decides the class.

    The paper's layer "lambda" sums the components (ICG, Fig. 13). Every layer but the last of the head, so that of the
    number too, is followed by LeakyReLU of slope 0.02.

    Args:
        component: sizes of the hidden layers before the number.
        head: sizes of those after the sum.
    """

    def __init__(self, component: Sequence[int], head: Sequence[int]):
        super().__init__()
        self.component = nn.Sequential(*_make_dense(2, *component, 1))
        self.head = nn.Sequential(*_make_dense(1, *head, 2)[:-1])

    def forward(self, x: Float[Tensor, "rows 2 6"]) -> Float[Tensor, "rows 2"]:
        logits: Tensor = self.head(self.component(x.transpose(1, 2)).sum(1))
        return logits


def _make_dense(*sizes: int) -> list[nn.Module]:
    """Linear layers with Xavier's initialisation and biases of zero (ICG, A.5), each followed by LeakyReLU."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        linear = nn.Linear(before, after)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.LeakyReLU(0.02)]
    return layers


def make_slim() -> ComponentNetwork:
    """Four hidden layers of 64 for each feature, two of 64 after the sum."""
    return ComponentNetwork((64,) * 4, (64, 64))


def make_paper() -> ComponentNetwork:
    """The paper's: six hidden layers of 500 for each feature, four of 20 after the sum."""
    return ComponentNetwork((500,) * 6, (20,) * 4)


def make_data(recipe: Recipe, *, seed: int) -> TrainingData:
    """Samples made as training goes, and 20,000 held out."""
    batches = FreshBatches(data.generate, size=recipe.batch, steps=recipe.steps, seed=seed_for(seed, "training"))
    return TrainingData(batches, *data.generate(HELD_OUT, generator_for(seed, "held out")))


BOUNDS: Final = Bounds(accuracy=0.93)  # the paper's
SLIM: Final = Recipe(batch=256, samples=512_000, lr=4e-3)
PAPER: Final = Recipe(batch=128, samples=192_000, lr=1e-3)
MODELS: Final[dict[Network, ModelSpec]] = {
    "slim": ModelSpec("local-minimum-slim", make_slim, make_data, SLIM, BOUNDS, {"network": "slim"}),
    "paper": ModelSpec("local-minimum-paper", make_paper, make_data, PAPER, BOUNDS, {"network": "paper"}),
}


@task("local-minimum")
def local_minimum(
    *,
    inputs: NonNegativeInt = 500,
    background: int = 100,
    output: Output = "probability",
    network: Network = "slim",
    damage: Damage = "mixture",
    compare: bool = True,
    seed: int,
) -> Problem:
    """Random inputs, or the one of the paper's Table 2, explained for class 1.

    Truths are the scores of the features (``scores``, see ``datasets.local_minimum``) and the exact Shapley values of
    the network (``bshap``), where features that are out all take the one value at which the network is undecided
    between the classes, as in the paper; the method ``bshap`` puts 0 there, so that no method is exact. Checks and
    series are those of ``training.certainty_classifier.fit_certainty``, and the ``boundary``, that value. The paper's
    input is shown. For tuning there are further random inputs. For most options see ``training.tasks``.

    Args:
        inputs: how many random ones; 0 for the paper's alone.

    Raises:
        ValueError: when the model has no boundary near 1/2.
    """
    trained = fit_certainty(MODELS[network], damage=damage, compare=compare, seed=seed)
    x = torch.tensor([data.TABLE_2_INPUT])
    if inputs:
        x, _ = data.generate(inputs, generator_for(seed, "explained"))
    boundary = find_boundary(trained.model("probability"))
    others, classes = data.generate(background, generator_for(seed, "background"))
    return explain(
        trained,
        x,
        target=torch.ones(len(x), dtype=torch.long),
        background=others,
        background_classes=classes,
        output=output,
        rows_per_batch=ROWS_PER_BATCH,
        truths={"scores": data.scores(x), "bshap": partial(shapley_from, value=boundary)},
        checks={"boundary": boundary},
        tuning=data.generate(TUNING, generator_for(seed, "tuning"))[0],
        shown=() if inputs else (0,),
    )


def find_boundary(model: Callable[[Tensor], Tensor]) -> float:
    """The value b near 1/2 for which the model gives (b, ..., b) even odds.

    Raises:
        ValueError: when the model is not for class 0 at 0.4 and for class 1 at 0.6.
    """

    def lead(value: float) -> float:
        with torch.no_grad():
            return float(model(torch.full((1, data.FEATURES), value))[0, 1]) - 0.5

    low, high = AROUND_THE_STEP
    if not lead(low) < 0 < lead(high):
        raise ValueError(
            f"the probability of class 1 goes from {0.5 + lead(low):.3f} to {0.5 + lead(high):.3f} as all features go "
            f"from {low} to {high}, expected it to pass 0.5: the model does not change its mind; train it longer"
        )
    return float(brentq(lead, low, high))


def shapley_from(e: Explicand, value: float) -> Float[Tensor, "batch 6"]:
    """The exact Shapley values of the game in which features that are out take one and the same value."""
    return shapley_values(value_table(e, torch.full_like(e.inputs, value)))
