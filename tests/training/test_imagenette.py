import hashlib
import json
import shutil
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from datasets.problem import PHOTOGRAPHS
from sig.registry import methods
from tests.picture_folder import CLASSES, make_folder
from training import imagenette as module
from training.certainty_resnet import ResNetClassifier
from training.imagenette import find_model, load_model, train_imagenette
from training.picture_folder import EpochSampler, FolderPictures, PictureFolder
from training.store.checkpoints import KINDS, checkpoint_folder
from training.tasks.imagenette import imagenette

OPTIONS: dict[str, Any] = {"epochs": 2, "batch": 2, "side": 32, "depth": "resnet18", "seed": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def stem(folder, own_cache, tmp_path_factory):
    """A model trained without interruption."""
    return train_imagenette(folder, tmp_path_factory.mktemp("trained"), **OPTIONS)


@pytest.fixture
def sha256(stem, cache) -> str:
    """Of the model, which is among the cached checkpoints under another name."""
    checkpoint_folder().mkdir(parents=True)
    for kind in KINDS:
        shutil.copy(stem.with_suffix(f".{kind}"), checkpoint_folder() / f"imagenette-mine.{kind}")
    return str(json.loads(stem.with_suffix(".json").read_text())["sha256"])


def test_a_model_has_the_files_of_a_checkpoint_with_its_hash_and_what_was_measured(stem) -> None:
    record = json.loads(stem.with_suffix(".json").read_text())
    assert record["sha256"] == hashlib.sha256(stem.with_suffix(".pt").read_bytes()).hexdigest()
    assert record["config"]["classes"] == list(CLASSES)
    assert set(record["metrics"]) == {"accuracy", "neutrality_gap", "absence_spread"}
    assert "loss" in stem.with_suffix(".csv").read_text().splitlines()[0]


def test_what_was_measured_is_what_its_definition_gives(stem, folder) -> None:
    trained, _ = load_model(stem)
    files = [(name, file) for name in CLASSES for file in sorted((folder / "val" / name).iterdir())]
    data = PictureFolder(folder, side=32, batch=2, seed=0)
    right = 0
    for index, (name, _) in enumerate(files):
        picture, label = data.val[0, index]
        assert CLASSES[label] == name
        with torch.no_grad():
            right += int(trained.network(picture.unsqueeze(0)).argmax()) == label
    assert trained.checks["accuracy"] == pytest.approx(right / len(files))


def test_a_resumed_training_ends_with_the_weights_of_one_that_was_not_interrupted(
    stem, folder, tmp_path, monkeypatch
) -> None:
    train_step = ResNetClassifier.training_step

    def break_down(self, batch, batch_idx):
        if self.global_step == 5:  # the second of the second epoch
            raise OSError("the power is gone")
        return train_step(self, batch, batch_idx)

    monkeypatch.setattr(ResNetClassifier, "training_step", break_down)
    with pytest.raises(OSError, match="the power is gone"):
        train_imagenette(folder, tmp_path, **OPTIONS)
    monkeypatch.setattr(ResNetClassifier, "training_step", train_step)
    assert not (tmp_path / "model.pt").exists()
    torch.manual_seed(99)
    resumed = train_imagenette(folder, tmp_path, **OPTIONS, resume=True)
    expected, found = (torch.load(place.with_suffix(".pt"), weights_only=True) for place in (stem, resumed))
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_training_leaves_global_random_state_alone(folder, tmp_path) -> None:
    before = torch.get_rng_state()
    train_imagenette(folder, tmp_path, **{**OPTIONS, "epochs": 1, "batch": 8})
    assert torch.equal(before, torch.get_rng_state())


def test_what_is_resumed_has_to_be_there_and_trained_alike(folder, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="train without --resume first"):
        train_imagenette(folder, tmp_path, **OPTIONS, resume=True)
    train_imagenette(folder, tmp_path, **{**OPTIONS, "epochs": 1, "batch": 8})
    with pytest.raises(ValueError, match="batch is 4, expected 8"):
        train_imagenette(folder, tmp_path, **{**OPTIONS, "epochs": 1, "batch": 4}, resume=True)


def test_every_epoch_has_every_picture_in_an_order_of_its_own(folder) -> None:
    pictures = FolderPictures(folder / "train", side=32, seed=0, augmented=True)
    sampler = EpochSampler(pictures, shuffled=True)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == [(0, index) for index in range(8)]
    assert sorted(second) == [(1, index) for index in range(8)]
    assert [index for _, index in first] != [index for _, index in second]
    assert list(EpochSampler(pictures, shuffled=False)) == [(0, index) for index in range(8)]


def test_augmentation_depends_on_epoch_number_and_seed_alone(folder) -> None:
    one, other = (FolderPictures(folder / "train", side=32, seed=seed, augmented=True) for seed in (0, 1))
    picture, label = one[0, 5]
    assert picture.shape == (3, 32, 32)
    assert (picture >= 0).all()
    assert (picture <= 1).all()
    assert label == 1
    one[0, 6]
    assert torch.equal(one[0, 5][0], picture)
    assert not torch.equal(one[1, 5][0], picture)
    assert not torch.equal(other[0, 5][0], picture)


def test_held_out_pictures_are_their_middle(tmp_path) -> None:
    """Flat areas: a frame that resizing and cutting leave out, around a middle that stays."""
    folder = make_folder(tmp_path)
    pixels = torch.zeros(112, 256, 3, dtype=torch.uint8)
    pixels[:, 64:192] = 255
    Image.fromarray(pixels.numpy()).save(folder / "val" / "n01" / "0.png")
    picture, _ = FolderPictures(folder / "val", side=98, seed=0, augmented=False)[0, 0]
    torch.testing.assert_close(picture, torch.ones(3, 98, 98))


def read_all(folder):
    data = PictureFolder(folder, side=32, batch=2, seed=0)
    return [data.val[0, index] for index in range(len(data.val))]


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda folder: shutil.rmtree(folder / "val"), FileNotFoundError, "val' is no folder, expected train and val"),
        (lambda folder: shutil.rmtree(folder / "val" / "n02"), ValueError, r"classes \['n02'\] are in one of"),
        (lambda folder: [file.unlink() for file in (folder / "val" / "n02").iterdir()], FileNotFoundError, "n02"),
        (lambda folder: (folder / "val" / "n02" / "1.png").write_bytes(b"no"), ValueError, "1.png' cannot be read as"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(spoil, error, message, tmp_path) -> None:
    folder = make_folder(tmp_path / "pictures")
    spoil(folder)
    with pytest.raises(error, match=message):
        read_all(folder)


def test_a_batch_needs_a_second_picture_and_no_more_than_there_are(folder) -> None:
    for batch in (1, 9):
        with pytest.raises(ValueError, match=rf"a batch takes {batch} pictures, expected 2 .. 8"):
            PictureFolder(folder, side=32, batch=batch, seed=0)


@pytest.mark.parametrize(
    ("gpu", "native", "precision"),
    [(False, False, "32-true"), (True, True, "bf16-mixed"), (True, False, "16-mixed")],
)
def test_precision_is_mixed_on_a_gpu_only(gpu, native, precision, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(module, "multiplies_bf16", lambda device: native)
    assert module.choose_trainer_precision() == precision


def test_the_task_explains_held_out_pictures_by_the_model(stem, sha256, folder) -> None:
    problem = imagenette(folder=folder, model=sha256, pictures=3, background=4, patch=8, output="logit", seed=0)
    e = problem.explicand
    trained, _ = load_model(stem)
    data = PictureFolder(folder, side=32, batch=2, seed=0)
    held_out = torch.stack([data.val[0, index][0] for index in range(8)])
    assert all(any(torch.equal(x, other) for other in held_out) for x in e.inputs)
    assert torch.equal(e.target, trained.network(e.inputs).argmax(1))
    assert e.n_players == 16
    assert problem.checks.keys() == {"accuracy", "neutrality_gap", "absence_spread"}
    assert problem.provenance["checkpoint"] == sha256
    assert PHOTOGRAPHS in problem.provenance
    smoothed = methods["icg-smoothed"](e, samples=2, steps=2, generator=torch.Generator().manual_seed(0))
    assert smoothed.shape == (3, 3, 32, 32)
    assert smoothed.any()


def test_the_task_says_what_is_missing(sha256, folder, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="train one: python -m training.imagenette FOLDER"):
        imagenette(seed=0)
    with pytest.raises(FileNotFoundError, match="expected train and val"):
        imagenette(folder=tmp_path / "none", model=sha256, seed=0)
    with pytest.raises(FileNotFoundError, match="no model with SHA-256 'abc' in .*; train it, or copy the files"):
        imagenette(folder=folder, model="abc", seed=0)
    with pytest.raises(ValueError, match="10 pictures|12 pictures"):
        imagenette(folder=folder, model=sha256, patch=8, seed=0)


def test_weights_that_are_not_those_of_the_record_are_refused(stem, tmp_path) -> None:
    for kind in ("pt", "csv", "json"):
        shutil.copy(stem.with_suffix(f".{kind}"), tmp_path)
    with (tmp_path / "model.pt").open("ab") as weights:
        weights.write(b"x")
    with pytest.raises(ValueError, match="its SHA-256 is"):
        load_model(tmp_path / "model")


def test_a_model_is_found_by_its_weights_wherever_it_was_trained(folder, tmp_path) -> None:
    options = {**OPTIONS, "epochs": 1, "batch": 8}
    known = {}
    for seed in (0, 1):  # both at the same path
        stem = train_imagenette(folder, tmp_path / "out", **{**options, "seed": seed})
        known[json.loads(stem.with_suffix(".json").read_text())["sha256"]] = stem.with_suffix(".pt").read_bytes()
    shutil.rmtree(tmp_path / "out")
    assert len(known) == 2
    for sha256, content in known.items():
        assert find_model(sha256).with_suffix(".pt").read_bytes() == content


def test_the_command_trains_and_states_accuracy_and_hash_or_says_what_is_wrong(folder, tmp_path) -> None:
    runner = CliRunner()
    arguments = ["--epochs", "1", "--batch", "8", "--side", "32", "--depth", "resnet18", "--workers", "0"]
    done = runner.invoke(module.app, [str(folder), "--output", str(tmp_path / "out"), *arguments])
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "out" / "model.json").read_text())
    assert record["sha256"] in done.output
    failed = runner.invoke(module.app, [str(tmp_path / "none"), "--output", str(tmp_path / "out"), *arguments])
    assert failed.exit_code == 1
    assert "error: " in failed.output
    assert "expected train and val" in failed.output
