import re

import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.board.report import write_report
from benchmarks.papers.claims import Bound
from benchmarks.papers.ledger import VERDICTS, Entry, Outcome, ledger, listed, means, stated, together
from benchmarks.papers.ledger import tested as outcome_of
from benchmarks.papers.paper_claims import CLAIMS, GAME
from benchmarks.papers.paper_entries import ENTRIES
from benchmarks.papers.paper_outcomes import Asked, every_model
from benchmarks.papers.paper_tables import paper_tables
from benchmarks.papers.quantities import tasks_of
from benchmarks.run.records import read_run
from tests.benchmarks.run_maker import RunMaker, certainty_run, papers_run, small_run

WHATEVER_THE_RUN = {"reading", "replaced", "not built"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return aggregate(read_run(small_run(tmp_path_factory.mktemp("small") / "run").write()))


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return papers_run(tmp_path_factory.mktemp("papers") / "run").write()


@pytest.fixture(scope="module")
def report(papers):
    write_report(papers)
    return (papers / "reproduction.md").read_text()


def outcomes(folder) -> dict[tuple[str, str, str], Outcome]:
    lines = ledger(ENTRIES, aggregate(read_run(folder)), [])
    return {(paper, line.entry.item, line.entry.says): line.outcome for paper in lines for line in lines[paper]}


def of(found: dict[tuple[str, str, str], Outcome], item: str, word: str = "") -> Outcome:
    (outcome,) = [outcome for (_, name, says), outcome in found.items() if name == item and word in says]
    return outcome


# --- the entries


def test_each_entry_stands_once():
    keys = [(entry.paper, entry.item, entry.says) for entry in ENTRIES]
    assert len(set(keys)) == len(keys)
    assert {paper for paper, _, _ in keys} == {"SIG", "ES", "ICG"}


def test_every_claim_of_the_papers_is_in_the_ledger():
    said = {entry.says for entry in ENTRIES} | {entry.reading for entry in ENTRIES}
    assert [claim.text for claim in CLAIMS if not any(claim.text in text for text in said)] == []


def test_a_run_without_records_says_nothing(tmp_path):
    maker = RunMaker(tmp_path / "run", {"ig-zero": "a"}, {"game": {"repetitions": 2, "budgets": [5]}})
    verdicts = {outcome.verdict for outcome in outcomes(maker.write()).values()}
    assert verdicts == {"not in this run", *WHATEVER_THE_RUN}


def test_without_the_records_of_problems_maps_are_not_read(tmp_path):
    folder = papers_run(tmp_path / "run").write()
    for file in (folder / "problems").rglob("*.json"):
        file.unlink()
    found = outcomes(folder)
    assert of(found, "Table 2", "from zero").verdict == "not in this run"
    assert of(found, "MNIST in Space").verdict == "held"
    assert paper_tables(aggregate(read_run(folder))) == []


def test_what_holds_in_the_records_is_held(papers, tmp_path):
    found = outcomes(papers)
    turned = outcomes(papers_run(tmp_path / "run", holds=False).write())
    tested = {key for key, outcome in found.items() if outcome.verdict == "held"}
    assert {item for _, item, _ in tested} == {
        "Burnt Snacks, accuracy",
        "Burnt Snacks",
        "Local Minimum, accuracy",
        "Table 2",
        "Section 4, Fig. 7",
        "Fig. 8",
        "MNIST in Space",
    }
    assert {turned[key].verdict for key in tested if key[1] != "Local Minimum, accuracy"} == {"not held"}


def test_what_is_known_of_the_papers_numbers(papers):
    found = outcomes(papers)
    assert of(found, "Fig. 2, Table 1") == Outcome("-0.092 by the closed form", "not held")  # the paper prints -0.11
    assert of(found, "Table 2", "0.70") == Outcome("0.100 [0.099, 0.101] over 4 models on minimum", "not held")
    assert "0.4975 [0.4900, 0.5050] over 4 models" in of(found, "Table 2, baseline").measured
    assert of(found, "Table 1").measured == (
        "bshap within 0.000 of BShap; shap within 0.030 of SHAP; ig-zero within 0.002 of IG from zero"
    )


def test_models_count_once_though_two_outputs_are_explained(papers):
    found = outcomes(papers)
    assert of(found, "Burnt Snacks, accuracy").measured.endswith("trained anew: 1 over 4 models")
    assert "small network: accuracy 0.992 [0.991, 0.992]" in of(found, "Burnt Snacks, network").measured
    assert of(found, "Section 4, Fig. 7").measured.endswith("trained anew: 3 over 12 models")


def test_a_network_that_did_not_train_is_told(tmp_path):
    task = {"kind": "burnt-snacks", "options": {"network": "paper"}, "repetitions": 2, "budgets": [5]}
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, {"snacks": task})
    maker.problem("snacks", 0, checks={"accuracy": 0.98, "restarts": 2.0})
    maker.problem("snacks", 1, status="failed", reason="NotConverged: no")
    found = of(outcomes(maker.write()), "Burnt Snacks, network")
    assert found.verdict == "replaced"
    assert found.measured.endswith(
        "paper network: accuracy 0.980, trained anew: 2 over 1 models, no usable model from 1 of 2 seeds"
    )
    accuracy = every_model("burnt-snacks", Asked("accuracy", above=0.9))(aggregate(read_run(maker.directory)))
    assert accuracy.verdict == "not held"
    assert accuracy.measured.endswith("no usable model from 1 seeds")


