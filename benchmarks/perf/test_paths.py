"""Path integrals, beside captum's Integrated Gradients of the same explicands, baselines and steps."""

from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks.perf import workloads
from benchmarks.perf.captum_peer import PEER_TOLERANCE, row_by_row, tune, with_summed_scores
from benchmarks.perf.race import Peer, Work, race
from sig import path
from sig.explicand import Explicand
from sig.registry import methods

STEPS = 50


@pytest.mark.benchmark(group="IG, MLP, 1 explicand x 200 baselines x 50 steps")
def test_many_baselines(benchmark: BenchmarkFixture) -> None:
    """The case in which baselines are coalitions or a background."""
    e = workloads.vectors(1)
    _race_captum(benchmark, e, e.background[:200].unsqueeze(0), at_least=5, turns=30)


@pytest.mark.benchmark(group="IG, MLP, 64 explicands x 1 baseline x 50 steps")
def test_many_explicands(benchmark: BenchmarkFixture) -> None:
    """The case in which one baseline serves all."""
    e = workloads.vectors(64)
    _race_captum(benchmark, e, e.background[:64].unsqueeze(1), at_least=5, turns=40)


@pytest.mark.benchmark(group="IG, CNN, 16 digits x 1 baseline x 50 steps")
def test_digits(benchmark: BenchmarkFixture) -> None:
    """The case in which the network takes nearly all of the time."""
    e = workloads.digits(16)
    _race_captum(benchmark, e, torch.zeros_like(e.inputs).unsqueeze(1), at_least=1, turns=25)


@pytest.mark.benchmark(group="SIG, MLP, 200 coalitions x 50 steps")
def test_shapley_integrated_gradients(benchmark: BenchmarkFixture) -> None:
    """The time that drawing coalitions and mixing inputs add to as many rows of IG."""
    e, generator = workloads.vectors(1), torch.Generator().manual_seed(0)

    def rows_of(name: str) -> Work:
        return lambda: methods[name](e, samples=200, steps=STEPS, generator=generator)

    race(
        benchmark, rows_of("sig-size-uniform"), Peer("ig-background, as many rows", rows_of("ig-background")), turns=40
    )


def _race_captum(benchmark: BenchmarkFixture, e: Explicand, starts: Tensor, *, at_least: float, turns: int) -> None:
    """Ours by the midpoint rule; captum as it comes (Gauss-Legendre, all rows at once), and twice tuned, with batches
    from its smallest possible to all rows."""
    as_it_comes, summed = (make(e, starts, steps=STEPS) for make in (row_by_row, with_summed_scores))
    paths = starts.shape[0] * starts.shape[1]
    sizes = [None, *(paths * steps for steps in (1, 2, 4, 8, 16, 32))]
    race(
        benchmark,
        partial(path.integrate, e, starts, steps=STEPS),
        Peer("captum, untuned", as_it_comes, PEER_TOLERANCE, same=_gauss_legendre(e, starts)),
        tune("captum, tuned", as_it_comes, sizes, at_least=at_least),
        tune("captum, tuned, summed scores", summed, sizes),
        turns=turns,
    )


def _gauss_legendre(e: Explicand, starts: Tensor) -> Work:
    return partial(path.integrate, e, starts, steps=STEPS, rule="gauss-legendre")
