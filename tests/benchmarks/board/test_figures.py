import io
import re
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.image import imread

from benchmarks.board.aggregate import aggregate
from benchmarks.board.figures import Drawing, draw
from benchmarks.board.figures.frontier import find_frontier, make_frontier_panels
from benchmarks.board.figures.saliency import plot_saliency
from benchmarks.board.figures.style import add_title, choose_family_colours, make_panels, name_panel
from benchmarks.run.fields import EncodedArray, SweepPoint
from benchmarks.run.figure_data import pool
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import RunMaker, certainty_run, small_run


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


@pytest.fixture(scope="module")
def drawings(board):
    return list(draw(board))


@pytest.fixture(scope="module")
def figures(drawings):
    return {drawing.name: drawing.figure for drawing in drawings}


@pytest.fixture(scope="module")
def certainty_figures(tmp_path_factory):
    run = read_run(certainty_run(tmp_path_factory.mktemp("certainty") / "run").write())
    return {drawing.name: drawing.figure for drawing in draw(aggregate(run))}


def draw_run(maker: RunMaker) -> dict[str, Drawing]:
    return {drawing.name: drawing for drawing in draw(aggregate(read_run(maker.write())))}


SVG = "{http://www.w3.org/2000/svg}"


def read_svg(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def titles(figure: Figure) -> list[str]:
    return [ax.get_title() for ax in figure.axes]


def texts_of(figure: Figure) -> list[str]:
    axes = [text for ax in figure.axes for text in (ax.get_title(), ax.get_xlabel(), ax.get_ylabel())]
    return [figure.get_suptitle(), *axes]


def test_every_figure_that_the_run_has_data_for(figures):
    drawn = ["sweep-samples", "curves-pictures", "frontier", "runtime", "agreement", "saliency-pictures"]
    assert list(figures) == drawn


def test_every_figure_of_certainty_aware_models(certainty_figures):
    drawn = ["frontier", "runtime", "saliency-probability", "saliency-logit", "attributions-minimum"]
    assert list(certainty_figures) == drawn


def test_figures_are_not_blank(figures, certainty_figures):
    drawn = [*figures.items(), *certainty_figures.items()]
    for figure in [figure for name, figure in drawn if name != "frontier"]:
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=50)
        stream.seek(0)
        pixels = imread(stream)[..., :3].reshape(-1, 3)
        assert len(np.unique(pixels.round(2), axis=0)) > 20
        assert (pixels < 0.95).any(axis=1).mean() > 0.01


def test_a_panel_for_each_task(figures):
    assert titles(figures["runtime"]) == ["game", "pictures"]
    assert titles(figures["sweep-samples"]) == ["game"]


def test_generic_figures_name_no_paper(drawings, certainty_figures):
    texts = [drawing.caption for drawing in drawings]
    for figure in [*(drawing.figure for drawing in drawings), *certainty_figures.values()]:
        texts += texts_of(figure)
    assert [text for text in texts if re.search(r"\b(SIG|ICG|ES)\b|Fig\.|Table|section", text)] == []


def test_axes_are_labelled(figures):
    drawn = {name: figure.axes[0] for name, figure in figures.items() if name != "frontier"}
    labels = {name: (axes.get_xlabel(), axes.get_ylabel()) for name, axes in drawn.items()}
    assert labels["sweep-samples"] == ("samples", "spearman_game (higher is better)")
    assert labels["curves-pictures"] == ("share of features removed, 0 to 0.25", "iaccuracy (lower is better)")
    assert labels["runtime"][0] == "seconds per explicand"


def test_sweep_lines_are_means(figures):
    (line,) = figures["sweep-samples"].axes[0].get_lines()
    assert np.asarray(line.get_xdata()).tolist() == [50, 200]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([0.9 - 10 / 50, 0.9 - 10 / 200])


def test_sweeps_are_of_each_task_s_first_judging_column(tmp_path):
    task = {"repetitions": 1, "budgets": [5]}
    maker = RunMaker(tmp_path / "run", {"a": "made-up"}, {"up": task, "down": task})
    for name, scores in (("up", {"completeness": [9.0], "100%_right": [0.5]}), ("down", {"iaccuracy": [0.25]})):
        for value in ("zero", "mean"):
            maker.cell(name, 0, "a", scores, sweep=SweepPoint(name="B", option="baseline", value=value))
    drawing = draw_run(maker)["sweep-baseline"]
    assert drawing.caption.startswith("Effect of baseline: ")
    labels = [ax.get_ylabel() for ax in drawing.figure.axes]
    assert labels == ["100%_right (higher is better)", "iaccuracy (lower is better)"]
    for ax, score in zip(drawing.figure.axes, (0.5, 0.25), strict=True):
        assert np.asarray(ax.get_lines()[0].get_ydata()).tolist() == [score, score]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["zero", "mean"]


