from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from sig.explicand import Explicand
from sig.guard import Guard
from sig.metrics.insertion_deletion import target_curves
from sig.registry import Cost, NotApplicable, Trial, metrics
from tests.sig.metrics.test_iaccuracy import convolution, explain, pictures

SHARES = torch.tensor([0.5, 0.3, 0.2])


def weigh(x: Tensor) -> Tensor:
    """Class 0 has the share of the weights whose features are 1."""
    p = x @ SHARES
    return torch.stack([p, 1 - p], 1)


def classify(channels: int = 2, size: int = 6) -> nn.Module:
    return nn.Sequential(convolution(channels, size), nn.Softmax(1)).requires_grad_(False).eval()


def trial_of(e: Explicand, attribution: Tensor) -> Trial:
    return Trial(e, attribution, Cost(0.0, 0, 0, 0))


def by_loop(e: Explicand, attribution: Tensor, first: Tensor, last: Tensor, counts: list[int]) -> Tensor:
    """The definition, one picture, one pixel and one step at a time."""
    curves = []
    for x, y, a, target in zip(first, last, attribution, e.target.tolist(), strict=True):
        total, changed, curve = a.sum(0), x.clone(), []
        pixels = [(r, c) for r in range(x.shape[1]) for c in range(x.shape[2])]
        pixels.sort(key=lambda p: -total[p].item())
        for k in range(len(pixels) + 1):
            if k in counts:
                curve.append(e.model(changed[None])[0, target].item())
            if k < len(pixels):
                r, c = pixels[k]
                changed[:, r, c] = y[:, r, c]
        curves.append(curve)
    return torch.tensor(curves)


