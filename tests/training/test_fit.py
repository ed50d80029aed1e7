import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import wandb
from torch import nn

from training.batches import RandomBatches, TrainingData
from training.fit import TrainingDiverged, fit
from training.session import Session
from training.tracking import Tracking

PROJECT = Path(__file__).parents[2]


class Line(pl.LightningModule):
    """Fits one weight and one bias; counts its training steps, and can be told to diverge."""

    steps = 0

    def __init__(self, lr=0.3, nan_at=None, nan_metric=False):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.lr, self.nan_at, self.nan_metric = lr, nan_at, nan_metric

    def forward(self, x):
        return self.linear(x)

    def training_step(self, batch, batch_idx):
        Line.steps += 1
        loss = nn.functional.mse_loss(self(batch[0]), batch[1])
        return loss * torch.nan if batch_idx == self.nan_at else loss

    def validation_step(self, batch, batch_idx):
        error = nn.functional.mse_loss(self(batch[0])[:, 0], batch[1])
        self.log("error", error * torch.nan if self.nan_metric else error)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.lr)


def points(slope=2.0):
    """y = slope x + 1."""
    x = torch.linspace(-1, 1, 40).unsqueeze(1)
    rows = x, slope * x + 1
    return TrainingData(RandomBatches(*rows, size=8, steps=100, seed=0), rows[0], rows[1][:, 0], held_out_size=8)


@pytest.fixture(autouse=True)
def no_steps_yet():
    Line.steps = 0


def fit_line(name="line", config=None, seed=0, session=Session(), **module):  # noqa: B008
    config = {"lr": 0.1} if config is None else config
    return fit(lambda data: Line(**module), points, name=name, config=config, seed=seed, session=session)


def files(cache, kind):
    return sorted((cache / "checkpoints").glob(f"*.{kind}"))


def test_the_first_call_trains_and_the_second_reuses_its_weights() -> None:
    first, second = fit_line(), fit_line()
    assert Line.steps == 100
    assert (first.reused, second.reused) == (False, True)
    assert first.checkpoint == second.checkpoint
    assert first.metrics == second.metrics
    assert first.metrics["error"] < 1e-6
    assert first.module.linear.weight.item() == pytest.approx(2, abs=1e-3)
    assert torch.equal(first.module.linear.weight, second.module.linear.weight)


def test_another_precision_is_another_model(cache, monkeypatch) -> None:
    for native in (True, False, True):
        monkeypatch.setattr("training.hardware.multiplies_bf16", lambda device, native=native: native)
        fit(lambda data: Line(), points, name="line", config={}, seed=0, session=Session(), bf16=True)
    assert Line.steps == 200
    found = [json.loads(file.read_text())["precision"] for file in files(cache, "json")]
    assert sorted(found) == ["bfloat16", "float32"]


@pytest.mark.parametrize("which", ["trained", "reused"])
def test_the_module_is_ready_to_be_explained(which) -> None:
    fitted = [fit_line() for _ in range(2)][which == "reused"]
    assert not fitted.module.training
    assert not any(parameter.requires_grad for parameter in fitted.module.parameters())
    assert fitted.module._trainer is None


@pytest.mark.parametrize("change", [{"seed": 1}, {"config": {"lr": 0.2}}, {"name": "another"}])
def test_other_seeds_configs_and_names_have_checkpoints_of_their_own(change) -> None:
    fit_line()
    assert not fit_line(**change).reused
    assert fit_line().reused


def test_whatever_build_and_data_are_bound_to_decides_too() -> None:
    def reused(lr, slope):
        return fit(
            lambda data: Line(lr=lr), partial(points, slope), name="line", config={}, seed=0, session=Session()
        ).reused

    assert [reused(0.3, 2.0), reused(0.3, 2.0)] == [False, True]
    assert [reused(0.2, 2.0), reused(0.3, 3.0), reused(0.3, 2.0)] == [False, False, True]


def test_what_has_no_content_cannot_be_bound_to_build(cache) -> None:
    generator = torch.Generator()
    with pytest.raises(TypeError, match="Generator is bound to what is called, .*; bind plain values"):
        fit(lambda data: Line(lr=generator.initial_seed()), points, name="line", config={}, seed=0, session=Session())
    assert not cache.exists()


def test_the_data_is_there_with_what_was_trained_on_it() -> None:
    for fitted in (fit_line(), fit_line()):
        x, targets = fitted.data.inputs, fitted.data.targets
        assert torch.equal(targets, 2 * x[:, 0] + 1)
        assert torch.allclose(fitted.module(x)[:, 0], targets, atol=0.01)


TRAIN_A_SURROGATE = """
import json, torch
from sig.games import coalition_matrix
from datasets.gridworld import GridWorld
from training.tasks.gridworld import fit_surrogate
values = GridWorld(1, 2, "r1").values()
fitted = fit_surrogate(values, name="surrogate", seed=0)
with torch.no_grad():
    residual = fitted.module(coalition_matrix(4).float()).squeeze(1) - values
r2 = 1 - residual.square().sum() / (values - values.mean()).square().sum()
print(json.dumps({"reused": fitted.reused, "stated": fitted.metrics["r2"], "real": float(r2)}))
"""


@pytest.fixture
def copy_of_the_project(tmp_path):
    for package in ("sig", "datasets", "training"):
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    return tmp_path


