import pytest

from benchmarks.papers.icg import ICG
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import draw_figures, without_papers
from tests.benchmarks.run_maker import certainty_run


def test_predictions_collapse_on_the_class_frequency(tmp_path):
    figure = draw_figures(ICG, read_run(certainty_run(tmp_path / "run").write()))["information-absence"]
    assert [ax.get_title() for ax in figure.axes] == ["probability", "logit"]
    assert "ICG A.3.1" in " ".join(figure.get_suptitle().split())
    for ax in figure.axes:
        assert (ax.get_xlabel(), figure.axes[0].get_ylabel()) == (
            "certainty of every feature",
            "probability of class 1",
        )
        wide, narrow = (band.get_paths()[0].vertices for band in ax.collections)
        for band, low, high in ((wide, 0.05, 0.95), (narrow, 0.25, 0.75)):
            assert band[band[:, 0] == 0, 1] == pytest.approx(0.5)
            ends = band[band[:, 0] == 1, 1]
            assert (ends.min(), ends.max()) == pytest.approx((low, high))
        *others, median, frequency = ax.get_lines()
        assert sorted(line.get_ydata()[-1] for line in others) == pytest.approx([0.5 - 0.45 * 0.75, 0.5 + 0.45 * 0.75])
        assert median.get_ydata().tolist() == frequency.get_ydata().tolist() == [0.5] * 5
        assert frequency.get_linestyle() == "--"


def test_a_model_that_two_tasks_explain_has_one_panel(tmp_path):
    run = read_run(certainty_run(tmp_path / "run").write())
    for problem in run.problems:
        problem.provenance.data["checkpoint"] = f"model {problem.repetition}"
    drawn = draw_figures(ICG, run)
    for name in ("information-absence", "damage-training"):
        assert [ax.get_title() for ax in drawn[name].axes] == ["probability"]


def test_models_of_tasks_that_reproduce_nothing_are_not_drawn(tmp_path):
    assert draw_figures(ICG, read_run(without_papers(certainty_run(tmp_path / "run")).write())) == {}
