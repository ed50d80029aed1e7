import re

import numpy as np
import pandas as pd
import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.claims import Bound, Claim
from benchmarks.papers.evidence import take_evidence
from benchmarks.papers.icg import ICG
from benchmarks.papers.icg.burnt_snacks import MIXED
from benchmarks.papers.icg.tasks import BASELINES, SNACKS_LOGIT
from benchmarks.papers.measurements import judge_every, judge_most
from benchmarks.papers.quantities import Quantity
from benchmarks.papers.verdicts import Finding, Range
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import finding_of, measure_entries, without_papers
from tests.benchmarks.papers.icg_run import icg_run
from tests.benchmarks.run_maker import RunMaker, certainty_run, facts

CLAIMS = {f"{entry.item}: {entry.says}": entry.by for entry in ICG.entries if isinstance(entry.by, Claim)}
NUMBERED = [
    *(f"Fig. {number}" for number in range(1, 16)),
    *("Table 1", "Table 2", "Definition 1", "Definition 2", "eq. 1", "eq. 2"),
    *("A.1.1", "A.1.2", "A.1.3", "A.2", "A.3.1", "A.3.2", "A.4.1", "A.4.2", "A.5", "5.1", "5.2"),
]


@pytest.fixture(scope="module", params=[True, False])
def board(request, tmp_path_factory):
    """A run on which everything that ICG claims holds, or nothing; and which."""
    maker = icg_run(tmp_path_factory.mktemp("papers") / "run", holds=request.param)
    return take_evidence(aggregate(read_run(maker.write())), "ICG"), request.param


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return measure_entries(ICG, icg_run(tmp_path_factory.mktemp("papers") / "run"))


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    return measure_entries(ICG, icg_run(tmp_path_factory.mktemp("papers") / "run", holds=False))


# --- claims


@pytest.mark.parametrize("text", CLAIMS)
def test_claims_hold_where_they_should(board, text):
    board, holds = board
    tests = CLAIMS[text].test(board)
    assert tests
    assert {row["verdict"] for row in tests} == {"held" if holds else "not held"}


def test_claims_are_about_the_tasks_they_name(board):
    board, _ = board

    def tasks(word):
        return {row["task"] for text, claim in CLAIMS.items() if word in text for row in claim.test(board)}

    assert tasks("In no case do expected gradients identify") == {"snacks"}
    assert tasks("Its attributions are noisy") == {"snacks", "snacks-logit"}
    assert tasks("Dark squares have overall more") == {"snacks-logit"}
    assert tasks("Fig. 8") == {"digits"}
    assert tasks("A.3.2, variable extent") == {"minimum"}  # the models of all kinds of damage side by side
    assert tasks("A.3.2, basic damage") == {"noise-uniform"}


@pytest.mark.parametrize(
    ("item", "word"),
    [
        ("Section 3.1, Fig. 2", "abrupt"),
        ("Definition 2, strong dummy", "BShap satisfies"),
        ("Definition 2, strong dummy", "IG does not satisfy"),
        ("A.2, consistency", "so it is for BShap"),
        ("A.2, consistency", "IG is not consistent"),
        ("5.1, logits", "intermixed opposite"),
        ("A.4.2, Fig. 10", "zero baseline is blind"),
    ],
)
def test_what_is_no_sample_holds_where_it_should(found, turned, item, word):
    assert finding_of(found, item, word).verdict == "held"
    assert finding_of(turned, item, word).verdict == "not held"


def test_a_fact_holds_for_every_unit(board):
    board, _ = board
    table = pd.DataFrame([[0.0, 0.2, np.nan]], index=["m"])
    quantity = Quantity("q", lambda board, task: table)

    def judge(below, method="m"):
        return judge_every(quantity, method, Range(below=below), board, ["t"])

    assert judge(0.3).verdict == "held"
    assert judge(0.1).verdict == "not held"  # the mean is not above it
    assert judge(0.3).measured == "q of m 0.100 (0.000 to 0.200) on t (claimed below 0.3)"
    assert judge(0.3, "n").verdict == "not in this run"


@pytest.mark.parametrize(("mixed", "verdict"), [(3, "held"), (2, "undecided"), (1, "not held")])
def test_most_methods_are_more_than_half(board, mixed, verdict):
    board, _ = board
    table = MIXED.values(board, "snacks-logit")
    table.loc[list(BASELINES)] = [[float(index < mixed)] * table.shape[1] for index in range(4)]
    quantity = Quantity("mixed", lambda board, task: table)
    assert (
        judge_most(Bound(SNACKS_LOGIT, (quantity,), BASELINES, above=0.5), board, ["snacks-logit"]).verdict == verdict
    )


# --- the ledger


def test_every_numbered_item_has_an_entry():
    items = "\n".join(entry.item for entry in ICG.entries)
    assert [name for name in NUMBERED if not re.search(rf"\b{re.escape(name)}\b", items)] == []


def test_what_is_known_of_the_papers_numbers(found):
    # (1 - 1 + 0.25 - 0.474) / 2 is what it prints, -0.11
    assert finding_of(found, "Table 1, A.1.3") == Finding("-0.112 with 0.474, -0.092 with 0.434", "proved")
    assert finding_of(found, "Table 1, BShap").measured == "(0.000, 1.000) at A, (0.000, 0.000) at B"
    assert [finding_of(found, f"Table 1, {name}").verdict for name in ("BShap", "SHAP", "IG from zero")] == ["held"] * 3
    assert finding_of(found, "Table 2, scaled score").verdict == "held"
    assert "-0.24 at 0.7, here -0.30" in finding_of(found, "Table 2, zero IG").measured
    assert "0.4975 (0.4900 to 0.5050) over 4 models" in finding_of(found, "Table 2, baseline").measured
    assert finding_of(found, "A.1.3").measured == "E F 0.434, across an arm 0.250, along an arm 1.000"
    assert finding_of(found, "Table 1, estimated").measured == (
        "bshap within 0.000 of BShap; shap within 0.030 of SHAP; ig-zero within 0.002 of IG from zero"
    )


