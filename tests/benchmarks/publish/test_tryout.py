"""Trying things on a small published suite that needs no training."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.board.aggregate import aggregate
from benchmarks.publish import NotTried
from benchmarks.publish.joining import find_differing, join_methods, join_metrics
from benchmarks.publish.tryout import Tryout, find_registered, plan_methods, try_file
from benchmarks.publish.tryout_report import TryoutReport, judge_method, make_method_tables
from benchmarks.run.records import Run
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import read_run, write_archive
from benchmarks.run.suite import MethodChoice
from benchmarks.run.suite_files import load_suite
from benchmarks.run.worker import Setting
from tests.benchmarks.commands import Call
from tests.benchmarks.run_maker import RunMaker, small_run

SUITE = """
methods = ["ig-zero", "bshap", "random-attribution"]
[[tasks]]
name = "features"
kind = "two-feature"
budgets = [20, 60]
metrics = ["spearman", "completeness", "runtime"]
"""
METHOD = """
import torch
from sig import Explicand, method

@method("mine-{name}", family="mine", source="here")
def run(e: Explicand, *, generator: torch.Generator) -> torch.Tensor:
    return {value}
"""
METRIC = """
import torch
from sig import Trial, metric

@metric("largest", better="higher", range=(0, 99), source="here")
def largest(trial: Trial) -> torch.Tensor:
    return trial.attribution.abs().amax(1).double()
"""
TASK = """
import torch
from datasets.problem import Problem, task
from sig import Explicand

@task("sums")
def sums(*, seed: int) -> Problem:
    x = torch.rand(6, 3, generator=torch.Generator().manual_seed(seed)) * torch.tensor([1.0, 3.0, 9.0])
    e = Explicand.of(lambda x: torch.stack([x.sum(1), -x.sum(1)], 1), x, target=torch.zeros(6, dtype=torch.long))
    return Problem(e, truths={"sum": x.double()})
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``results/small`` with the records of the small suite; its parent's parent is where to work."""
    root = tmp_path_factory.mktemp("work")
    (root / "small.toml").write_text(SUITE)
    run_suite(
        load_suite(str(root / "small.toml")), root / "run", workers=1, console=Console(quiet=True), setting=Setting()
    )
    write_archive(read_run(root / "run"), root / "results" / "small")
    (root / "results" / "small" / "models").mkdir()
    return root


@pytest.fixture
def work(published: Path, monkeypatch: pytest.MonkeyPatch, registries: None) -> Path:
    monkeypatch.chdir(published)
    return published


def hash_all(folder: Path) -> dict[str, str]:
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


