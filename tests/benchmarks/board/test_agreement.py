import numpy as np
import pytest
from scipy import stats

from benchmarks.board.aggregate import aggregate
from benchmarks.board.figures.agreement import draw_agreement, measure_agreement, split_by_tasks
from benchmarks.board.figures.style import apply_style
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import RunMaker

METHODS = ("a", "b", "c", "d", "e")
COLUMNS = ("insertion", "certainty_insertion", "deletion", "certainty_deletion", "completeness")
LOWER = ("deletion", "certainty_deletion")


def random_scores() -> dict[str, dict[str, np.ndarray]]:
    """By task and column, a score for each method, the control's last."""
    rng = np.random.default_rng(0)
    tasks = {"digits": COLUMNS, "letters": ("insertion", "deletion"), "apart": ("spearman_game", "spearman_model")}
    return {task: {column: rng.random(len(METHODS) + 1) for column in columns} for task, columns in tasks.items()}


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    families = {**dict.fromkeys(METHODS, "family"), "control": "control"}
    task = {"repetitions": 1, "budgets": [100]}
    scores = random_scores()
    maker = RunMaker(tmp_path_factory.mktemp("agreement") / "run", families, dict.fromkeys(scores, task))
    for name, columns in scores.items():
        maker.problem(name, 0)
        for place, method in enumerate(families):
            found = {column: [values[place]] * 2 for column, values in columns.items()}
            maker.cell(name, 0, method, found, budget=100)
    return aggregate(read_run(maker.write()))


def expected(first: str, second: str) -> float:
    """By scipy, over methods without the control, more being better; the mean over tasks."""
    rhos = []
    for columns in random_scores().values():
        if {first, second} <= set(columns):
            a, b = (columns[name][:-1] * (-1 if name in LOWER else 1) for name in (first, second))
            rhos.append(stats.spearmanr(a, b).statistic)
    return float(np.mean(rhos))


def test_correlations_are_those_of_scipy(board):
    found = measure_agreement(board)
    names = [*COLUMNS[:4], "spearman_game", "spearman_model"]  # what judges
    assert list(found.rho) == names
    for first in names:
        for second in names:
            together = {first, second} <= {"spearman_game", "spearman_model"} or {first, second} <= set(COLUMNS)
            rho = found.rho[second][first]
            assert np.isnan(rho) if not together else rho == pytest.approx(expected(first, second)), (first, second)
    assert found.tasks.loc["insertion", "deletion"] == 2
    assert found.tasks.loc["insertion", "certainty_deletion"] == 1
    assert found.methods.loc["insertion", "deletion"] == len(METHODS)


def test_scores_without_a_task_in_common_stand_in_panels_of_their_own(board):
    groups = split_by_tasks(measure_agreement(board))
    assert groups == [list(COLUMNS[:4]), ["spearman_game", "spearman_model"]]
    with apply_style():
        (drawing,) = draw_agreement(board)
    titles = [ax.get_title(loc="left") for ax in drawing.figure.axes]
    assert titles == ["digits, letters: 5 methods", "apart: 5 methods"]
    first = {text.get_text() for text in drawing.figure.axes[0].texts}
    assert f"{expected('insertion', 'deletion'):z.2f}" in first
    assert set(COLUMNS[:4]) < first
    assert len(first) <= 4 + 6  # each pair once


def test_the_caption_tells_of_removal_by_certainty(board):
    with apply_style():
        (drawing,) = draw_agreement(board)
    for kind in ("deletion", "insertion"):
        assert f"certainty_{kind} with {kind} {expected(f'certainty_{kind}', kind):z.2f}" in drawing.caption
    assert "over 5 methods" in drawing.caption
    assert "1 to 2 tasks" in drawing.caption


def test_nothing_is_drawn_of_two_scores(tmp_path):
    maker = RunMaker(tmp_path / "run", dict.fromkeys(METHODS, "family"), {"t": {"repetitions": 1, "budgets": [100]}})
    maker.problem("t", 0)
    for place, method in enumerate(METHODS):
        maker.cell("t", 0, method, {"insertion": [place / 9], "deletion": [place / 7]}, budget=100)
    board = aggregate(read_run(maker.write()))
    assert list(measure_agreement(board).rho) == ["insertion", "deletion"]
    assert not list(draw_agreement(board))
    alone = RunMaker(tmp_path / "none", {"a": "family"}, {"t": {"repetitions": 1, "budgets": [100]}})
    assert not list(draw_agreement(aggregate(read_run(alone.write()))))
