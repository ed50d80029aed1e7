import numpy as np
import pytest
from scipy import stats

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.evidence import take_evidence
from benchmarks.papers.icg import ICG
from benchmarks.papers.icg.local_minimum_table import COLUMNS, check_printed, choose_task, predict_next
from benchmarks.run.fields import EncodedArray
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.icg_run import icg_run
from tests.benchmarks.run_maker import RunMaker, certainty_run, small_run

EG = next(column for column in COLUMNS if column.name == "EG")
TASK = {"kind": "local-minimum", "budgets": [5], "reproduces": ["ICG"]}


def board_of(maker):
    return take_evidence(aggregate(read_run(maker.write())), "ICG")


def tables_of(maker):
    return {table.title: table for table in ICG.tables(board_of(maker)) if table.rows}


def rows_of(table):
    return {(row[0].text, row[1].text): [cell.text for cell in row[2:]] for row in table.rows}


def run_of_eg(directory, given, rows=500, task="t", maker=None):
    """A model for each row of attributions."""
    maker = maker or RunMaker(directory, {"expected-gradients": "a"}, {})
    maker.tasks = {**maker.tasks, task: {**TASK, "repetitions": len(given)}}
    inputs = EncodedArray.of([[0.1, 0.2, 0.3, 0.6, 0.7, 0.9]])
    for repetition, values in enumerate(given):
        shown = {"shown": [0], "shown_inputs": inputs, "shown_targets": [1], "shown_predictions": [1]}
        maker.problem(task, repetition, features=(6,), **shown)
        maps = EncodedArray.of([values])
        maker.cell(task, repetition, "expected-gradients", {"100%_right": [1.0]}, budget=5, maps=maps, rows=rows)
    return maker


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return tables_of(icg_run(tmp_path_factory.mktemp("papers") / "run"))


@pytest.fixture(scope="module")
def three_features(tmp_path_factory):
    (table,) = tables_of(certainty_run(tmp_path_factory.mktemp("certainty") / "run")).values()
    return table


def test_a_run_has_the_tables_of_its_tasks(tables, tmp_path):
    titles = ["ICG, Table 1 (bumps)", "ICG, Table 2 (minimum)"]
    assert list(tables) == titles
    assert tables_of(small_run(tmp_path / "run")) == {}
    maker = icg_run(tmp_path / "more")
    maker.problems = []
    assert tables_of(maker) == {}


def test_every_row_has_a_cell_for_each_heading(tables):
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.header)}


# --- Table 1


def test_table_1_has_the_print_closed_forms_and_errors_from_them(tables):
    rows = rows_of(tables["ICG, Table 1 (bumps)"])
    assert list(rows)[:4] == [(name, by) for name in ("BShap", "SHAP") for by in ("paper", "closed form")]
    assert rows["SHAP", "paper"] == ["-0.11", "0.66", "-0.22", "-0.22", "-"]
    assert rows["SHAP", "closed form"] == ["-0.092", "0.658", "-0.217", "-0.217", "-"]
    assert rows["IG from zero", "paper"] == ["1", "0", "-1", "1", "-"]
    assert rows["bshap", "estimates BShap"] == ["0.000", "1.000", "0.000", "0.000", "0.000"]
    # 0, 0.01, 0.02 and 0.03 are added in the four repetitions
    assert rows["shap", "estimates SHAP"][:2] == ["-0.077 (-0.092 to -0.062)", "0.673 (0.658 to 0.688)"]
    assert rows["shap", "estimates SHAP"][4] == "0.030"
    assert rows["expected-gradients", "here"] == ["0.400", "0.300", "0.400", "0.300", "-"]


# --- Table 2


def test_table_2_has_all_printed_columns_beside_those_of_the_run(tables):
    table = tables["ICG, Table 2 (minimum)"]
    rows = rows_of(table)
    assert table.header[2:8] == [f"x = {x}" for x in (0.1, 0.2, 0.3, 0.6, 0.7, 0.9)]
    assert [name for name, by in rows if by == "paper"] == [column.name for column in COLUMNS]
    assert [name for name, by in rows if by != "paper"] == [column.name for column in COLUMNS]
    assert rows["ICG", "paper"][:6] == ["-0.75", "-0.75", "-0.74", "1", "0.48", "0.74"]
    printed, score, bshap = (np.array(COLUMNS[at].printed) for at in (6, 0, 1))
    cosine = printed @ bshap / (printed @ printed * (bshap @ bshap)) ** 0.5
    assert rows["ICG", "paper"][6:] == [f"{((printed - score) ** 2).mean() ** 0.5:.3f}", f"{cosine:.3f}"]
    assert rows["scaled score", "here"][:7] == ["-0.94", "-0.94", "-0.94", "1.00", "0.75", "1.00", "0.000"]


