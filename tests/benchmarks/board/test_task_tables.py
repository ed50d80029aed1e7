import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.board.aggregate import Board, aggregate
from benchmarks.board.leaderboard import Standings, make_details_table, make_task_table, write_note
from benchmarks.board.overview import make_leaders_table, make_overall_table, make_overview_tables
from benchmarks.board.page.boards import make_task_boards
from benchmarks.board.tables import Table
from benchmarks.run.storage import read_run
from benchmarks.run.suite import MethodChoice
from sig.registry import Cost
from tests.benchmarks.run_maker import RunMaker

FAMILIES = {
    "bshap": "shapley",
    "ig-zero": "integrated-gradients",
    "captum/IntegratedGradients": "captum",
    "sig-game": "shapley-integrated-gradients",
    "gradient": "gradient",
    "dear": "shapley",
    "icg": "certainty",
    "noise": "control",
}
SPENT: dict[str, dict[str, Any]] = {
    "ig-zero": {"budget": 1000, "options": {"steps": 500}, "distance": 0.04},
    "captum/IntegratedGradients": {"budget": 1000, "options": {"steps": 500}, "distance": 0.04, "same_as": "ig-zero"},
    "sig-game": {"budget": 1000, "options": {"samples": 50, "steps": 10}, "distance": 0.62},
}
COLUMNS = ["off_bshap", "in_shadow", "order_scores", "dark", "completeness"]  # of the task of ``crowded_run``


def board_of(maker: RunMaker) -> Board:
    return aggregate(read_run(maker.write()))


def crowded_run(folder: Path, models: int = 10) -> RunMaker:
    """A task with a truth that bshap computes, where the control beats gradient; lower is better.

    Off the truth by 0.2 and 0.4 in turn is sig-game, by 0.2 more ig-zero, by 2 the control and by 3 gradient.
    """
    maker = RunMaker(folder, FAMILIES, {"t": {"repetitions": models, "budgets": [100, 1000]}})
    errors = {"bshap": 0.0, "sig-game": 0.2, "ig-zero": 0.4, "captum/IntegratedGradients": 0.4}
    errors |= {"dear": 0.1, "noise": 2.0, "gradient": 3.0}
    for model in range(models):
        maker.problem("t", model, exact={"bshap": ["bshap"]}, truths={"bshap": [[1.0]], "scores": [[1.0]]})
        for label, error in errors.items():
            values: list[float | None] = [error + 0.2 * (model % 2)] if label != "bshap" else [0.0]
            scores: dict[str, list[float | None]] = {"off_bshap": values, "completeness": [0.001 * model]}
            scores |= {column: [0.5 + 0.1 * (model % 2)] for column in ("in_shadow", "order_scores", "dark")}
            rows = 2000 if label == "dear" else 1000 if label in SPENT else 2
            cost = Cost(0.25, rows // 2, rows // 2, None) if label != "noise" else Cost(0.125, 0, 0, None)
            ordered = {column: scores[column] for column in COLUMNS}
            maker.cell("t", model, label, ordered, cost=cost, **SPENT.get(label, {}))
        maker.cell("t", model, "icg", status="skipped", reason="the model is not certainty-aware")
    return maker


@pytest.fixture(scope="module")
def crowded(tmp_path_factory) -> Board:
    return board_of(crowded_run(tmp_path_factory.mktemp("crowded") / "run"))


def column_of(table: Table, name: str) -> list[str]:
    return [row[table.header.index(name)].text for row in table.rows]


# ---- the main table


def test_the_main_table_has_at_most_seven_columns(crowded):
    table = make_task_table(crowded, "t")
    assert table.header == ["rank", "method", "off_bshap ↓", "in_shadow ↓", "distance", "allocation", "cost"]
    assert {len(row) for row in table.rows} == {7}


def test_methods_far_from_their_limit_are_marked_and_a_line_stands_above_the_control(crowded):
    names = column_of(make_task_table(crowded, "t"), "method")
    assert names == ["sig-game†", "ig-zero", "(no better than a control:)", "noise (control)", "gradient"]


def test_a_control_that_all_beat_has_no_line(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "x", "noise": "control"}, {"t": {"repetitions": 1, "budgets": [100]}})
    for label, score in (("a", 0.5), ("noise", 0.1)):
        maker.cell("t", 0, label, {"100%_right": [score]}, budget=100)
    assert column_of(make_task_table(board_of(maker), "t"), "method") == ["a", "noise (control)"]


