import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from benchmarks.board.aggregate import aggregate
from benchmarks.board.figures import draw
from benchmarks.board.figures.damage_training import mean_line
from benchmarks.board.figures.frontier import frontier
from benchmarks.board.figures.local_minimum import attribution_table, by_maximum
from benchmarks.board.figures.saliency import saliency_grid
from benchmarks.board.figures.style import family_colours
from benchmarks.run.records import EncodedArray, SweepPoint, read_run
from tests.benchmarks.run_maker import RunMaker, certainty_run, facts, small_run


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


@pytest.fixture(scope="module")
def figures(board):
    return {drawing.name: drawing.figure for drawing in draw(board)}


@pytest.fixture(scope="module")
def certainty_figures(tmp_path_factory):
    run = read_run(certainty_run(tmp_path_factory.mktemp("certainty") / "run").write())
    return {drawing.name: drawing.figure for drawing in draw(aggregate(run))}


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


def test_every_figure_of_certainty_aware_models(certainty_figures):
    assert list(certainty_figures) == [
        "information-absence",
        "damage-training",
        "local-minimum",
        "transfer",
        "frontier",
        "runtime",
        "saliency-probability",
        "saliency-logit",
    ]


def test_figures_are_not_blank(figures, certainty_figures):
    for figure in [*figures.values(), *certainty_figures.values()]:
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


def test_a_panel_for_each_task_with_a_certainty_aware_model(certainty_figures):
    assert titles(certainty_figures["information-absence"]) == ["probability", "logit"]
    assert titles(certainty_figures["damage-training"]) == ["probability", "logit"]
    assert titles(certainty_figures["transfer"]) == ["probability", "logit"]
    assert titles(certainty_figures["local-minimum"]) == ["minimum"]


def test_a_model_that_two_tasks_explain_has_one_panel(tmp_path):
    run = read_run(certainty_run(tmp_path / "run").write())
    for problem in run.problems:
        problem.provenance.data["checkpoint"] = f"model {problem.repetition}"
    drawn = {drawing.name: drawing.figure for drawing in draw(aggregate(run))}
    assert titles(drawn["information-absence"]) == titles(drawn["damage-training"]) == ["probability"]


def test_a_task_that_trains_without_damage_is_drawn_as_such(tmp_path):
    run = read_run(certainty_run(tmp_path / "run").write())
    for problem in run.problems:
        if problem.task == "logit":
            problem.task_options["damage"] = "none"
    drawn = {drawing.name: drawing.figure for drawing in draw(aggregate(run))}
    ends = {ax.get_title(): ax.texts[0].get_text() for ax in drawn["damage-training"].axes}
    assert ends["logit"].startswith("without damage: ")
    assert ends["probability"].startswith("with damage: ")


def test_figures_name_their_source(figures):
    sources = {name: " ".join(figure.get_suptitle().split()) for name, figure in figures.items()}
    assert "SIG Fig. 3" in sources["spearman"]
    assert "SIG Figs. 4, 10 and 11" in sources["sweep-samples"]
    assert "SIG Fig. 8" in sources["network-against-reward"]
    assert "SIG Fig. 7" in sources["curves-pictures"]
    assert "SIG Fig. 9" in sources["runtime"]
    assert sources["saliency-pictures"] == "pictures: attributions"


def test_figures_of_certainty_aware_models_name_their_source(certainty_figures):
    sources = {name: " ".join(figure.get_suptitle().split()) for name, figure in certainty_figures.items()}
    assert "ICG Fig. 7" in sources["information-absence"]
    assert "ICG Fig. 8" in sources["damage-training"]
    assert "ICG Table 2" in sources["local-minimum"]
    assert "ICG, section 3" in sources["transfer"]
    assert sources["saliency-logit"] == "logit: attributions of the logit (ICG Fig. 4)"


