"""Faces: 23 aligned crops of photographs with landmarks, and where mouth, eyes and the rest of the face are in them."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial import ConvexHull
from torch import Tensor

from datasets.digest import hash_bytes

FOLDER = Path(__file__).parent / "data" / "faces"
CROPS: Final = "faces.npz"
WEIGHTS: Final = "face_expression_model.bin"
MANIFEST: Final = "face_expression_model-weights_manifest.json"
SHA256: Final = {
    CROPS: "ff6e591c2bd2ab22f4c22def4bdff6425e7e43a32c88a018eeabe18f191042b8",
    WEIGHTS: "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
    MANIFEST: "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
}
SIDE: Final = 112
EYES: Final = (slice(36, 42), slice(42, 48))  # landmarks of the two eyes, without the brows
MOUTH: Final = slice(48, 68)
MARGIN: Final = 2.0  # pixels by which every hull is widened

Mask = Bool[Tensor, "faces 112 112"]


@dataclass(frozen=True)
class Faces:
    """Crops of faces, and what is known of them; they have no labels.

    Attributes:
        images: red, green and blue in [0, 1]. Where a crop reaches over the edge of its photograph it is black.
        landmarks: 68 points (x, y) as shares of width and height, in the order of iBUG 300-W: the jaw from ear to ear,
            brows, nose, eyes, mouth. None is on the forehead.
        sources: name of the photograph and number of the face in it.
        probabilities: of the seven expressions, which the network of ``training.expression_network`` has to give.
    """

    images: Float[Tensor, "faces 3 112 112"]
    landmarks: Float[Tensor, "faces 68 2"]
    sources: tuple[str, ...]
    probabilities: Float[Tensor, "faces 7"]

    def __len__(self) -> int:
        return len(self.images)


def load() -> Faces:
    """All 23 faces.

    Raises:
        FileNotFoundError, ValueError: as ``read_file``.
    """
    with np.load(io.BytesIO(read_file(CROPS))) as arrays:
        return Faces(
            torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).float().contiguous() / 255,
            torch.from_numpy(arrays["landmarks"]),
            tuple(arrays["source"].tolist()),
            torch.from_numpy(arrays["expression"]),
        )


def read_file(name: str) -> bytes:
    """The content of one of the embedded files.

    Raises:
        FileNotFoundError: when it is missing.
        ValueError: when it is not the one expected.
    """
    path = FOLDER / name
    remedy = f"restore it: git checkout -- datasets/data/faces/{name}"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; {remedy}")
    content = path.read_bytes()
    sha256 = hash_bytes(content)
    if sha256 != SHA256[name]:
        raise ValueError(f"{path} has SHA-256 {sha256}, expected {SHA256[name]}; {remedy}")
    return content


def mark_regions(landmarks: Float[Tensor, "faces 68 2"]) -> dict[str, Mask]:
    """Four regions to one of which every pixel belongs: ``mouth``, ``eyes``, ``face`` and ``background``.

    A region holds the pixels with their centre in the convex hull of its landmarks or at most ``MARGIN`` away: of 48-67
    for the mouth, of 36-41 and of 42-47 for the eyes. ``face`` is the rest of the hull of all landmarks: jaw, cheeks,
    nose and brows, but not the forehead, on which there are no landmarks. ``background`` is all else: the forehead,
    hair, ears and neck too. Should mouth and eyes meet, pixels count as mouth.
    """
    whole, mouth = _fill_hulls(landmarks), _fill_hulls(landmarks[:, MOUTH])
    eyes = (_fill_hulls(landmarks[:, EYES[0]]) | _fill_hulls(landmarks[:, EYES[1]])) & ~mouth
    return {"mouth": mouth, "eyes": eyes, "face": whole & ~(mouth | eyes), "background": ~(whole | mouth | eyes)}


def _fill_hulls(points: Float[Tensor, "faces points 2"]) -> Mask:
    return torch.stack([torch.from_numpy(_fill_hull(of_face.double().numpy() * SIDE)) for of_face in points])


def _fill_hull(points: Float[np.ndarray, "points 2"]) -> Bool[np.ndarray, "112 112"]:
    """Pixels whose centre is in the hull of these points (x, y), or at most ``MARGIN`` from it."""
    centres = np.arange(SIDE) + 0.5
    grid = np.stack(np.meshgrid(centres, centres), axis=-1)[:, :, np.newaxis]
    hull = ConvexHull(points)
    inside = (grid @ hull.equations[:, :2].T + hull.equations[:, 2] <= 0).all((2, 3))
    starts = points[hull.vertices]
    sides = np.roll(starts, -1, axis=0) - starts
    along = (((grid - starts) * sides).sum(-1) / (sides**2).sum(-1)).clip(0, 1)
    distances = np.linalg.norm(grid - starts - along[..., np.newaxis] * sides, axis=-1).min(-1)
    return np.asarray(inside | (distances <= MARGIN))
