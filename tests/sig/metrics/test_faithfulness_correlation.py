from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from sig.explicand import Explicand
from sig.registry import metrics
from tests.sig.metrics.test_infidelity import linear
from tests.sig.metrics.test_insertion_deletion import trial_of


def score(e: Explicand, attribution: Tensor, **options: Any) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return metrics["faithfulness_correlation"](trial_of(e, attribution), generator=generator, **options)


def test_contributions_to_a_linear_function_correlate_fully() -> None:
    weights, inputs = torch.tensor([3.0, -1.0, 0.5, 2.0, 0.0]), torch.rand(4, 5)
    e = linear(weights, inputs)
    for share in (0.2, 0.5, 0.8):
        torch.testing.assert_close(score(e, weights * inputs, share=share), torch.ones(4).double())
        torch.testing.assert_close(score(e, -2 * weights * inputs, share=share), -torch.ones(4).double())


@pytest.mark.parametrize("baseline", ["zero", "mean", "middle"])
def test_agrees_with_scipy_on_the_sets_that_the_model_saw(picture_explicand: Explicand, baseline: str) -> None:
    """Patches that hold the baseline's values are those that were taken away."""
    e = picture_explicand.only(1)
    empty = {"zero": 0 * e.inputs, "mean": e.background.mean(0, keepdim=True), "middle": 0 * e.inputs + 0.5}[baseline]
    seen: list[Tensor] = []
    network = e.model

    def model(x: Tensor) -> Tensor:
        seen.append(x.clone())
        return network(x)

    attribution = torch.randn(e.inputs.shape, generator=torch.Generator().manual_seed(5))
    watched = Explicand(model, e.inputs, e.target, e.background, e.players, rows_per_batch=30)
    found = score(watched, attribution, baseline=baseline, samples=40)
    rows = torch.cat(seen)
    gone = (rows == empty) & (rows != e.inputs)
    assert len(rows) == 40
    assert (gone.flatten(1).sum(1) == 4 * 4).all()  # a quarter of 16 patches, of 4 pixels each
    changes = (network(e.inputs) - network(rows))[:, e.target[0]]
    expected = stats.pearsonr((attribution * gone).flatten(1).sum(1).numpy(), changes.numpy()).statistic
    assert found.item() == pytest.approx(expected, abs=1e-5)
    assert 0.01 < abs(expected) < 0.99


def test_contributions_correlate_more_than_random_ones(vector_explicand: Explicand) -> None:
    e = vector_explicand
    inputs = e.inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(e.model(inputs).gather(1, e.target[:, None]).sum(), inputs)
    random = torch.randn(e.inputs.shape, generator=torch.Generator().manual_seed(0))
    assert score(e, gradient * e.inputs).min() > 0.9
    assert score(e, random).mean() < 0.6


def test_undefined_where_nothing_varies() -> None:
    e = linear(torch.tensor([3.0, -1.0, 0.5, 2.0]), torch.ones(1, 4))
    given = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert score(e, torch.ones(1, 4), share=0.5).isnan().all()
    assert score(e, given, share=1.0).isnan().all()  # one set, all of them
    assert score(linear(torch.zeros(4), torch.ones(1, 4)), given).isnan().all()
    assert not score(e, given, share=0.5).isnan().any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, r"share is 0\.0"),
        ({"share": 1.5}, r"share is 1\.5"),
        ({"samples": 1}, "samples is 1, expected at least 2"),
        ({"baseline": "blur"}, "unknown baseline 'blur'"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str, as_users_run_it: None) -> None:
    with pytest.raises(ValueError, match=message):
        score(linear(torch.ones(2), torch.ones(1, 2)), torch.tensor([[1.0, 2.0]]), **options)
