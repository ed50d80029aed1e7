import pytest

from benchmarks.board.aggregate import aggregate
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.sig import SIG
from benchmarks.papers.sig.photographs import find_by_the_hundred, find_photographs
from benchmarks.papers.verdicts import Finding
from benchmarks.run.fields import ColumnFacts, SweepPoint
from benchmarks.run.storage import read_run
from sig.metrics.removal import REMOVALS
from tests.benchmarks.papers.findings import finding_of, measure_entries
from tests.benchmarks.run_maker import RunMaker, facts, small_run

ALWAYS = {"proved", "reading", "schematic", "not testable here"}
ITEMS = [
    *(f"Fig. {number}" for number in range(1, 14)),
    "Fig. 4 a",
    "Fig. 4 b",
    "Table 2",
    "Appendix, Table 1",
    "Theorem 1",
    *(f"Observation {number}" for number in (1, 2, 3)),
    "Algorithm 1",
]
METHODS = dict.fromkeys(("sig-game", "ig-zero", "effective-shapley"), "made-up")
SCORES = {
    "sig-game": 0.96,
    "ig-zero": 0.6,
    "ig-mean": 0.5,
    "ig-random": 0.4,
    "sig-algorithm1": 0.8,
    "sig-size-uniform": 0.9,
}
REMOVED = {"sig-game": 0.30, "sig-algorithm1": 0.31, "ig-zero": 0.33, "ig-mean": 0.33, "ig-random": 0.5}
SHARES = {"sig-game": 0.6, "sig-algorithm1": 0.5, "ig-zero": 0.3, "ig-mean": 0.3, "ig-random": 0.2}
OTHER_SHARES = {method: 1 - share for method, share in SHARES.items()}
ORGANS = {"regions": ["mouth", "eyes"], "measure": "absolute"}
OUTSIDE = {"regions": ["background"], "measure": "absolute"}
NOISE = (1.0, -1.0, 0.3, -0.3, 0.7, -0.7, 0.1, -0.1, 0.5, -0.5)


def make_truths(r2: float) -> dict[str, list[list[float]]]:
    """Shapley values of a game and of a network, with this R^2: the game's vary by 2 / 3, the network's miss by d."""
    miss = (2 / 3 * (1 - r2)) ** 0.5
    return {"game": [[1.0, 2.0, 3.0]], "model": [[1.0 + miss, 2.0 - miss, 3.0 + miss]]}


def game_run(directory, *papers: str) -> RunMaker:
    """Three repetitions of a stranger's task that knows a truth called "game", on which SIG ranks worse than IG."""
    task = {"kind": "a-stranger's", "repetitions": 7, "budgets": [5], "reproduces": papers}
    maker = RunMaker(directory, METHODS, {"mine": task})
    for repetition in range(7):
        truths = {"game": [[1.0, 2.0, 3.0]], "model": [[1.0, 2.0, 3.0]]}
        maker.problem("mine", repetition, truths=truths, checks={"r2": 0.5})
        for label, value in zip(METHODS, (0.25, 0.5, 0.75), strict=True):
            maker.cell("mine", repetition, label, {"spearman_game": [value]}, budget=5)
    return maker


def sig_run(directory, *, holds=True) -> RunMaker:
    """Ten repetitions of games, pictures and faces, in which all that SIG claims ``holds``, or none of it."""
    task = {"repetitions": len(NOISE), "budgets": [5], "reproduces": ["SIG"]}
    marked = {"faces": {**task, "kind": "faces"}}
    grids = {"2x2": 2, "2x3": 3}
    tasks = {name: {**task, "kind": "gridworld", "options": {"rows": 2, "cols": cols}} for name, cols in grids.items()}
    maker = RunMaker(directory, dict.fromkeys(SCORES, "made-up"), {**tasks, "pictures": task, **marked})
    for repetition, (noise, other) in enumerate(zip(NOISE, NOISE[3:] + NOISE[:3], strict=True)):
        for name in grids:
            _add_game(maker, name, repetition, noise, other, holds)
        _add_pictures(maker, repetition, holds)
        add_shares(maker, "faces", repetition, SHARES if holds else OTHER_SHARES, [ORGANS, OUTSIDE])
    return maker


