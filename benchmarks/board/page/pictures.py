"""Pictures within the page: attributions of pictures, each map on its own, and the figures of the report."""

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup
from PIL import Image

from benchmarks.board.aggregate import AttributionMaps, Board
from benchmarks.board.figures.saliency import (
    SCALES,
    colour_inputs,
    colour_maps,
    describe_withheld,
    label_pictures,
)
from benchmarks.run.figure_data import MOST_COLOURED, is_coloured

EXACT: Final[dict[str, Any]] = {"lossless": True, "method": 4, "quality": 60}
PHOTOGRAPH: Final[dict[str, Any]] = {"quality": 60}
SMALLEST: Final = 96  # pixels, the least width that a map is shown with
DRAWN_APART: Final = ("saliency-", "frontier")  # figures of what the page draws itself, map by map and panel by panel
SIZE: Final = re.compile(r'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"')
POINT: Final = 96 / 72  # CSS pixels
ENCODED: Final = str.maketrans({"%": "%25", "#": "%23", "&": "&amp;", "'": "&#39;"})  # in an address in single quotes

Pixels = UInt8[np.ndarray, "height width rgb=3"]


@dataclass(frozen=True)
class GalleryEntry:
    """An explicand, and what each method attributed to it, as addresses of pictures; ``shown`` is empty if withheld."""

    label: str
    shown: str
    maps: Mapping[str, str]


@dataclass(frozen=True)
class Gallery:
    """The pictures of a task's first repetition; ``width`` and ``height`` are those that one is shown with.

    ``note`` says why they are withheld, if they are.
    """

    task: str
    scale: str
    width: int
    height: int
    pictures: Sequence[GalleryEntry]
    note: str = ""


def make_galleries(board: Board) -> Iterator[Gallery]:
    """Of each task whose inputs are pictures."""
    for first, *_ in board.shown.values():
        if len(first.problem.features) in (2, 3):
            yield _make_gallery(first, board.run.manifest.suite.name)


def _make_gallery(shown: AttributionMaps, suite: str) -> Gallery:
    problem = shown.problem
    coloured, withheld = is_coloured(problem.features), problem.inputs_withheld
    most = MOST_COLOURED if coloured else len(shown.inputs)
    height, width = shown.inputs.shape[-2:]
    colours = () if withheld else _to_pixels(colour_inputs(shown.inputs))[:most]
    inputs = [encode_pixels(pixels, coloured) for pixels in colours] or [""] * most
    maps = {
        method: [encode_pixels(pixels, coloured) for pixels in _to_pixels(colour_maps(values, shown.inputs))[:most]]
        for method, values in shown.maps.items()
    }
    pictures = [
        GalleryEntry(label, inputs[i], {method: encoded[i] for method, encoded in maps.items()})
        for i, label in enumerate(label_pictures(problem)[:most])
    ]
    times = max(1, -(-SMALLEST // width))
    note = describe_withheld(problem, suite) if withheld else ""
    return Gallery(problem.task, SCALES[coloured], times * width, times * height, pictures, note)


def _to_pixels(colours: np.ndarray) -> UInt8[np.ndarray, "shown height width rgb=3"]:
    return np.asarray(np.rint(255 * colours[..., :3]), dtype=np.uint8)


def encode_pixels(pixels: Pixels, photograph: bool) -> str:
    """A picture as an address that holds it; without any loss unless it is a photograph."""
    return _encode(Image.fromarray(pixels), PHOTOGRAPH if photograph else EXACT)


def encode_figure(file: Path) -> tuple[Markup, int, int]:
    """A figure in SVG as an address that holds it, within single quotes; its width and its height in pixels."""
    text = file.read_text(encoding="utf-8")
    size = SIZE.search(text)
    assert size is not None, f"{file} has no size"  # we have written it
    width, height = (round(POINT * float(length)) for length in size.groups())
    return Markup(f"data:image/svg+xml,{text.translate(ENCODED)}"), width, height


def _encode(picture: Image.Image, options: Mapping[str, Any]) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", **options)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