@pytest.mark.parametrize(
    ("attribution", "deleted", "inserted"),
    [
        ([3, 2, 1], [1, 0.5, 0.2, 0], [0, 0.5, 0.8, 1]),
        ([1, 2, 3], [1, 0.8, 0.5, 0], [0, 0.2, 0.5, 1]),
        ([-3, -1, -2], [1, 0.7, 0.5, 0], [0, 0.3, 0.5, 1]),  # the least negative goes first
    ],
)
def test_a_weighted_sum_by_hand(attribution: list[int], deleted: list[float], inserted: list[float]) -> None:
    trial = trial_of(explain(weigh, torch.ones(1, 3)), torch.tensor([attribution]).float())
    for name, curve in (("deletion", deleted), ("insertion", inserted)):
        found = metrics[name](trial, removal="zero", points=4)
        torch.testing.assert_close(found, torch.tensor([curve], dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("measure", ["insertion", "deletion"])
@pytest.mark.parametrize("removal", ["zero", "mean", "blur"])
@pytest.mark.parametrize(("share", "counts"), [(1.0, [0, 9, 18, 27, 36]), (0.5, list(range(19)))])
def test_agrees_with_the_loop(measure: Any, removal: str, share: float, counts: list[int]) -> None:
    inputs, background, attribution = pictures()
    e = explain(classify(), inputs, background)
    e.target[2] = 1
    blurred = gaussian_filter(inputs.numpy(), 3.0, axes=(-2, -1), mode="nearest")
    empty = {"zero": 0 * inputs, "mean": background.mean(0).expand_as(inputs), "blur": torch.from_numpy(blurred)}
    ends = (inputs, empty[removal]) if measure == "deletion" else (empty[removal], inputs)
    expected = by_loop(e, attribution, *ends, counts)
    assert (expected.max(1).values - expected.min(1).values).min() > 0.001  # a case that tells curves apart
    found = target_curves(e, attribution, measure=measure, removal=removal, share=share, points=len(counts))
    torch.testing.assert_close(found, expected)


def test_the_area_is_the_mean_of_the_curve() -> None:
    trial = trial_of(explain(weigh, torch.ones(1, 3)), torch.tensor([[3.0, 2.0, 1.0]]))
    assert float(metrics["deletion"](trial, points=4).mean()) == pytest.approx((1 + 0.5 + 0.2 + 0) / 4)


@given(st.integers(0, 10**6), st.sampled_from(["zero", "mean", "blur"]), st.integers(2, 40))
@settings(max_examples=15, deadline=None)
def test_what_is_wholly_deleted_is_what_is_not_yet_inserted(seed: int, removal: str, points: int) -> None:
    inputs, background, _ = pictures()
    e = explain(classify(), inputs, background)
    attribution = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(seed))
    deleted = target_curves(e, attribution, measure="deletion", removal=removal, points=points)
    inserted = target_curves(e, attribution, measure="insertion", removal=removal, points=points)
    assert ((deleted >= 0) & (deleted <= 1) & (inserted >= 0) & (inserted <= 1)).all()
    torch.testing.assert_close(deleted[:, 0], inserted[:, -1])
    torch.testing.assert_close(deleted[:, -1], inserted[:, 0])
    # removing the most positive first is keeping the most positive of the opposite last
    opposite = target_curves(e, -attribution, measure="insertion", removal=removal, points=points)
    if 36 % (points - 1) == 0 or points > 36:  # the grid is the same from both ends
        torch.testing.assert_close(deleted, opposite.flip(1))


@given(st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=10, deadline=None)
def test_only_the_order_of_attributions_counts(scale: float, shift: float) -> None:
    inputs, background, attribution = pictures()
    e, attribution = explain(classify(), inputs, background), attribution.round(decimals=1).double()
    found = [target_curves(e, a, measure="deletion", removal="zero") for a in (attribution, 2 * attribution)]
    torch.testing.assert_close(*found)
    order = attribution.sum(1, keepdim=True).flatten(1).argsort(descending=True, stable=True).argsort()
    ranked = -order.double().view(len(inputs), 1, 6, 6).expand_as(inputs) * scale + shift
    torch.testing.assert_close(found[0], target_curves(e, ranked, measure="deletion", removal="zero"))


@pytest.mark.parametrize("rows", [1, 30, 1000])
def test_batching_does_not_change_the_curves(rows: int) -> None:
    inputs, _, attribution = pictures()
    one, other = (
        target_curves(explain(classify(), inputs, rows=n), attribution, measure="insertion", removal="blur")
        for n in (64, rows)
    )
    torch.testing.assert_close(one, other)


def test_informed_attributions_are_better_than_random_ones() -> None:
    g = torch.Generator().manual_seed(0)
    weights = torch.rand(40, generator=g)

    def model(x: Tensor) -> Tensor:
        p = (x @ weights - 5).sigmoid()
        return torch.stack([p, 1 - p], 1)

    inputs = torch.rand(50, 40, generator=g)
    e = explain(model, inputs)
    informed, random = trial_of(e, weights * inputs), trial_of(e, torch.rand(inputs.shape, generator=g))
    lower = [metrics["deletion"](trial).mean() for trial in (informed, random)]
    higher = [metrics["insertion"](trial, removal="zero").mean() for trial in (informed, random)]
    assert lower[0] < lower[1] - 0.1
    assert higher[0] > higher[1] + 0.1


def test_the_same_everywhere_has_no_first_feature() -> None:
    trial = trial_of(explain(weigh, torch.ones(2, 3)), torch.tensor([[1.0, 1.0, 1.0], [1.0, 2.0, 1.0]]))
    assert metrics["deletion"](trial).isnan().all(1).tolist() == [True, False]


@pytest.mark.parametrize("name", ["insertion", "deletion"])
def test_everything_is_left_alone_and_nothing_is_counted(name: str) -> None:
    inputs, background, attribution = pictures()
    e = explain(classify(), inputs, background)
    with Guard(e, {"attribution": attribution}).watch("the metric"):  # raises Interference otherwise
        metrics[name](trial_of(e, attribution))
    assert e.tally.forward_rows == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"removal": "noise"}, "removal is 'noise', expected one of zero, mean, blur"),
        ({"share": 0.0}, r"share is 0\.0"),
        ({"points": 1}, "points is 1, expected at least 2"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics["deletion"](trial_of(explain(weigh, torch.ones(1, 3)), SHARES[None]), **options)


@pytest.mark.parametrize("outputs", [lambda x: x @ SHARES[:, None] - 2, lambda x: 2 * weigh(x)])
def test_not_applicable_where_outputs_are_no_probabilities(outputs: Any) -> None:
    with pytest.raises(NotApplicable, match="not probabilities"):
        metrics["deletion"](trial_of(explain(outputs, torch.ones(1, 3)), SHARES[None]))


def test_blur_needs_pictures() -> None:
    with pytest.raises(NotApplicable, match="pictures"):
        metrics["insertion"](trial_of(explain(weigh, torch.ones(1, 3)), SHARES[None]))
