"""Training a Lightning module once: what has been trained before with the same code, data and seed is loaded.

Where the session has published models, those are loaded and nothing is trained.
"""

import logging
import math
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor

from training.batches import TrainingData
from training.hardware import choose_precision
from training.session import Session
from training.store.checkpoints import Checkpoint, Slot
from training.store.fingerprint import fingerprint
from training.tracking import lightning_logger

M = TypeVar("M", bound=pl.LightningModule)


class TrainingDiverged(ArithmeticError):
    """Training ended in NaN or infinity."""


class NotConverged(ArithmeticError):
    """Training has not led to a usable model; another seed may."""


@dataclass(frozen=True)
class FittedModule(Generic[M]):
    """A trained module.

    Attributes:
        module: in eval mode, its parameters without gradient, on the CPU.
        data: what it was trained on, and the samples held out.
        metrics: what the module logged last, by name; ``restarts``, how many seeds failed before; ``seconds``.
        curves: what was logged on the way, a row per entry with its ``step``.
        checkpoint: SHA-256 of the weights' file.
        reused: whether the weights were loaded instead of trained.
    """

    module: M
    data: TrainingData
    metrics: Mapping[str, float]
    curves: pd.DataFrame
    checkpoint: str
    reused: bool


_NEXT_SEED = 1_000_003  # far from the seeds that anybody counts up


def fit(
    build: Callable[[TrainingData], M],
    data: Callable[[], TrainingData],
    *,
    name: str,
    config: Mapping[str, Any],
    seed: int,
    session: Session,
    accelerator: Literal["auto", "cpu"] = "auto",
    bf16: bool = False,
    restarts: int = 0,
) -> FittedModule[M]:
    """The module that ``build`` makes, with weights that are published, were trained before, or are trained now.

    A session with published ``models`` has the one for ``name``, ``config`` and ``seed``, whatever device and code it
    was trained with (``training.store.published``); nothing is trained. Otherwise the module is trained for one pass
    over the data's training batches and then validated, or what that has given before is loaded.

    Trained weights are a function of ``name``, ``config``, ``seed``, the kind of device, the precision, and the
    fingerprint of ``build`` and ``data``: the code of both, of all that they import, and of the module's class, the
    versions of packages, and the values that both are bound to (``training.store.fingerprint``). A SHA-256 of all of
    these is the key under which they are kept (``training.store.checkpoints``). All of torch's global randomness in
    ``build``, ``data`` and in training follows from ``seed``, and is as before afterwards. Training runs on one thread
    of the CPU, since the order of a sum, and hence its last bit, depends on the number of threads.

    A module may raise ``NotConverged`` in training or validation. Training then starts again from another seed, as the
    ICG paper does, up to ``restarts`` times; there is never a checkpoint of a model that did not converge.

    Args:
        build: makes the untrained module for the data; called with torch seeded.
        data: makes the data, whose batches decide how long training takes.
        name: of the model, for file names and messages.
        config: what describes the model, in JSON values: sizes, rates, a SHA-256 of data.
        session: where the weights come from, and how training is shown.
        accelerator: ``"cpu"`` where a GPU would only slow down a small network.
        bf16: whether the module's training steps run in bfloat16 where that is native (``training.hardware``).

    Raises:
        TrainingDiverged: when the loss, a metric or a weight becomes NaN or infinite.
        NotConverged: when no seed led to a usable model.
        MissingModel, DamagedModel: when the session's published models do not have it, or not as it was published.
        OSError: before training, when the cache cannot be written to.
        TypeError: when ``config`` is not made of JSON values, or ``build`` or ``data`` is bound to something without a
            fingerprint.
    """
    with _reproducible(seed):
        samples = data()
        torch.manual_seed(seed)
        module = build(samples)
        if session.models is not None:
            checkpoint, reused = session.models.require(name, config, seed), True
        else:
            device = "gpu" if accelerator == "auto" and torch.cuda.is_available() else "cpu"
            facts = {
                "name": name,
                "config": dict(config),
                "seed": seed,
                "device": device,
                "precision": choose_precision(bf16=bf16, device="cuda" if device == "gpu" else "cpu"),
                "versions": {"torch": torch.__version__, "pytorch-lightning": version("pytorch-lightning")},
                "code": fingerprint(build, data, type(module), fit),
                "restarts": restarts,
            }
            checkpoint, reused = _load_or_train(Slot(name, facts), build, samples, session)
    module.load_state_dict(checkpoint.weights)
    module.eval().requires_grad_(False)
    return FittedModule(module, samples, checkpoint.metrics, checkpoint.curves, checkpoint.sha256, reused)


