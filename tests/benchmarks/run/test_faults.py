"""What can go wrong around a run: whatever is finished is kept, and the rest of the board is complete in the end."""

import errno
import io
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from benchmarks.run import executor, runner, storage
from benchmarks.run.cluster import SCRATCH, start_local_cluster
from benchmarks.run.records import Document, Run
from benchmarks.run.runner import FolderError, run_suite
from benchmarks.run.storage import read_run
from benchmarks.run.suite import Suite
from benchmarks.run.worker import Setting
from datasets.cache import PROJECT
from sig.plugins import load_plugin

MISBEHAVED = Path(__file__).parents[1] / "misbehaved.py"
SUITE = """
methods = ["toy-exact", "toy-noise", "toy-slow", "toy-refuses", "toy-fails"]
repetitions = 4
[[tasks]]
name = "t"
kind = "toy"
budgets = [3, 20, 30]
metrics = ["toy-mean", "toy-curve"]
"""
Load = Callable[..., Suite]


def run(suite: Suite, directory: Path, toy: Path, workers: int = 2) -> Run:
    run_suite(suite, directory, workers=workers, console=Console(file=io.StringIO()), setting=Setting((toy,)))
    return read_run(directory)


def scores(run: Run) -> dict[str, object]:
    assert run.missing == []
    return {cell.file: (cell.status, cell.reason, cell.scores, cell.curves) for cell in run.cells}


