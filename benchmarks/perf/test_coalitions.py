"""Drawing coalitions, beside the same draw row by row in numpy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.perf.race import Peer, race
from sig import coalitions
from sig.games import coalition_weights

Coalitions = NDArray[np.bool_]


@pytest.mark.benchmark(group="coalitions, size-uniform, n = 49, 10,000 draws")
def test_size_uniform(benchmark: BenchmarkFixture) -> None:
    """Coalitions of a picture of 7 x 7 patches."""
    generator, numpy_generator = torch.Generator().manual_seed(0), np.random.default_rng(0)
    race(
        benchmark,
        lambda: coalitions.size_uniform(49, 10_000, generator),
        Peer("numpy", lambda: _size_uniform(49, 10_000, numpy_generator)),
        turns=40,
    )


@pytest.mark.benchmark(group="coalitions, game, n = 20, Q = 40 %, N = 1,500")
def test_game(benchmark: BenchmarkFixture) -> None:
    """Coalitions of GridWorld 2x3."""
    generator, numpy_generator = torch.Generator().manual_seed(0), np.random.default_rng(0)
    race(
        benchmark,
        lambda: coalitions.game(20, 1500, 0.4, generator),
        Peer("numpy", lambda: _game(20, 1500, 0.4, numpy_generator)),
        turns=25,
    )


def _size_uniform(n: int, samples: int, generator: np.random.Generator) -> Coalitions:
    drawn = np.zeros((samples, n), dtype=bool)
    for row, size in zip(drawn, generator.integers(n, size=samples), strict=True):
        row[generator.permutation(n)[:size]] = True
    return drawn


def _game(n: int, samples: int, fraction: float, generator: np.random.Generator) -> Coalitions:
    kept = generator.permutation(2**n - 1)[: round(fraction * (2**n - 1))]
    members = (kept[:, None] >> np.arange(n) & 1).astype(bool)
    weights = coalition_weights(n).numpy()[members.sum(1)]
    return members[generator.choice(len(kept), size=samples, p=weights / weights.sum())]
