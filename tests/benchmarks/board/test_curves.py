from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.board.aggregate import aggregate
from benchmarks.board.figures.curves import draw_curves
from benchmarks.board.figures.style import Drawing
from benchmarks.run.fields import EncodedArray
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import RunMaker, facts, small_run


def draw_one(maker: RunMaker) -> Drawing:
    (drawing,) = draw_curves(aggregate(read_run(maker.write())))
    return drawing


@pytest.fixture(scope="module")
def figure(tmp_path_factory) -> Figure:
    return draw_one(small_run(tmp_path_factory.mktemp("small") / "run")).figure


def test_a_panel_for_each_column(figure):
    assert figure.get_suptitle() == "pictures: curves of iaccuracy"
    assert [ax.get_title() for ax in figure.axes] == ["iaccuracy", "iaccuracy_mean"]
    assert [ax.get_ylabel() for ax in figure.axes] == ["iaccuracy (lower is better)", ""]  # shared
    ends = [f"share of features removed, 0 to {end}" for end in (0.25, 0.5)]
    assert [ax.get_xlabel() for ax in figure.axes] == ends


def test_curves_end_at_the_share_removed(figure):
    first, second = figure.axes
    assert {line.get_xdata()[-1] for line in first.get_lines()} == {0.25}  # the metric's default
    assert {line.get_xdata()[-1] for line in second.get_lines()} == {0.5}
    ends = sorted(line.get_ydata()[-1] for line in first.get_lines())
    assert ends == pytest.approx([-0.6, -0.6, 0.0, 0.8])


def test_the_best_references_and_controls_are_named_in_curves(tmp_path):
    families = {f"method-{i}": "made-up" for i in range(8)} | {"ig-zero": "made-up", "noise": "control"}
    maker = RunMaker(tmp_path / "run", families, {"t": {"repetitions": 1, "budgets": [5]}})
    for i, label in enumerate(families):
        curve = EncodedArray.of([[1.0, 0.1 * i]] * 3)
        maker.cell("t", 0, label, {"iaccuracy": [0.5 + 0.05 * i] * 3}, budget=5, rows=5, curves={"iaccuracy": curve})
    drawn = draw_one(maker)
    (legend,) = drawn.figure.legends
    best = [f"method-{i}" for i in range(4)]
    assert [text.get_text() for text in legend.get_texts()] == [*best, "ig-zero", "noise", "all others"]
    assert len(drawn.figure.axes[0].get_lines()) == 10


def test_controls_share_a_grey_and_differ_in_their_dashes(tmp_path):
    families = {"a": "made-up", **dict.fromkeys(("noise", "edges", "light"), "control")}
    maker = RunMaker(tmp_path / "run", families, {"t": {"repetitions": 1, "budgets": [5]}})
    for label in families:
        curve = EncodedArray.of([[1.0, 0.5]] * 3)
        maker.cell("t", 0, label, {"iaccuracy": [0.75] * 3}, budget=5, rows=5, curves={"iaccuracy": curve})
    (legend,) = draw_one(maker).figure.legends
    styles = {line.get_label(): line for line in legend.get_lines()}
    assert list(styles) == ["a", "noise", "edges", "light", "all others"]
    assert len({styles[control].get_color() for control in families if control != "a"}) == 1
    assert [styles[method].get_linestyle() for method in families] == ["-", "--", ":", "-."]


def of_a_plug_in(**options: Any) -> dict[str, Any]:
    """Facts of a curve of a metric that nothing is registered for."""
    plug_in = {"metric": "insertion", "curve": "share of features put back", "better": "higher", "options": options}
    return {"mine": facts("iaccuracy").model_copy(update=plug_in), "iaccuracy": facts("iaccuracy")}


def test_curves_of_different_metrics_have_their_own_axes(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "made-up"}, {"t": {"repetitions": 1, "budgets": [5]}})
    curves = {"mine": EncodedArray.of([[30.0, 50.0, 90.0]]), "iaccuracy": EncodedArray.of([[1.0, 0.5]])}
    scores = {"iaccuracy": [0.75]}
    maker.cell("t", 0, "a", scores, budget=5, curves=curves, facts=of_a_plug_in())
    drawing = draw_one(maker)
    mine, other = drawing.figure.axes
    assert drawing.figure.get_suptitle() == "t: curves of insertion, iaccuracy"
    assert mine.get_xlabel() == "share of features put back, 0 to 1"
    assert mine.get_ylabel() == "insertion (higher is better)"
    assert other.get_xlabel() == "share of features removed, 0 to 0.25"
    assert other.get_ylabel() == "iaccuracy (lower is better)"
    (line,) = mine.get_lines()
    assert np.asarray(line.get_xdata()).tolist() == [0, 0.5, 1]
    assert np.asarray(line.get_ydata()).tolist() == [30, 50, 90]
    assert mine.get_ylim()[1] > 90
    assert other.get_ylim()[1] < 2


def test_a_curve_of_a_plug_in_ends_at_the_share_that_was_chosen(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "made-up"}, {"t": {"repetitions": 1, "budgets": [5]}})
    maker.cell("t", 0, "a", {}, budget=5, curves={"mine": EncodedArray.of([[1.0, 0.0]])}, facts=of_a_plug_in(share=0.1))
    assert draw_one(maker).figure.axes[0].get_xlabel() == "share of features put back, 0 to 0.1"


def test_undefined_curves_are_left_out(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "made-up", "b": "made-up"}, {"t": {"repetitions": 1, "budgets": [5]}})
    for label, rows in (("a", [[1.0, 0.5], [np.nan, np.nan], [0.0, np.nan]]), ("b", [[np.nan, np.nan]] * 3)):
        scores: list[float | None] = [0.75 if label == "a" else None, None, None]
        curves = {"iaccuracy": EncodedArray.of(rows)}
        maker.cell("t", 0, label, {"iaccuracy": scores}, budget=5, curves=curves)
    (line,) = draw_one(maker).figure.axes[0].get_lines()
    assert np.asarray(line.get_ydata()).tolist() == [1.0, 0.5]


@pytest.mark.parametrize(("best", "within"), [(1.0, True), (1.5, False)])
def test_bands_stay_within_the_limits_of_the_score_unless_curves_leave_them(tmp_path, best, within):
    maker = RunMaker(tmp_path / "run", {"ig-zero": "made-up"}, {"t": {"repetitions": 3, "budgets": [5]}})
    for repetition in range(3):
        curve = EncodedArray.of([[best, 0.2], [best - 0.1 * repetition, 0.4]])
        maker.cell("t", repetition, "ig-zero", {"iaccuracy": [0.5, 0.5]}, budget=5, curves={"iaccuracy": curve})
    (band,) = draw_one(maker).figure.axes[0].collections
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert (heights.max() <= 1) == within
    assert heights.min() < 0.3 < heights.max()


def test_a_curve_is_the_mean_of_its_models_means(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "made-up"}, {"t": {"repetitions": 2, "budgets": [5]}})
    for repetition, rows in enumerate(([[1.0, 0.0]] * 3, [[1.0, 0.8], [np.nan, np.nan], [np.nan, np.nan]])):
        scores: list[float | None] = [0.5 if row[0] == 1 else None for row in rows]
        curves = {"iaccuracy": EncodedArray.of(rows)}
        maker.cell("t", repetition, "a", {"iaccuracy": scores}, budget=5, curves=curves)
    (line,) = draw_one(maker).figure.axes[0].get_lines()
    assert np.asarray(line.get_ydata()) == pytest.approx([1.0, 0.4])
