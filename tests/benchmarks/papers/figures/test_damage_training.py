import pandas as pd
import pytest

from benchmarks.papers.figures.damage_training import average_lines
from benchmarks.papers.icg import ICG
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import draw_figures
from tests.benchmarks.run_maker import certainty_run


def test_training_with_and_without_damage(tmp_path):
    figure = draw_figures(ICG, read_run(certainty_run(tmp_path / "run").write()))["damage-training"]
    probability, logit = figure.axes
    assert (probability.get_title(), logit.get_title()) == ("probability", "logit")
    assert (probability.get_xlabel(), probability.get_ylabel()) == ("training images", "held-out accuracy")
    assert "ICG Fig. 8" in " ".join(figure.get_suptitle().split())
    ((x, y), (_, without)) = [line.get_data() for line in probability.get_lines() if line.get_linewidth() == 2]
    assert x.tolist() == [150, 200, 250, 300]
    assert y == pytest.approx(0.5 + x / 1000)
    assert without == pytest.approx(0.6 + x / 1000)
    assert [text.get_text() for text in probability.texts] == ["with damage: 82.5 %\nwithout damage: 92.5 %"]
    assert [text.get_text() for text in logit.texts] == ["with damage: 82.5 %"]
    assert len(probability.get_lines()) == 2 * len(logit.get_lines()) == 6


def test_a_task_that_trains_without_damage_is_drawn_as_such(tmp_path):
    run = read_run(certainty_run(tmp_path / "run").write())
    for problem in run.problems:
        if problem.task == "logit":
            problem.task_options["damage"] = "none"
    figure = draw_figures(ICG, run)["damage-training"]
    ends = {ax.get_title(): ax.texts[0].get_text() for ax in figure.axes}
    assert ends["logit"].startswith("without damage: ")
    assert ends["probability"].startswith("with damage: ")


def test_the_mean_over_repetitions_measured_at_different_times():
    points = pd.DataFrame(
        [(0, 10, 0.5), (0, 30, 0.7), (1, 20, 0.8), (1, 40, 1.0)], columns=["repetition", "images", "accuracy"]
    )
    assert average_lines(points).to_dict() == pytest.approx({20: (0.6 + 0.8) / 2, 30: (0.7 + 0.9) / 2})
    assert average_lines(points[points["repetition"] == 0]).to_dict() == {10: 0.5, 30: 0.7}
