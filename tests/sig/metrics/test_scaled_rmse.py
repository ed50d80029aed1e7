import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sig.explicand import Explicand
from sig.metrics.scaled_rmse import scaled, scaled_rmse
from sig.registry import Cost, NotApplicable, Trial, metrics


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_by_hand():
    """NormalisedNetwork: (1, 0.5, -1) against (0.5, 1, -1.5)."""
    assert scaled_rmse(row(4, 2, -4), row(1, 2, -3)).item() == pytest.approx(0.5)
    # By the largest absolute value the truth is (1/3, 2/3, -1).
    expected = (((1 - 1 / 3) ** 2 + (0.5 - 2 / 3) ** 2) / 3) ** 0.5
    assert scaled_rmse(row(4, 2, -4), row(1, 2, -3), scale="largest").item() == pytest.approx(expected)


def test_rows_are_divided_by_the_maximum_or_the_largest_absolute_value():
    rows = torch.tensor([[2.0, 1.0, -4.0], [-1.0, -2.0, -3.0], [0.0, 0.0, 0.0]])
    nan = [float("nan")] * 3
    assert scaled(rows, "maximum").tolist() == [[1, 0.5, -2], *[pytest.approx(nan, nan_ok=True)] * 2]
    by_largest = [[0.5, 0.25, -1], pytest.approx([-1 / 3, -2 / 3, -1]), pytest.approx(nan, nan_ok=True)]
    assert scaled(rows, "largest").tolist() == by_largest
    assert scaled(rows, "largest").dtype == torch.float64


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6).filter(lambda values: max(values) > 0.01), st.floats(0.1, 10))
def test_no_scale_counts(values, factor):
    truth = row(*values)
    assert scaled_rmse(factor * truth, truth).item() == pytest.approx(0, abs=1e-9)


def test_undefined_where_the_maximum_is_not_positive():
    good, bad = row(1, 2), row(-1, 0)
    assert scaled_rmse(bad, good).isnan().all()
    assert scaled_rmse(good, bad).isnan().all()
    assert scaled_rmse(bad, good, scale="largest").isfinite().all()
    assert scaled_rmse(row(0, 0), good, scale="largest").isnan().all()


@pytest.mark.usefixtures("as_users_run_it")
def test_unknown_scales_are_named():
    with pytest.raises(ValueError, match="unknown scale 'sum'; expected 'maximum' or 'largest'"):
        scaled_rmse(row(1, 2), row(1, 2), scale="sum")  # type: ignore[arg-type]


def test_the_metric_compares_player_sums_with_the_truth():
    e = Explicand(lambda x: x, torch.zeros(1, 4), torch.tensor([0]), torch.zeros(1, 4), torch.tensor([0, 0, 1, 2]))
    attribution = torch.tensor([[1.0, 1.0, 1.0, -2.0]])
    scored = Trial(e, attribution, Cost(0.0, 0, 0, 0), truth=row(2, 1, -2))
    assert metrics["local_minimum"](scored).item() == pytest.approx(0)
    assert metrics["local_minimum"].against_truth
    with pytest.raises(NotApplicable, match="no true attribution"):
        metrics["local_minimum"](Trial(e, attribution, Cost(0.0, 0, 0, 0)))
