import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from benchmarks.figures import draw
from benchmarks.figures.frontier import frontier
from benchmarks.figures.saliency import saliency_grid
from benchmarks.figures.style import family_colours
from benchmarks.leaderboard import aggregate
from benchmarks.records import EncodedArray, read_run
from tests.benchmarks.run_maker import RunMaker, small_run


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


@pytest.fixture(scope="module")
def figures(board):
    return {drawing.name: drawing.figure for drawing in draw(board)}


def titles(figure: Figure) -> list[str]:
    return [ax.get_title() for ax in figure.axes]


def test_every_figure_that_the_run_has_data_for(figures):
    assert list(figures) == [
        "spearman",
        "sweep-samples",
        "network-against-reward",
        "curves-pictures",
        "frontier",
        "runtime",
        "saliency-pictures",
    ]


def test_figures_are_not_blank(figures):
    for figure in figures.values():
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=50)
        stream.seek(0)
        pixels = imread(stream)[..., :3].reshape(-1, 3)
        assert len(np.unique(pixels.round(2), axis=0)) > 20
        assert (pixels < 0.95).any(axis=1).mean() > 0.01


def test_a_panel_for_each_task(figures):
    assert titles(figures["spearman"]) == ["game"]
    assert titles(figures["network-against-reward"]) == ["game"]
    assert titles(figures["frontier"]) == ["game", "pictures"]
    assert titles(figures["runtime"]) == ["game", "pictures"]
    assert titles(figures["curves-pictures"]) == ["iaccuracy", "iaccuracy_mean"]


def test_figures_name_their_source(figures):
    sources = {name: " ".join(figure.get_suptitle().split()) for name, figure in figures.items()}
    assert "SIG Fig. 3" in sources["spearman"]
    assert "SIG Figs. 4, 10 and 11" in sources["sweep-samples"]
    assert "SIG Fig. 8" in sources["network-against-reward"]
    assert "SIG Fig. 7" in sources["curves-pictures"]
    assert "SIG Fig. 9" in sources["runtime"]
    assert "ICG Fig. 10" in sources["saliency-pictures"]


def test_axes_are_labelled(figures):
    labels = {name: (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) for name, figure in figures.items()}
    assert labels["spearman"][0] == "Spearman's rank correlation"
    assert labels["sweep-samples"] == ("N, the number of coalitions", "spearman_game")
    assert labels["network-against-reward"] == ("Shapley value of the reward", "Shapley value of the network")
    assert labels["curves-pictures"][0] == "share of features removed"
    assert labels["frontier"] == ("model rows per explicand", "spearman_game (higher is better)")
    assert labels["runtime"][0] == "seconds per explicand"
    assert figures["frontier"].axes[1].get_ylabel() == "iaccuracy (lower is better)"


def test_bars_are_means(figures, board):
    ax = figures["spearman"].axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ig-zero", "sig-game", "random-attribution"]
    assert sorted(bar.get_width() for bar in ax.patches) == pytest.approx([0, 0.8, 0.9])


def test_sweep_lines_are_means(figures):
    (line,) = figures["sweep-samples"].axes[0].get_lines()
    assert line.get_xdata().tolist() == [50, 200]
    assert line.get_ydata().tolist() == pytest.approx([0.9 - 10 / 50, 0.9 - 10 / 200])


def test_curves_end_at_the_share_removed(figures):
    first, second = figures["curves-pictures"].axes
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
    drawings = {drawing.name: drawing.figure for drawing in draw(aggregate(read_run(maker.write())))}
    (legend,) = drawings["curves-t"].legends
    best = [f"method-{i}" for i in range(4)]
    assert [text.get_text() for text in legend.get_texts()] == [*best, "ig-zero", "noise", "all others"]
    assert len(drawings["curves-t"].axes[0].get_lines()) == 10


def test_runtime_shows_seconds_and_rows(figures):
    ax = figures["runtime"].axes[1]
    assert ax.get_xscale() == "log"
    assert {text.get_text() for text in ax.texts} == {"rows", "80", "0", "100"}
    assert len(ax.collections[0].get_offsets()) == 5


def test_the_frontier_by_hand():
    points = pd.DataFrame(
        {"rows": [1, 10, 10, 100, 100], "mean": [0.5, 0.4, 0.6, 0.6, 0.9], "better": "higher"}, index=list("abcde")
    )
    assert list(frontier(points).index) == ["a", "c", "e"]
    assert list(frontier(points.assign(better="lower")).index) == ["a", "b"]


def test_the_frontier_leaves_out_what_has_no_mean():
    points = pd.DataFrame({"rows": [1, 2, 3], "mean": [np.nan, 0.1, 0.2], "better": "higher"})
    assert list(frontier(points).index) == [1, 2]


def test_saliency_is_symmetric_about_zero_in_each_map():
    plane = np.zeros((1, 1, 2, 2), dtype=np.float32)
    plane[0, 0, 0] = (1e-3, -1e-3)
    figure = saliency_grid(np.ones((1, 1, 2, 2), dtype=np.float32), {"m": plane, "zero": 0 * plane}, ["3"], title="t")
    pixels = np.asarray(figure.axes[0].get_images()[0].get_array())
    red, blue = pixels[1, 5], pixels[1, 6]  # a border, two pixels of the input, two borders
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert np.allclose(pixels[1, 9], pixels[2, 5], atol=0.01)  # no attribution is the colour of none
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["input", "m", "zero"]


def test_pictures_are_labelled_with_a_wrong_prediction(figures):
    labels = [label.get_text() for label in figures["saliency-pictures"].axes[0].get_yticklabels()]
    assert labels == ["3", "4 (pred. 5)"]


def test_families_keep_their_colours_and_controls_are_grey(board):
    colours = family_colours(board.methods)
    assert len(set(colours.values())) == len(colours) == 5
    red, green, blue = colours["control"]
    assert red == green == blue


def test_a_run_with_one_column_has_only_the_figures_it_can(tmp_path):
    maker = RunMaker(tmp_path / "run", {"ig-zero": "integrated-gradients"}, {"t": {"repetitions": 1, "budgets": [5]}})
    maker.cell("t", 0, "ig-zero", {"100%_right": [0.5, 0.7]}, budget=5)
    names = [drawing.name for drawing in draw(aggregate(read_run(maker.write())))]
    assert names == ["frontier", "runtime"]