def _add_game(maker, name, repetition, noise, other, holds):
    good = 0.999 if holds else 0.5
    truths = make_truths(good + noise / 2000)
    maker.problem(name, repetition, truths=truths, checks={"r2": good + noise / 2000})
    for label, mean in SCORES.items():
        steady = (label == "sig-game") == holds
        score = (mean if holds else 1 - mean) + 0.02 * (0.1 * noise if steady else other)
        scores = {"spearman_game": [score], "completeness": [(1e-3 if holds else 0.1) * (1 + noise / 10)]}
        maker.cell(name, repetition, label, scores, budget=5)
    sweeps = {"samples": (1, 50, 100, 200), "fraction": (0.05, 0.1, 0.4, 1.0)}
    for option, values in sweeps.items():
        for at, value in enumerate(values):
            point = SweepPoint(name=option, option=option, value=value)
            score = 0.5 * (at > 0) + 0.001 * NOISE[(repetition + at) % len(NOISE)] + (0 if holds else 0.12 * at)
            maker.cell(name, repetition, "sig-game", {"spearman_game": [score]}, sweep=point)


def _add_pictures(maker, repetition, holds):
    removal = facts("iaccuracy")
    columns = {how: removal.model_copy(update={"options": {"removal": how}}) for how in REMOVALS}
    columns |= {f"patch {n}": removal.model_copy(update={"options": {"patch": n}}) for n in (1, 2, 3)}
    columns["took"] = facts("completeness").model_copy(update={"metric": "runtime", "range": (0.0, 99.0)})
    seconds = {"ig-random": 1.5} if holds else {"ig-zero": 0.5, "ig-random": 0.4, "ig-mean": 0.2}
    for at, (label, removed) in enumerate(REMOVED.items()):
        change = NOISE[(repetition + at) % len(NOISE)]
        left = (removed if holds else 1 - 2 * removed) + 0.002 * change
        scores = {column: [left] for column in columns}
        scores["took"] = [seconds.get(label, 1.0) * (1 + 0.01 * change)]
        maker.cell("pictures", repetition, label, {"iaccuracy": [0.5]}, budget=5)
        maker.cells[-1] = maker.cells[-1].model_copy(update={"scores": scores, "facts": columns})


def add_shares(maker, task, repetition, shares, columns):
    """Shares of attribution by method, in each of the columns but those outside, which have the rest."""
    for at, (label, share) in enumerate(shares.items()):
        change = 0.002 * NOISE[(repetition + at) % len(NOISE)]
        scores, found = {}, {}
        for options in columns:
            column = "-".join([*options["regions"], options["measure"]])
            entry = {**facts("dark").model_dump(), "metric": "region_share", "options": options, "judges": False}
            found[column] = ColumnFacts.model_validate({**entry, "label": column})
            scores[column] = [(1 - share if options == OUTSIDE else share) + change]
        maker.cell(task, repetition, label, {"dark": [0.5]}, budget=5)
        maker.cells[-1] = maker.cells[-1].model_copy(update={"scores": scores, "facts": found})


def test_every_numbered_item_has_a_row():
    items = [entry.item for entry in SIG.says]
    missing = [
        item
        for item in ITEMS
        if not any(found == item or found.startswith((f"{item},", f"{item} ")) for found in items)
    ]
    assert missing == []


