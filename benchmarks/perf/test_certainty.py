"""What training with damage spends its time on besides the network."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch.distributions import ContinuousBernoulli

from benchmarks.perf.race import Peer, race
from datasets import burnt_snacks
from sig.certainty import continuous_bernoulli_quantile, mean_to_natural, uniform


@pytest.mark.benchmark(group="continuous Bernoulli certainty, 64 x 50 x 50")
def test_certainty_by_its_mean(benchmark: BenchmarkFixture) -> None:
    """The peer is given the parameter that belongs to the mean, which ours has to look up.

    Means keep away from 0 and 1, where the peer's float32 probabilities round to those.
    """
    generator = torch.Generator().manual_seed(0)
    mean, u = 0.1 + 0.8 * torch.rand(64, generator=generator), uniform((64, 50, 50), generator)
    law = ContinuousBernoulli(logits=mean_to_natural(mean).float().view(-1, 1, 1))
    peer = Peer("torch.distributions", lambda: law.icdf(u), within=1e-3)
    race(benchmark, lambda: continuous_bernoulli_quantile(u, mean), peer, turns=40)


@pytest.mark.benchmark(group="Burnt Snacks, 500 images")
def test_generation_of_burnt_snacks(benchmark: BenchmarkFixture) -> None:
    """At least 20,000 a second; nothing else makes them."""
    benchmark.extra_info["at_most"] = 500 / 20_000
    generator = torch.Generator().manual_seed(0)
    race(benchmark, lambda: burnt_snacks.generate(500, generator).images, turns=20)
