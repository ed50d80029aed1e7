import pytest

from benchmarks.papers.sig import SIG
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import draw_figures, without_papers
from tests.benchmarks.run_maker import small_run


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    return draw_figures(SIG, read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))["spearman"]


def test_bars_are_means(figure):
    (ax,) = figure.axes
    assert ax.get_title() == "game"
    assert ax.get_xlabel() == "Spearman's rank correlation"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ig-zero", "sig-game", "random-attribution"]
    assert sorted(bar.get_width() for bar in ax.patches) == pytest.approx([0, 0.8, 0.9])


def test_dots_are_repetitions(figure):
    dots = sorted(x for dots in figure.axes[0].collections for x, _ in dots.get_offsets())
    assert dots == pytest.approx([0, 0, 0, 0.7, 0.8, 0.8, 0.9, 0.9, 1.0])


def test_the_source_is_named(figure):
    assert "SIG Fig. 3" in " ".join(figure.get_suptitle().split())


def test_games_that_reproduce_nothing_are_not_drawn(tmp_path):
    assert draw_figures(SIG, read_run(without_papers(small_run(tmp_path / "run")).write())) == {}
