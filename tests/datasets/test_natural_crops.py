import importlib.util
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image

from datasets import natural_crops as data

SOME = 300


@pytest.fixture(scope="module")
def composites():
    return data.generate(SOME, "held out", torch.Generator().manual_seed(1))


def tiles_of(pictures):
    """Each of the nine tiles, one after the other, by slicing."""
    places = [slice(16 * k, 16 * k + 16) for k in range(3)]
    return [pictures[:, :, y, x] for y in places for x in places]


def read_halved(name):
    """A photograph at half its size, by numpy."""
    pixels = (
        np.asarray(Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB")).astype(np.float64) / 255
    )
    height, width = (size // 2 * 2 for size in pixels.shape[:2])
    pixels = pixels[:height, :width]
    return (pixels[::2, ::2] + pixels[1::2, ::2] + pixels[::2, 1::2] + pixels[1::2, 1::2]) / 4


def test_a_picture_has_one_target_four_distractors_and_four_plain_tiles(composites) -> None:
    target, distractors = (torch.stack(tiles_of(mask)) for mask in (composites.target, composites.distractors))
    for mask, count in ((target, 1), (distractors, 4)):
        whole = mask.flatten(2)
        assert (whole.all(2) == whole.any(2)).all()
        assert (whole.all(2).sum(0) == count).all()
    assert not (composites.target & composites.distractors).any()


def test_plain_tiles_have_the_one_colour_of_their_picture(composites) -> None:
    plain = ~(composites.target | composites.distractors)
    for image, mask in zip(composites.images, plain, strict=True):
        assert all(len(colour[marks].unique()) == 1 for colour, marks in zip(image, mask, strict=True))


def test_places_and_classes_are_equally_likely(generator) -> None:
    many = data.generate(3000, "train", generator)
    share = torch.stack([tile.flatten(1).all(1).float().mean() for tile in tiles_of(many.target)])
    assert share.tolist() == pytest.approx([1 / 9] * 9, abs=0.025)
    assert (many.labels.bincount() / 3000).tolist() == pytest.approx([1 / 4] * 4, abs=0.035)


@pytest.mark.parametrize(("part", "is_held_out"), [("train", False), ("held out", True)])
def test_targets_are_crops_of_the_class_s_photograph_from_blocks_of_the_part(part, is_held_out) -> None:
    """Found again by an exhaustive search in the photograph, read by numpy."""
    few = data.generate(12, part, torch.Generator().manual_seed(3))
    for image, mask, label in zip(few.images, few.target, few.labels, strict=True):
        crop = image[mask].view(3, 16, 16).permute(1, 2, 0).double().numpy()
        photograph = read_halved(data.TARGETS[label])
        windows = np.lib.stride_tricks.sliding_window_view(photograph, (16, 16), axis=(0, 1))
        found = []
        for seen in (crop, crop[:, ::-1]):
            starts = np.argwhere(np.abs(windows[..., 0, 0] - seen[0, 0]).max(-1) < 1e-5)
            found += [(y, x) for y, x in starts if np.abs(photograph[y : y + 16, x : x + 16] - seen).max() < 1e-5]
        assert found
        inside = [(y // 32, x // 32) for y, x in found if y % 32 <= 16 and x % 32 <= 16]
        assert any(((row + 2 * col) % 4 == 3) == is_held_out for row, col in inside)


def test_parts_share_no_block_and_are_all_of_the_photograph() -> None:
    photograph = torch.arange(256 * 320.0).view(1, 256, 320).expand(3, -1, -1) / (256 * 320)
    train, held_out = (data.cut_blocks(photograph, part) for part in ("train", "held out"))
    assert (len(train), len(held_out)) == (15, 5)
    every = torch.cat([train, held_out])[:, 0]
    assert len(every.flatten().unique()) == every.numel() == 128 * 160
    mean = (photograph[0, 0, 0] + photograph[0, 0, 1] + photograph[0, 1, 0] + photograph[0, 1, 1]) / 4
    torch.testing.assert_close(train[0, 0, 0, 0], mean)


def test_the_same_generator_gives_the_same_pictures_and_another_others() -> None:
    one, same, other = (data.generate(5, "train", torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)


def test_pictures_lie_in_the_unit_interval_and_photographs_have_a_hash(composites) -> None:
    assert (composites.images >= 0).all()
    assert (composites.images <= 1).all()
    assert len(data.load("train").sha256) == 64
    assert data.load("train").sha256 == data.load("held out").sha256


def test_without_scikit_image_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    data.load.cache_clear()
    with pytest.raises(FileNotFoundError, match="pip install scikit-image"):
        data.load("train")


def test_a_photograph_that_is_missing_is_named(monkeypatch) -> None:
    monkeypatch.setattr(data, "TARGETS", ("none.png",))
    data.load.cache_clear()
    with pytest.raises(FileNotFoundError, match="none.png"):
        data.load("train")
    data.load.cache_clear()