def test_axes_are_labelled(figures, certainty_figures):
    both = {**figures, **certainty_figures, "frontier": figures["frontier"], "runtime": figures["runtime"]}
    labels = {name: (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) for name, figure in both.items()}
    assert labels["information-absence"] == ("certainty of every feature", "probability of class 1")
    assert labels["damage-training"] == ("training images", "held-out accuracy")
    assert labels["local-minimum"] == ("value of the feature", "")
    assert labels["transfer"] == ("share of the positive attribution", "")
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


def test_predictions_collapse_on_the_class_frequency(certainty_figures):
    for ax in certainty_figures["information-absence"].axes:
        wide, narrow = (band.get_paths()[0].vertices for band in ax.collections)
        for band, low, high in ((wide, 0.05, 0.95), (narrow, 0.25, 0.75)):
            assert band[band[:, 0] == 0, 1] == pytest.approx(0.5)
            ends = band[band[:, 0] == 1, 1]
            assert (ends.min(), ends.max()) == pytest.approx((low, high))
        *others, median, frequency = ax.get_lines()
        assert sorted(line.get_ydata()[-1] for line in others) == pytest.approx([0.5 - 0.45 * 0.75, 0.5 + 0.45 * 0.75])
        assert median.get_ydata().tolist() == frequency.get_ydata().tolist() == [0.5] * 5
        assert frequency.get_linestyle() == "--"


def test_training_with_and_without_damage(certainty_figures):
    probability, logit = certainty_figures["damage-training"].axes
    ((x, y), (_, without)) = [line.get_data() for line in probability.get_lines() if line.get_linewidth() == 2]
    assert x.tolist() == [150, 200, 250, 300]
    assert y == pytest.approx(0.5 + x / 1000)
    assert without == pytest.approx(0.6 + x / 1000)
    assert [text.get_text() for text in probability.texts] == ["with damage: 82.5 %\nwithout damage: 92.5 %"]
    assert [text.get_text() for text in logit.texts] == ["with damage: 82.5 %"]
    assert len(probability.get_lines()) == 2 * len(logit.get_lines()) == 6


def test_the_mean_over_repetitions_measured_at_different_times():
    points = pd.DataFrame(
        [(0, 10, 0.5), (0, 30, 0.7), (1, 20, 0.8), (1, 40, 1.0)], columns=["repetition", "images", "accuracy"]
    )
    assert mean_line(points).to_dict() == pytest.approx({20: (0.6 + 0.8) / 2, 30: (0.7 + 0.9) / 2})
    assert mean_line(points[points["repetition"] == 0]).to_dict() == {10: 0.5, 30: 0.7}


def test_local_minimum_is_relative_to_the_maximum(certainty_figures):
    (ax,) = certainty_figures["local-minimum"].axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "0.7", "0.9"]
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["scores (truth)", "bshap (truth)", "icg", "ig-zero"]
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["-0.94", "0.75", "1.00", "-0.50", "0.25", "1.00", "1.00", "0.75", "-0.50"]  # none for ig-zero


def test_division_by_the_maximum_by_hand():
    assert by_maximum(np.array([[2.0, 1.0, -4.0], [4.0, 4.0, 4.0]])) == pytest.approx([1, 0.75, -0.5])
    assert by_maximum(np.array([[2.0, 1.0, -4.0], [-1.0, 0.0, -2.0]])) == pytest.approx([1, 0.5, -2])
    assert np.isnan(by_maximum(np.array([[-1.0, 0.0, -2.0]]))).all()


def test_colours_of_local_minimum_are_clipped_and_numbers_are_not():
    methods = pd.DataFrame(index=["m"])
    table = pd.DataFrame([[1.0, -0.004, -1234.5]], index=["m"], columns=["0.1", "0.2", "0.3"])
    (ax,) = attribution_table({"t": table}, methods, title="t").axes
    assert np.asarray(ax.collections[0].get_array()).ravel().tolist() == [1, -0.004, -1]
    assert [text.get_text() for text in ax.texts] == ["1.00", "0.00", "-1234"]


