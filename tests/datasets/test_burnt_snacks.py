import itertools
import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from datasets.burnt_snacks import (
    ISOSCELES,
    MOST_DARK,
    OTHERS,
    RECTANGLE_STAMPS,
    RECTANGLES,
    RIGHT_ANGLED,
    STAMPS,
    TRIANGLES,
    BurntSnacks,
    Plan,
    Triangle,
    generate,
    paint,
    plan,
)

SOME = 300


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rasterised(corners: Triangle) -> np.ndarray:
    """The pixels whose centre is a mean of the corners with weights from 0 to 1, exactly; cut to what is there."""
    (ax, ay), (bx, by), (cx, cy) = [[Fraction(value) for value in corner] for corner in corners]
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    shape = np.zeros((14, 14))
    for row, col in itertools.product(range(14), repeat=2):
        x, y = col + Fraction(1, 2), row + Fraction(1, 2)
        b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
        c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
        shape[row, col] = min(b, c, 1 - b - c) >= 0
    return shape[shape.any(1)][:, shape.any(0)]


@cache
def catalogue() -> list[np.ndarray]:
    """Every shape in every turn, without its margin."""
    turned = []
    for shape in [np.ones(sides) for sides in RECTANGLES] + [rasterised(corners) for corners in TRIANGLES]:
        for transposed, upside_down, mirrored in itertools.product((0, 1), repeat=3):
            turn = shape.transpose() if transposed else shape
            turn = np.flipud(turn) if upside_down else turn
            turned.append(np.fliplr(turn) if mirrored else turn)
    return turned


def painted_one_by_one(dark: int, stamps: list[int], lightness: list[float], places: list[float]) -> np.ndarray:
    """One image, by trying the box of each object pixel by pixel."""
    image = np.zeros((50, 50), dtype=np.float32)
    shapes = catalogue()
    for i, (stamp, light, place) in enumerate(zip(stamps, lightness, places, strict=True)):
        box = np.pad(shapes[stamp], 1)
        height, width = box.shape
        corners = list(itertools.product(range(50 - height + 1), range(50 - width + 1)))
        if i < MOST_DARK:
            if i >= dark:
                continue
            corners = [(y, x) for y, x in corners if not image[y : y + height, x : x + width].any()]
        y, x = corners[math.floor(place * len(corners))]
        if not image[y : y + height, x : x + width].any():
            image[y : y + height, x : x + width] = box * np.float32(light)
    return image


def objects_of(pixels: torch.Tensor) -> list[np.ndarray]:
    """The connected regions of a mask (touching corners connect), each as a mask that is cut to its bounding box."""
    labelled, _ = ndimage.label(pixels.numpy(), structure=np.ones((3, 3)))
    return [labelled[where] == i + 1 for i, where in enumerate(ndimage.find_objects(labelled))]