def controlled_run(directory, scores, controls=("noise", "edges")):
    """One budget and model of a task where higher is better, with a score of each method."""
    families = {label: "control" if label in controls else "x" for label in scores}
    maker = RunMaker(directory / "run", families, {"t": {"repetitions": 1, "budgets": [100]}})
    for label, score in scores.items():
        maker.cell("t", 0, label, {"100%_right": [score]}, budget=100)
    return maker


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"a": 0.9, "b": 0.8, "noise": 0.5, "c": 0.1}, ""),  # one of three
        ({"a": 0.9, "noise": 0.8, "b": 0.5, "c": 0.1}, "noise is number 2 of 4 (2 of 3 methods)"),
        ({"a": 0.9, "noise": 0.5, "b": 0.5}, "noise is number 2 of 3 (1 of 2 methods)"),  # as good is no better
        (
            {"edges": 0.95, "a": 0.9, "noise": 0.8, "b": 0.5, "c": 0.1},
            "edges is number 1 of 5 (3 of 3 methods); noise is number 3 of 5 (2 of 3 methods)",
        ),
        (
            {"a": 0.9, "noise": 0.8, "edges": 0.1, "b": 0.0},
            "noise is number 2 of 4 (1 of 2 methods); edges is number 3",
        ),
        ({"noise": 0.8}, ""),
    ],
)
def test_controls_that_half_of_the_methods_do_not_beat_are_told_above(tmp_path, scores, said):
    about, _, warning = make_task_table(board_of(controlled_run(tmp_path, scores)), "t").lead.partition("100 rows.")
    assert about.startswith("Ranks by 100%_right")
    start = " Half of the methods or more do no better than a control, which does not see the model: "
    assert warning.startswith(start + said) if said else warning == ""


def test_the_page_tells_of_controls_too_and_marks_one_that_leads(tmp_path):
    board = board_of(controlled_run(tmp_path, {"edges": 0.95, "a": 0.9, "b": 0.8}))
    tables = make_task_table(board, "t"), make_details_table(board, "t")
    (found,) = make_task_boards(board, {"t": tables})
    assert "edges is number 1 of 3 (2 of 2 methods)" in found.lead
    assert [name for name, _ in found.leaders] == ["edges (control)", "a", "b"]


def test_distance_split_and_cost(crowded):
    table = make_task_table(crowded, "t")
    assert column_of(table, "distance") == ["0.62", "0.04", "", "", ""]
    assert column_of(table, "allocation") == ["50 x 10", "", "", "", ""]
    assert column_of(table, "cost") == ["1,000", "1,000", "", "0", "2"]


@pytest.mark.parametrize(
    ("name", "fixed", "options", "allocation"),
    [
        ("sig-game", {"direction": "both"}, {"direction": "both", "samples": 5, "steps": 10}, "5 x 10"),
        ("sig-game", {"steps": 50}, {"steps": 50, "samples": 2}, "2 x 50"),  # whatever their order
        ("sig-game", {}, {"samples": 2}, "2 x 50"),  # the default
        ("of a plug-in", {"a": 1}, {"a": 1, "b": 2000, "c": 3}, "2,000 x 3"),
        ("gradient", {}, {}, ""),
    ],
)
def test_a_split_is_of_what_spends_the_budget(tmp_path, name, fixed, options, allocation):
    maker = RunMaker(tmp_path / "run", {"mine": "x"}, {"t": {"repetitions": 1, "budgets": [100]}})
    maker.cell("t", 0, "mine", {"100%_right": [0.5]}, budget=100, options=options)
    run = read_run(maker.write())
    choice = MethodChoice(name=name, label="mine", options=fixed)
    run.manifest.suite = run.manifest.suite.model_copy(update={"methods": [choice]})
    assert column_of(make_task_table(aggregate(run), "t"), "allocation") == [allocation]


def test_the_first_score_has_an_interval_the_second_none(crowded):
    first, *_ = make_task_table(crowded, "t").rows
    assert re.fullmatch(r"0\.30 \[0\.\d\d, 0\.\d\d\]", first[2].text)
    assert first[3].text == "0.550"


