import numpy as np
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.paper_tables import by_maximum, paper_tables
from benchmarks.run.records import read_run
from tests.benchmarks.run_maker import certainty_run, papers_run, small_run


def tables(maker):
    return {table.title: table for table in paper_tables(aggregate(read_run(maker.write())))}


def rows(table):
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return tables(papers_run(tmp_path_factory.mktemp("papers") / "run"))


@pytest.fixture(scope="module")
def three_features(tmp_path_factory):
    (table,) = tables(certainty_run(tmp_path_factory.mktemp("certainty") / "run")).values()
    return table


def test_a_run_has_the_tables_of_its_tasks(papers, tmp_path):
    assert list(papers) == ["ICG, Table 1 (bumps)", "ICG, Table 2 (minimum)"]
    assert tables(small_run(tmp_path / "run")) == {}


def test_every_row_has_a_cell_for_each_heading(papers):
    for table in papers.values():
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_table_1_has_closed_forms_and_errors_from_them(papers):
    table = papers["ICG, Table 1 (bumps)"]
    found = rows(table)
    assert list(found)[:3] == ["BShap (closed form)", "SHAP (closed form)", "IG from zero (closed form)"]
    assert found["SHAP (closed form)"] == ["-0.092", "0.658", "0.283", "0.283", "-", "-"]
    assert found["bshap"] == ["0.000", "1.000", "0.500", "0.500", "BShap", "0.000"]
    # 0, 0.01, 0.02 and 0.03 are added in the four repetitions
    assert found["shap"][:2] == ["-0.077 [-0.092, -0.062]", "0.673 [0.658, 0.688]"]
    assert found["shap"][4:] == ["SHAP", "0.030"]
    assert found["ig-zero"] == ["0.998", "-0.002", "0.998", "-0.002", "IG from zero", "0.002"]
    assert found["expected-gradients"] == ["0.400", "0.300", "0.400", "0.300", "-", "-"]
    assert table.notes[1] == (
        "The paper prints -0.11 for SHAP's first value at A; its own expectation, 0.434, gives -0.092."
    )


def test_table_2_by_hand(three_features):
    # icg attributes (2, 1, -4) and (4, 4, 4), ig-zero (-1, 0, -2); BShap is (-1, 0.5, 2), f (-0.75, 0.6, 0.8)
    assert three_features.header[1:4] == ["x = 0.1", "x = 0.7", "x = 0.9"]
    found = rows(three_features)
    assert found["BShap (exact, from the model's boundary)"] == ["-0.50", "0.25", "1.00", "1.000", "1.000", "-"]
    assert found["f(x)"][:4] == ["-0.94", "0.75", "1.00", "1.000"]
    # against BShap: the reverse order, and none; cosines -9.5 / 10.5 and 6 / 15.87
    assert found["icg"] == [
        "1.00",
        "0.75 [0.50, 1.00]",
        "-0.50 [-2.00, 1.00]",
        "-1.000",
        "-0.263 [-0.905, 0.378]",
        "-",
    ]
    assert found["ig-zero (2 undefined)"][:3] == ["-", "-", "-"]
    assert found["ig-zero (2 undefined)"][3] == "-0.500"  # ranks 2, 3, 1 against 1, 2, 3


def test_table_2_tells_what_is_known_of_the_papers(papers):
    found = rows(papers["ICG, Table 2 (minimum)"])
    assert found["expected-gradients"][-1] == "0.70 for x = 0.7"
    assert found["icg"][-1] == "-"
    assert found["ig-zero"][3] == "1.00"
    assert papers["ICG, Table 2 (minimum)"].header[1:7] == [f"x = {x}" for x in (0.1, 0.2, 0.3, 0.6, 0.7, 0.9)]


def test_division_by_the_maximum_leaves_rows_without_a_positive_one_out():
    table = np.array([[2.0, 1.0, -4.0], [-1.0, -2.0, -3.0], [0.0, 0.0, 0.0]])
    assert by_maximum(table).tolist() == [[1, 0.5, -2]]