def test_another_input_by_hand(three_features):
    # icg attributes (2, 1, -4) and (4, 4, 4), ig-zero (-1, 0, -2); BShap is (-1, 0.5, 2), f (-0.75, 0.6, 0.8)
    assert three_features.title == "ICG, Table 2, another input (minimum)"
    assert three_features.header[2:5] == ["x = 0.1", "x = 0.7", "x = 0.9"]
    rows = {name: texts for (name, _), texts in rows_of(three_features).items()}
    assert rows["bshap (truth)"][:3] == ["-0.50", "0.25", "1.00"]
    assert rows["bshap (truth)"][4] == "1.000"
    distances = [((np.array(of) - [-0.9375, 0.75, 1]) ** 2).mean() ** 0.5 for of in ([1, 0.5, -2], [1, 1, 1])]
    # cosines with BShap: -9.5 / 10.5 and 6 / 15.87
    assert rows["icg"] == [
        "1.00",
        "0.75 (0.50 to 1.00)",
        "-0.50 (-2.00 to 1.00)",
        f"{np.mean(distances):.3f} ({min(distances):.3f} to {max(distances):.3f})",
        "-0.263 (-0.905 to 0.378)",
    ]
    assert rows["ig-zero"][:4] == ["-", "-", "-", "-"]
    assert ("ig-zero", "here (2 undefined)") in rows_of(three_features)


# --- are the printed numbers among those of the run?


def test_the_prediction_interval_holds_one_more_sample_as_often_as_it_says():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((4000, 6))
    inside = [low <= row[5] <= high for row in samples for low, high in [predict_next(row[:5], confidence=0.9)]]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)
    low, high = predict_next(np.array([1.0, 2.0, 3.0]), confidence=0.95)
    assert (low, high) == pytest.approx((2 - (reach := stats.t.ppf(0.975, 2) * (4 / 3) ** 0.5), 2 + reach))


def near_the_print(spread, models=5):
    """Attributions whose maximum is that at 0.9, as printed."""
    rng = np.random.default_rng(1)
    noise = np.c_[rng.standard_normal((models, 5)), np.zeros(models)]
    return np.array(EG.printed) + spread * noise


def test_a_printed_column_is_judged_by_the_spread_of_models(tmp_path):
    assert check_printed(EG, board_of(run_of_eg(tmp_path / "near", near_the_print(0.03))), ["t"]).verdict == "held"
    moved = near_the_print(0.03) - [0, 0, 0, 0, 0.4, 0]
    finding = check_printed(EG, board_of(run_of_eg(tmp_path / "moved", moved)), ["t"])
    assert finding.verdict == "not held"
    assert finding.measured.startswith("outside of what 5 models on t give: 0.7 at 0.7, here 0.29 (0.22 to 0.33)")
    noisy = near_the_print(0.3) - [0, 0, 0, 0, 0.4, 0]
    assert check_printed(EG, board_of(run_of_eg(tmp_path / "noisy", noisy)), ["t"]).verdict == "held"
    few = run_of_eg(tmp_path / "few", near_the_print(0.03, models=2))
    assert check_printed(EG, board_of(few), ["t"]).verdict == "undecided"
    assert check_printed(COLUMNS[-1], board_of(few), ["t"]).verdict == "not in this run"


def test_a_printed_column_stands_beside_the_task_of_as_many_rows(tmp_path):
    maker = run_of_eg(tmp_path / "run", near_the_print(0.03), rows=10_000, task="many")
    maker = run_of_eg(tmp_path / "run", near_the_print(0.03), rows=400, task="few", maker=maker)
    assert choose_task(EG, board_of(maker), ["many", "few"]) == "few"