def start(folder: Path, toy: Path, temporary: Path) -> "subprocess.Popen[bytes]":
    """A run from the command line of the suite in the file ``mine.toml``."""
    command = [sys.executable, "-m", "benchmarks", "run", str(folder / "mine.toml"), "--out", str(folder / "run")]
    options = ["--plugin", str(toy), "--workers", "2", "--wandb", "disabled"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.Popen(
        [*command, *options], cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a run, and see that all that it has started ends too."""
    started = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    process.communicate()
    assert psutil.wait_procs(started, timeout=30)[1] == []


def kill_at_random(folder: Path, toy: Path, temporary: Path, kills: int, longest: float) -> None:
    """Kill the run again and again; whatever has been finished before is there afterwards, and is whole."""
    rng, finished = random.Random(0), set[str]()
    for _ in range(kills):
        process = start(folder, toy, temporary)
        try:
            time.sleep(rng.uniform(0.5, longest))
        finally:
            kill(process)
        there = set[str]()
        if (folder / "run" / storage.RUN_MANIFEST).exists():
            there = {cell.file for cell in read_run(folder / "run").cells}
        assert finished <= there
        finished = there


@pytest.mark.slow
def test_killing_a_run_twice_leaves_nothing_behind(suite_of: Load, toy: Path, tmp_path: Path) -> None:
    suite, temporary = suite_of(SUITE), tmp_path / "temporary"
    temporary.mkdir()
    for _ in range(2):
        process = start(tmp_path, toy, temporary)
        while not any((tmp_path / "run").glob("problems/*/*.json")):
            assert process.poll() is None
            time.sleep(0.05)
        kill(process)
    assert len(list(temporary.glob(f"{SCRATCH}*"))) == 1  # of the second one, which removed that of the first
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        disturbed = run(suite, tmp_path / "run", toy)
    assert list(temporary.glob(f"{SCRATCH}*")) == []
    assert scores(disturbed) == scores(run(suite, tmp_path / "clean", toy))


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_no_score(suite_of: Load, toy: Path, tmp_path: Path) -> None:
    """Before workers are there, while they work, while records are written, while the report is."""
    slower = '{name = "toy-slow", options = {seconds = 3.0}}'
    suite, temporary = suite_of(SUITE.replace('"toy-slow"', slower)), tmp_path / "temporary"
    temporary.mkdir()
    kill_at_random(tmp_path, toy, temporary, kills=20, longest=25.0)
    assert scores(run(suite, tmp_path / "run", toy)) == scores(run(suite, tmp_path / "clean", toy))


@pytest.mark.slow
def test_five_killed_processes_change_no_score(
    suite_of: Load, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "ATTEMPTS", 6)  # all five may hit the same cell
    suite = suite_of(SUITE.replace('"toy-slow"', '{name = "toy-slow", options = {seconds = 1.0}}'))
    killed, ended, rng = set[int](), threading.Event(), random.Random(0)

    def kill_five() -> None:
        while len(killed) < 5 and not ended.wait(0.5):
            pids = [child.pid for child in multiprocessing.active_children() if child.pid and child.pid not in killed]
            if pids and any((tmp_path / "disturbed").glob("records/*/*/*.json")):
                os.kill(victim := rng.choice(pids), signal.SIGKILL)
                killed.add(victim)

    killer = threading.Thread(target=kill_five)
    killer.start()
    try:
        disturbed = run(suite, tmp_path / "disturbed", toy)
    finally:
        ended.set()
        killer.join()
    assert len(killed) == 5
    assert scores(disturbed) == scores(run(suite, tmp_path / "clean", toy))


@pytest.mark.slow
def test_a_method_that_hangs_does_not_hold_up_ctrl_c(suite_of: Load, toy: Path, tmp_path: Path) -> None:
    load_plugin(MISBEHAVED)
    suite, interrupted, ended = (
        suite_of(SUITE.replace('"toy-slow"', '"bad-hangs-in-c"')),
        list[float](),
        threading.Event(),
    )
    setting = Setting((toy, MISBEHAVED), cell_timeout=600.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it

    def interrupt() -> None:
        while not any((tmp_path / "run").glob("problems/*/*.json")) and not ended.is_set():
            time.sleep(0.05)
        if not ended.wait(10):  # seconds after the problem is prepared, it hangs
            interrupted.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_suite(suite, tmp_path / "run", workers=1, console=Console(file=io.StringIO()), setting=setting)
    finally:
        ended.set()
        interrupter.join()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - interrupted[0] < 60
    assert multiprocessing.active_children() == []


def test_a_second_run_in_a_folder_is_refused(suite_of: Load, toy: Path, tmp_path: Path) -> None:
    suite_of(SUITE)
    process = start(tmp_path, toy, Path(tempfile.gettempdir()))
    try:
        while not any((tmp_path / "run").glob("records/*/*/*.json")):
            assert process.poll() is None
            time.sleep(0.05)
        with pytest.raises(FolderError, match=f"^process {process.pid} on .* is at work in '.*run'; wait until it has"):
            run(suite_of(SUITE), tmp_path / "run", toy)
    finally:
        kill(process)
    assert run(suite_of(SUITE), tmp_path / "run", toy).missing == []


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory with the given options, where that is allowed."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip(f"cannot mount: {done.stderr.decode().strip()}")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


def test_a_disk_that_is_full(suite_of: Load, toy: Path, tmp_path: Path, mounted: Callable[[str], Path]) -> None:
    suite, folder = suite_of(SUITE), mounted("size=160k")
    with pytest.raises(FolderError, match=r"cannot write to '.*' any more: No space left on device; .* make room"):
        run(suite, folder, toy)
    check_what_is_kept(suite, folder, toy, tmp_path)


def test_writing_that_fails_in_the_middle(
    suite_of: Load, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, where nothing can be mounted: the fourth file of a cell does not fit."""
    suite, count = suite_of(SUITE), iter(range(100))

    def write(record: Document, file: Path) -> None:
        if "records" in file.parts and next(count) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        storage.write(record, file)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "write", write)
        with pytest.raises(FolderError, match="any more: No space left on device; what is finished is kept"):
            run(suite, tmp_path / "run", toy)
    check_what_is_kept(suite, tmp_path / "run", toy, tmp_path)


def check_what_is_kept(suite: Suite, folder: Path, toy: Path, tmp_path: Path) -> None:
    before = read_run(folder)
    assert before.manifest.finished_at is None
    assert 0 < len(before.cells) < len(before.manifest.cells)
    assert not any(folder.rglob(".*.tmp"))
    for file in before.directory.rglob("*.json"):
        there = tmp_path / "elsewhere" / file.relative_to(folder)
        storage.write_atomically(file.read_bytes(), there)
    for file in folder.rglob("*.npz"):
        storage.write_atomically(file.read_bytes(), tmp_path / "elsewhere" / file.relative_to(folder))
    after = run(suite, tmp_path / "elsewhere", toy)
    kept = {cell.file: cell.provenance for cell in before.cells if cell.status != "failed"}
    assert {cell.file: cell.provenance for cell in after.cells if cell.file in kept} == kept
    assert scores(after) == scores(run(suite, tmp_path / "clean", toy))


def test_a_read_only_folder_is_refused_at_once(suite_of: Load, toy: Path, mounted: Callable[[str], Path]) -> None:
    """Of a file system that is mounted so, since the superuser may write wherever permissions forbid it."""
    folder = mounted("ro")
    with pytest.raises(FolderError, match=re.escape(f"cannot write to {str(folder / 'run')!r}: Read-only file system")):
        run(suite_of(SUITE), folder / "run", toy)


def test_scratch_of_a_run_that_is_alive_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"{SCRATCH}left").mkdir()
    with start_local_cluster(1):
        (alive,) = tmp_path.glob(f"{SCRATCH}*")
        with start_local_cluster(1):
            assert alive.is_dir()
            assert len(list(tmp_path.glob(f"{SCRATCH}*"))) == 2
    assert list(tmp_path.glob(f"{SCRATCH}*")) == []
