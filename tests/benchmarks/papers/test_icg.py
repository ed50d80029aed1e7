import numpy as np
import pandas as pd
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.claims import Claim
from benchmarks.papers.icg import ICG, measure_instability
from benchmarks.papers.ledger import Outcome
from benchmarks.papers.quantities import take_evidence
from benchmarks.run.records import EncodedArray, read_run
from tests.benchmarks.papers.outcomes import WHATEVER_THE_RUN, measure_entries, outcome_of, without_papers
from tests.benchmarks.run_maker import RunMaker, certainty_run, papers_run, small_run

CLAIMS = {entry.says: entry.by for entry in ICG.entries if isinstance(entry.by, Claim)}


def tables_of(maker):
    board = take_evidence(aggregate(read_run(maker.write())), "ICG")
    return {table.title: table for table in ICG.tables(board) if table.rows}


def rows_of(table):
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


@pytest.fixture(scope="module", params=[True, False])
def board(request, tmp_path_factory):
    """A run on which everything that ICG claims holds, or nothing; and which."""
    maker = papers_run(tmp_path_factory.mktemp("papers") / "run", holds=request.param)
    return aggregate(read_run(maker.write())), request.param


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return measure_entries(ICG, papers_run(tmp_path_factory.mktemp("papers") / "run"))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return tables_of(papers_run(tmp_path_factory.mktemp("papers") / "run"))


@pytest.fixture(scope="module")
def three_features(tmp_path_factory):
    (table,) = tables_of(certainty_run(tmp_path_factory.mktemp("certainty") / "run")).values()
    return table


# --- claims


@pytest.mark.parametrize("text", CLAIMS)
def test_claims_hold_where_they_should(board, text):
    board, holds = board
    tests = CLAIMS[text].test(board)
    assert tests
    assert {row["verdict"] for row in tests} == {"held" if holds else "not held"}


def test_claims_are_about_the_tasks_they_name(board):
    board, _ = board
    tasks = {text: {row["task"] for row in claim.test(board)} for text, claim in CLAIMS.items()}
    assert tasks["Expected gradients never find the dark squares in the probability"] == {"snacks"}
    assert tasks["ICG always attributes a dark square, in probability and logit"] == {"snacks", "snacks-logit"}
    assert tasks["Training with damage costs no accuracy, at about twice the steps"] == {"minimum", "snacks", "space"}