def test_runtime_shows_seconds_and_rows(figures):
    ax = figures["runtime"].axes[1]
    assert ax.get_xscale() == "log"
    assert {text.get_text() for text in ax.texts} == {"rows", "80", "0", "100"}
    assert len(ax.collections[0].get_offsets()) == 5


def test_the_frontier_by_hand():
    points = pd.DataFrame(
        {"cost": [1, 10, 10, 100, 100], "mean": [0.5, 0.4, 0.6, 0.6, 0.9], "better": "higher"}, index=list("abcde")
    )
    assert list(find_frontier(points).index) == ["a", "c", "e"]
    assert list(find_frontier(points.assign(better="lower")).index) == ["a", "b"]


def test_points_far_from_their_limit_are_open_and_truths_and_twins_are_left_out(tmp_path):
    families = {"bshap": "shapley", "far": "x", "near": "x", "twin": "x"}
    maker = RunMaker(tmp_path / "run", families, {"t": {"repetitions": 2, "budgets": [100]}})
    for repetition in range(2):
        maker.problem("t", repetition, exact={"bshap": ["bshap"]}, truths={"bshap": [[1.0]]})
        for label, distance, cost in (("bshap", 0.0, 10), ("far", 0.6, 40), ("near", 0.5, 50), ("twin", 0.5, 60)):
            outcome: dict[str, Any] = {
                "distance": distance,
                "same_as": "near" if label == "twin" else "",
                "options": {"steps": 1},
            }
            maker.cell("t", repetition, label, {"off_bshap": [0.5, 0.6]}, budget=100, rows=cost, **outcome)
    dots = [dot for dot in read_svg(draw_run(maker)["frontier"].svg).iter(f"{SVG}circle") if len(dot)]
    assert {dot[0].text: dot.get("class") for dot in dots} == {
        "far: 0.550 for 40 rows": "far",
        "near: 0.550 for 50 rows": None,
    }


def test_the_frontier_as_a_figure(board, drawings):
    (drawing,) = [drawing for drawing in drawings if drawing.name == "frontier"]
    svg = read_svg(drawing.svg)
    assert [text.text for text in svg.iter(f"{SVG}text") if text.get("class") == "head"] == [
        "game: spearman_game ↑",
        "pictures: iaccuracy ↓",
    ]
    for panel, group in zip(make_frontier_panels(board), svg.iter(f"{SVG}g"), strict=True):
        names = [text[0].text for text in group.iter(f"{SVG}text") if len(text)]
        assert names == [f"{i} {name}" for i, (name, _, _) in enumerate(panel.named, 1)]
        assert panel.drawing in drawing.svg  # as on the page
        places = [float(dot.get(axis, "nan")) for dot in group.iter(f"{SVG}circle") for axis in ("cx", "cy")]
        assert all(0 <= x <= 320 for x in places[::2])
        assert all(0 <= y <= 200 for y in places[1::2])
    legend = [text.text for text in svg.findall(f"{SVG}text")]
    assert {"integrated-gradients", "shapley-integrated-gradients"} <= set(legend)


