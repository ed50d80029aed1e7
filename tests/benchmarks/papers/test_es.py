import pytest

from benchmarks.papers.es import ES
from benchmarks.run.records import CellRecord
from tests.benchmarks.papers.findings import finding_of, measure_entries
from tests.benchmarks.papers.sig.test_sig import ALWAYS, ORGANS, add_shares, game_run, make_truths
from tests.benchmarks.run_maker import RunMaker

ITEMS = [
    *(f"Fig. {number}" for number in range(1, 10)),
    *(f"Theorem {number}" for number in (1, 2, 3)),
    *(f"Algorithm {number}" for number in (1, 2)),
    *(f"Proposal {number}" for number in (1, 2)),
    "Eq. 4",
]
GRIDS = {"2x2": 2, "2x3": 3}
SCORES = {  # of repetitions, in games; all that ES claims holds
    "effective-shapley": 0.97,
    "effective-sig": 0.96,
    "sig-game": 0.95,
    "sig-game-from-default": 0.95,
    "ig-zero": 0.6,
    "ig-mean": 0.5,
    "ig-random": 0.4,
    "permutation-shapley": 0.9,
}
ON_FACES = {
    "effective-sig": 0.6,
    "sig-game": 0.6,
    "sig-game-from-default": 0.4,
    "ig-zero": 0.3,
    "ig-mean": 0.3,
    "ig-random": 0.2,
}
STEADY = {"effective-shapley": 0.1, "effective-sig": 0.1}
NOISE = (1.0, -1.0, 0.3, -0.3, 0.7, -0.7, 0.1, -0.1, 0.5, -0.5)


def es_run(directory, *, holds=True) -> RunMaker:
    """Ten repetitions of two games, pictures and faces, in which all that ES claims ``holds``, or none of it."""
    task = {"repetitions": len(NOISE), "budgets": [5], "reproduces": ["ES"]}
    tasks = {name: {**task, "kind": "gridworld", "options": {"rows": 2, "cols": cols}} for name, cols in GRIDS.items()}
    maker = RunMaker(
        directory, dict.fromkeys(SCORES, "made-up"), {**tasks, "pictures": task, "faces": {**task, "kind": "faces"}}
    )
    for repetition, (noise, other) in enumerate(zip(NOISE, NOISE[3:] + NOISE[:3], strict=True)):
        good = 0.999 if holds else 0.5
        checks = {"r2": good + noise / 2000, "theorem_3_gap": (0.001 if holds else 0.5) * (1 + noise / 10)}
        for name in GRIDS:
            maker.problem(name, repetition, truths=make_truths(checks["r2"]), checks=checks)
            for label, mean in SCORES.items():
                spread = 0.1 if (label in STEADY) == holds else 1.0
                mean = mean if holds else 1 - mean
                score = mean + 0.02 * spread * (noise if label in STEADY else other)
                scores = {"spearman_game": [score], "completeness": [1e-4 if holds else 0.1 + noise / 100]}
                maker.cell(name, repetition, label, scores, budget=5)
        for label, removed in (("sig-game", 0.3), ("sig-game-from-default", 0.3 if holds else 0.5)):
            scores = {"iaccuracy": [removed + 0.001 * (noise if label == "sig-game" else other)]}
            maker.cell("pictures", repetition, label, scores, budget=5)
        shares = ON_FACES if holds else {method: 1 - share for method, share in ON_FACES.items()}
        columns = [{**ORGANS, "measure": sign} for sign in ("absolute", "positive", "negative")]
        add_shares(maker, "faces", repetition, shares, columns)
    return maker


def test_every_numbered_item_has_a_row():
    items = [entry.item for entry in ES.says]
    assert [item for item in ITEMS if not any(f"{found},".startswith(f"{item},") for found in items)] == []


CLAIMS = (
    ("Theorem 3", ""),
    ("Abstract", "ratios"),
    ("Fig. 2", ""),
    ("Fig. 2, stability", ""),
    ("Fig. 8, B.2, 2 x 2", ""),
    ("Fig. 8, B.2, 2 x 3", ""),
    ("Fig. 9, B.2.2", ""),
    ("Abstract, SIG", ""),
    ("Fig. 6, B.1, ResNet", ""),
    ("Fig. 7, B.1, DLN", ""),
    ("Fig. 3", ""),
    ("Fig. 4", ""),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return {
        holds: measure_entries(ES, es_run(tmp_path_factory.mktemp("es") / str(holds), holds=holds))
        for holds in (True, False)
    }


@pytest.mark.parametrize(("item", "word"), CLAIMS)
def test_claims_hold_where_they_should_and_only_there(found, item, word):
    assert finding_of(found[True], item, word).verdict == "held"
    assert finding_of(found[False], item, word).verdict == "not held"


def test_proposals_are_measured_apart(found):
    assert "sig-game 0.95" in finding_of(found[True], "Proposal 1").measured
    assert "from-default" not in finding_of(found[True], "Proposal 1").measured
    assert finding_of(found[True], "Proposal 2").measured.startswith("spearman with game on 2x2: sig-game-from-default")


def test_algorithms_are_measured(found):
    assert "effective-shapley 0.97" in finding_of(found[True], "Algorithm 1", "Ratios").measured
    assert "effective-sig 0.96" in finding_of(found[True], "Algorithm 2", "SIG").measured


def test_environments_are_the_games_of_the_run(found):
    assert finding_of(found[True], "Section 5, environments").measured == "2x2, 2x3"


def test_a_strangers_game_is_no_evidence(tmp_path):
    found = measure_entries(ES, game_run(tmp_path / "run"))
    assert {finding.verdict for finding in found.values()} == {"not in this run", *ALWAYS}


@pytest.mark.parametrize(("apart", "verdict"), [(0.01, "held"), (0.1, "not held")])
def test_signs_are_alike_where_their_shares_are(tmp_path, apart, verdict):
    task = {"repetitions": 4, "budgets": [5], "reproduces": ["ES"], "kind": "faces"}
    maker = RunMaker(tmp_path / "run", dict.fromkeys(ON_FACES, "made-up"), {"faces": task})
    for repetition in range(4):
        for sign, more in (("positive", apart + 0.001 * repetition), ("negative", 0.0)):
            shares = {"sig-game": 0.3 + more, "effective-sig": 0.4 + more}
            add_shares(maker, "faces", repetition, shares, [{**ORGANS, "measure": sign}])
    maker.cells = _join_columns(maker.cells)
    assert finding_of(measure_entries(ES, maker), "Fig. 4, alike").verdict == verdict


def _join_columns(cells):
    """One cell for each repetition and method, with the columns of all of them."""
    joined: dict[tuple[int, str], CellRecord] = {}
    for cell in cells:
        known = joined.get((cell.repetition, cell.label))
        update = {name: getattr(known, name) | getattr(cell, name) for name in ("scores", "facts")} if known else {}
        joined[cell.repetition, cell.label] = cell.model_copy(update=update)
    return list(joined.values())
