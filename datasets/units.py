"""Networks made by hand, each with one property that makes attribution hard, and their exact Shapley values.

After XAI-Units (Lee et al. 2025): the weights are set, not trained, so that it is known what the network does.
Features are in [0, 1]. All but the last network have a hidden layer of ReLUs, and as features three pairs (x, c), one
that acts alone, with w x, and one that is ignored; the output is a sum over the pairs of

    interacting   v c + (b if c else a) x    the switch c, 0 or 1, decides how much x counts ("interacting features")
    cancelling    (0 if c else w) x          the switch c makes the network ignore x ("conflicting features")
    saturated     w min(1, x + c)            enough is enough (Shrikumar et al. 2017, Fig. 1)
    symmetric     w max(0, x + c - 1/2)      twins: x and c are equal, and count alike

    uncertain     softmax_k(w_k x_k + w u)   u raises the scores of all classes alike ("uncertainty")

where a switch acts as there, through a large weight: "w x unless c" is ReLU(w x - 100 c) for positive w.

Shapley values of the game in which players that are out are 0, of a pair:

    interacting   x: (a + b) x / 2 if c else a x,   c: v + (b - a) x / 2 if c else 0
    cancelling    x: w x / 2 if c else w x,         c: -w x / 2 if c else 0
    saturated     x: w (x + min(1, x + c) - c) / 2, c: likewise
    symmetric     x and c: w max(0, 2 x - 1/2) / 2

A feature alone gets w x, an ignored one 0, and so does u, which changes no probability. The region ``ignored`` marks
these, ``twin-a`` and ``twin-b`` the first and the second features of symmetric pairs.
Methods that compare with other values than 0, a background or the mean, answer another question and are scored by this
one.

**Reading.** XAI-Units draws features from N(0, 1), and has another truth, here ``mechanism``: of interacting features
all of (b if c else a) x to x and v c to c; of a cancelled pair w x to x and -w x to c. Saturation is not among its
units, nor are twins.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Final, Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic import PositiveInt
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from datasets.digest import hash_tensors
from datasets.problem import Problem, task
from sig.explicand import Explicand
from sig.games import shapley_values, value_table

UnitName = Literal["interacting", "cancelling", "saturated", "symmetric", "uncertain"]
Rows = Float[Tensor, "rows features"]

PAIRS: Final = 3
FIRST: Final = slice(0, 2 * PAIRS, 2)  # of each pair
SECOND: Final = slice(1, 2 * PAIRS, 2)
CLASSES: Final = 4
LARGE: Final = 100.0
SMALLEST: Final = 0.2  # weight, in size; the largest is 1
EVIDENCE: Final = 4.0  # times as large are the weights of what tells the classes apart
TUNING: Final = 8  # inputs
SHOWN: Final = 3
ROWS_PER_BATCH: Final = 4096


@dataclass(frozen=True)
class Unit:
    """A network made by hand.

    Attributes:
        network: one output, or the probabilities of classes.
        switches: whether the second features of the pairs are 0 or 1, and nothing between.
        twins: whether the features of a pair are equal in the inputs that are explained.
        ignored: how many of the last features the outputs do not depend on.
        mechanism: what XAI-Units takes for true of inputs, where there is such a truth.
    """

    network: nn.Sequential
    switches: bool = False
    twins: bool = False
    ignored: int = 1
    mechanism: Callable[[Rows], Rows] | None = None

    @property
    def features(self) -> int:
        """The number of features."""
        first = self.network[0]
        assert isinstance(first, nn.Linear)
        return first.in_features

    def draw_inputs(self, count: int, generator: Generator) -> Rows:
        """Independent features, U(0, 1); switches that are on as often as off, and twins that are equal."""
        inputs = torch.rand(count, self.features, generator=generator)
        if self.switches:
            inputs[:, SECOND] = inputs[:, SECOND].round()
        if self.twins:
            inputs[:, SECOND] = inputs[:, FIRST]
        return inputs

    def draw_background(self, count: int, generator: Generator) -> Rows:
        """Independent features; where there are twins, each sample is followed by one with the pairs swapped, so that
        the background prefers neither."""
        if not self.twins:
            return self.draw_inputs(count, generator)
        samples = torch.rand(-(-count // 2), self.features, generator=generator)
        swapped = samples.clone()
        swapped[:, FIRST], swapped[:, SECOND] = samples[:, SECOND], samples[:, FIRST]
        return torch.stack([samples, swapped], 1).flatten(0, 1)[:count]

    def mark_regions(self, inputs: Rows) -> dict[str, Bool[Tensor, "rows features"]]:
        """``ignored``, and of twins ``twin-a`` and ``twin-b``."""
        places = {"ignored": slice(self.features - self.ignored, None)}
        places |= {"twin-a": FIRST, "twin-b": SECOND} if self.twins else {}
        marks = {name: torch.zeros_like(inputs, dtype=torch.bool) for name in places}
        for name, place in places.items():
            marks[name][:, place] = True
        return marks


def make_interacting(generator: Generator) -> Unit:
    """Sum of v c + (b if c else a) x."""
    a, b, v = draw_weights(generator, 3, PAIRS)
    alone = draw_weights(generator, 1)
    x, c, single = _take_features()
    switched = (a - b).abs().unsqueeze(1) * x - LARGE * c
    network = _make_network(torch.cat([x, switched, c, single]), torch.cat([b, (a - b).sign(), v, alone]))

    def mechanism(rows: Rows) -> Rows:
        first, second = rows @ x.T, rows @ c.T
        return _join(first * torch.where(second > 0, b, a), second * v, rows @ single.T * alone)

    return Unit(network, switches=True, mechanism=mechanism)


def make_cancelling(generator: Generator) -> Unit:
    """Sum of (0 if c else w) x."""
    w, alone = draw_weights(generator, PAIRS), draw_weights(generator, 1)
    x, c, single = _take_features()
    kept = w.abs().unsqueeze(1) * x - LARGE * c
    network = _make_network(torch.cat([kept, single]), torch.cat([w.sign(), alone]))

    def mechanism(rows: Rows) -> Rows:
        first, second = rows @ x.T, rows @ c.T
        return _join(first * w, -first * second * w, rows @ single.T * alone)

    return Unit(network, switches=True, mechanism=mechanism)


def make_saturated(generator: Generator) -> Unit:
    """Sum of w min(1, x + c) = w (1 - ReLU(1 - x - c))."""
    w, alone = draw_weights(generator, PAIRS), draw_weights(generator, 1)
    x, c, single = _take_features()
    bias = torch.cat([torch.ones(PAIRS), torch.zeros(1)])
    into, out = torch.cat([-x - c, single]), torch.cat([-w, alone])
    return Unit(_make_network(into, out, bias=bias, offset=float(w.sum())))


def make_symmetric(generator: Generator) -> Unit:
    """Sum of w max(0, x + c - 1/2), of twins x and c."""
    w, alone = draw_weights(generator, PAIRS), draw_weights(generator, 1)
    x, c, single = _take_features()
    bias = torch.cat([torch.full((PAIRS,), -0.5), torch.zeros(1)])
    return Unit(_make_network(torch.cat([x + c, single]), torch.cat([w, alone]), bias=bias), twins=True)


def make_uncertain(generator: Generator) -> Unit:
    """softmax_k(w_k x_k + w u): four features that each speak for a class, u, and one that is ignored."""
    evidence = EVIDENCE * draw_weights(generator, CLASSES).abs()
    common = draw_weights(generator, 1)
    weights = torch.cat([evidence.diag(), common.expand(CLASSES, 1), torch.zeros(CLASSES, 1)], 1)
    return Unit(nn.Sequential(_make_linear(weights, torch.zeros(CLASSES)), nn.Softmax(1)).eval(), ignored=2)


UNITS: Final[dict[UnitName, Callable[[Generator], Unit]]] = {
    "interacting": make_interacting,
    "cancelling": make_cancelling,
    "saturated": make_saturated,
    "symmetric": make_symmetric,
    "uncertain": make_uncertain,
}


def draw_weights(generator: Generator, *shape: int) -> Float[Tensor, "*shape"]:
    """Weights of either sign, their size U(0.2, 1)."""
    sizes = SMALLEST + (1 - SMALLEST) * torch.rand(shape, generator=generator)
    return sizes * (1 - 2 * torch.randint(2, shape, generator=generator))


def find_shapley(network: nn.Sequential, x: Rows, target: Int[Tensor, " rows"]) -> Rows:
    """The exact Shapley values of the game in which players that are out are 0.

    In float64, and rounded far above its error, so that features that do nothing get exactly 0.
    """
    e = Explicand.of(deepcopy(network).double(), x.double(), target=target, rows_per_batch=ROWS_PER_BATCH)
    return shapley_values(value_table(e, torch.zeros_like(e.inputs))).round(decimals=10)


def hash_weights(network: nn.Sequential) -> str:
    """SHA-256 of all weights, by which one network is told from another."""
    return hash_tensors(*network.state_dict().values())


def _take_features() -> tuple[Float[Tensor, "3 8"], Float[Tensor, "3 8"], Float[Tensor, "1 8"]]:
    """Rows of the identity that take the first features of the pairs, the second ones, and the feature alone."""
    every = torch.eye(2 * PAIRS + 2)
    return every[FIRST], every[SECOND], every[2 * PAIRS : 2 * PAIRS + 1]


def _join(
    first: Float[Tensor, "rows 3"], second: Float[Tensor, "rows 3"], alone: Float[Tensor, "rows 1"]
) -> Float[Tensor, "rows 8"]:
    """The features' attributions, in their order; the last one gets nothing."""
    return torch.cat([torch.stack([first, second], 2).flatten(1), alone, torch.zeros_like(alone)], 1)