def test_names_are_escaped_in_the_frontier(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a<b>&": "x"}, {"t": {"repetitions": 1, "budgets": [5]}})
    maker.cell("t", 0, "a<b>&", {"100%_right": [0.5]}, budget=5, rows=5)
    svg = draw_run(maker)["frontier"].svg
    assert "a&lt;b&gt;&amp;" in svg
    assert "1 a<b>&" in [span.text for span in read_svg(svg).iter(f"{SVG}tspan")]


@pytest.mark.parametrize(("score", "rows"), [(None, 100), (0.5, 0)])
def test_tasks_without_any_score_or_any_row_have_figures_that_can_be_saved(tmp_path, score, rows):
    families = {"a": "made-up", "b": "made-up"}
    maker = RunMaker(tmp_path / "run", families, {"undefined": {"repetitions": 1, "budgets": [5]}})
    maker.problem("undefined", 0)
    for label in families:
        maker.cell("undefined", 0, label, {"100%_right": [score, score]}, budget=5, rows=rows)
    drawings = list(draw(aggregate(read_run(maker.write()))))
    assert [drawing.name for drawing in drawings] == ["runtime"]  # without a row there is no cost to draw
    for drawing in drawings:
        drawing.figure.savefig(io.BytesIO(), format="png", dpi=40)


def test_the_frontier_leaves_out_what_has_no_mean():
    points = pd.DataFrame({"cost": [1, 2, 3], "mean": [np.nan, 0.1, 0.2], "better": "higher"})
    assert list(find_frontier(points).index) == [1, 2]


def test_saliency_is_symmetric_about_zero_in_each_map():
    plane = np.zeros((1, 1, 2, 2), dtype=np.float32)
    plane[0, 0, 0] = (1e-3, -1e-3)
    figure = plot_saliency(np.ones((1, 1, 2, 2), dtype=np.float32), {"m": plane, "zero": 0 * plane}, ["3"], title="t")
    pixels = np.asarray(figure.axes[0].get_images()[0].get_array())
    red, blue = pixels[1, 5], pixels[1, 6]  # a border, two pixels of the input, two borders
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert np.allclose(pixels[1, 9], pixels[2, 5], atol=0.01)  # no attribution is the colour of none
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["input", "m", "zero"]


def test_many_methods_continue_in_further_panels():
    inputs = np.ones((2, 1, 6, 12), dtype=np.float32)
    maps = {f"method-{i}": np.full((2, 1, 6, 12), i + 1.0, dtype=np.float32) for i in range(29)}
    figure = plot_saliency(inputs, maps, ["0", "1"], title="t")
    rows = [[label.get_text() for label in ax.get_xticklabels()] for ax in figure.axes]
    assert [row[0] for row in rows] == ["input"] * len(rows)
    assert [name for row in rows for name in row[1:]] == list(maps)
    assert 0 <= len(rows[0]) - len(rows[-1]) < len(rows)
    assert figure.get_figwidth() < 17
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    for ax, row in zip(figure.axes, rows, strict=True):
        assert np.asarray(ax.get_images()[0].get_array()).shape[:2] == (2 * 8, len(row) * 14)
        assert ax.get_aspect() == 1


def test_pictures_with_negative_values_are_grey_from_the_lowest_to_the_highest():
    inputs = np.array([[[[-1.0, 1.0], [0.0, 0.5]]]])
    figure = plot_saliency(inputs, {"m": inputs}, ["0"], title="t")
    pixels = np.asarray(figure.axes[0].get_images()[0].get_array())[1:3, 1:3, 0]
    assert pixels.ravel() == pytest.approx([0, 1, 0.5, 0.75], abs=0.01)


def test_maps_of_colour_pictures_lie_over_the_pale_grey_picture():
    inputs = np.zeros((1, 3, 2, 4), dtype=np.float32)
    inputs[0, :, 0, 1] = (1.0, 0.5, 0.0)
    attribution = np.zeros((1, 3, 2, 4))
    attribution[0, :, 0, 0] = (3.0, -1.0, 2.0)  # 4 in sum
    attribution[0, 1, 1, 0] = -4.0
    attribution[0, 2, 1, 1] = 2.0
    figure = plot_saliency(inputs, {"m": attribution, "none": 0 * attribution}, ["3"], title="t")
    pixels = np.asarray(figure.axes[0].get_images()[0].get_array())
    shown, over, none = (pixels[1:3, start : start + 4] for start in (1, 7, 13))  # with borders of a pixel each
    assert shown[0, 1, :3] == pytest.approx([1, 0.5, 0])
    assert shown[0, 0, :3] == pytest.approx([0, 0, 0])
    red, blue, grey = np.array([0.8, 0, 0.05]), np.array([0, 0.2, 0.85]), 0.45  # black, of 0.55 of its contrast
    assert over[0, 0, :3] == pytest.approx(red)
    assert over[1, 0, :3] == pytest.approx(blue)
    assert over[1, 1, :3] == pytest.approx((red + grey) / 2, abs=0.01)  # 2 of 4, the 99th percentile
    assert none[0, 1, :3] == pytest.approx([1 - 0.55 * 0.5] * 3)
    assert none[1, 1, :3] == pytest.approx([grey] * 3)
    assert (pixels[..., 3] == 1).all()


def test_one_large_attribution_does_not_hide_the_others():
    attribution = np.ones((1, 3, 20, 20))
    attribution[0, :, 3, 3] = 1e6
    figure = plot_saliency(np.ones((1, 3, 20, 20)), {"m": attribution}, ["3"], title="t")
    over = np.asarray(figure.axes[0].get_images()[0].get_array())[1:21, 23:43, :3]
    assert over == pytest.approx(np.broadcast_to([0.8, 0, 0.05], over.shape))


def test_a_map_that_is_nearly_everywhere_zero_is_shown():
    attribution = np.zeros((1, 3, 20, 20))
    attribution[0, 0, 3, 3] = -1e-9
    figure = plot_saliency(np.ones((1, 3, 20, 20)), {"m": attribution}, ["3"], title="t")
    over = np.asarray(figure.axes[0].get_images()[0].get_array())[1:21, 23:43, :3]
    assert over[3, 3] == pytest.approx([0, 0.2, 0.85])
    assert over[4, 4] == pytest.approx([1, 1, 1])


def test_maps_of_fewer_places_lie_over_the_squares_that_they_are_means_of():
    planes = torch.randn(1, 3, 225, generator=torch.Generator().manual_seed(0))
    pooled = pool(planes).numpy()
    assert pooled.shape == (1, 1, 45)
    figure = plot_saliency(np.ones((1, 3, 3, 225)), {"m": pooled}, ["3"], title="t")
    over = np.asarray(figure.axes[0].get_images()[0].get_array())[1:4, 228 : 228 + 225, :3]
    expected = np.where(np.repeat(pooled[0, 0], 5)[:, np.newaxis] > 0, "red", "blue")[:, 0]
    found = np.where(over[..., 0] > over[..., 2], "red", "blue")
    assert (found == expected).all()


def test_withheld_pictures_leave_the_maps_on_white():
    plane = np.zeros((1, 2, 4))
    plane[0, 0, :3] = (4.0, -4.0, 2.0)
    inputs = np.full((1, 3, 4, 8), np.nan)
    figure = plot_saliency(inputs, {"m": plane, "none": 0 * plane}, ["3"], title="t")
    pixels = np.asarray(figure.axes[0].get_images()[0].get_array())
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["m", "none"]
    assert pixels.shape == (4, 12, 4)
    assert pixels[1, 1:4, :3] == pytest.approx(np.array([[0.8, 0, 0.05], [0, 0.2, 0.85], [0.9, 0.5, 0.525]]), abs=0.01)
    assert (pixels[:, 7:, :3] == 1).all()


def test_of_colour_pictures_the_first_four_are_drawn(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "made-up"}, {"t": {"repetitions": 1, "budgets": [5]}})
    pictures = EncodedArray.of(np.ones((6, 3, 4, 4)))
    targets = list(range(6))
    shown = {"shown": targets, "shown_inputs": pictures, "shown_targets": targets, "shown_predictions": targets}
    maker.problem("t", 0, features=(3, 4, 4), **shown)
    maker.cell("t", 0, "a", {"100%_right": [0.5] * 6}, budget=5, maps=pictures)
    drawing = draw_run(maker)["saliency-t"]
    assert [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()] == ["0", "1", "2", "3"]
    assert "99th percentile" in drawing.caption


