"""Classifiers: any network from inputs to logits, trained by a recipe until it keeps to its bounds."""

from dataclasses import asdict
from functools import partial
from typing import Any, Final, TypeVar

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy

from training.batches import Batch, TrainingData
from training.explain import TrainedNetwork
from training.fit import FittedModule, NotConverged, fit
from training.hardware import choose_precision
from training.recipe import Bounds, ModelSpec, Recipe
from training.session import current_session

RESTARTS: Final = 3


class Classifier(pl.LightningModule):
    """A network that maps inputs to logits.

    Logs ``accuracy`` on the samples held out, and now and then in training on the first of them.

    Args:
        network: ``(rows, *features)`` to ``(rows, classes)``.
        data: what it is trained on.
        bounds: a model that misses them raises ``NotConverged`` when it is validated.
    """

    def __init__(self, network: nn.Module, data: TrainingData, *, recipe: Recipe, bounds: Bounds):
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.bounds = bounds
        self.data = data
        self.accuracy = MulticlassAccuracy(data.classes, average="micro")

    def forward(self, x: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows classes"]:
        logits: Tensor = self.network(x)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        inputs, labels = batch
        precision = choose_precision(bf16=self.recipe.bf16, device=self.device.type)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            logits = self(inputs)
        return F.cross_entropy(logits.float(), labels)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx % max(1, self.recipe.steps // self.recipe.probes) == 0 or batch_idx == self.recipe.steps - 1:
            rows = self.recipe.probe_rows
            inputs, labels = (part[:rows].to(self.device) for part in (self.data.inputs, self.data.targets))
            self.eval()
            with torch.no_grad():
                right = (self(inputs).argmax(1) == labels).float().mean()
            self.train()
            for logger in self.loggers:
                logger.log_metrics({"accuracy": float(right)}, step=batch_idx)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        inputs, labels = batch
        self.accuracy.update(self(inputs), labels)
        self.log("accuracy", self.accuracy, on_epoch=True)

    def on_validation_epoch_end(self) -> None:
        misses = self.bounds.find_misses({name: float(value) for name, value in self.measure().items()})
        if misses:
            raise NotConverged("; ".join(misses))

    def measure(self) -> dict[str, Tensor]:
        """The numbers that the bounds limit, at the end of validation."""
        return {"accuracy": self.accuracy.compute()}

    def configure_optimizers(self) -> Any:
        optimizer, schedule = self.recipe.make_optimizer(self.parameters())
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


C = TypeVar("C", bound=Classifier)


def fit_network(kind: type[C], spec: ModelSpec, *, seed: int) -> FittedModule[C]:
    """A classifier of this kind; see ``fit_classifier``."""
    network, recipe, bounds = spec.network, spec.recipe, spec.bounds
    return fit(
        lambda samples: kind(network(), samples, recipe=recipe, bounds=bounds),
        partial(spec.data, recipe, seed=seed),
        name=spec.name,
        config={**spec.config, **asdict(recipe), **asdict(bounds)},
        seed=seed,
        session=current_session(),
        bf16=recipe.bf16,
        restarts=RESTARTS,
    )


def fit_classifier(spec: ModelSpec, *, seed: int) -> TrainedNetwork:
    """A network that classifies; where a seed does not lead to a usable model, trained from up to three others.

    What has been trained before is loaded, and so is what is published where the session says so (``training.fit``).

    Raises:
        NotConverged: when no seed leads to a model that keeps to the bounds.
    """
    fitted = fit_network(Classifier, spec, seed=seed)
    return TrainedNetwork(
        fitted.module.network, {"accuracy": fitted.metrics["accuracy"]}, {"checkpoint": fitted.checkpoint}
    )
