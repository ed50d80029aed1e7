import numpy as np
import pytest

from benchmarks.papers.icg import ICG
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import draw_figures
from tests.benchmarks.papers.icg_run import icg_run


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw_figures(ICG, read_run(icg_run(tmp_path_factory.mktemp("papers") / "run").write()))


def test_the_landscape_is_the_model_with_paths_to_both_points(drawn):
    landscape, _ = drawn["two-feature"].axes
    (picture,) = landscape.get_images()
    values = np.asarray(picture.get_array())
    assert values[20, 20] == values[180, 180] == 0
    assert values[75, 180] == values[180, 75] == 1  # x2, then x1 in the target range
    assert [text.get_text() for text in landscape.texts if text.get_text()] == ["A", "B"]


def test_ig_reverses_and_bshap_does_not(drawn):
    _, reversal = drawn["two-feature"].axes
    lines = {line.get_label(): line.get_ydata() for line in reversal.get_lines() if "x" in str(line.get_label())}
    assert list(lines["IG, x1"]) == [1, 1, -1, -1]
    assert list(lines["IG, x2"]) == [-1, -1, 1, 1]
    assert not np.any([lines["BShap, x1"], lines["BShap, x2"]])
    assert reversal.get_xlabel() == "x2 - x1"


def test_masked_attributions_stand_side_by_side(tmp_path):
    maker = icg_run(tmp_path / "run")
    figure = draw_figures(ICG, read_run(maker.write()))["suppressed-region"]
    names = [ax.get_title().replace("\n", " ") for ax in figure.axes]
    assert names == ["input", "certainty", "ICG", "IG from 0", "IG from 1", "both together"]
    assert [np.asarray(ax.get_images()[0].get_array()).shape for ax in figure.axes] == [(4, 4)] * 6
    assert "ICG Fig. 7" in " ".join(figure.get_suptitle().split())