def _load_or_train(
    slot: Slot, build: Callable[[TrainingData], M], data: TrainingData, session: Session
) -> tuple[Checkpoint, bool]:
    """The checkpoint, and whether it was there before."""
    checkpoint = slot.load()
    if checkpoint is not None:
        return checkpoint, True
    with slot.locked() as scratch:
        checkpoint = slot.load(warn=True)  # another process may have written it while this one waited
        if checkpoint is not None:
            return checkpoint, True
        weights, metrics = _train_until_converged(slot, build, data, session, scratch)
        return slot.save(weights, metrics, scratch), False


def _train_until_converged(
    slot: Slot, build: Callable[[TrainingData], M], data: TrainingData, session: Session, scratch: Path
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Weights and metrics from the first seed that gives a usable model."""
    seeds = [slot.facts["seed"] + _NEXT_SEED * attempt for attempt in range(1 + slot.facts["restarts"])]
    failures = []
    for seed in seeds:
        torch.manual_seed(seed)
        module = build(data)
        try:
            metrics = _train(module, data, slot, seed, session, scratch / str(seed))
        except NotConverged as failure:
            failures.append(f"seed {seed}: {failure}")
        else:
            shutil.move(scratch / str(seed) / "metrics.csv", scratch)
            return module.state_dict(), {**metrics, "restarts": len(failures)}
    raise NotConverged(
        f"training {slot.name!r} did not converge from {len(seeds)} seeds; give it another seed, more steps or a lower "
        f"learning rate ({'; '.join(failures)})"
    )


def _train(
    module: pl.LightningModule, data: TrainingData, slot: Slot, seed: int, session: Session, scratch: Path
) -> dict[str, float]:
    """The metrics of the module, which is trained in place; ``training.session`` says what is shown meanwhile."""
    name, progress = slot.name, session.progress and sys.stderr.isatty()
    start = time.perf_counter()
    config = {**slot.facts["config"], "seed": seed}
    with lightning_logger(session.tracking, name=f"train {name}", config=config) as logger:
        trainer = pl.Trainer(
            max_epochs=1,
            accelerator=slot.facts["device"],
            devices=1,
            deterministic=True,
            logger=[CSVLogger(scratch, name="", version=""), *([] if isinstance(logger, bool) else [logger])],
            callbacks=[_LossWatch(name), *([_ProgressBar(name)] if progress else [])],
            enable_progress_bar=progress,
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=scratch,
        )
        trainer.fit(module, data)
        metrics = {metric: float(value) for metric, value in trainer.callback_metrics.items()}
        _require_finite(name, module, metrics)
    module.trainer = data.trainer = None
    return {**metrics, "seconds": time.perf_counter() - start}


class _LossWatch(pl.Callback):
    """Records the training loss now and then, and stops training once it is no number.

    Modules need not log it themselves, which for a small network would take longer than a step.
    """

    def __init__(self, name: str, every: int = 20):
        self.name = name
        self.every = every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = float(outputs["loss"])
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"training {self.name!r} diverged: the loss is {loss} at batch {batch_idx}; lower the learning rate"
            )
        if batch_idx % self.every == 0:
            for logger in trainer.loggers:
                logger.log_metrics({"loss": loss}, step=batch_idx)


def _require_finite(name: str, module: pl.LightningModule, metrics: Mapping[str, float]) -> None:
    wrong = [metric for metric, value in metrics.items() if not math.isfinite(value)]
    wrong += [weight for weight, values in module.state_dict().items() if not values.isfinite().all()]
    if wrong:
        raise TrainingDiverged(
            f"training {name!r} diverged: {wrong[0]} is not finite after the last step; lower the learning rate"
        )


class _ProgressBar(RichProgressBar):
    def __init__(self, name: str):
        super().__init__(refresh_rate=20, leave=False, console_kwargs={"stderr": True})
        self.name = name

    def get_metrics(self, *arguments: Any) -> dict[str, int | str | float | dict[str, float]]:
        return {"training": self.name}


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Seeded, on one thread, with deterministic kernels, and quiet; then everything as it was."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(), _quiet(), keep_determinism():
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def keep_determinism() -> Iterator[None]:
    """A block after which torch demands deterministic kernels as before: a Lightning trainer sets it for good."""
    before = torch.get_deterministic_debug_mode()
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's announcements, its warning about its use of torch, and its advice on curves of short runs."""
    announcements = logging.getLogger("pytorch_lightning")
    level = announcements.level
    announcements.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
            warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than the logging")
            yield
    finally:
        announcements.setLevel(level)