def test_only_ties_with_the_best_are_strong(crowded):
    table = make_task_table(crowded, "t")
    strong = [row[1].text for row in table.rows if row[2].strong]
    assert strong == ["sig-game†"]
    assert not any(cell.strong for row in table.rows for i, cell in enumerate(row) if i not in (2, 3))
    assert not any(row[3].strong for row in table.rows if row[1].text == "noise (control)")


def test_what_has_no_place_is_told_below(crowded):
    truth, dear, *others = make_task_table(crowded, "t").notes
    assert truth == "Computes this truth, so not ranked: bshap 0.000."
    assert re.fullmatch(r"Costs more than the budget, so not ranked: dear 0\.20 \[.*\] for 2,000 rows\.", dear)
    assert others == [
        "ig-zero = captum/IntegratedGradients: one method, one row.",
        "skipped (the model is not certainty-aware): icg.",
    ]


def test_the_truth_of_a_second_column_is_no_score(tmp_path):
    maker = RunMaker(tmp_path / "run", {"bshap": "shapley"}, {"t": {"repetitions": 1, "budgets": [100]}})
    maker.problem("t", 0, exact={"bshap": ["bshap"]}, truths={"bshap": [[1.0]]})
    maker.cell("t", 0, "bshap", {"100%_right": [0.5], "off_bshap": [0.0]}, budget=100)
    (row,) = make_task_table(board_of(maker), "t").rows
    assert [cell.text for cell in row[1:4]] == ["bshap", "0.500", "(its truth)"]


@pytest.mark.parametrize(
    ("models", "explicands", "said"),
    [
        (1, 3, "this model only, 3 explicands: too few to tell ties"),
        (1, 8, "this model only, 8 explicands"),
        (3, 8, "3 models: too few to tell ties"),
        (5, 1, "5 models"),
    ],
)
def test_what_a_ranking_stands_on(tmp_path, models, explicands, said):
    maker = RunMaker(tmp_path / "run", {"a": "x", "b": "x"}, {"t": {"repetitions": models, "budgets": [100]}})
    for model in range(models):
        for label in "ab":
            maker.cell("t", model, label, {"100%_right": [0.5] * explicands}, budget=100)
    board = board_of(maker)
    assert Standings(board, "t").describe_models() == said
    lead = f"Ranks by 100%_right ↑; {said}; budget 100 rows."
    assert make_task_table(board, "t").lead == lead


@pytest.mark.parametrize(
    ("of_a", "of_b", "notes"),
    [
        ([None, 0.5], [None, 0.6], ["100%_right, off_bshap: undefined on 1 of 2 units."]),
        ([None, 0.5], [0.5, 0.6], ["100%_right, off_bshap: undefined on 1 (for a) of 2 units."]),
        ([0.5, 0.5], [0.5, 0.6], []),
    ],
)
def test_undefined_units_are_told_once(tmp_path, of_a, of_b, notes):
    maker = RunMaker(tmp_path / "run", {"a": "x", "b": "x"}, {"t": {"repetitions": 1, "budgets": [100]}})
    for label, scores in (("a", of_a), ("b", of_b)):
        maker.cell("t", 0, label, {"100%_right": scores, "off_bshap": scores}, budget=100)
    table = make_task_table(board_of(maker), "t")
    assert list(table.notes) == notes
    assert not any("undefined" in cell.text for row in table.rows for cell in row)


def test_a_task_that_nothing_judges(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "x"}, {"t": {"repetitions": 1, "budgets": [100]}})
    maker.cell("t", 0, "a", {"completeness": [0.25]}, budget=100)
    board = board_of(maker)
    table = make_task_table(board, "t")
    assert table.rows == []
    assert table.lead == "No score judges here; budget 100 rows."
    assert column_of(make_details_table(board, "t"), "completeness ↓") == ["0.250"]
    assert make_leaders_table(board).rows == []