@pytest.mark.parametrize(
    ("kind", "options", "title"),
    [
        ("burnt-snacks", {"output": "logit"}, "t: attributions of the logit"),
        ("mnist", {}, "t: attributions of the probability"),  # the default of the task
        ("another", {"output": "logit"}, "t: attributions of the logit"),
        ("another", {}, "t: attributions"),
    ],
)
def test_pictures_name_the_output_explained(tmp_path, kind, options, title):
    task = {"repetitions": 1, "budgets": [5], "kind": kind, "options": options}
    maker = RunMaker(tmp_path / "run", {"ig-zero": "integrated-gradients"}, {"t": task})
    pictures = EncodedArray.of(np.ones((1, 1, 4, 4)))
    maker.problem(
        "t", 0, shown=[0], shown_inputs=pictures, shown_targets=[1], shown_predictions=[1], features=(1, 4, 4)
    )
    maker.cell("t", 0, "ig-zero", {"100%_right": [0.5]}, budget=5, maps=pictures)
    maker.cell("t", 0, "ig-zero", {"100%_right": [0.4]}, sweep=SweepPoint(name="N", option="samples", value=5))
    drawings = draw_run(maker)
    assert " ".join(drawings["saliency-t"].figure.get_suptitle().split()) == title
    assert drawings["saliency-t"].caption.startswith(title)


def test_pictures_are_labelled_with_a_wrong_prediction(figures):
    labels = [label.get_text() for label in figures["saliency-pictures"].axes[0].get_yticklabels()]
    assert labels == ["3", "4 (pred. 5)"]