def write_file(folder: Path, name: str, text: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    file = folder / name / f"{name}.py"
    file.write_text(text)
    return file


def test_a_method_is_set_beside_the_published_records(work: Path, call: Call) -> None:
    before = hash_all(work / "results" / "small")
    file = write_file(work, "good", METHOD.format(name="good", value="e.inputs - 0.1"))
    code, printed, _ = call("try", file, "--suite", "small", "--workers", "1")
    assert code == 0
    assert "mine-good on suite small" in printed
    assert hash_all(work / "results" / "small") == before
    folder = work / "results" / "runs" / "try-good"
    assert str(folder.relative_to(work) / "pictures" / "attributions-features.png") in printed
    assert (folder / "pictures" / "attributions-features.png").stat().st_size > 1000
    own, board = read_run(folder / "own"), read_run(folder)
    assert {cell.label for cell in own.cells} == {"mine-good"}  # nothing else was computed
    assert {cell.label for cell in board.cells} == {"ig-zero", "bshap", "random-attribution", "mine-good"}
    assert board.missing == []
    assert all(problem.series for problem in board.problems)
    assert not any(problem.series for problem in own.problems)  # tables for figures are there already
    old = [cell for cell in board.cells if cell.label != "mine-good"]
    assert old == read_run(work / "results" / "small").cells
    code, printed, _ = call("report", folder)
    assert code == 0
    assert "mine-good" in (folder / "leaderboard.md").read_text()


def test_tasks_that_take_little_are_shown_first(published: Path, tmp_path: Path, registries: None) -> None:
    again = SUITE.partition("[[tasks]]")[2].replace('"features"', '"longer"')
    (tmp_path / "two.toml").write_text(f"{SUITE}\n[[tasks]]{again}")
    suite, console = load_suite(str(tmp_path / "two.toml")), Console(quiet=True)
    run_suite(suite, tmp_path / "run", workers=1, console=console, setting=Setting())
    run = read_run(tmp_path / "run")
    of_task = {"features": 1.0, "longer": 2.0}
    cells = [
        cell.model_copy(update={"cost": cell.cost and replace(cell.cost, seconds=of_task[cell.task])})
        for cell in run.cells
    ]
    write_archive(replace(run, cells=cells), tmp_path / "two")
    (tmp_path / "two" / "models").mkdir()
    file = write_file(tmp_path, "soon", METHOD.format(name="soon", value="e.inputs"))
    shown: list[Tryout] = []

    def show(tryout: Tryout) -> None:
        shown.append(tryout)
        told = io.StringIO()
        Console(file=told, width=120).print(TryoutReport(tryout))
        assert "So far; still to come: longer" in told.getvalue()
        assert {cell.task for cell in tryout.run.cells} == {"features"}
        assert {cell.label for cell in tryout.run.cells} == {"ig-zero", "bshap", "random-attribution", "mine-soon"}

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for _ in range(2):  # the second time there is nothing to wait for
            tryout = try_file(file, "two", workers=1, console=console, show_first=show)
            assert {cell.task for cell in tryout.run.cells if cell.label == "mine-soon"} == {"features", "longer"}
            assert len(shown) == 1
    assert not tryout.awaited


def test_some_tasks_alone_can_be_tried_and_others_are_named(work: Path, call: Call) -> None:
    file = write_file(work, "one", METHOD.format(name="one", value="e.inputs"))
    code, _, lines = call("try", file, "--suite", "small", "--tasks", "feature")
    assert (code, lines) == (2, ["unknown task in suite 'small' 'feature'; did you mean 'features'?"])


def test_a_method_that_fails_is_said_so(work: Path, call: Call) -> None:
    file = write_file(work, "bad", METHOD.format(name="bad", value="e.inputs[0]"))
    code, printed, lines = call("try", file, "--suite", "small", "--workers", "1")
    assert code == 1
    assert "returned shape" in " ".join(printed.split())
    assert "1 of 1 cells failed" in lines[-1]


def test_a_metric_scores_all_methods(work: Path, call: Call) -> None:
    file = write_file(work, "metric", METRIC)
    code, printed, _ = call("try", file, "--suite", "small", "--workers", "1")
    assert code == 0
    board = aggregate(read_run(work / "results" / "runs" / "try-metric"))
    scores = board.scores("features", "largest")
    assert set(scores.index) == {"ig-zero", "bshap", "random-attribution"}
    maps = {cell.label: cell.maps.decode() for cell in board.run.cells if cell.headline and cell.maps is not None}
    shown = board.run.problems[0].shown
    for method in scores.index:
        assert scores.loc[method].to_numpy()[shown] == pytest.approx(abs(maps[method]).max(1), rel=1e-6)
    assert "largest" in printed
    assert board.first_judges == {"features": aggregate(read_run(work / "results" / "small")).first_judges["features"]}


def test_a_task_is_scored_for_all_methods(work: Path, call: Call) -> None:
    file = write_file(work, "sums", TASK)
    code, printed, _ = call("try", file, "--suite", "small", "--workers", "1", "--budgets", "20", "--repetitions", "2")
    assert code == 0
    run = read_run(work / "results" / "runs" / "try-sums")
    assert [task.name for task in run.manifest.suite.tasks] == ["features", "sums"]
    found = {cell.label: cell for cell in run.cells if cell.task == "sums" and cell.repetition == 1}
    assert found.keys() == {"ig-zero", "bshap", "random-attribution"}
    assert found["ig-zero"].scores["spearman_sum"] == [pytest.approx(1.0)] * 6  # of a sum, exactly
    assert "sums" in printed


@pytest.mark.parametrize(
    ("text", "suite", "message"),
    [
        ("x = 1", "small", "registers nothing; decorate a function with @method, @metric or @task"),
        (METRIC + TASK, "small", "has metric 'largest' and task 'sums' to try, expected one kind"),
        (METRIC, "large", "suite 'large' is not published: no run.json.xz in 'results/large', published are: small"),
        (METHOD.format(name="x", value="e.inputs") + "\n1 / 0", "small", "ZeroDivisionError: division by zero"),
        (
            TASK.replace("    x = ", "    raise SystemExit(0)\n    x = "),
            "small",
            "task 'sums' cannot be prepared: ProcessStopped: ended its process with exit code 0",
        ),
        (TASK.replace("sums", "Übung"), "small", "task 'Übung' cannot be tried so: name: '_bung'"),
    ],
)
def test_what_cannot_be_tried_is_said_in_one_line(work: Path, call: Call, text: str, suite: str, message: str) -> None:
    code, printed, lines = call("try", write_file(work, "wrong", text), "--suite", suite)
    assert (code, printed, len(lines)) == (2, "", 1)
    assert message in lines[0]


def test_a_budget_of_nothing_is_said_in_one_line(work: Path, call: Call) -> None:
    code, printed, lines = call("try", write_file(work, "sums", TASK), "--suite", "small", "--budgets", "0")
    assert (code, printed, len(lines)) == (2, "", 1)
    assert "task 'sums' cannot be tried so: budgets[0]: 0, expected greater than 0; correct" in lines[0]


def test_records_of_another_method_keep_their_file(work: Path) -> None:
    published = read_run(work / "results" / "small")
    assert plan_methods(published, ["ig-zero"])  # tried again, after a change
    suite = published.manifest.suite
    choices = [MethodChoice(name="ig-zero", label="ig/zero"), *suite.methods]
    changed = published.manifest.model_copy(update={"suite": suite.model_copy(update={"methods": choices})})
    with pytest.raises(NotTried, match="the records of 'ig_zero' would take the place of those of 'ig/zero'; give it"):
        plan_methods(replace(published, manifest=changed), ["ig_zero"])


def test_what_a_file_registers_is_found(work: Path) -> None:
    assert find_registered(write_file(work, "registered", METRIC)) == ("metric", ["largest"])


# ---- by hand -----------------------------------------------------------------------------------------------------


def make_pair(tmp_path: Path, mine: float, **changed: Any) -> tuple[Run, Run]:
    """Six models: published methods score .8, .5 and 0, each a little off; the new one scores ``mine``."""
    task = {"game": {"repetitions": 6, "budgets": [100]}}
    old = RunMaker(tmp_path / "old", {"strong": "a", "weak": "b", "random-attribution": "control"}, task)
    new = RunMaker(tmp_path / "new", {"mine": "c"}, task)
    for repetition in range(6):
        for maker in (old, new):
            maker.problem("game", repetition, **(changed if maker is new and repetition == 2 else {}))
        for label, mean in (("strong", 0.8), ("weak", 0.5), ("random-attribution", 0.0)):
            off = 0.01 * ((repetition * 7 + len(label)) % 5)
            old.cell("game", repetition, label, {"spearman_game": [mean + off]}, budget=100, headline=True)
        new.cell("game", repetition, "mine", {"spearman_game": [mine + 0.02 * (repetition % 2)]}, budget=100)
    return read_run(old.write()), read_run(new.write())


@pytest.mark.parametrize(
    ("mine", "better", "tied", "worse"),
    [
        (0.9, ["strong", "weak", "random-attribution"], [], []),
        (0.811, ["weak", "random-attribution"], ["strong"], []),
        (0.65, ["weak", "random-attribution"], [], ["strong"]),
        (-0.5, [], [], ["strong", "weak", "random-attribution"]),
    ],
)
def test_rivals_are_told_apart_as_by_hand(
    tmp_path: Path, mine: float, better: list[str], tied: list[str], worse: list[str]
) -> None:
    board = aggregate(join_methods(*make_pair(tmp_path, mine)).run)
    found = judge_method(board, "game", "mine")
    assert found == {"better than": better, "tied with": tied, "undecided": [], "worse than": worse}
    (table,) = make_method_tables(board, ["mine"])
    row = dict(zip(table.header, (cell.text for cell in table.rows[0]), strict=True))
    assert row["better than"].startswith(str(len(better)))
    assert row["worse than"].startswith(str(len(worse)))
    assert row["rank"].endswith("of 4")


def test_a_problem_that_is_another_one_is_named_and_not_scored(tmp_path: Path) -> None:
    old, new = make_pair(tmp_path, 0.9, targets=[1])
    joined = join_methods(old, new)
    assert [str(one) for one in joined.differing] == ["problem game, repetition 2: targets: was [], now [1]"]
    assert {cell.repetition for cell in joined.run.cells if cell.label == "mine"} == {0, 1, 3, 4, 5}


def test_another_model_and_other_regions_are_another_problem(tmp_path: Path) -> None:
    old, new = make_pair(tmp_path, 0.9, even_shares={"dark": [0.2]})
    assert str(find_differing(old, new)["game", 2]).endswith("its regions: was nothing, now dark")
    first = new.problems[0]
    other = first.provenance.model_copy(update={"data": {"checkpoint": "other"}})
    changed = replace(new, problems=[first.model_copy(update={"provenance": other})])
    assert "SHA-256" in find_differing(old, changed)["game", 0].where


def test_a_metric_that_ends_its_process_is_named_with_its_reason(tmp_path: Path) -> None:
    old, _ = make_pair(tmp_path, 0.9)
    ended: dict[str, Any] = {
        "status": "failed",
        "reason": "ProcessStopped: ended its process",
        "cost": None,
        "scores": {},
        "facts": {},
    }
    first = old.cells[0]
    joined = join_metrics(old, replace(old, cells=[first.model_copy(update=ended)]))
    (difference,) = joined.differing
    assert str(difference) == (
        "strong on game, repetition 0, 100 rows: outcome: was ok, now failed ProcessStopped: ended its process"
    )
    assert joined.run.cells == old.cells


def test_a_method_tried_again_takes_the_place_of_itself(tmp_path: Path) -> None:
    old, new = make_pair(tmp_path, 0.9)
    twice = join_methods(join_methods(old, new).run, new).run
    assert [choice.label for choice in twice.manifest.suite.methods] == ["strong", "weak", "random-attribution", "mine"]
    assert len([cell for cell in twice.cells if cell.label == "mine"]) == 6


def test_pictures_show_the_strongest_rivals(tmp_path: Path) -> None:
    run = replace(read_run(small_run(tmp_path / "run").write()), directory=tmp_path / "out")
    report = TryoutReport(Tryout("method", ["icg"], run, [], ""))
    assert [file.name for file in report.draw()] == ["saliency-pictures.png"]


def test_an_unpublished_suite_cannot_be_tried_on(tmp_path: Path) -> None:
    with pytest.raises(NotTried, match="is not published"):
        try_file(tmp_path / "x.py", str(tmp_path), workers=1, console=Console(quiet=True))
