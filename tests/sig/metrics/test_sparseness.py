import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from sig.explicand import Explicand
from sig.registry import metrics
from tests.sig.metrics.test_iaccuracy import explain, linear, pictures
from tests.sig.metrics.test_insertion_deletion import classify, trial_of

NAMES = ["sparseness", "complexity"]


def both(attribution: Tensor, e: Explicand | None = None) -> tuple[Tensor, Tensor]:
    trial = trial_of(e or explain(linear, torch.rand(attribution.shape)), attribution)
    return metrics["sparseness"](trial), metrics["complexity"](trial)


def test_cases_by_hand() -> None:
    """All the same; one has all; shares 1/6, 2/6, 3/6, cumulated 1/6, 3/6, 1: the area under their Lorenz curve is
    (1/12 + 2/6 + 3/4) / 3 = 7/18, and Gini's index 1 - 2 * 7/18 = 2/9."""
    sparseness, complexity = both(torch.tensor([[2.0, -2.0, 2.0], [0.0, -5.0, 0.0], [-1.0, 3.0, 2.0]]))
    torch.testing.assert_close(sparseness, torch.tensor([0, 2 / 3, 2 / 9], dtype=torch.float64))
    entropy = math.log(6) / 6 + math.log(3) / 3 + math.log(2) / 2
    torch.testing.assert_close(complexity, torch.tensor([math.log(3), 0, entropy], dtype=torch.float64))


@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_agree_with_the_mean_difference_and_scipys_entropy(seed: int, d: int, scale: float) -> None:
    """Gini's index is half the mean absolute difference between two features over their mean."""
    attribution = scale * torch.randn(2, d, generator=torch.Generator().manual_seed(seed))
    sizes = attribution.abs().double()
    differences = (sizes.unsqueeze(1) - sizes.unsqueeze(2)).abs().mean((1, 2))
    sparseness, complexity = both(attribution)
    torch.testing.assert_close(sparseness, differences / (2 * sizes.mean(1)))
    torch.testing.assert_close(complexity, torch.from_numpy(stats.entropy(sizes.numpy(), axis=1)))


def test_a_pixel_is_the_sum_over_its_channels() -> None:
    inputs, _, attribution = pictures()
    summed = attribution.sum(1).flatten(1)
    for found, flat in zip(both(attribution, explain(classify(), inputs)), both(summed), strict=True):
        torch.testing.assert_close(found, flat)


@pytest.mark.parametrize("name", NAMES)
def test_undefined_where_nothing_is_attributed_and_no_judge(name: str) -> None:
    trial = trial_of(explain(linear, torch.rand(2, 3)), torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]))
    assert metrics[name](trial).isnan().tolist() == [True, False]
    assert not metrics[name].judges
