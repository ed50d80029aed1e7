import numpy as np
import pandas as pd

from benchmarks.papers.figures.attribution_table import plot_attribution_table
from benchmarks.papers.icg import ICG
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import draw_figures
from tests.benchmarks.run_maker import certainty_run


def test_numbers_are_relative_to_the_maximum(tmp_path):
    figure = draw_figures(ICG, read_run(certainty_run(tmp_path / "run").write()))["local-minimum"]
    (ax,) = figure.axes
    assert ax.get_title() == "minimum"
    assert ax.get_xlabel() == "value of the feature"
    assert "ICG Table 2" in " ".join(figure.get_suptitle().split())
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "0.7", "0.9"]
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["scores (truth)", "bshap (truth)", "icg", "ig-zero"]
    # (2, 1, -4) and (4, 4, 4) of icg, each divided by its maximum, have the mean (1, 0.75, -0.5)
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["-0.94", "0.75", "1.00", "-0.50", "0.25", "1.00", "1.00", "0.75", "-0.50"]  # none for ig-zero


def test_colours_are_clipped_and_numbers_are_not():
    methods = pd.DataFrame(index=["m"])
    table = pd.DataFrame([[1.0, -0.004, -1234.5]], index=["m"], columns=["0.1", "0.2", "0.3"])
    (ax,) = plot_attribution_table({"t": table}, methods, title="t").axes
    assert np.asarray(ax.collections[0].get_array()).ravel().tolist() == [1, -0.004, -1]
    assert [text.get_text() for text in ax.texts] == ["1.00", "0.00", "-1234"]
