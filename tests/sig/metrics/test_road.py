from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sig.explicand import Explicand
from sig.metrics.road import imputed
from sig.registry import NotApplicable, metrics
from tests.sig.metrics.test_iaccuracy import explain, pictures
from tests.sig.metrics.test_insertion_deletion import SHARES, classify, trial_of, weigh


def by_equations(picture: Tensor, missing: Tensor) -> Tensor:
    """One equation for each missing pixel, neighbour by neighbour, and a dense solver."""
    unknown = [tuple(p) for p in missing.nonzero().tolist()]
    left, right = np.zeros((len(unknown), len(unknown))), np.zeros((len(unknown), len(picture)))
    for row, (i, j) in enumerate(unknown):
        for a in (i - 1, i, i + 1):
            for b in (j - 1, j, j + 1):
                if (a, b) == (i, j) or not (0 <= a < missing.shape[0] and 0 <= b < missing.shape[1]):
                    continue
                weight = 1 / 12 if a != i and b != j else 1 / 6
                left[row, row] += weight
                if missing[a, b]:
                    left[row, unknown.index((a, b))] -= weight
                else:
                    right[row] += weight * picture[:, a, b].numpy()
    filled = picture.clone()
    for (i, j), values in zip(unknown, np.linalg.solve(left, right), strict=True):
        filled[:, i, j] = torch.from_numpy(values)
    return filled


def score(name: str, e: Explicand, attribution: Tensor, seed: int = 0, **options: Any) -> Tensor:
    return metrics[name](trial_of(e, attribution), generator=torch.Generator().manual_seed(seed), **options)


def test_the_pixel_in_the_middle_is_the_weighted_mean_of_those_around() -> None:
    picture = torch.arange(9.0).square().view(1, 3, 3)
    missing = torch.zeros(3, 3, dtype=torch.bool)
    missing[1, 1] = True
    expected = (1 + 9 + 25 + 49) / 6 + (0 + 4 + 36 + 64) / 12
    assert imputed(picture, missing)[0, 1, 1].item() == pytest.approx(expected)
    assert torch.equal(imputed(picture, missing)[0][~missing], picture[0][~missing])


def test_a_line_is_interpolated_and_carried_on_to_its_end() -> None:
    missing = torch.tensor([[False, True, True, False, True, True]])
    filled = imputed(torch.tensor([[[1.0, 9, 9, 4, 9, 9]]]), missing)
    torch.testing.assert_close(filled, torch.tensor([[[1.0, 2, 3, 4, 4, 4]]]))


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(2, 7), st.floats(0, 0.95))
@settings(max_examples=25, deadline=None)
def test_agrees_with_the_equations_written_out(seed: int, height: int, width: int, share: float) -> None:
    g = torch.Generator().manual_seed(seed)
    picture, missing = torch.rand(2, height, width, generator=g), torch.rand(height, width, generator=g) < share
    missing[0, 0] = False
    torch.testing.assert_close(imputed(picture, missing), by_equations(picture, missing))


def test_something_must_be_known() -> None:
    with pytest.raises(ValueError, match="all pixels are missing"):
        imputed(torch.rand(1, 2, 2), torch.ones(2, 2, dtype=torch.bool))


@pytest.mark.parametrize(("name", "sign"), [("road", 1), ("road_least", -1)])
def test_curves_are_probabilities_of_imputed_pictures(name: str, sign: int) -> None:
    inputs, background, attribution = pictures()
    e = explain(classify(), inputs, background)
    e.target[2] = 1
    counts = [0, 8, 16, 24, 32]  # of 36 pixels
    expected = torch.zeros(len(inputs), len(counts), dtype=torch.float64)
    for i, (x, a) in enumerate(zip(inputs, attribution, strict=True)):
        order = (sign * a.sum(0)).flatten().argsort(descending=True, stable=True)
        for point, count in enumerate(counts):
            missing = torch.zeros(36, dtype=torch.bool)
            missing[order[:count]] = True
            changed = by_equations(x, missing.view(6, 6))
            expected[i, point] = e.model(changed[None])[0, e.target[i]]
    found = score(name, e, attribution, noise=0.0, points=5, share=32 / 36)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert (expected.max(1).values - expected.min(1).values).min() > 0.001  # a case that tells curves apart


