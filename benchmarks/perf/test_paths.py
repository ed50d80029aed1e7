"""Path integrals, beside captum's Integrated Gradients of the same explicands, baselines and steps."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from captum.attr import IntegratedGradients
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks.perf import workloads
from benchmarks.perf.race import Peer, Work, fastest, race
from sig import path
from sig.explicand import Explicand
from sig.registry import methods

STEPS = 50
ROUNDING = 1e-5


@pytest.mark.benchmark(group="IG, MLP, 1 explicand x 200 baselines x 50 steps")
def test_many_baselines(benchmark: BenchmarkFixture) -> None:
    """As when baselines are coalitions or a background."""
    e = workloads.vectors(1)
    _race_captum(benchmark, e, e.background[:200].unsqueeze(0), at_least=5, turns=30)


@pytest.mark.benchmark(group="IG, MLP, 64 explicands x 1 baseline x 50 steps")
def test_many_explicands(benchmark: BenchmarkFixture) -> None:
    """As when one baseline serves all."""
    e = workloads.vectors(64)
    _race_captum(benchmark, e, e.background[:64].unsqueeze(1), at_least=5, turns=40)


@pytest.mark.benchmark(group="IG, CNN, 16 digits x 1 baseline x 50 steps")
def test_digits(benchmark: BenchmarkFixture) -> None:
    """Where the network takes nearly all of the time."""
    e = workloads.digits(16)
    _race_captum(benchmark, e, torch.zeros_like(e.inputs).unsqueeze(1), at_least=1, turns=25)


@pytest.mark.benchmark(group="SIG, MLP, 200 coalitions x 50 steps")
def test_shapley_integrated_gradients(benchmark: BenchmarkFixture) -> None:
    """What drawing coalitions and mixing inputs add to as many rows of IG."""
    e, generator = workloads.vectors(1), torch.Generator().manual_seed(0)

    def rows_of(name: str) -> Work:
        return lambda: methods[name](e, samples=200, steps=STEPS, generator=generator)

    race(
        benchmark, rows_of("sig-size-uniform"), Peer("ig-background, as many rows", rows_of("ig-background")), turns=40
    )


def _race_captum(benchmark: BenchmarkFixture, e: Explicand, starts: Tensor, *, at_least: float, turns: int) -> None:
    """Ours by the midpoint rule; captum as it comes (Gauss-Legendre, all rows at once), and twice tuned.

    Captum asks autograd for every row's score by itself. A forward function that sums the scores, which captum's
    documentation of Integrated Gradients does not mention, spares it that: then both do the same work.
    """
    paths = starts.shape[1]
    inputs, target = e.inputs.repeat_interleave(paths, 0), e.target.repeat_interleave(paths)

    def captum(explainer: IntegratedGradients, **options: Any) -> Tensor:
        attributions: Tensor = explainer.attribute(inputs, starts.flatten(0, 1), n_steps=STEPS, **options)
        return attributions.view_as(starts).mean(1)

    def summed(rows: Tensor) -> Tensor:
        targets = target.repeat(len(rows) // len(target)).unsqueeze(1)
        return e.model(rows).gather(1, targets).sum().reshape(1)

    row_by_row = partial(captum, IntegratedGradients(e.model), target=target)
    race(
        benchmark,
        partial(path.integrate, e, starts, steps=STEPS),
        Peer("captum, untuned", row_by_row, ROUNDING, same=_gauss_legendre(e, starts)),
        _tuned("captum, tuned", row_by_row, len(inputs), at_least),
        _tuned("captum, tuned, summed scores", partial(captum, IntegratedGradients(summed)), len(inputs), None),
        turns=turns,
    )


def _gauss_legendre(e: Explicand, starts: Tensor) -> Work:
    return partial(path.integrate, e, starts, steps=STEPS, rule="gauss-legendre")


def _tuned(name: str, captum: Callable[..., Tensor], paths: int, at_least: float | None) -> Peer:
    """Captum by the midpoint rule, with the fastest of several batch sizes, from its smallest possible to all rows."""
    sizes = [None, *(paths * steps for steps in (1, 2, 4, 8, 16, 32))]
    by_size = {size: partial(captum, method="riemann_middle", internal_batch_size=size) for size in sizes}
    best = fastest(by_size)
    return Peer(name, by_size[best], ROUNDING, at_least, f"internal_batch_size={best}")