def test_shares_of_the_positive_attribution(certainty_figures):
    ax = certainty_figures["transfer"].axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["icg", "ig-zero"]
    bars = {
        place: [bar for bar in ax.patches if round(bar.get_y() + bar.get_height() / 2) == place] for place in (0, 1)
    }
    assert [bar.get_width() for bar in bars[0]] == pytest.approx([0.5, 0.1, 0.2, 0.2])
    assert [bar.get_width() for bar in bars[1]] == pytest.approx([0.1, 0.8, 0.1, 0.0])
    for row in bars.values():
        ends = [bar.get_x() + bar.get_width() for bar in row]
        assert [bar.get_x() for bar in row] == pytest.approx([0, *ends[:-1]])
        assert ends[-1] == pytest.approx(1)
    (legend,) = certainty_figures["transfer"].legends
    shown = ["dark squares", "light squares", "triangles", "background"]
    assert [text.get_text() for text in legend.get_texts()] == shown


def test_without_regions_there_are_no_shares(tmp_path):
    maker = RunMaker(tmp_path / "run", {"icg": "certainty"}, {"t": {"repetitions": 1, "budgets": [5]}})
    columns = ["dark", "distractors", "light", "background"]
    maker.cell(
        "t", 0, "icg", {"100%_right": [0.5]}, budget=5, facts={name: facts(name) for name in ["100%_right", *columns]}
    )
    assert [drawing.name for drawing in draw(aggregate(read_run(maker.write())))] == ["frontier", "runtime"]


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


def test_many_methods_continue_in_further_panels():
    inputs = np.ones((2, 1, 6, 12), dtype=np.float32)
    maps = {f"method-{i}": np.full((2, 1, 6, 12), i + 1.0, dtype=np.float32) for i in range(29)}
    figure = saliency_grid(inputs, maps, ["0", "1"], title="t")
    rows = [[label.get_text() for label in ax.get_xticklabels()] for ax in figure.axes]
    assert [row[0] for row in rows] == ["input"] * len(rows)
    assert [name for row in rows for name in row[1:]] == list(maps)
    assert 0 <= len(rows[0]) - len(rows[-1]) < len(rows)
    assert figure.get_figwidth() < 17
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    for ax, row in zip(figure.axes, rows, strict=True):
        assert np.asarray(ax.get_images()[0].get_array()).shape[:2] == (2 * 8, len(row) * 14)
        assert ax.get_aspect() == 1


@pytest.mark.parametrize(
    ("kind", "options", "title"),
    [
        ("burnt-snacks", {"output": "logit"}, "t: attributions of the logit (ICG Fig. 4)"),
        ("mnist", {"output": "logit"}, "t: attributions of the logit (ICG Fig. 10)"),
        ("mnist", {}, "t: attributions of the probability (ICG Fig. 10)"),  # the default of the task
        ("mnist-certainty", {"output": "logit"}, "t: attributions of the logit (ICG Fig. 10)"),
        ("mnist-in-space", {"output": "logit"}, "t: attributions of the logit (ICG Fig. 11)"),
        ("another", {"output": "logit"}, "t: attributions of the logit"),
        ("another", {}, "t: attributions"),
    ],
)
def test_pictures_name_the_output_explained_and_their_source(tmp_path, kind, options, title):
    task = {"repetitions": 1, "budgets": [5], "kind": kind, "options": options}
    maker = RunMaker(tmp_path / "run", {"ig-zero": "integrated-gradients"}, {"t": task})
    pictures = EncodedArray.of(np.ones((1, 1, 4, 4)))
    maker.problem(
        "t", 0, shown=[0], shown_inputs=pictures, shown_targets=[1], shown_predictions=[1], features=(1, 4, 4)
    )
    maker.cell("t", 0, "ig-zero", {"100%_right": [0.5]}, budget=5, maps=pictures)
    maker.cell("t", 0, "ig-zero", {"100%_right": [0.4]}, sweep=SweepPoint(name="N", option="samples", value=5))
    drawings = {drawing.name: drawing for drawing in draw(aggregate(read_run(maker.write())))}
    assert " ".join(drawings["saliency-t"].figure.get_suptitle().split()) == title
    assert drawings["saliency-t"].caption.startswith(title)


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