def test_an_edited_import_of_an_import_trains_a_new_model(copy_of_the_project) -> None:
    """``coalition_matrix`` with its bits reversed is another game to learn: nothing learned before may be reused."""

    def train():
        environment = {**os.environ, "PYTHONPATH": str(copy_of_the_project)}
        command = [sys.executable, "-W", "ignore", "-c", TRAIN_A_SURROGATE]
        done = subprocess.run(
            command, cwd=copy_of_the_project, env=environment, capture_output=True, check=True, text=True
        )
        return json.loads(done.stdout)

    first, second = train(), train()
    assert (first["reused"], second["reused"]) == (False, True)
    games = copy_of_the_project / "sig" / "games.py"
    text = games.read_text()
    assert text.count("[:, 1, :, player] = True") == 1
    games.write_text(text.replace("[:, 1, :, player] = True", "[:, 1, :, n - 1 - player] = True"))
    edited = train()
    assert not edited["reused"]
    assert all(answer["real"] > 0.9 for answer in (first, second, edited))


def test_the_seed_decides_the_weights_to_the_last_bit(tmp_path, monkeypatch) -> None:
    def trained(place, seed):
        monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / place))
        return fit_line(seed=seed, lr=0.001)

    first, again, another = trained("a", 0), trained("b", 0), trained("a", 1)
    assert not again.reused
    assert first.checkpoint == again.checkpoint != another.checkpoint


def global_state():
    return (
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def test_global_state_is_left_alone() -> None:
    torch.use_deterministic_algorithms(False)
    before = global_state()
    fit_line()
    assert global_state() == before
    assert fit_line().reused
    assert global_state() == before
    with pytest.raises(TrainingDiverged):
        fit_line(seed=1, nan_at=0)
    assert global_state() == before


def test_nothing_is_printed_and_nothing_written_outside_the_cache(tmp_path, monkeypatch, capfd) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    fit_line()
    assert list(elsewhere.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_beside_the_weights_are_what_they_come_from_their_metrics_and_the_curve(cache) -> None:
    fitted = fit_line()
    (record,) = [json.loads(path.read_text()) for path in files(cache, "json")]
    assert record["sha256"] == fitted.checkpoint
    assert record["metrics"] == fitted.metrics
    assert (record["name"], record["config"], record["seed"]) == ("line", {"lr": 0.1}, 0)
    (curve,) = files(cache, "csv")
    assert "loss" in curve.read_text().splitlines()[0]
    assert not list((cache / "checkpoints").glob(".writing-*"))


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("pt", lambda content: content[:-1]),
        ("pt", lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:]),
        ("pt", lambda content: b""),
        ("json", lambda content: content[: len(content) // 2]),
        ("json", lambda content: b"{}"),
        ("json", lambda content: b"[]"),
    ],
)
def test_a_damaged_checkpoint_is_named_and_trained_again(cache, kind, damage) -> None:
    first = fit_line()
    (file,) = files(cache, kind)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.warns(UserWarning, match=r"checkpoint .*line-\w+\.pt is damaged \(.*\); training it again"):
        second = fit_line()
    assert not second.reused
    assert second.checkpoint == first.checkpoint
    assert fit_line().reused


def test_a_training_that_was_cut_off_before_its_record_is_repeated(cache) -> None:
    fit_line()
    files(cache, "json")[0].unlink()
    assert not fit_line().reused


def test_a_cache_that_cannot_be_written_to_is_told_before_training(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match=r"cannot be written to .*file/cache/checkpoints .*; set ATTRIBUTION_CACHE"):
        fit_line()
    assert Line.steps == 0


def test_a_config_that_is_not_json() -> None:
    with pytest.raises(TypeError, match="config of 'line' must be plain JSON values: .*Tensor.*; convert"):
        fit_line(config={"lr": torch.tensor(0.1)})
    assert Line.steps == 0


def test_a_nan_loss_ends_training_at_once_and_leaves_no_checkpoint(cache) -> None:
    with pytest.raises(TrainingDiverged, match="'line' diverged: the loss is nan at batch 3; lower the learning rate"):
        fit_line(nan_at=3)
    assert Line.steps == 4
    assert files(cache, "pt") == files(cache, "json") == []


def test_a_learning_rate_that_is_too_high() -> None:
    with pytest.raises(TrainingDiverged, match="the loss is (nan|inf) at batch"):
        fit_line(lr=100.0)


def test_a_metric_that_is_not_finite_leaves_no_checkpoint(cache) -> None:
    with pytest.raises(TrainingDiverged, match="error is not finite after the last step; lower"):
        fit_line(nan_metric=True)
    assert files(cache, "pt") == []


TRAIN_WITH_A_PARTNER = """
import sys, time
from pathlib import Path
import torch
from training.recipe import Recipe
from training.tasks.gridworld import fit_surrogate
me, partner = map(Path, sys.argv[1:])
me.touch()
while not partner.exists():
    time.sleep(0.01)
values = torch.arange(16, dtype=torch.float64)
fitted = fit_surrogate(values, name="shared", seed=0, recipe=Recipe(batch=1, samples=1600, lr=0.03))
print(fitted.checkpoint, fitted.reused)
"""


@pytest.mark.slow  # both import Lightning; in the default run test_checkpoints.py does the same with threads
def test_of_two_processes_with_the_same_key_one_trains_and_both_get_its_weights(tmp_path) -> None:
    flags = [tmp_path / "a", tmp_path / "b"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", TRAIN_WITH_A_PARTNER, *map(str, order)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for order in (flags, flags[::-1])
    ]
    answers = [process.communicate(timeout=120)[0].split() for process in processes]
    assert answers[0][0] == answers[1][0]
    assert sorted(answer[1] for answer in answers) == ["False", "True"]


def test_a_session_tracks_what_is_trained_and_not_what_is_reused(tmp_path) -> None:
    wandb.teardown()
    session = Session(tracking=Tracking(directory=tmp_path / "runs"))
    fit_line(session=session)
    fit_line(session=session)
    fit_line(seed=1)
    wandb.teardown()
    runs = [path for path in (tmp_path / "runs" / "wandb").glob("offline-run-*") if not path.is_symlink()]
    assert len(runs) == 1
