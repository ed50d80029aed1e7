import pytest

from benchmarks.papers.es import ES
from benchmarks.papers.ledger import Outcome
from benchmarks.papers.sig import SIG
from tests.benchmarks.papers.outcomes import WHATEVER_THE_RUN, measure_entries, outcome_of
from tests.benchmarks.run_maker import RunMaker, small_run

METHODS = dict.fromkeys(("sig-game", "ig-zero", "effective-shapley"), "made-up")


def game_run(directory, *papers: str) -> RunMaker:
    """Two repetitions of a stranger's task that knows a truth called "game", on which SIG ranks worse than IG."""
    task = {"kind": "a-stranger's", "repetitions": 2, "budgets": [5], "reproduces": papers}
    maker = RunMaker(directory, METHODS, {"mine": task})
    for repetition in range(2):
        truths = {"game": [[1.0, 2.0, 3.0]], "model": [[1.0, 2.0, 3.0]]}
        maker.problem("mine", repetition, truths=truths, checks={"r2": 0.5})
        for label, value in zip(METHODS, (0.25, 0.5, 0.75), strict=True):
            maker.cell("mine", repetition, label, {"spearman_game": [value]}, budget=5)
    return maker


def test_games_of_a_run(tmp_path):
    found = measure_entries(SIG, small_run(tmp_path / "run"))
    assert outcome_of(found, "Fig. 3") == Outcome("spearman with game of sig-game - ig-zero: 0.100 on game", "held")
    assert outcome_of(found, "Figs. 4, 10, 11") == Outcome("samples on game: 0.700 at 50, 0.850 at 200", "measured")
    assert outcome_of(found, "Fig. 7").measured.startswith("iaccuracy on pictures: sig-game 0.200 [0.1")
    assert outcome_of(found, "Fig. 9, Table 2").measured == (
        "sig-game 0.5 s for 99 rows on game; ig-zero 0.5 s for 99 rows on game"
    )
    assert outcome_of(found, "Fig. 13").verdict == "not in this run"


def test_removal_of_patches_is_another_figure(tmp_path):
    maker = small_run(tmp_path / "run")
    for cell in maker.cells:
        if "iaccuracy_mean" in cell.facts:
            cell.facts["iaccuracy_mean"].options["patch"] = 2
    found = measure_entries(SIG, maker)
    assert "iaccuracy_mean" not in outcome_of(found, "Fig. 7").measured
    assert outcome_of(found, "Fig. 13").measured.startswith("iaccuracy_mean on pictures: sig-game 0.200")


@pytest.mark.parametrize("r2", [0.995, 0.98])
def test_the_network_is_held_to_more_on_the_smaller_grid(tmp_path, r2):
    options = {"rows": 2, "cols": 2}
    task = {"kind": "gridworld", "options": options, "repetitions": 1, "budgets": [5], "reproduces": ["SIG"]}
    tasks = {"2x2": task, "2x3": {**task, "options": {**options, "cols": 3}}}
    maker = RunMaker(tmp_path / "run", METHODS, tasks)
    for name in tasks:
        maker.problem(name, 0, checks={"r2": r2, "shapley_rank_correlation": 0.98})
    found = measure_entries(SIG, maker)
    assert outcome_of(found, "Fig. 8, 2 x 3").verdict == "held"
    assert outcome_of(found, "Fig. 8, 2 x 2") == Outcome(
        f"r2 {r2:.3f} on 2x2 (asked: above 0.99); shapley_rank_correlation 0.980 on 2x2 (asked: above 0.97)",
        "held" if r2 > 0.99 else "not held",
    )


@pytest.mark.parametrize("paper", [SIG, ES])
def test_a_strangers_game_is_no_evidence(tmp_path, paper):
    found = measure_entries(paper, game_run(tmp_path / "run"))
    assert {outcome.verdict for outcome in found.values()} == {"not in this run", *WHATEVER_THE_RUN} - {"replaced"} - (
        {"not built"} if paper is SIG else {"reading"}
    )


def test_a_strangers_game_that_reproduces_the_paper_is_evidence(tmp_path):
    found = measure_entries(SIG, game_run(tmp_path / "run", "SIG"))
    assert outcome_of(found, "Fig. 3") == Outcome(
        "spearman with game of sig-game - ig-zero: -0.250 on mine", "not held"
    )
    assert (
        outcome_of(measure_entries(ES, game_run(tmp_path / "other", "SIG")), "Algorithm 1").verdict == "not in this run"
    )
    measured = outcome_of(measure_entries(ES, game_run(tmp_path / "es", "ES")), "Algorithm 1").measured
    assert measured == "spearman with game on mine: effective-shapley 0.750"


def test_directions_are_those_of_the_suite(tmp_path):
    maker = small_run(tmp_path / "run")
    maker.tasks = {name: {**task, "reproduces": ["ES"]} for name, task in maker.tasks.items()}
    measured = outcome_of(measure_entries(ES, maker), "Proposals 1 and 2").measured
    assert measured.startswith("spearman with game on game: sig-game 0.900 [0.8")
