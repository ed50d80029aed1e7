import numpy as np
import pandas as pd
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.icg.burnt_snacks_parts import (
    LIGHT,
    SnacksPicture,
    compare_squares,
    find_lightest,
    find_mixed,
    find_opposite,
    lead_over_dark,
    lead_over_even,
    look_around_triangles,
    measure_unevenness,
    only_light,
    read_even_shares,
    restrict,
    share_off_input,
    with_light,
    without_dark,
    without_light,
)
from benchmarks.papers.quantities import score
from benchmarks.run.storage import read_run
from datasets import burnt_snacks
from sig.metrics.regions import ELSEWHERE
from tests.benchmarks.papers.icg_run import (
    CLASS_1,
    EXPLICANDS,
    SQUARES,
    TRIANGLE,
    WITH_LIGHT,
    attribute,
    icg_run,
    paint,
)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return aggregate(read_run(icg_run(tmp_path_factory.mktemp("papers") / "run").write()))


WITH_DARK, WITHOUT_DARK = SnacksPicture(paint(dark=True)), SnacksPicture(paint(dark=False))

# --- which explicands


def test_explicands_are_chosen_by_what_is_in_them(board):
    parts = read_even_shares(board, "snacks")
    assert len(parts) == 4 * EXPLICANDS
    assert with_light(parts).sum() == 4 * WITH_LIGHT
    assert without_light(parts).sum() == 4 * (CLASS_1 - WITH_LIGHT)
    assert only_light(parts).sum() == without_dark(parts).sum() == 4 * (EXPLICANDS - CLASS_1)


def test_a_quantity_is_restricted_to_its_explicands(board):
    plain = score("localisation", "attribution_transfer", measure="localisation")
    restricted = restrict(plain, "light square there", with_light)
    assert restricted.name == "localisation, light square there"
    whole, part = plain.values(board, "snacks"), restricted.values(board, "snacks")
    kept = whole.columns.get_level_values("explicand") < WITH_LIGHT
    pd.testing.assert_frame_equal(part, whole.loc[:, kept])
    assert restricted.values(board, "minimum").empty


# --- shares


def test_shares_against_the_dark_squares_and_against_even_ones(tmp_path):
    board = aggregate(read_run(icg_run(tmp_path / "run").write()))
    shares = {"dark": 0.1, "light": 0.6, "triangle": 0.1, ELSEWHERE: 0.2}
    even = {"dark": 0.0, "light": 0.1, "triangle": 0.1, ELSEWHERE: 0.8}
    for cell in board.run.cells:
        if cell.task == "snacks" and cell.label == "icg":
            cell.part_shares = {name: [value, None] for name, value in shares.items()}
    for problem in board.run.problems:
        if problem.task == "snacks":
            problem.even_shares = {name: [value] * 2 for name, value in even.items()}

    def measured(quantity):
        return quantity.values(board, "snacks").loc["icg"].dropna().iloc[0]

    assert measured(lead_over_dark(LIGHT)) == pytest.approx(0.5)
    assert measured(lead_over_even(LIGHT)) == pytest.approx(0.5)
    assert measured(measure_unevenness()) == pytest.approx(0.6)  # 0.1 and 0.5 moved from the background


# --- single objects


def test_objects_are_known_by_their_form_and_lightness():
    found = sorted((kind, round(lightness, 1), int(marks.sum())) for kind, lightness, marks in WITH_DARK.objects)
    assert found == [("dark", 0.3, 36), ("light", 0.6, 36), ("light", 0.9, 36), ("triangle", 0.4, 21)]
    assert [picture[SQUARES["lightest"]].all() for picture in WITH_DARK.of_kind("light")] == [False, True]
    assert (WITH_DARK.on_kind("triangle") == TRIANGLE).all()


def test_objects_of_the_generator_are_those_that_it_marks(generator):
    snacks = burnt_snacks.generate(50, generator)
    for image, *marked in zip(snacks.images, snacks.dark, snacks.light, snacks.triangle, strict=True):
        picture = SnacksPicture(image[0].numpy())
        for kind, mask in zip(("dark", "light", "triangle"), marked, strict=True):
            assert (picture.on_kind(kind) == mask[0].numpy()).all()


def test_the_lightest_of_several():
    low, high = (0.2, 0.2), (0.3, 0.3)
    assert find_lightest(WITH_DARK, attribute(light=low, lightest=high)) == 1
    assert find_lightest(WITH_DARK, attribute(light=high, lightest=low)) == 0
    assert np.isnan(find_lightest(WITHOUT_DARK, attribute(light=low, lightest=high)))


def test_opposite_light_squares():
    one = (1.0, 1.0)
    assert find_opposite(WITHOUT_DARK, attribute(light=one, lightest=(-0.2, -0.2))) == 1
    assert find_opposite(WITHOUT_DARK, attribute(light=one, lightest=(-0.05, -0.05))) == 0  # less than a tenth
    assert find_opposite(WITHOUT_DARK, attribute(light=one, lightest=one)) == 0
    assert np.isnan(find_opposite(WITH_DARK, attribute(light=one, lightest=(-0.2, -0.2))))


def test_mixed_signs_are_on_both_kinds():
    mixed, plain = (1.0, -0.2), (1.0, 1.0)
    assert find_mixed(WITH_DARK, attribute(dark=mixed, light=mixed)) == 1
    assert find_mixed(WITH_DARK, attribute(dark=mixed, light=plain)) == 0
    assert find_mixed(WITH_DARK, attribute(dark=(1.0, -0.1), light=mixed)) == 0  # a tenth of the other sign is 1 / 9
    assert np.isnan(find_mixed(WITHOUT_DARK, attribute(light=mixed)))


def test_dark_squares_above_light_ones():
    assert compare_squares(WITH_DARK, attribute(dark=(2.0, 1.0), light=(1.0, 1.0))) == pytest.approx((1.5 - 0.5) / 2)
    assert np.isnan(compare_squares(WITHOUT_DARK, attribute(light=(1.0, 1.0))))
    assert np.isnan(compare_squares(WITH_DARK, attribute()))


def test_attribution_around_triangles():
    assert look_around_triangles(WITHOUT_DARK, attribute(elsewhere=-0.5, triangle=0.5)) == pytest.approx(
        0, abs=0.01
    )  # even in absolute value, but for the squares
    beside = np.zeros((50, 50))
    beside[28:30, 30] = 1.0  # two pixels above
    assert look_around_triangles(WITHOUT_DARK, beside) == 1
    assert look_around_triangles(WITHOUT_DARK, np.roll(beside, -1, axis=0)) < 1
    assert np.isnan(look_around_triangles(WITH_DARK, beside))
    assert np.isnan(look_around_triangles(SnacksPicture(paint(dark=False, triangle=False)), beside))


def test_the_share_on_nothing():
    given = attribute(dark=(1.0, 1.0), elsewhere=0.0)
    given[0, 0] = -36.0
    assert share_off_input(WITH_DARK, given) == pytest.approx(0.5)
    assert np.isnan(share_off_input(WITH_DARK, attribute()))
