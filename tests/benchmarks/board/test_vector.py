"""Figures as SVG, against what matplotlib itself writes."""

import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.board.figures.vector import make_svg

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?[0-9]+(?:[.]([0-9]+))?")


def make_figure() -> Figure:
    figure = Figure(figsize=(4, 3))
    ax = figure.subplots()
    ax.plot([0.123456, 0.2, 0.7], [1.23456, 3, 2], marker="o", label="a & b")
    ax.fill_between([0, 1], [0, 0.3], [0.1, 0.4], alpha=0.3, hatch="/")
    ax.imshow(np.arange(6).reshape(2, 3), extent=(0, 1, 0, 1), aspect="auto")
    ax.set_title('Score of "one" (< 0.12345)')
    ax.legend()
    return figure


@pytest.fixture(scope="module")
def text() -> str:
    return make_svg(make_figure())


@pytest.fixture(scope="module")
def plain() -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        make_figure().savefig(buffer, format="svg")
    return buffer.getvalue()


def join_paths(svg: str) -> str:
    return " ".join(element.get("d", "") for element in ElementTree.fromstring(svg).iter(f"{SVG}path"))


def test_the_same_figure_is_the_same_text(text: str, plain: str) -> None:
    assert make_svg(make_figure()) == text
    assert "<dc:date>" in plain
    assert "<dc:date>" not in text


def test_places_are_those_of_matplotlib_to_a_hundredth_of_a_point(text: str, plain: str) -> None:
    expected, found = (np.array([float(one[0]) for one in NUMBER.finditer(join_paths(svg))]) for svg in (plain, text))
    assert len(found) == len(expected) > 50
    assert np.abs(found - expected).max() <= 0.005 + 1e-9
    assert max(len(digits) for digits in NUMBER.findall(join_paths(text))) == 2


def test_letters_stay_letters(text: str) -> None:
    written = ["".join(element.itertext()) for element in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {'Score of "one" (< 0.12345)', "a & b"} <= set(written)


def test_what_is_referred_to_is_named_and_each_style_is_said_once(text: str, plain: str) -> None:
    names = re.findall(r' id="([^"]+)"', text)
    assert sorted(names) == sorted(set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text)))
    rules = re.findall(r"^[.](s[0-9]+)[{]", text, re.MULTILINE)
    assert sorted(rules) == sorted(set(re.findall(r'class="([^"]+)"', text)))
    assert " style=" not in text
    assert len(text) < 0.6 * len(plain)
