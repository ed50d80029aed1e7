"""When two texts or pictures of a report are taken for the same."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from benchmarks.publish.derive import _compare_pictures, _compare_places, _have_close_numbers


@pytest.mark.parametrize(
    ("published", "again", "close"),
    [
        ("a,0.5", "a,0.5000000001", True),
        ("a,0.5", "a,0.500000001", False),
        ("a,0", "a,1e-17", True),
        ('a,"{""steps"": 5}"', 'a,"{""steps"": 6}"', False),
        ("a,0.5", "b,0.5", False),
        ("a,0.5", "a,", False),
        ("a,0.5", "a,nan", False),
        ("a,0.5", "a,0.5,1", False),
    ],
)
def test_lines_of_numbers_agree_up_to_their_last_digits(published: str, again: str, close: bool) -> None:
    assert _have_close_numbers(published, again) == close


def test_figures_may_differ_in_places_by_a_hair() -> None:
    figure = '<svg width="9pt"><path d="M 1.23 4 L 5 6" class="s0"/><text x="7.01" y="8">0.25</text></svg>'
    assert _compare_places(figure, figure.replace("1.23", "1.26").replace("7.01", "7")) is None
    for was, is_now in (("1.23", "1.33"), ("0.25", "0.26"), ("M 1.23 4 L 5 6", "M 1.23 4 L 5 6 7"), ("s0", "s1")):
        changed = figure.replace(was, is_now)
        assert _compare_places(figure, changed) == (figure, changed, "line 1 is the first of 1 lines that differ")


def test_pictures_may_differ_in_few_pixels(tmp_path: Path) -> None:
    def save(name: str, pixels: np.ndarray) -> Path:
        image.imsave(tmp_path / name, pixels)
        return tmp_path / name

    grey = np.full((200, 100, 3), 0.5)
    fainter, two, three = grey + 7 / 255, grey.copy(), grey.copy()
    two[0, :2] = three[5, 10:13] = 0  # of 20,000
    saved = save("grey.png", grey)
    assert _compare_pictures(saved, save("fainter.png", fainter)) is None
    assert _compare_pictures(saved, save("two.png", two)) is None
    found = _compare_pictures(saved, save("three.png", three))
    assert found is not None
    assert found[1] == "pixel at row 5, column 10: [0, 0, 0, 255]"
    size = _compare_pictures(saved, save("small.png", grey[:10]))
    assert size == ("100 x 200 pixels", "100 x 10 pixels", "its size")


def test_a_damaged_picture_is_a_difference(tmp_path: Path) -> None:
    whole, cut, other = (tmp_path / name for name in ("whole.png", "cut.png", "other.png"))
    image.imsave(whole, np.random.default_rng(0).random((40, 30, 3)))
    cut.write_bytes(whole.read_bytes()[:200])
    other.write_text("no picture")
    for damaged in (cut, other):
        found = _compare_pictures(damaged, whole)
        assert found is not None
        assert found[:2] == ("0 x 0 pixels", "30 x 40 pixels")
