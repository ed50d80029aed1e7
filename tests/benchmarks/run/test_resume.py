import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.run import runner
from benchmarks.run.records import CellRecord, Document, Run
from benchmarks.run.runner import FolderError, run_suite
from benchmarks.run.storage import read_run, write
from benchmarks.run.suite import Suite
from benchmarks.run.worker import Setting
from datasets.cache import PROJECT

SUITE = """
methods = ["toy-exact", "toy-noise", "toy-slow", "toy-refuses"]
repetitions = 3
[[tasks]]
name = "t"
kind = "toy"
budgets = [3, 20, 30]
metrics = ["toy-mean", "toy-curve"]
"""
CELLS = 3 * (1 + 3 + 3 + 1)
Load = Callable[..., Suite]
Start = Callable[..., str]


@pytest.fixture
def start(toy: Path) -> Start:
    """Runs a suite with one worker and returns what it showed."""

    def start(suite: Suite, directory: Path, *, fresh: bool = False) -> str:
        shown = io.StringIO()
        console = Console(file=shown)
        run_suite(suite, directory, workers=1, console=console, setting=Setting((toy,)), fresh=fresh)
        return shown.getvalue()

    return start


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_cluster(workers: int) -> Iterator[None]:
        raise AssertionError("workers were started")

    monkeypatch.setattr(runner, "start_local_cluster", no_cluster)


def scores(run: Run) -> dict[str, dict[str, list[float | None]]]:
    return {cell.file: cell.scores for cell in run.cells}


def text(directory: Path) -> dict[str, str]:
    return {str(file): file.read_text() for file in directory.glob("*/**/*.json")}


def test_a_second_run_runs_nothing(
    start: Start, suite_of: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = suite_of(SUITE)
    assert f"{CELLS} cells: 21 ok, 3 skipped, 0 failed" in start(suite, tmp_path / "run")
    before = text(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(runner, "start_local_cluster", lambda workers: pytest.fail("workers were started"))
        shown = start(suite, tmp_path / "run")
    assert f"{CELLS} cells: 21 ok ({CELLS} reused), 3 skipped, 0 failed" in shown
    assert text(tmp_path / "run") == before
    run = read_run(tmp_path / "run")
    assert run.missing == []
    assert run.manifest.finished_at is not None
    assert [cell.file for cell in run.cells] == run.manifest.cells


def test_fresh_computes_everything_again(start: Start, suite_of: Load, tmp_path: Path) -> None:
    suite = suite_of(SUITE.replace('"toy-slow", ', ""))
    start(suite, tmp_path)
    first = read_run(tmp_path)
    assert "reused" not in start(suite, tmp_path, fresh=True)
    second = read_run(tmp_path)
    assert scores(first) == scores(second)
    assert min(c.provenance.started_at for c in second.cells) > max(c.provenance.started_at for c in first.cells)


def test_damaged_and_failed_records_are_computed_again(start: Start, suite_of: Load, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    flaky = f'{{name = "toy-flaky", options = {{marker = "{marker}"}}}}'
    suite = suite_of(SUITE.replace('"toy-slow"', flaky).replace("repetitions = 3", "repetitions = 1"))
    run = tmp_path / "run"
    assert "6 cells: 4 ok, 1 skipped, 1 failed" in start(suite, run)
    before = {cell.label: cell for cell in read_run(run).cells}
    damaged = run / before["toy-exact"].file
    damaged.write_text(damaged.read_text()[:100])
    marker.touch()
    shown = start(suite, run)
    assert f"{damaged}: " in shown.replace("\n", "")
    assert "it is computed again" in shown
    assert "6 cells: 5 ok (4 reused), 1 skipped, 0 failed" in shown
    after = {cell.label: cell for cell in read_run(run).cells}
    assert after["toy-exact"].scores == before["toy-exact"].scores
    assert after["toy-noise"] == before["toy-noise"]
    assert (before["toy-flaky"].status, after["toy-flaky"].status) == ("failed", "ok")


def test_a_restricted_run_reads_only_its_part(start: Start, suite_of: Load, tmp_path: Path) -> None:
    suite = suite_of(SUITE.replace('"toy-slow", ', ""))
    start(suite, tmp_path)
    assert "3 cells: 3 ok (3 reused)" in start(suite.restricted(methods=["toy-exact"]), tmp_path)
    assert {cell.label for cell in read_run(tmp_path).cells} == {"toy-exact"}


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("folder", ["file/run", "file"])
def test_a_folder_that_cannot_be_written_is_an_early_error(
    start: Start, suite_of: Load, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="cannot write to '.*file.*name one with --out") as error:
        start(suite_of(SUITE), tmp_path / folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_finished_survives_an_interruption(
    start: Start, suite_of: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell that runs this in the background ignores it

    def write_then_interrupt(record: Document, file: Path) -> None:
        write(record, file)
        if isinstance(record, CellRecord):
            os.kill(os.getpid(), number)

    monkeypatch.setattr(runner, "write", write_then_interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            start(suite_of(SUITE), tmp_path / "run")
    finally:
        signal.signal(signal.SIGINT, before)
    monkeypatch.undo()
    run = read_run(tmp_path / "run")
    assert run.manifest.finished_at is None
    assert len(run.cells) == 1
    assert len(run.missing) == CELLS + 3 - 1 - len(run.problems)
    assert "(1 reused)" in start(suite_of(SUITE), tmp_path / "run")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_killed_run_is_resumed_to_the_same_scores(start: Start, suite_of: Load, toy: Path, tmp_path: Path) -> None:
    suite = suite_of(SUITE)
    command = [sys.executable, "-m", "benchmarks", "run", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "run")]
    options = ["--plugin", str(toy), "--workers", "2", "--wandb", "disabled"]
    process = subprocess.Popen([*command, *options], cwd=PROJECT, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: len(list((tmp_path / "run").glob("records/*/*/*.json"))) >= 3, process)
    finally:
        process.kill()
        process.communicate()
    there = len(read_run(tmp_path / "run").cells)
    assert 3 <= there < CELLS
    assert f"({there} reused)" in start(suite, tmp_path / "run")
    start(suite, tmp_path / "clean")
    assert scores(read_run(tmp_path / "run")) == scores(read_run(tmp_path / "clean"))


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        time.sleep(0.02)
