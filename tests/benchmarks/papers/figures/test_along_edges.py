import numpy as np

from benchmarks.papers.es import ES
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import draw_figures
from tests.benchmarks.run_maker import RunMaker


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
