from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib.path import Path as Polygon
from scipy.spatial import KDTree

from datasets import faces


@pytest.fixture(scope="module")
def available() -> faces.Faces:
    return faces.load()


@pytest.fixture(scope="module")
def regions(available):
    return faces.mark_regions(available.landmarks)


def outline(*points: tuple[float, float]) -> torch.Tensor:
    """68 landmarks: the jaw and brows as given, eyes and mouth as small squares at fixed places."""
    marks = torch.tensor(points)[torch.arange(68) % len(points)]
    for part, (x, y) in ((slice(36, 42), (0.35, 0.4)), (slice(42, 48), (0.65, 0.4)), (slice(48, 68), (0.5, 0.7))):
        square = torch.tensor([(x - 0.05, y - 0.05), (x + 0.05, y - 0.05), (x + 0.05, y + 0.05), (x - 0.05, y + 0.05)])
        marks[part] = square[torch.arange(part.stop - part.start) % 4]
    return marks.unsqueeze(0)


def test_faces_are_colour_pictures_in_the_unit_range(available) -> None:
    assert len(available) == 23
    assert available.images.shape == (23, 3, 112, 112)
    assert available.images.dtype == torch.float32
    assert (available.images.min(), available.images.max()) == (0, 1)
    assert len({image.numpy().tobytes() for image in available.images}) == 23
    assert len(set(available.sources)) == 23
    torch.testing.assert_close(available.probabilities.sum(1), torch.ones(23))


def test_channels_are_red_green_and_blue_of_the_file(available) -> None:
    with np.load(faces.FOLDER / faces.CROPS) as arrays:
        assert available.images[7, 2, 30, 40] == torch.tensor(arrays["images"][7, 30, 40, 2] / 255.0).float()


def test_every_pixel_belongs_to_one_region(regions) -> None:
    assert list(regions) == ["mouth", "eyes", "face", "background"]
    assert (torch.stack(list(regions.values())).sum(0) == 1).all()
    assert all(region.flatten(1).any(1).all() for region in regions.values())


def test_regions_hold_the_pixels_of_their_landmarks(available, regions) -> None:
    """Jaw, brows and nose are the face's, unless a nose touches the lip."""
    x, y = (available.landmarks * 112).floor().long().unbind(2)
    rows = torch.arange(23).unsqueeze(1)
    for name, part, least in (("mouth", slice(48, 68), 1.0), ("eyes", slice(36, 48), 1.0), ("face", slice(36), 0.99)):
        assert regions[name][rows, y[:, part], x[:, part]].double().mean() >= least, name


def test_a_region_is_the_hull_and_what_is_within_two_pixels(available, regions) -> None:
    """With matplotlib's test for points in a triangle of landmarks, and distances from many points between them."""
    centres = np.stack(np.meshgrid(np.arange(112) + 0.5, np.arange(112) + 0.5), axis=-1).reshape(-1, 2)
    shares = np.linspace(0, 1, 300)[:, np.newaxis]
    for i in (0, 4, 22):
        points = available.landmarks[i, 48:60].double().numpy() * 112  # the outer lip, of which the hull is the mouth's
        triangles = [Polygon(points[list(corners)]) for corners in combinations(range(12), 3)]
        inside = np.any([triangle.contains_points(centres) for triangle in triangles], axis=0)
        between = [points[a] + shares * (points[b] - points[a]) for a, b in combinations(range(12), 2)]
        distances, _ = KDTree(np.concatenate(between)).query(centres)
        clear = np.abs(distances - 2) > 0.01
        expected = inside | (distances <= 2)
        assert np.array_equal(regions["mouth"][i].numpy().ravel()[clear], expected[clear])


def test_regions_by_hand() -> None:
    regions = faces.mark_regions(outline((0.25, 0.25), (0.75, 0.25), (0.75, 0.85), (0.25, 0.85)))
    whole = regions["mouth"] | regions["eyes"] | regions["face"]
    assert whole[0, 26:97, 28:84].all()  # centres 28.5 .. 94.5 are inside 28 .. 95.2; two pixels more
    assert not whole[0, :26].any()
    assert not whole[0, 97:].any()
    assert not whole[0, 26, 26]  # corners are round
    assert regions["mouth"][0, 78, 56]  # (0.5, 0.7)
    assert regions["eyes"][0, 44, 39]  # (0.35, 0.4)
    assert regions["eyes"][0, 44, 72]  # (0.65, 0.4)
    assert regions["face"][0, 44, 56]  # between the eyes: they are apart
    assert regions["background"][0, 10, 56]


@pytest.mark.parametrize("name", [faces.CROPS, faces.WEIGHTS, faces.MANIFEST])
def test_damaged_and_missing_files_are_named(name, tmp_path, monkeypatch) -> None:
    content = bytearray((faces.FOLDER / name).read_bytes())
    content[1000] ^= 1
    monkeypatch.setattr(faces, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=rf"{name} is missing; restore it: git checkout -- datasets/data/faces"):
        faces.read_file(name)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"{name} has SHA-256 \w+, expected {faces.SHA256[name]}; restore it: git checkout"
    ):
        faces.read_file(name)


def test_the_licence_lies_beside_the_files() -> None:
    assert (faces.FOLDER / "LICENSE.face-api").read_text().startswith("MIT License")
