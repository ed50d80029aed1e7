"""What a suite looks like on W&B, read back from a real server where there is one (the package ``openwandb``)."""

import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

import numpy as np
import pytest
import pytorch_lightning as pl
import wandb
from matplotlib.image import imsave
from pytorch_lightning.demos.boring_classes import BoringModel, RandomDataset
from torch.utils.data import DataLoader

from benchmarks.board.aggregate import aggregate
from benchmarks.board.content import make_content
from benchmarks.board.tracked_run import tracked_run
from benchmarks.board.wandb_runs import log_suite
from benchmarks.run.fields import ColumnFacts, EncodedArray, Provenance, SweepPoint
from benchmarks.run.records import CellRecord, Manifest, ProblemRecord
from benchmarks.run.storage import RUN_MANIFEST, read_run, write
from benchmarks.run.suite import MethodChoice, MetricChoice, Suite, TaskChoice
from sig.registry import Cost
from training import tracking
from training.tracking import Tracking, lightning_logger, sync_command

KEY = "0123456789" * 4
PROJECT = "tests"
PYTHON = os.environ.get("OPENWANDB_PYTHON", sys.executable)
METHODS, BUDGETS, REPETITIONS, EXPLICANDS = ["ig-zero", "captum/IntegratedGradients"], [10, 50], 2, 3


# --- a small suite, as records

FACTS = {
    name: ColumnFacts(
        label=name,
        metric=name,
        options={},
        truth="",
        better="higher",
        range=(0, 1),
        unit="",
        source="",
        curve=curve,
        judges=True,
    )
    for name, curve in {"spearman": "", "iaccuracy": "features removed"}.items()
}
PROVENANCE = Provenance(
    commit="c0ffee",
    dirty=False,
    python="3.11",
    packages={"torch": "2"},
    device="cpu",
    processor="A processor",
    instructions="AVX2",
    native_bf16=False,
    threads=1,
    data={},
    started_at=datetime.now(UTC),
)


def record(method, repetition, budget, random, sweep=None):
    curve = random.random((EXPLICANDS, 5), dtype=np.float32)
    return CellRecord(
        task="burnt-snacks",
        kind="burnt-snacks",
        task_options={},
        repetition=repetition,
        problem="p",
        label=method,
        method=method,
        family="gradients",
        source="eq. 1",
        control=False,
        same_as="",
        options={"steps": budget},
        budget=None if sweep else budget,
        distance=None if sweep else 1 / budget,
        headline=not sweep and budget == BUDGETS[-1],
        sweep=sweep,
        metrics=[MetricChoice(name=name, label=name) for name in FACTS],
        problem_seed=0,
        method_seed=0,
        attribution_key=f"{method}-{repetition}-{budget}-{sweep}".encode().hex(),
        metric_keys={},
        key=f"{method}-{repetition}-{budget}-{sweep}".encode().hex(),
        status="ok",
        scores={"spearman": random.random(EXPLICANDS).tolist(), "iaccuracy": curve.mean(1).tolist()},
        curves={"iaccuracy": EncodedArray.of(curve)},
        facts=FACTS,
        cost=Cost(seconds=1.0, forward_rows=budget * EXPLICANDS, backward_rows=budget * EXPLICANDS, peak_bytes=1),
        provenance=PROVENANCE,
    )


def problem(repetition):
    return ProblemRecord(
        task="burnt-snacks",
        kind="burnt-snacks",
        task_options={},
        repetition=repetition,
        problem_seed=0,
        key=f"p{repetition}",
        status="ok",
        checks={"accuracy": 0.9 + 0.04 * repetition, "undefined": None},
        series={"training": {"images": [100, 200], "accuracy": [0.5 + 0.2 * repetition, None if repetition else 0.8]}},
        provenance=PROVENANCE,
    )


@pytest.fixture
def records():
    random = np.random.default_rng(0)
    cells = [record(m, r, b, random) for m in METHODS for r in range(REPETITIONS) for b in BUDGETS]
    return cells + [
        record(METHODS[0], 0, 10, random, SweepPoint(name="over-n", option="n", value=n)) for n in (100, 200)
    ]


@pytest.fixture
def run_folder(tmp_path, records):
    """A run as the harness and the report leave it."""
    suite = Suite(
        name="tiny",
        methods=[MethodChoice(name=name, label=name) for name in METHODS],
        tasks=[
            TaskChoice(
                name="burnt-snacks",
                kind="burnt-snacks",
                repetitions=REPETITIONS,
                budgets=BUDGETS,
                metrics=[MetricChoice(name=name, label=name) for name in FACTS],
            )
        ],
    )
    files = [cell.file for cell in records]
    folder = tmp_path / "run"
    problems = [problem(repetition) for repetition in range(REPETITIONS)]
    listed = [made.file for made in problems]
    write(
        Manifest(suite=suite, problems=listed, allocations=[], cells=files, started_at=datetime.now(UTC)),
        folder / RUN_MANIFEST,
    )
    for made in [*records, *problems]:
        write(made, folder / made.file)
    (folder / "leaderboard.csv").write_text("method,spearman\nig-zero,0.5\n")
    (folder / "figures").mkdir()
    imsave(folder / "figures" / "saliency.png", np.random.default_rng(0).random((8, 8, 3)))
    (folder / "figures" / "frontier.svg").write_text('<svg viewBox="0 0 9 9"><path d="M 1 1 L 8 8"/></svg>')
    return folder


