"""A real scheduler and workers in processes of their own, as on other machines."""

import io
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from distributed import Client
from rich.console import Console

from benchmarks.run import parcel
from benchmarks.run.cluster import ClusterError, connect, start_jobqueue
from benchmarks.run.parcel import DifferentWorker, Parcel, describe_code, find_differences
from benchmarks.run.records import Run
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import read_run
from benchmarks.run.suite import Suite
from benchmarks.run.worker import Setting
from datasets.cache import PROJECT

pytestmark = pytest.mark.slow  # whole runs, in processes of their own


SUITE = """
methods = ["toy-exact", "toy-noise", "toy-slow", "toy-refuses", "toy-fails"]
repetitions = 3
[[tasks]]
name = "t"
kind = "toy"
budgets = [3, 20, 30]
metrics = ["toy-mean", "toy-curve"]
"""
Load = Callable[..., Suite]


@dataclass
class Started:
    """A cluster whose workers, each with a nanny that replaces it, keep what they make in folders of their own."""

    address: str
    folder: Path
    processes: list["subprocess.Popen[bytes]"]

    def add_worker(self, *options: str, folder: Path = PROJECT) -> "subprocess.Popen[bytes]":
        count = len(self.processes)
        cache = {"ATTRIBUTION_CACHE": str(self.folder / f"cache{count}"), "TMPDIR": str(self.folder / f"tmp{count}")}
        Path(cache["TMPDIR"]).mkdir()
        arguments = [self.address, "--nthreads", "1", "--name", f"w{count}", "--no-dashboard", *options]
        return self._start("worker", *arguments, folder=folder, **cache)

    def _start(self, what: str, *arguments: str, folder: Path = PROJECT, **more: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dask", what, *arguments]
        environment = {**os.environ, **more, "PYTHONPATH": str(folder)}
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            self.processes.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log))
        return self.processes[-1]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = Started(f"tcp://127.0.0.1:{port}", tmp_path_factory.mktemp("cluster"), [])
    cluster._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    cluster.add_worker()
    cluster.add_worker()
    yield cluster
    for process in cluster.processes:
        process.terminate()
    for process in cluster.processes:
        process.wait(30)


def run(suite: Suite, directory: Path, setting: Setting, scheduler: str = "") -> Run:
    run_suite(suite, directory, workers=2, console=Console(file=io.StringIO()), setting=setting, scheduler=scheduler)
    return read_run(directory)


def scores(run: Run) -> dict[str, object]:
    assert run.missing == []
    return {cell.file: (cell.status, cell.reason, cell.scores, cell.curves) for cell in run.cells}


def test_killed_workers_change_no_score(started: Started, suite_of: Load, toy: Path, tmp_path: Path) -> None:
    """Five are killed, at random, while the suite is run."""
    suite, setting = suite_of(SUITE.replace("repetitions = 3", "repetitions = 6")), Setting((toy,))
    rng, ended = random.Random(0), threading.Event()
    killed: list[int] = []

    def kill_five() -> None:
        with Client(started.address) as client:
            while len(killed) < 5 and not ended.wait(1.0):
                if workers := client.scheduler_info(n_workers=-1)["workers"]:
                    pids = client.run(os.getpid, workers=[rng.choice(list(workers))], on_error="ignore")
                    for pid in pids.values():
                        os.kill(pid, signal.SIGKILL)
                        killed.append(pid)

    killer = threading.Thread(target=kill_five)
    killer.start()
    try:
        disturbed = run(suite, tmp_path / "disturbed", setting, scheduler=started.address)
    finally:
        ended.set()
        killer.join()
    assert len(killed) == 5
    assert scores(disturbed) == scores(run(suite, tmp_path / "here", setting))
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in killed)


