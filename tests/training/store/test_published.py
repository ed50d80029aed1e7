import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from training.batches import RandomBatches, TrainingData
from training.fit import FittedModule, fit
from training.session import current_session, training_session
from training.store.published import DamagedModel, MissingModel, PublishedModels, collect_models, name_model


class Mean(pl.LightningModule):
    """Learns the mean of what it is shown, the same whatever the seed; training can be forbidden."""

    may_train = True

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        assert Mean.may_train
        return (batch[0] - self.mean).square().mean()

    def validation_step(self, batch: list[torch.Tensor], batch_idx: int) -> None:
        self.log("mean", self.mean)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def numbers() -> TrainingData:
    x = torch.linspace(0, 1, 8).unsqueeze(1)
    return TrainingData(RandomBatches(x, x, size=4, steps=20, seed=0), x, x[:, 0], held_out_size=8)


def fit_mean(seed: int = 0, name: str = "mean", at: float = 1.5) -> FittedModule[Mean]:
    return fit(
        lambda data: Mean(), numbers, name=name, config={"at": at, "bf16": True}, seed=seed, session=current_session()
    )


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the models of seeds 0 and 1; from here on nothing can be trained, and no cache is there."""
    folder = tmp_path / "published"
    collect_models({fit_mean(seed).checkpoint for seed in (0, 1)}, folder)
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(Mean, "may_train", False)
    return folder


def test_a_published_model_is_the_one_that_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = fit_mean()
    collect_models([trained.checkpoint], tmp_path / "published")
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(Mean, "may_train", False)
    with training_session(models=tmp_path / "published"):
        loaded = fit_mean()
    assert loaded.reused
    assert loaded.checkpoint == trained.checkpoint
    assert torch.equal(loaded.module.mean, trained.module.mean)
    assert loaded.metrics == trained.metrics
    assert loaded.curves.equals(trained.curves)
    assert torch.equal(loaded.data.inputs, trained.data.inputs)
    assert not (tmp_path / "cache").exists()


def test_code_device_and_versions_are_no_part_of_its_identity(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.fit.fingerprint", lambda *code: "other code")
    monkeypatch.setattr("training.fit.version", lambda package: "0.0.1")
    with training_session(models=published):
        assert fit_mean().reused


def test_its_name_follows_from_what_is_asked_for() -> None:
    """Written down here, since it must be the same on every machine and in every version."""
    assert name_model("mean", {"at": 1.5, "bf16": True}, 0) == "mean-fc7df42a2afcdb5e"
    assert name_model("mean", {"bf16": True, "at": 1.5}, 0) == "mean-fc7df42a2afcdb5e"


@pytest.mark.parametrize("asked", [{"seed": 2}, {"name": "other"}, {"at": 1.25}])
def test_another_seed_name_or_config_is_missing(published: Path, asked: dict[str, Any]) -> None:
    with training_session(models=published), pytest.raises(MissingModel, match="no model .* --models train") as raised:
        fit_mean(**asked)
    assert str(published) in str(raised.value)
    assert f"seed {asked.get('seed', 0)} " in str(raised.value)


def test_outside_the_session_it_is_trained_as_ever(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training_session(models=published):
        assert fit_mean().reused
    monkeypatch.setattr(Mean, "may_train", True)
    assert not fit_mean().reused


def replace_weights(stem: Path) -> None:
    torch.save({"mean": torch.zeros(1)}, stem.with_suffix(".pt"))


def truncate_weights(stem: Path) -> None:
    stem.with_suffix(".pt").write_bytes(stem.with_suffix(".pt").read_bytes()[:100])


def restate_hash(stem: Path) -> None:
    record = json.loads(stem.with_suffix(".json").read_text())
    stem.with_suffix(".json").write_text(json.dumps(record | {"sha256": "0" * 64}))


def empty_record(stem: Path) -> None:
    stem.with_suffix(".json").write_text("")


def remove_curves(stem: Path) -> None:
    stem.with_suffix(".csv").unlink()


def remove_weights(stem: Path) -> None:
    stem.with_suffix(".pt").unlink()


DAMAGES = [replace_weights, truncate_weights, restate_hash, empty_record, remove_curves, remove_weights]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_refused_and_never_trained_anew(published: Path, damage) -> None:
    damage(published / name_model("mean", {"at": 1.5, "bf16": True}, 0))
    with training_session(models=published):
        with pytest.raises(DamagedModel, match="the published model '.*mean-.*' is damaged .*; restore its files"):
            fit_mean()
        assert fit_mean(seed=1).reused


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_digest_changes_with_every_file(published: Path, damage) -> None:
    before = PublishedModels(published).digest
    shutil.copytree(published, published.with_name("copy"))
    assert PublishedModels(published.with_name("copy")).digest == before
    damage(published / name_model("mean", {"at": 1.5, "bf16": True}, 0))
    assert PublishedModels(published).digest != before


def test_models_are_collected_from_published_ones_too(published: Path, tmp_path: Path) -> None:
    with training_session(models=published):
        hashes = [fit_mean(seed).checkpoint for seed in (0, 1)]
    collect_models(hashes, tmp_path / "again", published)
    assert PublishedModels(tmp_path / "again").digest == PublishedModels(published).digest


def test_collecting_needs_every_model_whole(tmp_path: Path, cache: Path) -> None:
    trained = fit_mean()
    with pytest.raises(MissingModel, match="no model with SHA-256 beef in .*; run the suite again"):
        collect_models(["beef"], tmp_path / "published")
    (weights,) = (cache / "checkpoints").glob("*.pt")
    weights.write_bytes(b"other")
    with pytest.raises(DamagedModel, match="are not those with SHA-256"):
        collect_models([trained.checkpoint], tmp_path / "published")


def test_two_models_cannot_be_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fit_mean()
    monkeypatch.setattr("training.fit.fingerprint", lambda *code: "other code")
    monkeypatch.setattr(Mean, "configure_optimizers", lambda self: torch.optim.SGD(self.parameters(), 0.05))
    second = fit_mean()
    assert first.checkpoint != second.checkpoint
    with pytest.raises(DamagedModel, match="are both mean-.*; run the suite again"):
        collect_models([first.checkpoint, second.checkpoint], tmp_path / "published")