def test_what_models_are_accepted_by_is_no_finding(found, turned):
    for item in ("A.3.1, eq. 2", "A.3.1", "5.1, accuracy", "5.2, accuracy"):
        assert finding_of(found, item).verdict == finding_of(turned, item).verdict == "criterion"
        assert "; met by every model" in finding_of(found, item).measured
        assert "; not met by every model" in finding_of(turned, item).measured
    assert "restarts 0.250 (0.000 to 1.000) on minimum" in finding_of(found, "A.5, Fig. 13").measured


def test_models_count_once_though_two_outputs_are_explained(found):
    text = finding_of(found, "A.5, Fig. 12").measured
    assert text == "default network: accuracy 0.992 (0.991 to 0.992), trained anew: 1 over 4 models"


def test_a_network_that_did_not_train_is_told(tmp_path):
    options = {"network": "paper"}
    task = {"kind": "burnt-snacks", "options": options, "repetitions": 2, "budgets": [5], "reproduces": ["ICG"]}
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, {"snacks": task})
    maker.problem("snacks", 0, checks={"accuracy": 0.98, "restarts": 2.0})
    maker.problem("snacks", 1, status="failed", reason="NotConverged: no")
    finding = finding_of(measure_entries(ICG, maker), "A.5, Fig. 12")
    assert finding.verdict == "replaced"
    assert finding.measured.endswith(
        "paper network: accuracy 0.980, trained anew: 2 over 1 models, no usable model from 1 of 2 seeds"
    )


def test_kinds_of_damage_are_compared_over_models_of_the_same_seeds(board):
    board, holds = board
    claim = next(claim for text, claim in CLAIMS.items() if "A.3.2, adversarial" in text)
    accuracy, images = claim.test(board)
    assert (accuracy["method"], accuracy["rival"], accuracy["units"]) == ("adversarial data", "noise data", 4)
    # two points better, and a thousand images less, in the mean of both laws of certainty
    assert accuracy["mean"] == pytest.approx(0.02 if holds else -0.02, abs=0.003)
    assert images["mean"] == pytest.approx(-1 if holds else 1, abs=0.05)


def test_a_run_with_one_kind_of_damage_compares_none(tmp_path):
    maker = icg_run(tmp_path / "run")
    kept = {name for name, task in maker.tasks.items() if "damage" not in task.get("options", {})}
    maker.tasks = {name: task for name, task in maker.tasks.items() if name in kept}
    maker.problems = [problem for problem in maker.problems if problem.task in kept]
    maker.cells = [cell for cell in maker.cells if cell.task in kept]
    found = measure_entries(ICG, maker)
    assert {finding.verdict for (item, _), finding in found.items() if "A.3.2" in item} == {
        "not in this run",
        "reading",
    }


@pytest.mark.parametrize(("ours", "verdict"), [(0.6, "held"), (0.2, "not held")])
def test_crops_of_photographs_stand_for_imagenette_where_the_run_has_them(ours, verdict, tmp_path, found):
    task = {"kind": "natural-crops", "repetitions": 4, "budgets": [5], "reproduces": ["ICG"]}
    maker = RunMaker(tmp_path / "run", {"icg-smoothed": "a", "expected-gradients": "a"}, {"crops": task})
    options = {"regions": ["target"], "measure": "positive"}
    on_target = facts("dark").model_copy(
        update={"label": "on", "metric": "region_share", "options": options, "judges": False}
    )
    for repetition, noise in enumerate((0.01, -0.01, 0.02, -0.02)):
        for label, share in (("icg-smoothed", ours), ("expected-gradients", 0.4)):
            maker.cell("crops", repetition, label, {"dark": [0.5]}, budget=5)
            scores = {"on": [share + noise * (label == "icg-smoothed") + 0.001 * unit for unit in range(5)]}
            maker.cells[-1] = maker.cells[-1].model_copy(update={"scores": scores, "facts": {"on": on_target}})
    finding = finding_of(measure_entries(ICG, maker), "A.4.1, Fig. 9")
    assert finding.verdict == verdict
    assert finding.measured.startswith("in place of objects, one crop among others of photographs: positive share on ")
    assert f"icg-smoothed - expected-gradients: {ours - 0.4:.3f} [" in finding.measured
    assert finding_of(found, "A.4.1, Fig. 9").verdict == "not testable here"


def test_a_run_with_another_input_than_the_papers(tmp_path):
    found = measure_entries(ICG, certainty_run(tmp_path / "run"))
    assert finding_of(found, "Table 2, EG").verdict == "not in this run"
    assert finding_of(found, "5.2, Table 2", "are blind").measured.startswith(
        "largest share where f is constant of ig-zero: 0.500"
    )


def test_without_the_records_of_problems_maps_are_not_read(tmp_path):
    maker = icg_run(tmp_path / "run")
    maker.problems = []
    found = measure_entries(ICG, maker)
    assert finding_of(found, "5.2, Table 2", "are blind").verdict == "not in this run"
    assert finding_of(found, "5.1, expected gradients", "In no case").verdict == "not in this run"
    assert finding_of(found, "A.4.2, Fig. 11", "not in ICG").verdict == "held"


# --- evidence


def test_tasks_that_reproduce_nothing_are_no_evidence(tmp_path):
    maker = without_papers(icg_run(tmp_path / "run"))
    verdicts = {finding.verdict for finding in measure_entries(ICG, maker).values()}
    assert verdicts == {"not in this run", "not testable here", "proved", "reading", "replaced", "schematic"}