def test_models_go_along_with_the_cells(
    started: Started, suite_of: Load, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers share no cache, and still explain one model: the same weights whoever runs the cells."""
    suite = suite_of(
        'methods = ["ig-zero", "ig-mean", "gradient", "sig-game"]\n[[tasks]]\nname = "g"\nkind = "gridworld"\n'
        'options = {rows = 2, cols = 2, reward = "r1"}\nbudgets = [20, 40, 60]\nmetrics = ["spearman"]'
    )
    found = run(suite, tmp_path / "run", Setting((toy,)), scheduler=started.address)
    assert {cell.status for cell in found.cells} == {"ok"}
    models = {cell.provenance.data["checkpoint"] for cell in found.cells}
    assert models == {found.problems[0].provenance.data["checkpoint"]}
    unpacked = {file.name for file in started.folder.glob("tmp*/benchmarks-parcels/*/*.pt")}
    assert len(unpacked) == 1


def test_a_method_that_hangs_on_a_cluster_fails_alone(
    started: Started, suite_of: Load, toy: Path, tmp_path: Path
) -> None:
    slow = '{name = "toy-slow", options = {seconds = 600}}'
    suite = suite_of(SUITE.replace('"toy-slow"', slow).replace("[3, 20, 30]", "[3]").replace("= 3\n", "= 1\n"))
    found = run(suite, tmp_path / "run", Setting((toy,), cell_timeout=15.0), scheduler=started.address)
    statuses = {cell.label: cell.status for cell in found.cells}
    assert statuses == {
        "toy-exact": "ok",
        "toy-noise": "ok",
        "toy-slow": "failed",
        "toy-refuses": "skipped",
        "toy-fails": "failed",
    }


def test_a_task_that_asks_for_a_gpu_runs_on_workers_that_offer_one(
    started: Started, suite_of: Load, toy: Path, tmp_path: Path
) -> None:
    text = SUITE.replace('kind = "toy"', 'kind = "toy"\ngpu = true').replace("repetitions = 3", "repetitions = 1")
    suite, plugin = suite_of(text.replace('"toy-slow", ', "")), tmp_path / "gpu.py"  # a parcel of its own
    plugin.write_bytes(toy.read_bytes())
    with pytest.raises(ClusterError, match=r"asks for a GPU \(gpu = true\) and no worker offers one; start one with"):
        run(suite, tmp_path / "refused", Setting((plugin,)), scheduler=started.address)
    worker = started.add_worker("--resources", "GPU=1")
    try:
        with Client(started.address) as client:
            client.wait_for_workers(3, timeout=300)
        found = run(suite, tmp_path / "run", Setting((plugin,)), scheduler=started.address)
    finally:
        worker.terminate()
        worker.wait(30)
    assert {cell.status for cell in found.cells if cell.label == "toy-exact"} == {"ok"}
    unpacked = [
        file.relative_to(started.folder).parts[0] for file in started.folder.glob("tmp*/benchmarks-parcels/*/0/gpu.py")
    ]
    assert unpacked == [f"tmp{started.processes.index(worker)}"]


def test_a_worker_with_other_code_is_refused_by_name(started: Started, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for package in parcel.PACKAGES:
        (other / package).symlink_to(PROJECT / package)
    (other / "datasets").unlink()
    subprocess.run(["cp", "-r", str(PROJECT / "datasets"), str(other)], check=True)
    (other / "datasets" / "gridworld.py").write_text("# another version\n")
    worker = started.add_worker(folder=other)
    try:
        with Client(started.address) as client:
            client.wait_for_workers(3, timeout=300)
        message = r"worker 'w\d' \(tcp://.*\) has code \w+ instead of \w+; start it from the same commit"
        with pytest.raises(ClusterError, match=message), connect(started.address):
            pass
    finally:
        worker.terminate()
        worker.wait(30)


def test_a_scheduler_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.run.cluster.WAIT", 1)
    with (
        pytest.raises(ClusterError, match="no Dask scheduler answers at 'tcp://127.0.0.1:1'"),
        connect("tcp://127.0.0.1:1"),
    ):
        pass


def test_a_parcel_is_unpacked_to_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "plugin.py").write_text("x = 1\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.pt").write_bytes(b"weights")
    setting = Setting((tmp_path / "plugin.py",), models=tmp_path / "models")
    there = Parcel.of(setting).unpack()
    assert there.models is not None
    assert (there.models / "a.pt").read_bytes() == b"weights"
    assert [file.read_text() for file in there.plugins] == ["x = 1\n"]
    (there.models / "a.pt").write_bytes(b"damaged")
    assert Parcel.of(setting).unpack() == there
    assert (there.models / "a.pt").read_bytes() == b"weights"


def test_a_parcel_for_another_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = Parcel.of(Setting())
    monkeypatch.setattr(parcel, "describe_code", lambda: {**describe_code(), "torch": "1.0"})
    with pytest.raises(DifferentWorker, match="has torch 1.0 instead of"):
        packed.unpack()
    assert find_differences({"a": "1", "b": "2"}, {"a": "1"}) == "b missing instead of 2"


SBATCH = """#!/bin/sh
copy=$(mktemp "{folder}/job.XXXX") && cp "$1" "$copy"
setsid sh "$copy" > "$copy.log" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
kill -- -"$1"
echo "$1" >> "{folder}/cancelled"
"""


def test_slurm_is_asked_for_workers_and_they_are_cancelled(
    suite_of: Load, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for Slurm runs each job at once."""
    pytest.importorskip("dask_jobqueue", reason="pip install 'dask-jobqueue>=0.9'")
    for name, script in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(script.format(folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    suite = suite_of(SUITE.replace("repetitions = 3", "repetitions = 1"))
    console = Console(file=io.StringIO())
    run_suite(suite, tmp_path / "run", workers=2, console=console, setting=Setting((toy,)), jobqueue="slurm")
    assert scores(read_run(tmp_path / "run")) == scores(run(suite, tmp_path / "here", Setting((toy,))))
    assert len(list(tmp_path.glob("job.????"))) == 2
    assert len((tmp_path / "cancelled").read_text().split()) == 2


def test_another_queueing_system_is_an_error() -> None:
    message = "unknown queueing system 'slrum', expected one of htcondor, "
    with pytest.raises(ClusterError, match=message), start_jobqueue("slrum", 1):
        pass


def test_without_dask_jobqueue_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    message = "--jobqueue needs dask-jobqueue: .venv/bin/pip install"
    with pytest.raises(ClusterError, match=message), start_jobqueue("slurm", 1):
        pass
