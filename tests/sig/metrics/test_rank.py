from collections.abc import Callable
from itertools import combinations
from math import sqrt

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sig.explicand import Explicand
from sig.metrics.rank import kendall, spearman
from sig.registry import Cost, NotApplicable, Trial, metrics

pairs = st.integers(2, 8).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(-4, 4), min_size=n, max_size=n) for _ in range(2)))
)


def row(values: list[int]) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def pearson_of_ranks(a: list[int], b: list[int]) -> float:
    def average_ranks(values: list[int]) -> list[float]:
        return [sum(v < x for v in values) + (sum(v == x for v in values) + 1) / 2 for x in values]

    u, v = average_ranks(a), average_ranks(b)
    centre = (len(a) + 1) / 2
    covariance = sum((x - centre) * (y - centre) for x, y in zip(u, v, strict=True))
    return covariance / sqrt(sum((x - centre) ** 2 for x in u) * sum((y - centre) ** 2 for y in v))


def tau_b(a: list[int], b: list[int]) -> float:
    def sign(x: int) -> int:
        return (x > 0) - (x < 0)

    orders = [(sign(a[i] - a[j]), sign(b[i] - b[j])) for i, j in combinations(range(len(a)), 2)]
    agreement = sum(x * y for x, y in orders)
    return agreement / sqrt(sum(x != 0 for x, _ in orders) * sum(y != 0 for _, y in orders))


@given(pairs)
@settings(deadline=None)
def test_agree_with_their_definitions(values: tuple[list[int], list[int]]) -> None:
    a, b = values
    assume(len(set(a)) > 1 and len(set(b)) > 1)
    assert spearman(row(a), row(b)).item() == pytest.approx(pearson_of_ranks(a, b), abs=1e-12)
    assert kendall(row(a), row(b)).item() == pytest.approx(tau_b(a, b), abs=1e-12)


@given(pairs)
@settings(deadline=None)
def test_only_the_order_counts(values: tuple[list[int], list[int]]) -> None:
    a, b = values
    assume(len(set(a)) > 1 and len(set(b)) > 1)
    for coefficient in (spearman, kendall):
        score = coefficient(row(a), row(b))
        torch.testing.assert_close(coefficient(row(a) ** 3 + 5, row(b)), score)
        torch.testing.assert_close(coefficient(-row(a), row(b)), -score)


def test_rows_are_scored_apart() -> None:
    truth = torch.tensor([[1.0, 2.0, 3.0]] * 3)
    attribution = torch.tensor([[10.0, 20.0, 30.0], [3.0, 2.0, 1.0], [1.0, 3.0, 2.0]])
    assert spearman(attribution, truth).tolist() == pytest.approx([1, -1, 0.5])
    assert kendall(attribution, truth).tolist() == pytest.approx([1, -1, 1 / 3])


@pytest.mark.parametrize("coefficient", [spearman, kendall])
@pytest.mark.parametrize("players", [1, 3])
def test_undefined_where_nothing_is_ranked(coefficient: Callable[[Tensor, Tensor], Tensor], players: int) -> None:
    constant, varied = torch.full((1, players), 0.1), torch.arange(1.0, players + 1)[None]
    for a, b in [(constant, varied), (varied, constant), (constant * 0, constant)]:
        if players == 1 or a is not b:
            assert coefficient(a, b).isnan().all()


@pytest.mark.parametrize("coefficient", [spearman, kendall])
def test_rounding_noise_is_a_tie(coefficient: Callable[[Tensor, Tensor], Tensor]) -> None:
    attribution = torch.tensor([[0.3, 0.1, 0.2, 0.4]])
    exact = torch.tensor([[0.3, 0.3, 0.1, 0.9]], dtype=torch.float64)
    noisy = torch.tensor([[0.3, 0.1 + 0.2, 0.1, 0.9]], dtype=torch.float64)
    assert not torch.equal(exact, noisy)
    assert coefficient(attribution, noisy).item() == coefficient(attribution, exact).item()


def trial(truth: Tensor | None) -> Trial:
    """Three players of two features each; their sums are 3, 1 and 2."""
    e = Explicand(
        lambda x: x, torch.zeros(1, 6), torch.zeros(1, dtype=torch.long), torch.zeros(1, 6), torch.arange(6) % 3
    )
    return Trial(e, torch.tensor([[9.0, 0.0, 1.0, -6.0, 1.0, 1.0]]), Cost(0.0, 0, 0, 0), truth)


@pytest.mark.parametrize("name", ["spearman", "kendall"])
def test_metrics_compare_player_sums_with_the_truth(name: str) -> None:
    assert metrics[name](trial(torch.tensor([[30.0, 10.0, 20.0]]))).tolist() == pytest.approx([1])
    assert metrics[name].against_truth
    with pytest.raises(NotApplicable, match="no true attribution"):
        metrics[name](trial(None))