def _make_network(
    into: Float[Tensor, "hidden 8"],
    out: Float[Tensor, " hidden"],
    *,
    bias: Float[Tensor, " hidden"] | None = None,
    offset: float = 0.0,
) -> nn.Sequential:
    """out ReLU(into x + bias) + offset."""
    first = _make_linear(into, torch.zeros(len(into)) if bias is None else bias)
    return nn.Sequential(first, nn.ReLU(), _make_linear(out.unsqueeze(0), torch.tensor([offset]))).eval()


def _make_linear(weights: Float[Tensor, "outputs inputs"], bias: Float[Tensor, " outputs"]) -> nn.Linear:
    linear: nn.Linear = skip_init(nn.Linear, weights.shape[1], weights.shape[0])  # draws no random numbers
    linear.requires_grad_(False)
    linear.weight.copy_(weights)
    linear.bias.copy_(bias)
    return linear


@task("units")
def units(*, unit: UnitName, inputs: PositiveInt = 20, background: PositiveInt = 100, seed: int) -> Problem:
    """A network made by hand, whose weights the seed decides, explained for its one output or the likeliest class.

    Truths are the exact Shapley values where features that are out are 0 (``shapley``), and, of ``interacting`` and
    ``cancelling``, what XAI-Units takes for true (``mechanism``). Regions are what the network ignores, and twins; see
    ``datasets.units``. For tuning there are further inputs.

    Args:
        unit: which network.
        inputs: how many are explained.
        background: how many the background holds.
    """
    generator = torch.Generator().manual_seed(seed)
    made = UNITS[unit](generator)
    x = made.draw_inputs(inputs, generator)
    e = Explicand.of(
        made.network,
        x,
        background=made.draw_background(background, generator),
        input_range=(0.0, 1.0),
        rows_per_batch=ROWS_PER_BATCH,
    )
    truths = {"shapley": find_shapley(made.network, x, e.target)}
    if made.mechanism is not None:
        truths["mechanism"] = made.mechanism(x)
    return Problem(
        e,
        truths=truths,
        provenance={"weights": hash_weights(made.network)},
        tuning=made.draw_inputs(TUNING, generator),
        exact={"shapley": ("bshap",)},
        regions=made.mark_regions(x),
        shown=tuple(range(min(inputs, SHOWN))),
    )
