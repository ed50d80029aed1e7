import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.publish import NotPublishable, publish
from benchmarks.publish.manifest import check_files, read_manifest, write_manifest
from benchmarks.publish.publish import publish_run
from benchmarks.run.records import CellRecord, ProblemRecord, Run
from benchmarks.run.runner import FolderError, run_suite
from benchmarks.run.storage import RUN_MANIFEST, read_run, write
from benchmarks.run.worker import Setting
from datasets.cache import PROJECT
from tests.benchmarks.run_maker import WHERE, RunMaker

# ---- of runs made by hand, in a small repository -----------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    known = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    done = subprocess.run(["git", "-C", folder, *known, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "All")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "code.py").write_text("1")
    shutil.copyfile(PROJECT / ".gitignore", folder / ".gitignore")
    commit(folder)
    monkeypatch.setattr(publish, "PROJECT", folder)
    monkeypatch.chdir(folder)
    return folder


Make = Callable[..., Path]


@pytest.fixture
def make(repository: Path) -> Make:
    """A run of the repository's commit without models, of one cell; changed as told before it is written."""

    def make(
        *, at: str = "", dirty: bool = False, finished: bool = True, score: float = 1.0, failed: bool = False
    ) -> Path:
        maker = RunMaker(
            repository / "results" / "runs" / "mine", {"m": "x", "n": "x"}, {"t": {"budgets": [1], "repetitions": 1}}
        )
        maker.problem("t", 0)
        maker.cell("t", 0, "m", {"100%_right": [score]})
        if failed:
            maker.cell("t", 0, "n", status="failed", reason="ValueError: no")
        else:
            maker.cell("t", 0, "n", {"100%_right": [0.5]})
        known = {"commit": at or git(repository, "rev-parse", "HEAD"), "dirty": dirty, "data": {}}
        where = {"provenance": WHERE.model_copy(update=known)}
        maker.problems = [record.model_copy(update=where) for record in maker.problems]
        maker.cells = [record.model_copy(update=where) for record in maker.cells]
        return maker.write(finished=finished)

    return make


def scores(directory: Path) -> list[list[float | None]]:
    return [cell.scores["100%_right"] for cell in read_run(directory).cells]


def test_a_finished_run_of_this_commit_is_published(make: Make, repository: Path) -> None:
    run = read_run(make())
    to, manifest = publish_run(run.directory)
    assert to == repository / "results" / "made-up"
    assert manifest == read_manifest(to)
    assert manifest.commit == git(repository, "rev-parse", "HEAD")
    assert check_files(to) == []
    assert {
        "leaderboard.md",
        "leaderboard.csv",
        "run.json.xz",
        "records/m.jsonl.xz",
    } <= manifest.files.keys()
    assert read_run(to).cells == run.cells
    assert [path.name for path in to.parent.iterdir() if path.name.startswith(".")] == []


def test_the_report_is_that_of_the_run(make: Make) -> None:
    from benchmarks.board.report import write_report
    from benchmarks.papers.supplement import supplement_report

    directory = make()
    write_report(directory, supplement_report)
    to, _ = publish_run(directory)
    for name in (directory / "report-files.txt").read_text().splitlines():
        assert (to / name).read_bytes() == (directory / name).read_bytes()


def test_it_takes_the_place_of_what_was_published_before(make: Make) -> None:
    to, _ = publish_run(make(score=0.25))
    (to / "left-over.txt").touch()
    publish_run(make(score=0.75))  # what is about to be replaced may be uncommitted
    assert scores(to) == [[0.75], [0.5]]
    assert not (to / "left-over.txt").exists()


def test_the_report_of_what_is_published_is_written_again_by_a_later_commit(make: Make, repository: Path) -> None:
    to, first = publish_run(make(score=0.25))
    (to / "models").mkdir(exist_ok=True)
    (to / "models" / "m-1.json").write_text("{}")  # stays, whatever models the cache has
    (to / "methods").mkdir()
    (to / "methods" / "theirs.py").touch()  # of a method that was contributed
    first = write_manifest(to, read_run(to), first.commit)
    (repository / "code.py").write_text("2")
    later = commit(repository)
    folder, again = publish_run(to)
    assert folder == to
    assert (again.commit, again.report_commit) == (first.commit, later)
    assert read_manifest(to) == again
    assert again.files == first.files  # the report's code did not change
    assert scores(to) == [[0.25], [0.5]]