@given(st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_images_are_what_painting_one_by_one_gives(seed: int) -> None:
    drawn = plan(12, seeded(seed))
    slow = [painted_one_by_one(*(values[i].tolist() for values in drawn)) for i in range(12)]  # type: ignore[arg-type]
    np.testing.assert_array_equal(paint(drawn).images[:, 0].numpy(), np.stack(slow))


@pytest.mark.parametrize("stamp", [0, RECTANGLE_STAMPS - 1, STAMPS - 1])
@pytest.mark.parametrize("place", [0.0, 1 - 2**-53])
def test_objects_reach_every_place_and_crowded_ones_are_painted_as_one_by_one(stamp: int, place: float) -> None:
    """Thirteen objects that all want the same corner: dark ones move on, attempts fail."""
    dark_stamp = min(stamp, RECTANGLE_STAMPS - 1)
    stamps = torch.tensor([[dark_stamp] * MOST_DARK + [stamp] * 10] * 4)
    drawn = Plan(torch.arange(4), stamps, torch.full((4, 13), 0.5), torch.full((4, 13), place, dtype=torch.float64))
    snacks = paint(drawn)
    slow = [painted_one_by_one(*(values[i].tolist() for values in drawn)) for i in range(4)]  # type: ignore[arg-type]
    np.testing.assert_array_equal(snacks.images[:, 0].numpy(), np.stack(slow))
    assert [len(objects_of(mask[0])) for mask in snacks.dark] == [0, 1, 2, 3]


@pytest.fixture(scope="module")
def snacks() -> BurntSnacks:
    return generate(SOME, seeded(0))


@given(st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_invariants(seed: int, count: int) -> None:
    images, labels, objects, dark, light, triangle = generate(count, seeded(seed))
    assert labels.sum() == count // 2
    assert torch.equal(labels == 1, dark.flatten(1).any(1))
    assert torch.equal(dark.int() + light.int() + triangle.int(), (images > 0).int())
    assert torch.equal(objects > 0, images > 0)
    assert not torch.cat([images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1]]).any()
    dim = images[dark | triangle]  # none where a single image got light squares only
    assert ((dim >= 0.25) & (dim <= 0.5)).all()
    assert ((images[light] >= 0.5) & (images[light] <= 1)).all()


def test_objects_are_apart_and_have_one_number_one_lightness_and_one_kind(snacks: BurntSnacks) -> None:
    for image, numbers, *masks in zip(
        snacks.images, snacks.objects, snacks.dark, snacks.light, snacks.triangle, strict=True
    ):
        regions, seen = ndimage.label(image[0].numpy(), structure=np.ones((3, 3)))
        present = numbers.unique()[1:]
        assert seen == len(present)  # objects that touched, at a corner even, would be fewer regions
        for number in present:
            where = numbers[0] == number
            assert len(np.unique(regions[where.numpy()])) == 1
            assert len(image[0][where].unique()) == 1
            assert [bool(mask[0][where].all()) for mask in masks].count(True) == 1


def test_shapes_have_the_sizes_and_numbers_of_pixels_of_the_published_ones() -> None:
    assert RECTANGLES == [(5, 5), (6, 6), (6, 7), (7, 7), (8, 8), (9, 9), (9, 10), (11, 11)]
    right, isosceles, others = (
        [(*(shape := rasterised(corners)).shape, shape.sum()) for corners in part]
        for part in (RIGHT_ANGLED, ISOSCELES, OTHERS)
    )
    assert right == [(leg, leg, leg * (leg + 1) / 2) for leg in range(3, 11)]
    assert sorted((width, height) for height, width, _ in isosceles) == [(5, 5), (5, 7), (7, 7), (7, 7), (7, 8), (9, 9)]
    assert sorted(count for height, width, count in isosceles if (height, width) == (7, 7)) == [25, 31]
    assert all((shape == np.fliplr(shape)).all() for shape in map(rasterised, ISOSCELES))
    assert others == [(6, 6, 21), (6, 6, 21), (10, 9, 23), (7, 9, 20), (10, 10, 52), (10, 10, 47)]


def test_no_shape_is_another_one_turned() -> None:
    turned = [{turn.tobytes() + bytes(turn.shape) for turn in catalogue()[i : i + 8]} for i in range(0, STAMPS, 8)]
    assert len(turned) == 28
    assert len(set().union(*turned)) == sum(map(len, turned))


def test_as_much_is_painted_as_on_the_published_images() -> None:
    many = generate(4000, seeded(4))
    painted = (many.images > 0).float().mean((1, 2, 3))
    assert painted[many.labels == 0].mean().item() == pytest.approx(0.094, abs=0.003)
    assert painted[many.labels == 1].mean().item() == pytest.approx(0.126, abs=0.003)
    burnt = [mask[many.labels == 1][:SOME] for mask in (many.light, many.triangle)]
    light, triangles = (np.mean([len(objects_of(mask[0])) for mask in masks]) for masks in burnt)
    assert light == pytest.approx(1.4, abs=0.25)
    assert triangles == pytest.approx(3.8, abs=0.35)


def test_every_object_is_a_shape_of_its_kind(snacks: BurntSnacks) -> None:
    shapes = [shape.astype(bool).tolist() for shape in catalogue()]
    for masks, known in (
        ((*snacks.dark, *snacks.light), shapes[:RECTANGLE_STAMPS]),
        (snacks.triangle, shapes[RECTANGLE_STAMPS:]),
    ):
        for shape in itertools.chain.from_iterable(objects_of(mask[0]) for mask in masks):
            assert shape.tolist() in known


def test_all_shapes_turns_and_numbers_of_dark_rectangles_occur_equally_often() -> None:
    drawn = plan(6000, seeded(1))
    for values, choices in (
        (drawn.dark[drawn.dark > 0] - 1, 3),
        (drawn.stamps[:, MOST_DARK:].flatten(), 28 * 8),
        (drawn.stamps[:, :MOST_DARK].flatten(), 8 * 8),
    ):
        counts = torch.bincount(values).double()
        assert len(counts) == choices
        expected = len(values) / choices
        chi_squared = ((counts - expected) ** 2 / expected).sum()
        assert chi_squared < choices - 1 + 4 * math.sqrt(2 * (choices - 1))  # four standard deviations above the mean


def test_many_images_are_painted_as_few_are() -> None:
    drawn = plan(1003, seeded(2))
    for all_of_it, last in zip(paint(drawn), paint(Plan(*(values[-5:] for values in drawn))), strict=True):
        assert torch.equal(all_of_it[-5:], last)


def test_the_same_seed_gives_the_same_images_and_the_classes_are_mixed() -> None:
    one, other = generate(100, seeded(5)), generate(100, seeded(5))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert 5 < one.labels[:50].sum() < 45


def test_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match="0 images were asked for, expected at least 1"):
        generate(0, seeded(0))
