"""Exact Shapley values and value tables."""

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from shapiq import ExactComputer
from torch import Tensor

from benchmarks.perf.race import Peer, Work, race
from datasets.gridworld import GridWorld
from sig.games import shapley_values


@pytest.mark.benchmark(group="exact Shapley values, n = 12")
def test_shapley_values_of_12_players(benchmark: BenchmarkFixture) -> None:
    """Computed from the values of 4,096 coalitions."""
    values, turns = _random_game(12), 40
    race(benchmark, lambda: shapley_values(values), Peer("shapiq", _shapiq(values, turns), within=1e-9), turns=turns)


@pytest.mark.slow
@pytest.mark.benchmark(group="exact Shapley values, n = 20")
def test_shapley_values_of_20_players(benchmark: BenchmarkFixture) -> None:
    """Computed from the values of 1,048,576 coalitions; one turn of the peer takes a minute."""
    values = _random_game(20)
    shapiq = Peer("shapiq", _shapiq(values, turns=1), within=1e-9, at_least=500)
    race(benchmark, lambda: shapley_values(values), shapiq, turns=1, rounds=25)


@pytest.mark.benchmark(group="GridWorld 2x3, all 2^20 values")
def test_values_of_gridworld(benchmark: BenchmarkFixture) -> None:
    """No other library has the game."""
    benchmark.extra_info["at_most"] = 2
    race(benchmark, GridWorld(2, 3, "r2").values, turns=9)


def _random_game(n: int) -> Tensor:
    return torch.randn(2**n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def _shapiq(values: Tensor, turns: int) -> Work:
    """One exact computation a call, ``turns`` in all; like ours it starts from a game that has been valued."""
    n = len(values).bit_length() - 1
    table, bits = values.numpy(), 1 << np.arange(n)
    computers = [
        ExactComputer(lambda coalitions: table[coalitions @ bits], n, evaluate_game=True) for _ in range(turns)
    ]
    # a computer keeps its results, so each can be timed only once
    return lambda: torch.from_numpy(computers.pop()("SV", 1).get_n_order_values(1))
