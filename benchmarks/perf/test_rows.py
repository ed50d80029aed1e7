"""The cost of a backward row: forward rows alone, beside as many rows forward and backward.

Budgets count a backward row as one row. The ratio is that of the forward pass to both together: 0.5 where a backward
row takes as long as a forward one, 0.33 where it takes twice as long.
"""

from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.perf import workloads
from benchmarks.perf.race import Peer, race
from sig import path
from sig.explicand import Explicand


@pytest.mark.benchmark(group="rows, MLP of GridWorld, 4,096 rows forward and backward")
def test_rows_of_a_game(benchmark: BenchmarkFixture) -> None:
    """Small dense layers."""
    _race_forward(benchmark, workloads.vectors(4096), turns=40)


@pytest.mark.benchmark(group="rows, network of Local Minimum, 1,024 rows forward and backward")
def test_rows_of_components(benchmark: BenchmarkFixture) -> None:
    """Dense layers for each feature by itself."""
    _race_forward(benchmark, workloads.components(1024), turns=40)


@pytest.mark.benchmark(group="rows, CNN of MNIST, 64 rows forward and backward")
def test_rows_of_digits(benchmark: BenchmarkFixture) -> None:
    """Convolutions on 28 x 28 pixels."""
    _race_forward(benchmark, workloads.digits(64), turns=40)


@pytest.mark.benchmark(group="rows, CNN of Burnt Snacks, 64 rows forward and backward")
def test_rows_of_snacks(benchmark: BenchmarkFixture) -> None:
    """Convolutions on 50 x 50 pixels."""
    _race_forward(benchmark, workloads.snacks(64), turns=25)


def _race_forward(benchmark: BenchmarkFixture, e: Explicand, *, turns: int) -> None:
    forward = partial(e.outputs, e.inputs)
    race(benchmark, partial(path.gradient, e), Peer("forward alone", forward), turns=turns)
