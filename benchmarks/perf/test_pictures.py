"""Path integrals on a pretrained network and a photograph, beside captum's, and beside the network alone.

Larger batches leave the processor's cache: each of these takes the batches that are fastest for it here and now, and
the network alone takes ours.
"""

from dataclasses import replace
from functools import partial
from typing import Final

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks.perf.captum_peer import PEER_TOLERANCE, row_by_row, tune, with_summed_scores
from benchmarks.perf.race import Peer, fastest, race
from sig import baselines, path
from sig.explicand import Explicand
from training.tasks.imagenet import imagenet

STEPS: Final = 16
SIZES: Final = (2, 4, 8, STEPS)  # rows in a batch
TURNS: Final = 2  # of each of them
MOST: Final = 1.05  # times what the network alone takes
EQUAL: Final = 0.97  # from here, what is above or below 1 differs from run to run


@pytest.mark.benchmark(group=f"IG, EfficientNet-Lite0, 1 photograph x 1 baseline x {STEPS} steps")
def test_lite0(benchmark: BenchmarkFixture) -> None:
    """The case in which everything but the network should weigh nothing."""
    e = imagenet(pictures=1, seed=0).explicand
    starts = baselines.zero(e)
    by_size = {size: partial(path.integrate, replace(e, rows_per_batch=size), starts, steps=STEPS) for size in SIZES}
    best = fastest(by_size, turns=TURNS)
    as_it_comes, summed = (make(e, starts, steps=STEPS) for make in (row_by_row, with_summed_scores))
    race(
        benchmark,
        by_size[best],
        tune("captum, tuned", as_it_comes, SIZES, turns=TURNS, at_least=EQUAL),
        tune("captum, tuned, summed scores", summed, SIZES, turns=TURNS, at_least=EQUAL),
        _run_alone(replace(e, rows_per_batch=best), starts),
        turns=15,
    )


def _run_alone(e: Explicand, starts: Tensor) -> Peer:
    """Forward and backward through the network, batch after batch of rows that are there already, and nothing else."""
    positions, _ = path.quadrature("midpoint", STEPS)
    points = starts + positions.view(1, -1, 1, 1, 1) * (e.inputs.unsqueeze(1) - starts)
    batches, target = points.flatten(0, 1).split(e.rows_per_batch), int(e.target)

    def alone() -> Tensor:
        gradients = torch.empty(0)
        for batch in batches:
            rows = batch.detach().requires_grad_()
            gradients = torch.autograd.grad(e.model(rows)[:, target].sum(), rows)[0]
        return gradients

    def last() -> Tensor:
        return path.gradients(e, points)[0, -len(batches[-1]) :]

    return Peer("network alone", alone, PEER_TOLERANCE, 1 / MOST, f"batches of {e.rows_per_batch}", same=last)