CLAIMS = (
    ("Theorem 1", ""),
    ("Abstract, question 1", ""),
    ("Fig. 3", "four games"),
    ("Fig. 3, variance", ""),
    ("Fig. 4 a", ""),
    ("Fig. 4 b", ""),
    ("Fig. 10", ""),
    ("Fig. 11", ""),
    ("Fig. 8, 2 x 2", ""),
    ("Fig. 8, 2 x 3", ""),
    ("Fig. 5", ""),
    ("Fig. 5, outside", ""),
    ("Fig. 7", ""),
    ("Fig. 12", ""),
    ("Fig. 13", ""),
    ("Abstract, question 2", ""),
    ("Fig. 9", "mirrors"),
    ("Fig. 9, random", ""),
    ("Abstract, cost", ""),
    ("Algorithm 1, unbiasedness", ""),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return {
        holds: measure_entries(SIG, sig_run(tmp_path_factory.mktemp("sig") / str(holds), holds=holds))
        for holds in (True, False)
    }


@pytest.mark.parametrize(("item", "word"), CLAIMS)
def test_claims_hold_where_they_should_and_only_there(found, item, word):
    assert finding_of(found[True], item, word).verdict == "held"
    assert finding_of(found[False], item, word).verdict == "not held"


def test_every_claim_of_the_paper_is_among_those_tested_both_ways(found):
    tested = {item for item, _ in CLAIMS}
    decided = {item for (item, _), finding in found[True].items() if finding.verdict in ("held", "not held")}
    assert decided - tested == {"Observation 3", "Figs. 4, 10"}  # the one is computed, see test_exact.py
    assert (
        finding_of(found[True], "Figs. 4, 10").verdict == "not held"
    )  # asked here: it is not flat from a single baseline on


def test_games_of_a_run(tmp_path):
    found = measure_entries(SIG, small_run(tmp_path / "run"))
    assert finding_of(found, "Fig. 3", "four games") == Finding(
        "spearman with game of sig-game - ig-zero: 0.100 on game; nothing of ig-random, ig-mean", "undecided"
    )
    assert finding_of(found, "Table 2").measured == "sig-game 0.5 s, ig-zero 0.5 s for 99 rows on game"
    assert finding_of(found, "Fig. 13").verdict == "not in this run"
    assert finding_of(found, "Fig. 7").measured.startswith("iaccuracy, zero of sig-game - ig-zero: -0.300 [")


@pytest.mark.parametrize("r2", [0.995, 0.98])
def test_the_network_is_held_to_more_on_the_smaller_grid(tmp_path, r2):
    options = {"rows": 2, "cols": 2}
    task = {"kind": "gridworld", "options": options, "repetitions": 4, "budgets": [5], "reproduces": ["SIG"]}
    tasks = {"2x2": task, "2x3": {**task, "options": {**options, "cols": 3}}}
    maker = RunMaker(tmp_path / "run", METHODS, tasks)
    for name in tasks:
        for repetition in range(4):
            near = r2 + 0.0001 * (-1) ** repetition
            maker.problem(name, repetition, truths=make_truths(near), checks={"r2": near})
    found = measure_entries(SIG, maker)
    assert finding_of(found, "Fig. 8, 2 x 3").verdict == "held"
    assert finding_of(found, "Fig. 8, 2 x 2").verdict == ("held" if r2 > 0.99 else "not held")


def test_a_strangers_game_is_no_evidence(tmp_path):
    found = measure_entries(SIG, game_run(tmp_path / "run"))
    needs_no_run = "Observation 3"
    assert {finding.verdict for (item, _), finding in found.items() if item != needs_no_run} == {
        "not in this run",
        *ALWAYS,
    }


def test_a_strangers_game_that_reproduces_the_paper_is_evidence(tmp_path):
    found = measure_entries(SIG, game_run(tmp_path / "run", "SIG"))
    finding = finding_of(found, "Fig. 3", "four games")
    assert finding.measured.startswith("spearman with game of sig-game - ig-zero: -0.250 on mine")
    assert finding.verdict == "not held"


@pytest.mark.parametrize(
    ("kind", "photographs"), [("imagenet", ["photos"]), ("a-stranger's", ["few", "many", "photos"])]
)
def test_photographs_come_before_digits_and_many_digits_before_few(tmp_path, kind, photographs):
    task = {"repetitions": 1, "budgets": [5], "reproduces": ["SIG"]}
    digits = {name: {**task, "kind": "mnist", "options": {"digits": n}} for name, n in (("few", 499), ("many", 500))}
    maker = RunMaker(tmp_path / "run", METHODS, {**digits, "photos": {**task, "kind": kind}, "plain": task})
    for name in ("few", "many", "photos"):
        maker.cell(name, 0, "ig-zero", {"iaccuracy": [0.5]}, budget=5)
    maker.cell("plain", 0, "ig-zero", {"dark": [0.5]}, budget=5)
    board = aggregate(read_run(maker.write()))
    assert find_photographs(board) == photographs
    assert find_by_the_hundred(board) == ["many"]
    assert len(find_tasks(board)) == 4


def test_players_of_other_sizes_are_measured_on_photographs_alone(tmp_path):
    task = {"repetitions": 1, "budgets": [5], "reproduces": ["SIG"]}
    tasks = {"patch-80": {**task, "kind": "imagenet", "options": {"patch": 80}}, "digits": {**task, "kind": "mnist"}}
    maker = RunMaker(tmp_path / "run", METHODS, tasks)
    for name in tasks:
        maker.cell(name, 0, "sig-game", {"iaccuracy": [0.25] * 6}, budget=5)
    finding = finding_of(measure_entries(SIG, maker), "Section V, players")
    assert finding.measured.startswith("iaccuracy, zero on patch-80: sig-game 0.250 [")
    assert "digits" not in finding.measured
    assert finding.verdict == "measured"
