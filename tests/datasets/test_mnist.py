import hashlib
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.datasets import MNIST

from datasets import mnist


@pytest.fixture(scope="module")
def digits() -> mnist.Mnist:
    return mnist.load()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path))
    return tmp_path


def rows(part: mnist.Digits) -> set[bytes]:
    return {image.numpy().tobytes() for image in part.images}


def test_digits_are_pictures_in_the_unit_range(digits) -> None:
    for part, size in ((digits.train, 8000), (digits.held_out, 2000)):
        assert part.images.shape == (size, 1, 28, 28)
        assert part.images.dtype == torch.float32
        assert (part.images.min(), part.images.max()) == (0, 1)
        assert part.labels.dtype == torch.int64


def test_no_digit_is_both_trained_on_and_held_out(digits) -> None:
    train, held_out = rows(digits.train), rows(digits.held_out)
    assert len(train) == 8000
    assert len(held_out) == 2000
    assert not train & held_out


def test_classes_have_the_same_shares_in_both_parts(digits) -> None:
    train, held_out = (torch.bincount(part.labels) for part in (digits.train, digits.held_out))
    assert (held_out - (train + held_out) / 5).abs().max() < 1


def test_the_split_is_fixed(digits) -> None:
    held_out = digits.held_out.images.numpy().tobytes() + digits.held_out.labels.numpy().tobytes()
    assert hashlib.sha256(held_out).hexdigest().startswith("1b31b4306b6b4f14")


def test_labels_belong_to_their_pictures(digits) -> None:
    """Each held-out digit is nearest, in most cases, to a training digit of its own class."""
    some = digits.held_out.images[::20].flatten(1)
    nearest = torch.cdist(some, digits.train.images.flatten(1)).argmin(1)
    assert (digits.train.labels[nearest] == digits.held_out.labels[::20]).double().mean() > 0.9


def test_a_changed_file_is_refused(tmp_path, monkeypatch) -> None:
    content = bytearray(mnist.EMBEDDED.read_bytes())
    content[1000] ^= 1
    changed = tmp_path / "mnist10k.npz"
    changed.write_bytes(content)
    monkeypatch.setattr(mnist, "EMBEDDED", changed)
    with pytest.raises(
        ValueError, match=r"mnist10k.npz has SHA-256 \w+, expected f1a23f2f\w+; restore it: git checkout"
    ):
        mnist.load()


def test_a_missing_file_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mnist, "EMBEDDED", tmp_path / "mnist10k.npz")
    with pytest.raises(FileNotFoundError, match=r"mnist10k.npz is missing; restore it: git checkout"):
        mnist.load()


def write_idx(path, array) -> None:
    """The format of the MNIST files: two zero bytes, 8 for uint8, the number of axes, their lengths, the bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def test_the_full_database_in_torchvision_s_folder(cache) -> None:
    random = np.random.default_rng(0)
    images = {part: random.integers(0, 256, (count, 28, 28)) for part, count in (("train", 30), ("t10k", 20))}
    labels = {part: np.arange(len(images[part])) % 10 for part in images}
    for part in images:
        write_idx(cache / "mnist" / "MNIST" / "raw" / f"{part}-images-idx3-ubyte", images[part])
        write_idx(cache / "mnist" / "MNIST" / "raw" / f"{part}-labels-idx1-ubyte", labels[part])
    full = mnist.load(full=True)
    assert np.allclose(full.train.images.squeeze(1).numpy() * 255, images["train"])
    assert np.allclose(full.held_out.images.squeeze(1).numpy() * 255, images["t10k"])
    assert full.train.labels.tolist() == labels["train"].tolist()
    assert full.held_out.labels.tolist() == labels["t10k"].tolist()
    assert full.sha256 == mnist.load(full=True).sha256 != mnist.EMBEDDED_SHA256


def test_the_full_database_without_a_copy_and_without_a_network(cache, monkeypatch, capfd) -> None:
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(
        FileNotFoundError, match=r"the full MNIST is not in .*raw and cannot be downloaded \(.*\); put"
    ) as error:
        mnist.load(full=True)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_the_full_database_in_a_cache_that_cannot_be_written_to(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / "file"))
    with pytest.raises(FileNotFoundError, match=r"cannot be downloaded \(.*Not a directory"):
        mnist.load(full=True)


def test_balanced_digits_take_turns(generator) -> None:
    labels = torch.tensor([9, 8, 7, 6, 5, 4, 3, 2, 1, 0] * 3)
    chosen = mnist.choose_balanced(labels, 25, generator)
    assert labels[chosen].tolist() == [*range(10), *range(10), *range(5)]
    assert len(chosen.unique()) == 25


def test_balanced_digits_are_drawn_uniformly(generator) -> None:
    labels = torch.arange(10).repeat_interleave(4)
    counts = torch.bincount(
        torch.cat([mnist.choose_balanced(labels, 10, generator) for _ in range(2000)]), minlength=40
    )
    assert counts.min() > 400
    assert counts.max() < 600


@pytest.mark.parametrize("count", [0, 31])
def test_more_digits_than_there_are(count, generator) -> None:
    labels = torch.tensor([*range(10)] * 3 + [5, 5])
    with pytest.raises(
        ValueError, match=rf"{count} digits were asked for, expected 1 \.\. 30 \(the rarest class has 3\)"
    ):
        mnist.choose_balanced(labels, count, generator)


@given(by=st.integers(0, 3), seed=st.integers(0, 1000))
def test_shifted_images_are_rolled_ones_without_the_wrap(by, seed) -> None:
    images = torch.rand(5, 1, 6, 7, generator=torch.Generator().manual_seed(seed))
    moved = mnist.shift_images(images, by, torch.Generator().manual_seed(seed))
    padded = torch.nn.functional.pad(images, (by, by, by, by))
    offsets = range(-by, by + 1)
    for before, after in zip(padded, moved, strict=True):
        rolls = [before.roll((down, right), (1, 2)) for down in offsets for right in offsets]
        assert any(torch.equal(roll[:, by : by + 6, by : by + 7], after) for roll in rolls)


def test_shifts_reach_every_offset() -> None:
    images = torch.zeros(2000, 1, 5, 5)
    images[:, 0, 2, 2] = 1
    reached = mnist.shift_images(images, 2, torch.Generator().manual_seed(0)).sum(0).squeeze(0)
    assert reached.min() > 40


def test_a_sample_has_no_image_twice(generator) -> None:
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 28, 28)
    sample = mnist.sample(mnist.Digits(images, torch.arange(6)), 6, generator)
    assert sorted(sample.labels.tolist()) == list(range(6))
    assert torch.equal(sample.images[:, 0, 0, 0].long(), sample.labels)


def test_others_are_the_first_that_were_not_chosen() -> None:
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 28, 28)
    chosen = torch.tensor([4, 0, 2])
    assert mnist.choose_others(images, chosen, 2)[:, 0, 0, 0].tolist() == [1, 3]
    assert mnist.choose_others(images, chosen, 9)[:, 0, 0, 0].tolist() == [1, 3, 5]