def test_models_that_miss_what_is_asked(papers):
    board = aggregate(read_run(papers))
    outcome = every_model("burnt-snacks", Asked("accuracy", above=0.99), Asked("neutrality_gap", below=0.0225))(board)
    assert outcome == Outcome(
        "accuracy 0.992 [0.991, 0.992] on snacks (asked: above 0.99); neutrality_gap 0.021 [0.020, 0.023] on snacks "
        "(asked: below 0.0225); trained anew: 1 over 4 models",
        "not held",  # 0.023 in the last repetition
    )
    assert every_model("burnt-snacks", Asked("r2", above=0.9))(board) == Outcome("", "not in this run")


def test_games_of_a_run(small):
    lines = {line.entry.item: line.outcome for line in ledger(ENTRIES, small, [])["SIG"]}
    assert lines["Fig. 3"] == Outcome("spearman with game of sig-game - ig-zero: 0.100 on game", "held")
    assert lines["Figs. 4, 10, 11"] == Outcome("samples on game: 0.700 at 50, 0.850 at 200", "measured")
    assert lines["Fig. 7"].measured.startswith("iaccuracy on pictures: sig-game 0.200 [0.1")
    assert lines["Fig. 9, Table 2"].measured == "sig-game 0.5 s for 99 rows on game; ig-zero 0.5 s for 99 rows on game"
    assert lines["Fig. 13"].verdict == "not in this run"


def test_a_run_with_other_inputs_than_the_papers(tmp_path):
    found = outcomes(certainty_run(tmp_path / "run").write())
    assert of(found, "Table 2", "0.70").verdict == "not in this run"
    assert of(found, "Table 2", "from zero").measured.startswith("largest share where f is constant of ig-zero: 0.500")


# --- ways to an outcome


def test_the_verdict_over_several_tests():
    assert together(["held", "held"]) == "held"
    assert together(["held", "undecided"]) == "undecided"
    assert together(["held", "undecided", "not held"]) == "not held"


def test_many_comparisons_are_counted(papers):
    text = of(outcomes(papers), "Table 2", "more closely").measured
    assert text.startswith("of 8 tests 8 held, 0 undecided, 0 not held; differences from -0.4")


def test_means_and_their_intervals(small):
    outcome = means(GAME, ("ig-zero", "nobody"))(small)
    assert outcome.verdict == "measured"
    assert re.fullmatch(r"spearman with game on game: ig-zero 0\.800 \[0\.7\d\d, 0\.\d+\]", outcome.measured)
    assert means(GAME, ("nobody",))(small).verdict == "not in this run"


def test_bounds_are_told_with_what_is_claimed(small):
    claim = Bound(paper="", text="", scores=(GAME,), methods=("ig-zero",), above=0.1)
    outcome = outcome_of(claim)(small)
    assert outcome.measured.startswith(
        "spearman with game of ig-zero: 0.800 [0.552, 1.000] on game"
    )  # 4.30 * 0.1 / 3^.5
    assert outcome.measured.endswith("(claimed above 0.1)")
    assert outcome.verdict == "held"


def test_what_was_not_measured_is_not_in_the_run():
    assert listed(["", "a", "b"]) == Outcome("a; b", "measured")
    assert listed([""]) == Outcome("", "not in this run")


def test_links_are_to_figures_that_were_drawn(small):
    entries = [
        Entry("SIG", "a", "", stated("reading", "b"), ("sweep-*", "claims", "spearman")),
        Entry("SIG", "c", "", stated("not in this run", ""), ("claims",)),
    ]
    first, second = ledger(entries, small, ["sweep-samples", "sweep-fraction", "other"])["SIG"]
    names = [name for name, _ in first.links]
    assert names == ["sweep-samples", "sweep-fraction", "claims"]
    assert first.links[0][1] == "figures/sweep-samples.png"
    assert second.links == []


def test_tasks_by_kind_and_options(papers):
    board = aggregate(read_run(papers))
    assert tasks_of(board, "burnt-snacks") == ["snacks", "snacks-logit"]
    assert tasks_of(board, "burnt-snacks", output="logit") == ["snacks-logit"]
    assert tasks_of(board, "burnt-snacks", output="logit", unheard_of=1) == ["snacks-logit"]
    assert tasks_of(board, "local-minimum", output="probability") == ["minimum"]  # the default
    assert tasks_of(board, "local-minimum", output="logit") == []
    assert len(tasks_of(board)) == 5


def test_models_of_other_damage_are_left_out(tmp_path):
    entry = {"kind": "local-minimum", "repetitions": 1, "budgets": [5]}
    tasks = {"mixed": entry, "noisy": {**entry, "options": {"damage": "noise-bernoulli"}}}
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, tasks)
    maker.problem("mixed", 0, checks={"accuracy": 0.95})
    maker.problem("noisy", 0, checks={"accuracy": 0.9})
    assert of(outcomes(maker.write()), "Local Minimum, accuracy").verdict == "held"


# --- the file


def test_the_ledger_is_whole(report):
    rows = [line for line in report.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
    assert len(rows) == len(ENTRIES) + 3 * 2
    assert {verdict for row in rows for verdict in re.findall(r"\*\*(.*?)\*\* \|", row)} <= VERDICTS.keys()


def test_links_lead_somewhere(report, papers):
    links = set(re.findall(r"\]\((.*?)\)", report))
    headings = re.findall(r"^## (.*)$", (papers / "leaderboard.md").read_text(), flags=re.MULTILINE)
    anchors = {f"leaderboard.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    assert {link for link in links if "#" in link} <= anchors
    assert all((papers / link).exists() for link in links if "#" not in link)
    assert {"claims.md", "figures/local-minimum.png", "leaderboard.md#tables-of-the-papers"} <= links


def test_counts_and_readings(report):
    assert "14 held, 2 not held" in report
    assert "Gaussian noise is noisy. *Reading:* ICG leaves less" in report
