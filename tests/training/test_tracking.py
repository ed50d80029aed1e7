import logging
import pickle
import shlex
import socket
import time
from pathlib import Path

import pytest
import pytorch_lightning as pl
from pytorch_lightning.demos.boring_classes import BoringModel, RandomDataset
from torch.utils.data import DataLoader

from tests.wandb_process import as_in_a_fresh_process, kill_wandb, logged, run_folders, warnings_in
from training import tracking
from training.tracking import Tracking, lightning_logger, start_run, sync_command, usable

KEY = "0123456789" * 4


@pytest.fixture(autouse=True)
def fresh_process(tmp_path):
    with as_in_a_fresh_process(tmp_path / "home"):
        yield


def track(settings: Tracking) -> None:
    with start_run(settings, "one", "method", {"steps": 50}, []) as run:
        if run is not None:
            run.log({"score": 0.5})


@pytest.fixture
def listening():
    """The address of something that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed(listening):
    """An address where nothing listens: of a socket that was bound and has been closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_by_default_runs_are_written_offline_without_a_key(tmp_path, caplog):
    settings = Tracking(directory=tmp_path / "runs")
    track(settings)
    (folder,) = run_folders(tmp_path / "runs")
    assert folder.startswith("offline-run-")
    assert b"steps" in logged(tmp_path / "runs")
    assert b"score" in logged(tmp_path / "runs")
    assert warnings_in(caplog) == []


def test_the_sync_command_names_the_folder_of_the_runs(tmp_path):
    command = shlex.split(sync_command(Tracking(directory=tmp_path / "with space")))
    assert command == ["wandb", "sync", "--include-online", str(tmp_path / "with space" / "wandb")]


def test_disabled_writes_nothing(tmp_path):
    settings = Tracking("disabled", directory=tmp_path / "runs")
    track(settings)
    with lightning_logger(settings, name="one", config={}) as logger:
        assert logger is False
    assert not (tmp_path / "runs").exists()
    assert sync_command(settings) is None


def test_a_dead_server_costs_seconds_and_one_warning(tmp_path, monkeypatch, caplog, closed):
    monkeypatch.setenv("WANDB_BASE_URL", closed)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    settings = Tracking("online", directory=tmp_path)
    started = time.perf_counter()
    for _ in range(2):
        track(settings)
    assert time.perf_counter() - started < 10
    assert [folder.startswith("offline-run-") for folder in run_folders(tmp_path)] == [True, True]
    (warning,) = warnings_in(caplog)
    assert closed.removeprefix("http://") in warning
    assert sync_command(settings) in warning


def test_a_server_that_does_not_answer_is_given_up(tmp_path, monkeypatch, caplog, listening):
    monkeypatch.setattr(tracking, "INIT_SECONDS", 1)
    monkeypatch.setenv("WANDB_BASE_URL", listening)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    started = time.perf_counter()
    track(Tracking("online", directory=tmp_path))
    assert time.perf_counter() - started < 20
    assert len(warnings_in(caplog)) == 1
    offline, online = run_folders(tmp_path)
    assert offline.startswith("offline-run-")
    assert offline.split("-")[-1] == online.split("-")[-1]  # one id: a sync makes one run of both


def test_no_key_is_ever_written(tmp_path, monkeypatch, caplog, listening):
    monkeypatch.setattr(tracking, "INIT_SECONDS", 1)
    monkeypatch.setenv("WANDB_BASE_URL", listening)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    track(Tracking("online", directory=tmp_path))
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 3
    assert not [path for path in written if KEY.encode() in path.read_bytes()]
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", [None, "short"])
def test_without_a_good_key_it_goes_offline_and_says_what_to_do(tmp_path, monkeypatch, caplog, listening, key):
    monkeypatch.setenv("WANDB_BASE_URL", listening)
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    assert usable(Tracking("online", directory=tmp_path)) == Tracking("offline", directory=tmp_path)
    (warning,) = warnings_in(caplog)
    assert "WANDB_API_KEY" in warning


def test_a_server_behind_a_proxy_is_looked_for_at_the_proxy(tmp_path, monkeypatch, caplog, listening, closed):
    monkeypatch.setenv("WANDB_BASE_URL", "http://wandb.invalid")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    settings = Tracking("online", directory=tmp_path)
    monkeypatch.setenv("http_proxy", listening)
    assert usable(settings) == settings
    monkeypatch.setenv("http_proxy", closed)
    assert usable(settings).mode == "offline"
    assert len(warnings_in(caplog)) == 1


def test_a_folder_that_cannot_be_written_costs_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    for _ in range(2):
        track(Tracking(directory=tmp_path / "file" / "runs"))
    (warning,) = warnings_in(caplog)
    assert str(tmp_path / "file") in warning
    assert "without it" in warning


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # between two versions of libraries
@pytest.mark.parametrize("dies", [False, True])
def test_training_does_not_notice_whether_wandb_lives(tmp_path, caplog, dies):
    class Model(BoringModel):
        def training_step(self, batch, batch_idx):
            if dies and batch_idx == 2:
                kill_wandb()
            self.log("train_loss", float(batch_idx))
            return super().training_step(batch, batch_idx)

    settings = Tracking(directory=tmp_path)
    with lightning_logger(settings, name="boring", config={"lr": 0.1}) as logger:
        trainer = pl.Trainer(
            logger=logger,
            max_steps=8,
            log_every_n_steps=1,
            limit_val_batches=0,
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        trainer.fit(Model(), DataLoader(RandomDataset(32, 64), batch_size=8))
    assert trainer.global_step == 8
    assert bool(warnings_in(caplog)) == dies
    if not dies:
        assert b"train_loss" in logged(tmp_path)


def test_it_can_be_pickled():
    settings = Tracking("online", "project", Path("somewhere"), "suite")
    assert pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.usefixtures("as_users_run_it")
def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="'onlin' does not exist; choose one of offline, online, disabled"):
        Tracking("onlin")  # type: ignore[arg-type]
