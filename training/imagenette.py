"""Train a certainty-aware ResNet-50 on Imagenette, or on any folder like it (ICG, A.4.1).

    python -m training.imagenette imagenette2-320 --output models/imagenette --epochs 40 --batch 64

The folder has ``train`` and ``val``, each with one folder of pictures for each class. The output holds ``last.ckpt``,
from which ``--resume`` goes on, and at the end the files of a checkpoint (``training.store.checkpoints``),
``model.pt``, ``model.csv`` (what was logged since training was last resumed) and ``model.json``. A copy of these is
among the cached checkpoints, where the task ``imagenette`` finds it by the SHA-256 that is printed. The paper reaches
82.4 % on the validation data.
"""

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pytorch_lightning as pl
import torch
import typer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

from datasets.digest import hash_file
from training.certainty_resnet import Depth, ResNetClassifier
from training.explain import TrainedNetwork
from training.fit import keep_determinism
from training.hardware import multiplies_bf16
from training.picture_folder import PictureFolder
from training.store.checkpoints import KINDS, checkpoint_folder, read_checkpoint

LAST: Final = "last.ckpt"
MODEL: Final = "model"
NAME: Final = "imagenette"
MEASURED: Final = ("accuracy", "neutrality_gap", "absence_spread")

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def choose_trainer_precision() -> Precision:
    """bfloat16 on a GPU that multiplies it natively, float16 on another; float32 on a CPU."""
    if not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if multiplies_bf16("cuda") else "16-mixed"


def train_imagenette(
    folder: Path,
    output: Path,
    *,
    epochs: int,
    batch: int,
    side: int = 224,
    lr: float = 1e-3,
    depth: Depth = "resnet50",
    weights: str | None = None,
    seed: int = 0,
    workers: int = 0,
    resume: bool = False,
) -> Path:
    """Train, and write the checkpoint ``output / "model"``; its stem.

    On a CPU a resumed training ends with the same weights, bit for bit, as one that was never interrupted: order,
    augmentation and damage depend on seed, epoch and step alone. On a GPU kernels are not deterministic.

    Args:
        resume: go on from ``output / "last.ckpt"``, which is written after every epoch; all else has to be as it was.

    Raises:
        FileNotFoundError: when there is nothing to resume; or as ``PictureFolder`` does.
        ValueError: as ``PictureFolder`` does; when a picture is damaged; when what is resumed was trained otherwise.
    """
    data = PictureFolder(folder, side=side, batch=batch, seed=seed, workers=workers)
    facts = {"classes": data.classes, "side": side, "lr": lr, "seed": seed, "weights": weights, "depth": depth}
    facts |= {"epochs": epochs, "batch": batch, "pictures": len(data.train)}
    with _calm(), torch.random.fork_rng(), keep_determinism():
        torch.manual_seed(seed)
        module = ResNetClassifier(classes=len(data.classes), side=side, lr=lr, seed=seed, weights=weights, depth=depth)
        trainer = _make_trainer(output, epochs=epochs)
        checkpoint = _find_checkpoint(output, facts, resume=resume)
        trainer.fit(module, data, ckpt_path=checkpoint)
    measured = {name: float(trainer.callback_metrics[name]) for name in MEASURED}
    return _write_model(output, module, {"name": NAME, "config": facts, "seed": seed, "metrics": measured})


def find_model(sha256: str) -> Path:
    """The stem of the model with this SHA-256 among the cached checkpoints.

    Raises:
        FileNotFoundError: when it is not there.
    """
    folder = checkpoint_folder()
    for record in sorted(folder.glob(f"{NAME}-*.json")):
        if json.loads(record.read_text())["sha256"] == sha256:
            return record.with_suffix("")
    raise FileNotFoundError(
        f"no model with SHA-256 {sha256!r} in {str(folder)!r}; train it, or copy the files {', '.join(KINDS)} of it "
        f"there, named {NAME}-<anything>"
    )


