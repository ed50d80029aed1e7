from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sig.explicand import Explicand
from sig.metrics.iaccuracy import iaccuracy
from sig.registry import Cost, NotApplicable, Trial, metrics

WEIGHTS = torch.tensor([4.0, 2.0, 1.0])


def explain(
    model: Callable[[Tensor], Tensor], inputs: Tensor, background: Tensor | None = None, rows: int = 64
) -> Explicand:
    return Explicand(
        model=model,
        inputs=inputs,
        target=torch.zeros(len(inputs), dtype=torch.long),
        background=torch.zeros_like(inputs) if background is None else background,
        players=torch.arange(inputs[0].numel()).view(inputs.shape[1:]),
        rows_per_batch=rows,
    )


def linear(x: Tensor) -> Tensor:
    """Class 0 while the weighted sum is above 2.5."""
    return torch.stack([x @ WEIGHTS, torch.full((len(x),), 2.5)], 1)


def convolution(channels: int = 2, size: int = 6) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * (size - 2) ** 2, 3))


def pictures(n: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(1)
    inputs, background = torch.rand(n, 2, 6, 6, generator=g), torch.rand(7, 2, 6, 6, generator=g)
    return inputs, background, torch.randn(n, 2, 6, 6, generator=g)


def by_loop(e: Explicand, attribution: Tensor, replacement: Tensor, patch: int, counts: list[int]) -> Tensor:
    """The definition, one picture, one pixel and one removal at a time."""
    curves = []
    for x, a, new in zip(e.inputs, attribution, replacement, strict=True):
        _, height, width = x.shape
        total = a.sum(0)
        pixels = [(r, c) for r in range(height) for c in range(width)]
        pixels.sort(key=lambda p: -total[p].item())
        kept, curve = [], []
        for k in counts:
            changed = x.clone()
            for r, c in pixels[:k]:
                for row in range(r - patch // 2, r - patch // 2 + patch + 1):
                    for column in range(c - patch // 2, c - patch // 2 + patch + 1):
                        if 0 <= row < height and 0 <= column < width:
                            changed[:, row, column] = new[:, row, column]
            kept.append(e.model(changed[None]).argmax().item() == e.model(x[None]).argmax().item())
            curve.append(sum(kept) / len(kept))
        curves.append(curve)
    return torch.tensor(curves, dtype=torch.float64)


@pytest.mark.parametrize(
    ("attribution", "curve"),
    [
        ([4, 2, 1], [1, 1, 2 / 3, 2 / 4]),  # what is left of the sum: 7, 3, 1, 0
        ([1, 2, 4], [1, 1, 1, 3 / 4]),  # 7, 6, 4, 0
        ([0, 0, 0], [1, 1, 2 / 3, 2 / 4]),  # ties: the first feature goes first
        ([-3, -2, -1], [1, 1, 1, 3 / 4]),  # the least negative goes first
    ],
)
def test_linear_model_by_hand(attribution: list[float], curve: list[float]) -> None:
    e = explain(linear, torch.ones(1, 3))
    result = iaccuracy(e, torch.tensor([attribution], dtype=torch.float32), share=1.0, points=4)
    torch.testing.assert_close(result, torch.tensor([curve], dtype=torch.float64))


def test_mean_removal_by_hand() -> None:
    # The background's mean is 0.5: the sum goes 7, 5, 4, 3.5 and stays above 2.5.
    e = explain(linear, torch.ones(1, 3), background=torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    assert (iaccuracy(e, WEIGHTS[None], removal="mean", share=1.0, points=4) == 1).all()


@pytest.mark.parametrize("patch", [0, 1, 2, 3])
@pytest.mark.parametrize("removal", ["zero", "mean"])
def test_agrees_with_the_loop(removal: str, patch: int) -> None:
    inputs, background, attribution = pictures()
    e = explain(convolution().requires_grad_(False), inputs, background)
    replacement = torch.zeros_like(inputs) if removal == "zero" else background.mean(0).expand_as(inputs)
    expected = by_loop(e, attribution, replacement, patch, list(range(19)))
    assert 0 < expected.min() < expected[:, 1:].max()  # a case that tells curves apart
    result = iaccuracy(e, attribution, removal=removal, patch=patch, share=0.5, points=19)
    torch.testing.assert_close(result, expected)


def test_a_grid_is_the_mean_over_its_own_removals() -> None:
    inputs, background, attribution = pictures()
    e = explain(convolution(), inputs, background)
    result = iaccuracy(e, attribution, share=1.0, points=5)
    torch.testing.assert_close(result, by_loop(e, attribution, torch.zeros_like(inputs), 0, [0, 9, 18, 27, 36]))


def test_many_points_are_every_whole_number() -> None:
    inputs, _, attribution = pictures()
    e = explain(convolution(), inputs)
    exact = iaccuracy(e, attribution, share=0.5, points=10**6)
    assert exact.shape == (5, 19)
    torch.testing.assert_close(exact, iaccuracy(e, attribution, share=0.5, points=19))


def test_blur_removal_flips_what_depends_on_sharpness() -> None:
    # Class 0 while the centre is brighter than 0.5; blurring takes the single bright pixel below that.
    def centre(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0, 3, 3], torch.full((len(x),), 0.5)], 1)

    inputs = torch.zeros(1, 1, 7, 7)
    inputs[0, 0, 3, 3] = 1
    e = explain(centre, inputs)
    curve = iaccuracy(e, inputs, removal="blur", share=1 / 49, points=2)
    assert curve.tolist() == [[1, 1 / 2]]


@pytest.mark.parametrize(
    ("patch", "peak", "picture"),
    [
        (0, (1, 2), ["1111", "1101", "1111", "1111"]),
        (1, (1, 2), ["1111", "1100", "1100", "1111"]),
        (2, (1, 1), ["0001", "0001", "0001", "1111"]),
        (2, (0, 3), ["1100", "1100", "1111", "1111"]),
        (3, (2, 2), ["1111", "1000", "1000", "1000"]),
    ],
)
def test_patches_by_hand(patch: int, peak: tuple[int, int], picture: list[str]) -> None:
    seen: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        seen.append(x)
        return torch.zeros(len(x), 2)

    attribution = torch.zeros(1, 2, 4, 4)
    attribution[0, 1][peak] = 1
    iaccuracy(explain(model, torch.ones(1, 2, 4, 4)), attribution, patch=patch, share=1 / 16, points=2)
    whole, patched = torch.cat(seen)
    assert (whole == 1).all()
    for channel in patched:
        assert ["".join(str(int(v)) for v in row) for row in channel] == picture


def test_a_pixel_is_attributed_the_sum_over_its_channels() -> None:
    inputs, _, attribution = pictures()
    e = explain(convolution(), inputs)
    moved = attribution + torch.tensor([5.0, -5.0]).view(2, 1, 1)
    torch.testing.assert_close(iaccuracy(e, moved, share=0.5), iaccuracy(e, attribution, share=0.5))


@pytest.mark.parametrize("rows", [1, 30, 1000])
def test_batching_does_not_change_the_curves(rows: int) -> None:
    inputs, _, attribution = pictures()
    reference = iaccuracy(explain(convolution(), inputs), attribution, patch=1)
    torch.testing.assert_close(iaccuracy(explain(convolution(), inputs, rows=rows), attribution, patch=1), reference)


def test_informed_attributions_score_below_random_ones() -> None:
    g = torch.Generator().manual_seed(0)
    weights, inputs = torch.rand(40, generator=g), torch.rand(50, 40, generator=g)

    def model(x: Tensor) -> Tensor:
        return torch.stack([x @ weights, torch.full((len(x),), 5.0)], 1)

    e = explain(model, inputs)
    informed = iaccuracy(e, weights * inputs, share=0.8).mean()
    assert informed < iaccuracy(e, torch.rand(inputs.shape, generator=g), share=0.8).mean() - 0.1
    assert informed < iaccuracy(e, -weights * inputs, share=0.8).mean() - 0.2


def test_the_registered_metric_counts_no_rows_on_the_method() -> None:
    e = explain(linear, torch.ones(1, 3))
    trial = Trial(e, WEIGHTS[None], Cost(0.0, 0, 0, 0))
    assert metrics["iaccuracy"](trial, share=1.0, points=4).tolist() == [[1, 1, 2 / 3, 2 / 4]]
    assert e.tally.forward_rows == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"removal": "noise"}, "removal is 'noise', expected one of zero, mean, blur"),
        ({"patch": -1}, "patch is -1"),
        ({"share": 0.0}, r"share is 0\.0"),
        ({"share": 1.5}, r"share is 1\.5"),
        ({"points": 1}, "points is 1, expected at least 2"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics["iaccuracy"](Trial(explain(linear, torch.ones(1, 3)), WEIGHTS[None], Cost(0.0, 0, 0, 0)), **options)


def test_not_applicable_without_classes_or_pictures() -> None:
    one_output = explain(lambda x: x @ WEIGHTS[:, None], torch.ones(1, 3))
    with pytest.raises(NotApplicable, match="single output"):
        iaccuracy(one_output, WEIGHTS[None])
    with pytest.raises(NotApplicable, match="pictures"):
        iaccuracy(explain(linear, torch.ones(1, 3)), WEIGHTS[None], patch=1)
    with pytest.raises(NotApplicable, match="pictures"):
        iaccuracy(explain(linear, torch.ones(1, 3)), WEIGHTS[None], removal="blur")