def test_two_models_say_nothing_of_stability():
    rows = pd.DataFrame([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert measure_instability(rows[:2]).isna().all()
    by_hand = [np.sqrt(((row - rows.to_numpy().mean(0)) ** 2).mean()) for row in rows.to_numpy()]
    assert measure_instability(rows).tolist() == pytest.approx(by_hand)


# --- the ledger


def test_what_holds_in_the_records_is_held(found, tmp_path):
    turned = measure_entries(ICG, papers_run(tmp_path / "run", holds=False))
    tested = {key for key, outcome in found.items() if outcome.verdict == "held"}
    assert {item for item, _ in tested} == {
        "Burnt Snacks, accuracy",
        "Burnt Snacks",
        "Local Minimum, accuracy",
        "Table 2",
        "Section 4, Fig. 7",
        "Fig. 8",
        "MNIST in Space",
    }
    assert {turned[key].verdict for key in tested if key[0] != "Local Minimum, accuracy"} == {"not held"}


def test_what_is_known_of_the_papers_numbers(found):
    assert outcome_of(found, "Fig. 2, Table 1") == Outcome("-0.092 by the closed form", "not held")  # it prints -0.11
    assert outcome_of(found, "Table 2", "0.70") == Outcome("0.100 [0.099, 0.101] over 4 models on minimum", "not held")
    assert "0.4975 [0.4900, 0.5050] over 4 models" in outcome_of(found, "Table 2, baseline").measured
    assert outcome_of(found, "Table 1").measured == (
        "bshap within 0.000 of BShap; shap within 0.030 of SHAP; ig-zero within 0.002 of IG from zero"
    )


@pytest.mark.parametrize(("given", "verdict"), [((0.6, 0.8), "held"), ((0.6, 0.65), "not held"), ((0.7,), "undecided")])
def test_a_printed_value_between_those_of_the_models_is_held(tmp_path, given, verdict):
    task = {"kind": "local-minimum", "repetitions": len(given), "budgets": [5], "reproduces": ["ICG"]}
    maker = RunMaker(tmp_path / "run", {"expected-gradients": "a"}, {"t": task})
    for repetition, value in enumerate(given):
        maker.problem("t", repetition, features=(2,), shown=[0], shown_inputs=EncodedArray.of([[0.7, 0.9]]))
        maps = EncodedArray.of([[2 * value, 2]])
        maker.cell("t", repetition, "expected-gradients", {"100%_right": [1.0]}, budget=5, maps=maps)
    assert outcome_of(measure_entries(ICG, maker), "Table 2", "0.70").verdict == verdict


def test_models_count_once_though_two_outputs_are_explained(found):
    assert outcome_of(found, "Burnt Snacks, accuracy").measured.endswith("trained anew: 1 over 4 models")
    assert "small network: accuracy 0.992 [0.991, 0.992]" in outcome_of(found, "Burnt Snacks, network").measured
    assert outcome_of(found, "Section 4, Fig. 7").measured.endswith("trained anew: 3 over 12 models")


def test_a_network_that_did_not_train_is_told(tmp_path):
    options = {"network": "paper"}
    task = {"kind": "burnt-snacks", "options": options, "repetitions": 2, "budgets": [5], "reproduces": ["ICG"]}
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, {"snacks": task})
    maker.problem("snacks", 0, checks={"accuracy": 0.98, "restarts": 2.0})
    maker.problem("snacks", 1, status="failed", reason="NotConverged: no")
    found = measure_entries(ICG, maker)
    assert outcome_of(found, "Burnt Snacks, network").verdict == "replaced"
    assert outcome_of(found, "Burnt Snacks, network").measured.endswith(
        "paper network: accuracy 0.980, trained anew: 2 over 1 models, no usable model from 1 of 2 seeds"
    )
    assert outcome_of(found, "Burnt Snacks, accuracy").verdict == "not held"


def test_models_of_other_damage_are_left_out(tmp_path):
    entry = {"kind": "local-minimum", "repetitions": 1, "budgets": [5], "reproduces": ["ICG"]}
    tasks = {"mixed": entry, "noisy": {**entry, "options": {"damage": "noise-bernoulli"}}}
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, tasks)
    maker.problem("mixed", 0, checks={"accuracy": 0.95})
    maker.problem("noisy", 0, checks={"accuracy": 0.9})
    assert outcome_of(measure_entries(ICG, maker), "Local Minimum, accuracy").verdict == "held"


def test_many_comparisons_are_counted(found):
    text = outcome_of(found, "Table 2", "more closely").measured
    assert text.startswith("of 8 tests 8 held, 0 undecided, 0 not held; differences from -0.4")


def test_a_run_with_other_inputs_than_the_papers(tmp_path):
    found = measure_entries(ICG, certainty_run(tmp_path / "run"))
    assert outcome_of(found, "Table 2", "0.70").verdict == "not in this run"
    assert outcome_of(found, "Table 2", "from zero").measured.startswith(
        "largest share where f is constant of ig-zero: 0.500"
    )


def test_without_the_records_of_problems_maps_are_not_read(tmp_path):
    maker = papers_run(tmp_path / "run")
    maker.problems = []
    found = measure_entries(ICG, maker)
    assert outcome_of(found, "Table 2", "from zero").verdict == "not in this run"
    assert outcome_of(found, "MNIST in Space").verdict == "held"
    assert tables_of(maker) == {}


# --- evidence


def test_tasks_that_reproduce_nothing_are_no_evidence(tmp_path):
    maker = without_papers(papers_run(tmp_path / "run"))
    verdicts = {outcome.verdict for outcome in measure_entries(ICG, maker).values()}
    assert verdicts == {"not in this run", *WHATEVER_THE_RUN} - {"reading", "not built"}
    assert tables_of(maker) == {}