def test_noise_is_added_to_what_is_imputed_and_drawn_from_the_seed() -> None:
    shown: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        shown.append(x.clone())
        return torch.full((len(x), 2), 0.5)

    inputs, _, attribution = pictures(40)
    e = explain(model, inputs, rows=10**4)
    score("road", e, attribution, seed=1, noise=0.0, points=2, share=0.5)
    score("road", e, attribution, seed=1, noise=0.2, points=2, share=0.5)
    still, noisy = (rows.view(40, 2, 2, 6, 6) for rows in shown)
    added = (noisy - still)[:, 1]
    assert torch.equal(noisy[:, 0], inputs)
    assert (added != 0).sum() == 40 * 2 * 18
    assert added[added != 0].std().item() == pytest.approx(0.2, rel=0.1)
    again, other = (score("road", explain(classify(), inputs), attribution, seed, noise=0.2) for seed in (1, 2))
    assert torch.equal(again, score("road", explain(classify(), inputs), attribution, seed=1, noise=0.2))
    assert not torch.equal(again, other)


def test_one_pixel_left_is_spread_over_the_picture() -> None:
    inputs, _, attribution = pictures()
    one_left = score("road", explain(classify(), inputs), attribution, noise=0.0, points=2, share=35 / 36)[:, 1]
    last = attribution.sum(1).flatten(1).argmin(1)
    flat = torch.stack([x.flatten(1)[:, p] for x, p in zip(inputs, last.tolist(), strict=True)])
    expected = classify()(flat.view(5, 2, 1, 1).expand(-1, -1, 6, 6))[:, 0]
    torch.testing.assert_close(one_left, expected.double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("rows", [1, 30])
def test_batching_does_not_change_the_curves(rows: int) -> None:
    inputs, _, attribution = pictures()
    one, other = (score("road", explain(classify(), inputs, rows=n), attribution) for n in (1000, rows))
    torch.testing.assert_close(one, other)


def test_informed_attributions_are_better_than_random_ones(picture_explicand: Explicand) -> None:
    e = picture_explicand
    shape = (e.inputs > 0.5).float()
    random = torch.rand(shape.shape, generator=torch.Generator().manual_seed(0))
    assert score("road", e, shape).mean() < score("road", e, random).mean() - 0.02
    assert score("road_least", e, shape).mean() > score("road_least", e, random).mean() + 0.02


def test_scattered_pixels_are_restored_so_that_the_least_relevant_first_does_not_judge() -> None:
    """A shape told by its mean light stays under blind removal, and falls when the whole dark half goes first."""
    ramp = torch.linspace(0, 1, 16).expand(1, 1, 16, 16).contiguous()

    def model(x: Tensor) -> Tensor:
        p = (8 * (x[..., :8].mean((1, 2, 3)) - x[..., 8:].mean((1, 2, 3))).abs() - 2).sigmoid()
        return torch.stack([p, 1 - p], 1)

    e = explain(model, ramp)
    blind = score("road_least", e, torch.rand(ramp.shape, generator=torch.Generator().manual_seed(0)), noise=0.0)
    together = score("road_least", e, ramp, noise=0.0)
    assert blind.mean() > together.mean() + 0.1
    assert not metrics["road_least"].judges


def test_not_applicable_without_pictures_or_probabilities() -> None:
    with pytest.raises(NotApplicable, match="needs pictures"):
        score("road", explain(weigh, torch.ones(1, 3)), SHARES[None])
    inputs, _, attribution = pictures()
    with pytest.raises(NotApplicable, match="not probabilities"):
        score("road", explain(lambda x: 2 * classify()(x), inputs), attribution)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, r"share is 0\.0"),
        ({"share": 1.0}, "all pixels are missing, expected at least one known; remove a smaller share"),
        ({"points": 1}, "points is 1, expected at least 2"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    inputs, _, attribution = pictures()
    with pytest.raises(ValueError, match=message):
        score("road", explain(classify(), inputs), attribution, **options)
