import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datasets.local_minimum import TABLE_2_INPUT, generate, labels, scores


def score(x: float) -> float:
    if x <= 0.5:
        return -0.75
    return 2 * (1 - x) if x <= 0.75 else 2 * x - 1


@given(st.lists(st.floats(0, 1), min_size=1))
def test_scores_follow_the_formula(values: list[float]) -> None:
    assert scores(torch.tensor(values, dtype=torch.float64)).tolist() == [score(x) for x in values]


@pytest.mark.parametrize(
    ("x", "expected"), [(0.0, -0.75), (0.5, -0.75), (0.625, 0.75), (0.75, 0.5), (0.875, 0.75), (1.0, 1.0)]
)
def test_scores_by_hand(x: float, expected: float) -> None:
    assert scores(torch.tensor([x])).item() == expected


def test_the_input_of_table_2_is_just_below_the_boundary() -> None:
    x = torch.tensor([TABLE_2_INPUT], dtype=torch.float64)
    expected = torch.tensor([[-0.75, -0.75, -0.75, 0.8, 0.6, 0.8]], dtype=torch.float64)
    torch.testing.assert_close(scores(x), expected, rtol=0, atol=1e-12)
    assert scores(x).sum().item() == pytest.approx(-0.05)
    assert labels(x).item() == 0


@given(st.integers(0, 2**32))
def test_labels_tell_whether_the_sum_is_positive(seed: int) -> None:
    x, y = generate(50, torch.Generator().manual_seed(seed))
    sums = [sum(score(value) for value in row) for row in x.tolist()]
    assert all(label == (total > 0) for label, total in zip(y.tolist(), sums, strict=True) if abs(total) > 1e-5)


def test_features_are_uniform_and_classes_come_from_the_seed(generator: torch.Generator) -> None:
    x, y = generate(20_000, generator)
    assert torch.equal(y, generate(20_000, torch.Generator().manual_seed(0))[1])
    deciles = torch.stack([torch.histc(column, 10, 0, 1) for column in x.T])
    assert (deciles / len(x) - 0.1).abs().max() < 0.012  # over five standard deviations
    assert x.T.corrcoef().fill_diagonal_(0).abs().max() < 0.04
    # E[f] is 0 but f is skewed: the sum of six is positive a little more often than not.
    assert 0.5 < y.double().mean() < 0.6


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="-3 samples were asked for, expected at least 1"):
        generate(-3, torch.Generator())
