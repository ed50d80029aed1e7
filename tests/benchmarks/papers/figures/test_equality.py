import numpy as np
import pytest

from benchmarks.papers.es import ES
from benchmarks.papers.sig import SIG
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import draw_figures
from tests.benchmarks.run_maker import RunMaker, small_run


def test_a_point_per_player_and_repetition_beside_the_line_of_equality(tmp_path):
    task = {"repetitions": 2, "budgets": [5], "reproduces": ["ES"]}
    maker = RunMaker(tmp_path / "run", {"ig-zero": "a"}, {"game": task, "other": task})
    for repetition in range(2):
        edges = {"player": [0, 1], "marginal": [1.0, 4.0], "integrated": [1.0 + repetition, 4.0]}
        maker.problem("game", repetition, series={"theorem-3": edges})
        maker.problem("other", repetition)
    (axes,) = draw_figures(ES, read_run(maker.write()))["along-edges"].axes
    (points,) = axes.collections
    assert np.asarray(points.get_offsets()).tolist() == [[1, 1], [4, 4], [1, 2], [4, 4]]
    (line,) = axes.get_lines()
    assert list(line.get_xdata()) == list(line.get_ydata()) == [1, 4]
    assert [text.get_text() for text in axes.texts] == ["differ by at most 25.00%"]  # 1 of 4


def test_a_run_without_the_series_has_no_figure(tmp_path):
    maker = RunMaker(
        tmp_path / "run", {"ig-zero": "a"}, {"game": {"repetitions": 1, "budgets": [5], "reproduces": ["ES"]}}
    )
    maker.problem("game", 0)
    assert draw_figures(ES, read_run(maker.write())) == {}


def test_a_point_for_each_player_and_repetition(tmp_path):
    figure = draw_figures(SIG, read_run(small_run(tmp_path / "run").write()))["network-against-reward"]
    (ax,) = figure.axes
    assert ax.get_title() == "game"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Shapley value of the reward", "Shapley value of the network")
    points = np.array(ax.collections[0].get_offsets()).tolist()
    assert points == [pair for last in (3.0, 3.1, 3.2) for pair in ([1, 1.1], [2, 1.9], [3, pytest.approx(last)])]
    # squared errors .01 + .01 of each repetition, 0, .01 and .04 of its last player; the variance of 1, 2, 3 is 2/3
    r2 = 1 - (3 * 0.02 + 0.05) / 9 / (2 / 3)
    # ranks 2, 5, 8 thrice of the reward; of the network 2 and 5 thrice, and 7, 8, 9
    correlation = (27 + 3 * (2 + 3 + 4)) / (54 * (27 + 4 + 9 + 16)) ** 0.5
    assert ax.texts[0].get_text() == f"$R^2$ = {r2:.3f}\nrank correlation = {correlation:.3f}"
    assert "SIG Fig. 8" in " ".join(figure.get_suptitle().split())