def scores(records, method, budget, column="spearman"):
    chosen = [cell for cell in records if cell.label == method and cell.budget == budget]
    return np.concatenate([cell.scores[column] for cell in chosen])


# --- the server


@pytest.fixture(autouse=True)
def fresh_process(tmp_path, monkeypatch):
    """W&B as in a process of its own, with nothing configured."""
    wandb.teardown()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    for variable in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "home" / variable))
    monkeypatch.setattr(tracking, "_given_up", set())
    monkeypatch.setattr(tracking, "_warned", set())
    yield
    wandb.teardown()


class Server:
    """A W&B server that can be killed and started again with the same data, on the same port."""

    def __init__(self, data):
        self.data = data
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [PYTHON, "-m", "openwandb", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        environment = {**os.environ, "OPENWANDB_ADMIN_PASS": "of no importance", "OPENWANDB_DATA_DIR": str(self.data)}
        with (self.data / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--data-dir", str(self.data)], env=environment, stdout=log, stderr=log
            )
        for _ in range(300):
            try:
                return self.get("/login")
            except urllib.error.URLError:
                time.sleep(0.1)
        raise TimeoutError((self.data / "server.log").read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read()

    def json(self, path):
        return json.loads(self.get(path))

    def runs(self):
        """Runs by name, with their id, config and summary."""
        runs = self.json(f"/api/v2/projects/default/{PROJECT}/runs")["runs"]
        plain = [{**run, "config": {k: v["value"] for k, v in run["config"].items()}} for run in runs]
        assert len({run["display_name"] for run in plain}) == len(plain)
        return {run["display_name"]: run for run in plain}

    def history(self, run):
        """Logged values by key."""
        found = self.json(f"/api/v2/runs/{run['run_id']}/metrics")["metrics_by_key"]
        return {
            key: [point["value"] for point in sorted(points, key=lambda point: point["step"])]
            for key, points in found.items()
        }

    def files(self, run):
        """Contents of files by name."""
        names = [file["name"] for file in self.json(f"/api/v1/runs/{run['run_id']}/files")["files"]]
        return {name: self.get(f"/files/default/{PROJECT}/{run['run_id']}/{name}") for name in names}


@pytest.fixture(scope="module")
def running_server(tmp_path_factory):
    if subprocess.run([PYTHON, "-c", "import openwandb"], capture_output=True, check=False).returncode != 0:
        pytest.skip(
            "there is no openwandb; pip install '.[wandb-server]', or name a Python with it in OPENWANDB_PYTHON"
        )
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(running_server, monkeypatch):
    monkeypatch.setenv("WANDB_BASE_URL", running_server.url)
    return running_server


def content_of(folder):
    return make_content(aggregate(read_run(folder)))


# --- tests


def test_a_suite_is_logged_offline_by_default(run_folder):
    log_suite(content_of(run_folder), Tracking(directory=run_folder, project=PROJECT))
    wandb.teardown()
    logs = [log.read_bytes() for log in run_folder.glob("wandb/offline-run-*/*.wandb")]
    for name in ("tiny/ig-zero", "tiny/captum/IntegratedGradients", "tiny/leaderboard"):
        assert sum(name.encode() in log for log in logs) == 1


def test_disabled_logs_nothing(run_folder, monkeypatch):
    content = content_of(run_folder)
    monkeypatch.setattr("benchmarks.board.wandb_runs.tracked_run", None)
    log_suite(content, Tracking("disabled", directory=run_folder))
    assert not list(run_folder.glob("**/wandb/*-run-*"))


def test_a_suite_on_a_server(run_folder, records, server, tmp_path):
    settings = Tracking("online", PROJECT, tmp_path)
    log_suite(content_of(run_folder), settings, verdicts={"verdict on SIG, Fig. 1: it holds": "held"})
    assert sync_command(settings) is None
    runs = server.runs()
    assert set(runs) >= {"tiny/ig-zero", "tiny/captum/IntegratedGradients", "tiny/leaderboard"}

    for method in METHODS:
        run = runs[f"tiny/{method}"]
        assert run["config"]["job_type"] == "method"
        assert run["config"]["group"] == "tiny"
        assert run["config"]["commit"] == "c0ffee"
        assert run["config"]["method"] == method
        assert run["config"]["budgets"] == {"burnt-snacks": BUDGETS}
        assert run["config"]["options"] == {"burnt-snacks": {"steps": 50}}
        for column in FACTS:
            mean = scores(records, method, 50, column).mean()
            assert run["summary"][f"burnt-snacks/{column}/mean"] == pytest.approx(mean)
            low, high = (run["summary"][f"burnt-snacks/{column}/{end}"] for end in ("low", "high"))
            assert low < mean < high
        spent = {name: run["summary"][f"burnt-snacks/{name}"] for name in ("cost", "distance", "allocation/steps")}
        assert spent == {"cost": 100, "distance": 0.02, "allocation/steps": 50}

        history = server.history(run)
        assert history["burnt-snacks/frontier/cost"] == [2 * budget for budget in BUDGETS]  # forward and backward
        assert history["burnt-snacks/frontier/distance"] == pytest.approx([0.1, 0.02])
        means = [scores(records, method, budget).mean() for budget in BUDGETS]
        assert history["burnt-snacks/frontier/spearman"] == pytest.approx(means)
        curves = [cell.curves["iaccuracy"].decode() for cell in records if cell.label == method and cell.headline]
        assert history["curves/fraction"] == [0, 0.25, 0.5, 0.75, 1]
        assert history["burnt-snacks/iaccuracy/curve"] == pytest.approx(np.concatenate(curves).mean(0))

    sweep = server.history(runs["tiny/ig-zero"])
    assert sweep["burnt-snacks/over-n/n"] == [100, 200]
    means = [np.mean(cell.scores["spearman"]) for cell in records if cell.sweep]
    assert sweep["burnt-snacks/over-n/spearman"] == pytest.approx(means)

    whole = runs["tiny/leaderboard"]
    assert whole["config"]["job_type"] == "suite"
    assert whole["config"]["suite"]["name"] == "tiny"
    assert whole["summary"]["cells/ok"] == len(records)
    assert whole["summary"]["burnt-snacks/checks/accuracy"] == pytest.approx(0.92)
    history = server.history(whole)
    assert history["burnt-snacks/series/training/images"] == [100, 200]
    assert history["burnt-snacks/series/training/accuracy"] == pytest.approx([0.6, 0.8])
    files = server.files(whole)
    assert files["leaderboard.csv"] == (run_folder / "leaderboard.csv").read_bytes()
    for name in ("figures/saliency.png", "figures/frontier.svg"):
        assert files[name] == (run_folder / name).read_bytes()
    assert [name for name in files if name.startswith("media/images/figures/saliency")]
    (page,) = [content for name, content in files.items() if name.startswith("media/html/figures/frontier")]
    assert b'<path d="M 1 1 L 8 8"/>' in page
    artifacts = server.json(f"/api/v2/runs/{whole['run_id']}/artifacts")["artifacts"]
    assert "tiny-results" in [artifact["name"] for artifact in artifacts]
    (verdicts,) = [json.loads(content) for name, content in files.items() if name.startswith("media/table/verdicts")]
    assert verdicts["data"] == [["verdict on SIG, Fig. 1: it holds", "held"]]
    (table,) = [json.loads(content) for name, content in files.items() if name.startswith("media/table/leaderboard")]
    cells = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    (cell,) = [c for c in cells if (c["method"], c["column"], c["headline"]) == ("ig-zero", "spearman", True)]
    assert cell["mean"] == pytest.approx(scores(records, "ig-zero", 50).mean())


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # between two versions of libraries
def test_a_training_run_on_a_server(server, tmp_path):
    class Model(BoringModel):
        def training_step(self, batch, batch_idx):
            self.log("train_loss", 1.0 + batch_idx)
            return super().training_step(batch, batch_idx)

    settings = Tracking("online", PROJECT, tmp_path, group="tiny")
    with lightning_logger(settings, name="boring", config={"lr": 0.1}, tags=["gridworld"]) as logger:
        trainer = pl.Trainer(
            logger=logger,
            max_steps=4,
            log_every_n_steps=1,
            limit_val_batches=0,
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        trainer.fit(Model(), DataLoader(RandomDataset(32, 32), batch_size=8))
    run = server.runs()["boring"]
    assert run["config"] == run["config"] | {"lr": 0.1, "group": "tiny", "job_type": "train"}
    assert run["tags"] == ["gridworld"]
    assert server.history(run)["train_loss"] == [1, 2, 3, 4]


def test_nothing_is_lost_when_the_server_dies(server, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tracking, "FINISH_SECONDS", 2)
    caplog.set_level(logging.WARNING)  # a cluster of other tests silences pytest's handlers as if they were Dask's
    settings = Tracking("online", PROJECT, tmp_path)
    with tracked_run(settings, name="interrupted", job_type="method", config={}) as run:
        run.log({"score": 1.0})
        server.kill()
        started = time.perf_counter()
        run.log({"score": 2.0})
    with tracked_run(settings, name="afterwards", job_type="method", config={}) as run:
        run.log({"score": 3.0})
    assert time.perf_counter() - started < 15
    (warning,) = [record for record in caplog.records if record.name == tracking.__name__]
    command = sync_command(settings)
    assert command in warning.getMessage()

    server.start()
    wandb.teardown()  # as at the end of a process
    subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], check=True, capture_output=True, timeout=60, cwd=tmp_path
    )
    runs = server.runs()
    assert server.history(runs["interrupted"])["score"] == [1, 2]
    assert server.history(runs["afterwards"])["score"] == [3]
