"""Tables, claims, the ledger and figures once more, from the published records alone.

Texts have to be the same byte for byte; but in CSV files, which have all digits of a number, numbers have to agree to
``DIGITS``, since another processor adds them up in another order. Figures, also those within a page, have to have the
same places up to ``PLACES``, and pictures the same pixels, but for one in ten thousand whose levels differ by more than
``LEVELS``: the library that compresses them, and the last bit of a number that is drawn, are not what is verified.
"""

import base64
import io
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import isclose
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Int
from PIL import Image

from benchmarks.board.figures.vector import PLACED
from benchmarks.board.report import WRITTEN, write_report
from benchmarks.papers.supplement import supplement_report
from benchmarks.publish.difference import Difference, Stage
from benchmarks.run.storage import ALLOCATIONS, ARCHIVE, CELLS, PROBLEMS, find_archive

DIGITS: Final = 1e-9  # relative
SPREAD: Final = 1e-12  # absolute: that of equal numbers is rounding
LEVELS: Final = 8  # of 255
PIXELS: Final = 1e-4
EMBEDDED: Final = re.compile(r"data:image/webp;base64,([A-Za-z0-9+/=]+)")
PLACES: Final = 0.05  # points
NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")

Levels = Int[np.ndarray, "_ _ rgba=4"]  # of 255
Apart = tuple[str, str, str]  # what was published, what is found, and what differs


def check_derived(directory: Path) -> Stage:
    """Compare the report in a published folder with one made again."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-derive-") as scratch:
        again = Path(scratch)
        found = find_archive(directory)
        for file in (directory / ARCHIVE, found[PROBLEMS], found[ALLOCATIONS]):
            shutil.copy(file, again / file.name)
        shutil.copytree(found[CELLS], again / CELLS)
        files = [file.relative_to(again).as_posix() for file in write_report(again, supplement_report).files]
        listed = directory / WRITTEN
        published = _read_text(listed).splitlines() if listed.exists() else []
        names = dict.fromkeys([*files, *published])
        differences = [found for name in names for found in _compare(name, directory / name, again / name)]
    pictures = sum(name.startswith("figures/") for name in names)
    return Stage(name="derive", checked={"texts": len(names) - pictures, "figures": pictures}, differences=differences)


def _compare(name: str, published: Path, again: Path) -> Iterator[Difference]:
    if not published.exists() or not again.exists():
        was, is_now = ("a file" if file.exists() else "no file" for file in (published, again))
        found = (was, is_now, "one of them lacks it")
    elif published.read_bytes() == again.read_bytes():
        return
    else:
        by_kind = {".png": _compare_pictures, ".svg": _compare_figures, ".html": _compare_pages}
        difference = by_kind.get(published.suffix, _compare_texts)(published, again)
        if difference is None:
            return
        found = difference
    yield Difference(where=name, was=found[0], now=found[1], cause="report", why=found[2])


def _compare_texts(published: Path, again: Path) -> Apart | None:
    """The first line that differs, of each; None where a CSV file differs in last digits alone."""
    was, is_now = (_read_text(file) for file in (published, again))
    return _compare_lines(was, is_now, numbers=published.suffix == ".csv")


def _read_text(file: Path) -> str:
    """A text; bytes that are none show as a difference."""
    return file.read_text(encoding="utf-8", errors="replace")


def _compare_lines(was: str, is_now: str, *, numbers: bool = False) -> Apart | None:
    pairs = list(enumerate(zip_longest(was.split("\n"), is_now.split("\n"), fillvalue="no line"), 1))
    apart = [(number, lines) for number, lines in pairs if lines[0] != lines[1]]
    if numbers:
        apart = [(number, lines) for number, lines in apart if not _have_close_numbers(*lines)]
        if not apart:
            return None
    number, (a, b) = apart[0] if apart else (0, ("other ends of lines", "ends of lines as here"))
    return a, b, f"line {number} is the first of {len(apart)} lines that differ"


def _compare_figures(published: Path, again: Path) -> Apart | None:
    return _compare_places(*(_read_text(file) for file in (published, again)))


def _compare_places(was: str, is_now: str) -> Apart | None:
    """The first line that differs in anything but, a little, where something stands in a figure."""
    (bare, places), (bare_now, places_now) = (_take_out_places(text) for text in (was, is_now))
    if bare == bare_now and np.allclose(places, places_now, rtol=0, atol=PLACES):
        return None
    return _compare_lines(was, is_now)


def _take_out_places(text: str) -> tuple[str, Sequence[float]]:
    """A text without the places in figures, but for how many there are; and these."""
    places = [float(number) for placed in PLACED.findall(text) for number in NUMBER.findall(placed)]
    return PLACED.sub(lambda found: NUMBER.sub("0", found[0]), text), places


def _compare_pages(published: Path, again: Path) -> Apart | None:
    """The first line that differs but for the pictures in it; then the first picture that does."""
    texts = [_read_text(file) for file in (published, again)]
    bare = [EMBEDDED.sub("(a picture)", text) for text in texts]
    if difference := _compare_places(*bare):
        return difference
    pictures: list[Sequence[str]] = [EMBEDDED.findall(text) for text in texts]
    pairs = [(was, is_now) for was, is_now in zip(*pictures, strict=True) if was != is_now]
    found = (_compare_pixels(*(_read_pixels(io.BytesIO(base64.b64decode(data))) for data in pair)) for pair in pairs)
    return next(filter(None, found), None)


def _have_close_numbers(a: str, b: str) -> bool:
    """Whether two lines of a CSV file differ in the last digits of numbers alone."""
    fields = list(zip_longest(a.split(","), b.split(","), fillvalue="nothing"))
    try:
        return all(
            one == other or isclose(float(one), float(other), rel_tol=DIGITS, abs_tol=SPREAD) for one, other in fields
        )
    except ValueError:  # no numbers
        return False


def _compare_pictures(published: Path, again: Path) -> Apart | None:
    return _compare_pixels(_read_pixels(published), _read_pixels(again))


def _read_pixels(file: Path | io.BytesIO) -> Levels:
    """The pixels of a picture; none of a damaged one, so that it shows as a difference."""
    try:
        with Image.open(file) as picture:
            return np.asarray(picture.convert("RGBA"), dtype=int)
    except (OSError, SyntaxError):  # Pillow's, of what is no picture or ends too early
        return np.empty((0, 0, 4), dtype=int)


def _compare_pixels(was: Levels, is_now: Levels) -> Apart | None:
    if was.shape != is_now.shape:
        return f"{was.shape[1]} x {was.shape[0]} pixels", f"{is_now.shape[1]} x {is_now.shape[0]} pixels", "its size"
    off = np.abs(was - is_now).max(-1) > LEVELS
    if off.mean() <= PIXELS:
        return None
    row, column = (int(i) for i in np.argwhere(off)[0])
    at = f"pixel at row {row}, column {column}"
    a, b = (f"{at}: {picture[row, column].tolist()}" for picture in (was, is_now))
    return a, b, f"{off.mean():.2%} of the pixels differ"
