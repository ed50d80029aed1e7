import math
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from benchmarks.board.aggregate import aggregate
from benchmarks.board.figures.region_shares import draw_regions
from benchmarks.board.figures.style import Drawing
from benchmarks.run.storage import read_run
from sig.metrics.regions import part_shares
from tests.benchmarks.run_maker import RunMaker

CRACK = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]  # of three explicands with four features
SCRATCH = [[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
MAPS = {
    "a": [[1, 2, 5, 2], [3, -9, 1, 0], [1, 1, 1, 1]],
    "b": [[-1, -2, -5, 0], [0, 1, 1, 0], [1, 1, 1, 1]],
}


def make_run(folder, *, outputs=(7, 7, 7), regions=None, repetitions: int = 1) -> RunMaker:
    regions = {"crack": CRACK, "scratch": SCRATCH} if regions is None else regions
    families = {"a": "made-up", "b": "made-up"}
    maker = RunMaker(folder, families, {"t": {"repetitions": repetitions, "budgets": [5]}})
    masks = {name: torch.tensor(marks) > 0 for name, marks in regions.items()}

    def shares(attribution) -> dict[str, Any]:
        found = part_shares(torch.tensor(attribution, dtype=torch.float64), masks) if masks else {}
        return {part: [None if math.isnan(x) else x for x in of.tolist()] for part, of in found.items()}

    for repetition in range(repetitions):
        maker.problem("t", repetition, targets=[*outputs], even_shares=shares(np.ones((3, 4))))
        for label, maps in MAPS.items():
            maker.cell("t", repetition, label, {"100%_right": [0.5]}, budget=5, part_shares=shares(maps))
    return maker


def draw_one(maker: RunMaker) -> Drawing:
    (drawing,) = draw_regions(aggregate(read_run(maker.write())))
    return drawing


def bars(ax: Axes, rows: list[str], parts: list[str]) -> dict[str, list[float]]:
    """The lengths of each row's bars, which start where the one before ends; a part's are drawn together."""
    rectangles = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    widths = np.reshape([bar.get_width() for bar in rectangles], (len(parts), len(rows)))
    starts = np.reshape([bar.get_x() for bar in rectangles], (len(parts), len(rows)))
    assert starts[1:] == pytest.approx(np.cumsum(widths, axis=0)[:-1], nan_ok=True)
    return dict(zip(rows, widths.T.tolist(), strict=True))


ROWS = ["(spread evenly)", "a", "b"]
PARTS = ["crack", "scratch", "crack and scratch", "(elsewhere)"]


def test_mean_shares_by_hand(tmp_path):
    drawing = draw_one(make_run(tmp_path / "run"))
    (ax,) = drawing.figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ROWS
    assert [text.get_text() for text in drawing.figure.legends[0].get_texts()] == PARTS
    assert drawing.name == "regions-t"
    assert drawing.figure.get_suptitle() == "t: where the positive attribution lies"
    assert ax.get_title() == "output 7, 2 explicands"  # the third has no region
    shares = bars(ax, ROWS, PARTS)
    # a: (.1, .5, .2, .2) of the first explicand, (.75, 0, 0, .25) of the second
    assert shares["a"] == pytest.approx([0.425, 0.25, 0.1, 0.225])
    # b: nothing positive in the first explicand, half on the crack in the second
    assert shares["b"] == pytest.approx([0.5, 0, 0, 0.5])
    # a feature of each part in the first explicand, two of the crack in the second
    assert shares["(spread evenly)"] == pytest.approx([0.375, 0.125, 0.125, 0.375])


def test_a_panel_for_each_of_few_outputs(tmp_path):
    drawing = draw_one(make_run(tmp_path / "run", outputs=(1, 0, 0)))
    first, second = drawing.figure.axes
    assert (first.get_title(), second.get_title()) == ("output 0, 1 explicand", "output 1, 1 explicand")
    assert bars(first, ROWS, PARTS)["a"] == pytest.approx([0.75, 0, 0, 0.25])
    assert bars(second, ROWS, PARTS)["a"] == pytest.approx([0.1, 0.5, 0.2, 0.2])
    assert np.isnan(bars(second, ROWS, PARTS)["b"]).all()  # nothing positive: no bar


def test_one_panel_for_many_outputs(tmp_path):
    regions = {"crack": np.ones((3, 4))}
    maker = make_run(tmp_path / "run", outputs=(1, 0, 3), regions=regions, repetitions=2)
    for place, problem in enumerate(maker.problems):
        problem.targets[0] += 10 * place
    (ax,) = draw_one(maker).figure.axes
    assert ax.get_title() == "6 explicands"


def test_repetitions_are_averaged_together(tmp_path):
    (ax,) = draw_one(make_run(tmp_path / "run", repetitions=2)).figure.axes
    assert ax.get_title() == "output 7, 4 explicands"
    assert bars(ax, ROWS, PARTS)["a"] == pytest.approx([0.425, 0.25, 0.1, 0.225])


def test_a_part_that_a_repetition_does_not_have_has_no_share_there(tmp_path):
    maker = make_run(tmp_path / "run", repetitions=2)
    maker.problems[1].even_shares = {"hole": [0.5] * 3, "(elsewhere)": [0.5] * 3}
    for cell in maker.cells[2:]:
        cell.part_shares = {"hole": [1.0] * 3, "(elsewhere)": [0.0] * 3}
    (ax,) = draw_one(maker).figure.axes
    shares = bars(ax, ROWS, ["crack", "scratch", "hole", "crack and scratch", "(elsewhere)"])
    assert shares["a"] == pytest.approx([0.85 / 5, 0.5 / 5, 3 / 5, 0.2 / 5, 0.45 / 5])


@pytest.mark.parametrize("regions", [{}, {"crack": np.zeros((3, 4))}])
def test_without_regions_there_is_no_figure(tmp_path, regions):
    assert list(draw_regions(aggregate(read_run(make_run(tmp_path / "run", regions=regions).write())))) == []