def test_families_keep_their_colours_and_controls_are_grey(board):
    colours = choose_family_colours(board.methods)
    assert len(set(colours.values())) == len(colours) == 5
    red, green, blue = colours["control"]
    assert red == green == blue


def test_names_of_panels_do_not_touch():
    names = ["noise-continuous-bernoulli-of-something", "swap_continuous_bernoulli_of_something", "short", "x" * 90]
    figure, axes = make_panels(len(names), columns=4, width=2.9, height=2.0)
    for ax, name in zip(axes, names, strict=True):
        name_panel(ax, name)
    add_title(figure, "t" * 300)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in (*(ax.title for ax in axes), *figure.texts)]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert [ax.get_title().replace("\n", "") for ax in axes] == names
    assert all(line.endswith(("-", "_")) for ax in axes[:2] for line in ax.get_title().splitlines()[:-1])


def test_a_run_with_one_column_has_only_the_figures_it_can(tmp_path):
    maker = RunMaker(tmp_path / "run", {"ig-zero": "integrated-gradients"}, {"t": {"repetitions": 1, "budgets": [5]}})
    maker.cell("t", 0, "ig-zero", {"100%_right": [0.5, 0.7]}, budget=5)
    assert list(draw_run(maker)) == ["frontier", "runtime"]


# ---- inputs of one axis


def cells_of(figure: Figure, panel: int = 0) -> dict[str, list[float]]:
    """The rows of a heat map, by name."""
    ax = figure.axes[panel]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    values = np.asarray(ax.collections[0].get_array()).reshape(len(names), -1)
    return dict(zip(names, values.tolist(), strict=True))


def test_attributions_of_features_are_divided_by_the_largest(certainty_figures):
    figure = certainty_figures["attributions-minimum"]
    rows = cells_of(figure)
    assert list(rows) == ["scores (truth)", "bshap (truth)", "icg", "ig-zero"]
    assert rows["scores (truth)"] == pytest.approx([-0.75 / 0.8, 0.75, 1])
    assert rows["bshap (truth)"] == pytest.approx([-0.5, 0.25, 1])
    assert rows["icg"] == pytest.approx([0.5, 0.25, -1])  # of the first repetition
    assert rows["ig-zero"] == pytest.approx([-0.5, 0, -1])
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0\n0.1", "1\n0.7", "2\n0.9"]
    assert ax.get_title() == "explicand 0, output 1"
    assert [text.get_text() for text in ax.texts][-3:] == ["-0.50", "0.00", "-1.00"]


def make_one_axis_run(folder, features: int, **outcome: Any) -> RunMaker:
    """One task whose four shown explicands are (0, 1, .. features - 1), and so are their attributions by "a"."""
    maker = RunMaker(folder, {"a": "made-up", "zero": "made-up"}, {"t": {"repetitions": 1, "budgets": [5]}})
    inputs = np.tile(np.arange(features), (4, 1))
    shown = {"shown": [5, 6, 7, 8], "shown_targets": [0, 1, 0, 1], "shown_predictions": [0, 1, 0, 1]}
    maker.problem("t", 0, features=(features,), shown_inputs=EncodedArray.of(inputs), **shown, **outcome)
    for label, maps in (("a", inputs), ("zero", 0 * inputs)):
        maker.cell("t", 0, label, {"100%_right": [0.5]}, budget=5, maps=EncodedArray.of(maps))
    return maker


def test_the_first_few_explicands_are_drawn_and_many_features_labelled_sparsely(tmp_path):
    figure = draw_run(make_one_axis_run(tmp_path / "run", 100))["attributions-t"].figure
    assert titles(figure) == ["explicand 5, output 0", "explicand 6, output 1", "explicand 7, output 0"]
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[:2] == ["0\n0", "9\n9"]
    assert len(labels) == 12
    assert not figure.axes[0].texts  # too many numbers to be written
    assert cells_of(figure)["a"] == pytest.approx(np.arange(100) / 99)
    assert cells_of(figure)["zero"] == [0.0] * 100


def test_truths_of_players_that_are_not_features_are_left_out(tmp_path):
    truths = {"of_players": [[1.0, 2.0]] * 9, "of_features": [[0.0, 1.0, 2.0]] * 9}
    figure = draw_run(make_one_axis_run(tmp_path / "run", 3, truths=truths))["attributions-t"].figure
    assert list(cells_of(figure)) == ["of_features (truth)", "a", "zero"]