def test_what_was_tampered_with_is_not_published_again(make: Make) -> None:
    to, first = publish_run(make())
    (to / "leaderboard.md").write_text("I am first")
    with pytest.raises(NotPublishable, match="not as it was published, leaderboard.md: was SHA-256 .*; restore it"):
        publish_run(to)
    assert read_manifest(to) == first


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"finished": False}, "the run is not finished; run the suite again"),
        ({"failed": True}, "1 of 2 cells failed; put right what failed"),
        ({"at": "0123456789abcdef"}, "of 3 records 3 are not of this commit .* (3 of 0123456789ab); run .* --fresh"),
        ({"dirty": True}, "with uncommitted changes); run the suite again with --fresh"),
    ],
)
def test_what_cannot_be_published_says_why(make: Make, change: dict[str, object], reason: str) -> None:
    to, _ = publish_run(make(score=0.25))
    before = read_manifest(to)
    pattern = reason.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(NotPublishable, match=pattern) as raised:
        publish_run(make(**change))
    assert "\n" not in str(raised.value)
    assert read_manifest(to) == before
    assert check_files(to) == []


def test_missing_records_are_counted(make: Make) -> None:
    directory = make()
    next(directory.glob("records/**/m-*.json")).unlink()
    with pytest.raises(NotPublishable, match="not finished, 1 records are missing"):
        publish_run(directory)


@pytest.mark.parametrize("change", ["changed", "new"])
def test_a_checkout_with_changes_is_refused(make: Make, repository: Path, change: str) -> None:
    directory = make()
    (repository / ("code.py" if change == "changed" else "other.py")).write_text("2")
    with pytest.raises(NotPublishable, match=r"uncommitted changes \((code|other)\.py\); commit them"):
        publish_run(directory)


def test_without_git_nothing_is_published(make: Make, repository: Path) -> None:
    directory = make()
    shutil.rmtree(repository / ".git")
    with pytest.raises(NotPublishable, match="not a git checkout with a commit .*; publish from a clone"):
        publish_run(directory)


def test_a_model_that_is_gone_is_named(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / "cache"))
    directory = make()
    (file,) = directory.glob("problems/t/*.json")
    problem = read_run(directory).problems[0]
    where = problem.provenance.model_copy(update={"data": {"checkpoint": "beef"}})
    write(problem.model_copy(update={"provenance": where}), file)
    with pytest.raises(NotPublishable, match="no model with SHA-256 beef in .*; run the suite again"):
        publish_run(directory)
    assert not (Path("results") / "made-up").exists()