def load_model(stem: Path) -> tuple[TrainedNetwork, Mapping[str, Any]]:
    """A model that ``train_imagenette`` wrote, and its config.

    Raises:
        FileNotFoundError: when one of its files is missing.
        ValueError: when the weights do not have the SHA-256 that the record states.
    """
    checkpoint = read_checkpoint(stem)
    config = json.loads(stem.with_suffix(".json").read_text())["config"]
    options = {name: config[name] for name in ("side", "lr", "seed", "depth")}
    with torch.random.fork_rng():
        module = ResNetClassifier(classes=len(config["classes"]), **options)
    module.load_state_dict(checkpoint.weights)
    module.eval().requires_grad_(False)
    return TrainedNetwork(module.network, checkpoint.metrics, {"checkpoint": checkpoint.sha256}), config


def _make_trainer(output: Path, *, epochs: int) -> pl.Trainer:
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        precision=choose_trainer_precision(),
        deterministic=not torch.cuda.is_available(),
        logger=CSVLogger(output, name="", version=""),
        callbacks=[ModelCheckpoint(output, "last", enable_version_counter=False, save_on_train_epoch_end=True)],
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        default_root_dir=output,
    )


def _find_checkpoint(output: Path, facts: Mapping[str, Any], *, resume: bool) -> Path | None:
    """The checkpoint to resume from, None to start anew; the facts, noted beside it, have to be the same then."""
    last, note = output / LAST, output / "training.json"
    if resume and not (last.is_file() and note.is_file()):
        raise FileNotFoundError(f"there is no {str(last)!r} to resume from; train without --resume first")
    if resume:
        before = json.loads(note.read_text())
        differing = sorted(name for name in facts if facts[name] != before.get(name))
        if differing:
            raise ValueError(
                f"{differing[0]} is {facts[differing[0]]}, expected {before.get(differing[0])} as what is resumed was "
                "trained with; give the same options"
            )
        return last
    output.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(facts, indent=2) + "\n")
    return None


def _write_model(output: Path, module: ResNetClassifier, record: Mapping[str, Any]) -> Path:
    stem = output / MODEL
    weights = {name: values.cpu() for name, values in module.state_dict().items()}
    torch.save(weights, stem.with_suffix(".pt"))
    sha256 = hash_file(stem.with_suffix(".pt"))
    shutil.copy(output / "metrics.csv", stem.with_suffix(".csv"))
    stem.with_suffix(".json").write_text(json.dumps({"sha256": sha256, **record}, indent=2) + "\n")
    checkpoint_folder().mkdir(parents=True, exist_ok=True)
    for kind in ("pt", "csv", "json"):  # the record last, by which it is found
        shutil.copy(stem.with_suffix(f".{kind}"), checkpoint_folder() / f"{NAME}-{sha256[:16]}.{kind}")
    return stem


@contextmanager
def _calm() -> Iterator[None]:
    """Without Lightning's advice on workers, and its warnings about its own use of torch and of folders in use."""
    with warnings.catch_warnings():
        for message in (".*LeafSpec.* is deprecated", ".*does not have many workers", ".*exists and is not empty"):
            warnings.filterwarnings("ignore", message=message)
        warnings.filterwarnings("ignore", message=".*was previously saved.*|.*Experiment logs directory.*")
        yield


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(help="With train and val, each with one folder of pictures a class.")],
    output: Annotated[Path, typer.Option(help="Where checkpoints and the model go.")],
    epochs: Annotated[int, typer.Option(min=1)] = 40,
    batch: Annotated[int, typer.Option(min=2, help="Pictures a step.")] = 64,
    side: Annotated[int, typer.Option(min=32, help="Of the pictures, in pixels.")] = 224,
    lr: Annotated[float, typer.Option(help="The largest learning rate.")] = 1e-3,
    depth: Annotated[Depth, typer.Option(help="The paper's network, or a smaller one.")] = "resnet50",
    weights: Annotated[str | None, typer.Option(help="Pretrained ones of torchvision, such as IMAGENET1K_V2.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read pictures.")] = 4,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from last.ckpt in the output.")] = False,
) -> None:
    """Train a certainty-aware ResNet on a folder of pictures (ICG, A.4.1)."""
    try:
        stem = train_imagenette(
            folder,
            output,
            epochs=epochs,
            batch=batch,
            side=side,
            lr=lr,
            depth=depth,
            weights=weights,
            seed=seed,
            workers=workers,
            resume=resume,
        )
    except (OSError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    measured = json.loads(stem.with_suffix(".json").read_text())
    typer.echo(f"{stem}: accuracy {measured['metrics']['accuracy']:.4f}, SHA-256 {measured['sha256']}")


if __name__ == "__main__":
    app()