@pytest.mark.parametrize(("papers", "seven", "eight"), [([], *["not in this run"] * 2), (["ICG"], "held", "not held")])
def test_a_strangers_certainty_aware_models_are_evidence_only_when_they_say_so(tmp_path, papers, seven, eight):
    task = {"kind": "pulses", "repetitions": 3, "budgets": [5], "reproduces": papers}
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, {"pulses": task})
    for repetition in range(3):
        lost = {"accuracy": 0.9 + 0.001 * repetition, "accuracy_without_damage": 0.95}
        maker.problem("pulses", repetition, checks={"neutrality_gap": 0.01, "absence_spread": 0.01, **lost})
    found = measure_entries(ICG, maker)
    assert outcome_of(found, "Section 4, Fig. 7").verdict == seven
    assert outcome_of(found, "Fig. 8").verdict == eight


# --- tables


def test_a_run_has_the_tables_of_its_tasks(tables, tmp_path):
    assert list(tables) == ["ICG, Table 1 (bumps)", "ICG, Table 2 (minimum)"]
    assert tables_of(small_run(tmp_path / "run")) == {}


def test_every_row_has_a_cell_for_each_heading(tables):
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_table_1_has_closed_forms_and_errors_from_them(tables):
    table = tables["ICG, Table 1 (bumps)"]
    rows = rows_of(table)
    assert list(rows)[:3] == ["BShap (closed form)", "SHAP (closed form)", "IG from zero (closed form)"]
    assert rows["SHAP (closed form)"] == ["-0.092", "0.658", "0.283", "0.283", "-", "-"]
    assert rows["bshap"] == ["0.000", "1.000", "0.500", "0.500", "BShap", "0.000"]
    # 0, 0.01, 0.02 and 0.03 are added in the four repetitions
    assert rows["shap"][:2] == ["-0.077 [-0.092, -0.062]", "0.673 [0.658, 0.688]"]
    assert rows["shap"][4:] == ["SHAP", "0.030"]
    assert rows["ig-zero"] == ["0.998", "-0.002", "0.998", "-0.002", "IG from zero", "0.002"]
    assert rows["expected-gradients"] == ["0.400", "0.300", "0.400", "0.300", "-", "-"]
    assert table.notes[1] == (
        "The paper prints -0.11 for SHAP's first value at A; its own expectation, 0.434, gives -0.092."
    )


def test_table_2_by_hand(three_features):
    # icg attributes (2, 1, -4) and (4, 4, 4), ig-zero (-1, 0, -2); BShap is (-1, 0.5, 2), f (-0.75, 0.6, 0.8)
    assert three_features.header[1:4] == ["x = 0.1", "x = 0.7", "x = 0.9"]
    rows = rows_of(three_features)
    assert rows["BShap (exact, from the model's boundary)"] == ["-0.50", "0.25", "1.00", "1.000", "1.000", "-"]
    assert rows["f(x)"][:4] == ["-0.94", "0.75", "1.00", "1.000"]
    # against BShap: the reverse order, and none; cosines -9.5 / 10.5 and 6 / 15.87
    assert rows["icg"] == [
        "1.00",
        "0.75 [0.50, 1.00]",
        "-0.50 [-2.00, 1.00]",
        "-1.000",
        "-0.263 [-0.905, 0.378]",
        "-",
    ]
    assert rows["ig-zero (2 undefined)"][:3] == ["-", "-", "-"]
    assert rows["ig-zero (2 undefined)"][3] == "-0.500"  # ranks 2, 3, 1 against 1, 2, 3


def test_table_2_tells_what_is_known_of_the_papers(tables):
    rows = rows_of(tables["ICG, Table 2 (minimum)"])
    assert rows["expected-gradients"][-1] == "0.70 for x = 0.7"
    assert rows["icg"][-1] == "-"
    assert rows["ig-zero"][3] == "1.00"
    assert tables["ICG, Table 2 (minimum)"].header[1:7] == [f"x = {x}" for x in (0.1, 0.2, 0.3, 0.6, 0.7, 0.9)]
