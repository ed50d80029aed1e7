"""What it costs that no cell can touch another: a method that is watched, beside the same one alone."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks.perf import workloads
from benchmarks.perf.race import Peer, race
from sig.explicand import Explicand, Tally
from sig.guard import Guard
from sig.registry import methods

STEPS = 50


@pytest.mark.benchmark(group="guard, MLP, ig-zero of 64 explicands x 50 steps")
def test_watching_where_a_method_takes_no_time(benchmark: BenchmarkFixture) -> None:
    """The case in which comparing with what was there weighs most."""
    _race_unwatched(benchmark, workloads.vectors(64), at_least=0.3, turns=40)


@pytest.mark.benchmark(group="guard, CNN, ig-zero of 16 digits x 50 steps")
def test_watching_digits(benchmark: BenchmarkFixture) -> None:
    """The case in which the network takes nearly all of the time."""
    _race_unwatched(benchmark, workloads.digits(16), at_least=0.7, turns=25)


def _race_unwatched(benchmark: BenchmarkFixture, e: Explicand, *, at_least: float, turns: int) -> None:
    guard, method, generator = Guard(e), methods["ig-zero"], torch.Generator()

    def watched() -> Tensor:
        return guard.attribute(method, {"steps": STEPS}, generator=generator, budget=2 * STEPS).attribution

    def alone() -> Tensor:
        return method(e.with_tally(Tally()), steps=STEPS, generator=generator)

    race(benchmark, watched, Peer("the method alone", alone, 0.0, at_least), turns=turns)
