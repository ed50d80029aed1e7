"""Local Minimum: six features, each with a score of its own, whose sum decides the class (ICG, Table 2)."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

FEATURES = 6
TABLE_2_INPUT = (0.1, 0.2, 0.3, 0.6, 0.7, 0.9)


def scores(x: Float[Tensor, "*features"]) -> Float[Tensor, "*features"]:
    """f(x) = -0.75 for x <= 0.5, 2 (1 - x) for 0.5 < x <= 0.75, and 2 x - 1 above: the true score of each feature.

    The features enter the sum separately, so these are what an attribution should be proportional to. In [-0.75, 1].
    """
    return torch.where(x <= 0.5, -0.75, torch.where(x <= 0.75, 2 * (1 - x), 2 * x - 1))


def labels(x: Float[Tensor, "samples 6"]) -> Int[Tensor, " samples"]:
    """1 where the sum of the scores is positive, otherwise 0."""
    return (scores(x).sum(1) > 0).long()


def generate(count: int, generator: Generator) -> tuple[Float[Tensor, "samples 6"], Int[Tensor, " samples"]]:
    """Features, independent and uniform on [0, 1], and their labels.

    Raises:
        ValueError: when ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"{count} samples were asked for, expected at least 1")
    x = torch.rand(count, FEATURES, generator=generator)
    return x, labels(x)