def test_only_what_was_published_is_replaced(make: Make, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").touch()
    directory = make()
    for to in (mine, directory):
        with pytest.raises(NotPublishable, match="is no published suite, and would be replaced; name a new folder"):
            publish_run(directory, to)
    assert (mine / "letter.txt").exists()
    assert scores(directory) == [[1.0], [0.5]]


def test_another_suite_is_not_replaced(make: Make) -> None:
    to, _ = publish_run(make(score=0.25))
    directory = make(score=0.75)
    manifest = read_run(directory).manifest
    other = manifest.suite.model_copy(update={"name": "other"})
    write(manifest.model_copy(update={"suite": other}), directory / RUN_MANIFEST)
    with pytest.raises(NotPublishable, match="holds suite 'made-up', which 'other' would replace; name another folder"):
        publish_run(directory, to)
    assert scores(to) == [[0.25], [0.5]]


def test_a_hidden_folder_of_somebody_s_is_left_alone(make: Make) -> None:
    mine = Path("results") / ".made-up.old"
    mine.mkdir(parents=True)
    (mine / "letter.txt").touch()
    with pytest.raises(NotPublishable):
        publish_run(make(finished=False))
    assert (mine / "letter.txt").exists()


def test_nothing_runs_in_the_folder_of_what_is_published(make: Make) -> None:
    to, manifest = publish_run(make())
    suite = read_run(to).manifest.suite
    with pytest.raises(FolderError, match="'.*made-up' holds a published suite, .*; name another folder with --out"):
        run_suite(suite, to, workers=1, console=Console(quiet=True), setting=Setting())
    assert read_manifest(to) == manifest
    assert check_files(to) == []


def _die_at(moment: str, patch: pytest.MonkeyPatch) -> None:
    """Make the process end, without any cleaning up, when publishing gets there."""

    def die(*arguments: object, **options: object) -> None:
        os._exit(9)

    rename, rmtree = Path.rename, shutil.rmtree
    if moment == "archive":
        patch.setattr(publish, "write_archive", die)
    elif moment == "report":
        patch.setattr(publish, "write_report", die)
    elif moment == "old aside":
        patch.setattr(Path, "rename", lambda path, to: die() if path.name.endswith(".new") else rename(path, to))
    else:
        patch.setattr(
            shutil,
            "rmtree",
            lambda path, **how: die() if path.exists() and path.name.endswith(".old") else rmtree(path, **how),
        )


@pytest.mark.parametrize("killed_at", ["archive", "report", "old aside", "new in place"])
def test_killed_at_any_moment_nothing_is_lost(make: Make, monkeypatch: pytest.MonkeyPatch, killed_at: str) -> None:
    """The old one is there, or comes back by itself with the next attempt; or the new one is whole."""
    to, _ = publish_run(make(score=0.25))
    directory = make(score=0.75)

    child = os.fork()
    if child == 0:
        _die_at(killed_at, monkeypatch)
        publish_run(directory)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert to.exists() == (killed_at != "old aside")
    with pytest.raises(NotPublishable):
        publish_run(make(finished=False))
    assert scores(to) == [[0.75 if killed_at == "new in place" else 0.25], [0.5]]
    assert check_files(to) == []
    publish_run(make(score=0.75))
    assert scores(to) == [[0.75], [0.5]]
    assert [path.name for path in to.parent.iterdir() if path.name.startswith(".")] == []


# ---- of a real run, in a copy of the project ---------------------------------------------------------------------

SUITE = """
methods = ["ig-zero", "sig-game", "icg", "random-attribution"]
[[tasks]]
name = "gridworld"
kind = "gridworld"
options = { rows = 2, cols = 2, reward = "r1" }
repetitions = 2
budgets = [10, 60]
limit = 100
metrics = ["spearman", "completeness"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is now, with a suite of its own, committed."""
    folder = tmp_path_factory.mktemp("project")
    names = git(PROJECT, "ls-files", "-co", "--exclude-standard", "--", ":(exclude)results", ":(exclude)tests")
    for name in filter(lambda name: (PROJECT / name).is_file(), names.splitlines()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, folder / name)
    (folder / "tiny.toml").write_text(SUITE)
    git(folder, "init", "-q")
    commit(folder)
    return folder


def benchmarks(project: Path, *arguments: str, code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "ATTRIBUTION_CACHE"}
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def outcomes(run: Run) -> list[tuple[object, ...]]:
    """All that is computed, but for time and memory."""
    records: list[ProblemRecord | CellRecord] = [*run.problems, *run.cells]
    left_out = {"provenance", "seconds", "key", "problem", "attribution_key", "metric_keys"}
    return [
        (record.model_dump(exclude={*left_out, "cost"}), cost and (cost.forward_rows, cost.backward_rows))
        for record in records
        for cost in [getattr(record, "cost", None)]
    ]


@pytest.mark.slow
def test_a_run_on_published_models_has_the_scores_of_the_run_that_trained_them(project: Path) -> None:
    benchmarks(project, "run", "tiny.toml", "--workers", "1", "--wandb", "disabled")
    shown = benchmarks(project, "publish", "tiny")
    assert "published " in shown
    published = project / "results" / "tiny"
    assert check_files(published) == []
    assert len(list((published / "models").glob("*.pt"))) == 2

    shutil.rmtree(project / ".cache")
    taken = ["run", "tiny.toml", "--models", "published", "--workers", "1", "--wandb", "disabled"]
    benchmarks(project, *taken, "--out", "again")
    trained, again = read_run(published), read_run(project / "again")
    assert outcomes(again) == outcomes(trained)
    assert not list(project.glob(".cache/checkpoints/*.pt"))
    assert {problem.key for problem in again.problems}.isdisjoint(problem.key for problem in trained.problems)
    data = [problem.provenance.data for problem in trained.problems]
    assert [problem.provenance.data for problem in again.problems] == data

    (project / "code.py").touch()
    refused = benchmarks(project, "publish", "tiny", code=2)
    assert "uncommitted changes" in refused

    shutil.rmtree(published / "models")
    assert "there are no models in 'results/tiny/models'" in benchmarks(project, *taken, code=2)


# ---- and README ---------------------------------------------------------------------------------------------------


@pytest.fixture
def readme(repository: Path) -> Path:
    file = repository / "README.md"
    file.write_text("<!-- leaders:begin -->\n<!-- leaders:end -->\n")
    commit(repository)
    return file


def test_one_suite_in_its_own_folder_says_in_readme_who_leads(
    make: Make, readme: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(publish, "SUITE", "made-up")
    publish_run(make(), tmp_path / "elsewhere")
    assert "made-up" not in readme.read_text()
    to, _ = publish_run(make())
    assert "(results/made-up/leaderboard.md)" in readme.read_text()
    assert publish_run(make())[0] == to  # although README is not committed


def test_other_suites_leave_readme_alone(make: Make, readme: Path) -> None:
    before = readme.read_text()
    publish_run(make())
    assert readme.read_text() == before


def test_a_readme_without_markers_is_told_of_and_nothing_is_lost(
    make: Make, readme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "SUITE", "made-up")
    readme.write_text("Mine.")
    with pytest.raises(NotPublishable, match="results/made-up is published, but .* has no block"):
        publish_run(make(score=0.75))
    assert readme.read_text() == "Mine."
    assert scores(Path("results") / "made-up") == [[0.75], [0.5]]