def test_what_is_not_ok_is_counted(tmp_path):
    maker = RunMaker(tmp_path / "run", {"a": "x", "b": "x"}, {"t": {"repetitions": 2, "budgets": [100]}})
    maker.cell("t", 0, "a", {"100%_right": [0.5]}, budget=100)
    maker.cell("t", 1, "a", status="failed", reason="ValueError: no", budget=100)
    board = board_of(maker)
    assert write_note(board, "t", "a") == "failed 1 of 2 (ValueError: no)"
    assert write_note(board, "t", "b") == "missing"


# ---- the second table and the overview


def test_the_second_table_has_all_other_scores_and_both_kinds_of_rows(crowded):
    table = make_details_table(crowded, "t")
    others = ["in_shadow ↓", "order_scores ↑", "dark ↑", "completeness ↓"]
    assert table.header == ["method", *others, "forward rows", "backward rows", "seconds"]
    assert column_of(table, "method") == ["sig-game†", "ig-zero", "noise (control)", "gradient", "bshap", "dear"]
    assert (
        column_of(table, "forward rows") == column_of(table, "backward rows") == ["500", "500", "0", "1", "1", "1,000"]
    )
    assert column_of(table, "seconds") == ["0.25", "0.25", "0.12", "0.25", "0.25", "0.25"]
    assert {text.count("[") for text in column_of(table, "dark ↑")} == {0}  # four columns leave no space


def test_the_leaders_of_each_task_and_how_sure_that_is(crowded):
    (row,) = make_leaders_table(crowded).rows
    assert [cell.text for cell in row] == [
        "t",
        "off_bshap ↓",
        "sig-game† 0.30, ig-zero 0.50, noise (control) 2.10",
        "1 of 4 in the top set; 10 models",
    ]


# ---- over all


def several_families_run(folder: Path, *, lead: float = 0.3) -> RunMaker:
    """Two families, the first of two tasks, ten models each: a beats b by ``lead`` everywhere, b ties with c on both
    tasks of the first family and beats it in the second one; the control loses by far, "once" is in one family."""
    families = {"a": "x", "b": "x", "c": "x", "once": "x", "noise": "control"}
    task = {"repetitions": 10, "budgets": [100]}
    tasks = {"one": "first", "two": "first", "three": "second"}
    maker = RunMaker(folder, families, {name: {**task, "family": family} for name, family in tasks.items()})
    for name in tasks:
        for model in range(10):
            wobble = 0.01 * (-1) ** model + 0.001 * model
            scores = {"a": 0.5 + lead, "b": 0.5, "c": 0.5 + 3 * wobble if name != "three" else 0.3, "noise": 0.01}
            scores |= {"once": 0.2} if name == "three" else {}
            for i, (label, score) in enumerate(scores.items()):
                maker.cell(name, model, label, {"100%_right": [score + wobble * i / 10]}, budget=100)
    return maker


def test_wins_ties_and_losses_by_family(tmp_path):
    table = make_overall_table(board_of(several_families_run(tmp_path / "run")))
    assert table.header == ["tier", "method", "score ↑", "first", "second"]
    rows = {row[1].text: [cell.text for cell in row] for row in table.rows}
    assert list(rows) == ["a", "b", "c", "once", "noise (control)"]
    assert [row[3] for row in rows.values()] == ["2/0/0", "0/1/1", "0/1/1", "", "0/0/3"]
    assert [row[4] for row in rows.values()] == ["3/0/0", "2/0/1", "1/0/2", "0/0/3", "0/0/4"]
    assert rows["a"][2] == "1.00 [1.00, 1.00]"
    assert rows["b"][2].startswith("-0.08 [")  # (-1 / 2 + 1 / 3) / 2
    assert [row[0] for row in rows.values()] == ["1", "2", "2", "-", "-"]
    assert table.lead.endswith("The tiers stay apart whichever family or method is left out.")


def test_without_an_order_there_are_no_tiers(tmp_path):
    table = make_overall_table(board_of(several_families_run(tmp_path / "run", lead=0.0)))
    assert table.header == ["method", "score ↑", "first", "second"]
    assert table.lead.endswith("No order of all methods survives leaving out one family or one method.")


def test_a_single_task_has_no_table_over_all(crowded, tmp_path):
    assert [table.title for table in make_overview_tables(crowded)] == ["Who leads"]
    several = make_overview_tables(board_of(several_families_run(tmp_path / "run")))
    assert [table.title for table in several] == ["Who leads", "Over all"]
