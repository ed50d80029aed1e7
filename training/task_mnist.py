"""A small convolutional network that reads digits, and the task of explaining it."""

from typing import Any, Literal

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics.classification import MulticlassAccuracy

from datasets import mnist as data
from datasets.problem import Problem, task
from sig.explicand import Explicand
from sig.players import patch_players
from training.batches import OrderedBatches, RandomBatches
from training.fit import Fitted, fit

ROWS_PER_BATCH = 1024
BATCH_SIZE = 128


class DigitClassifier(pl.LightningModule):
    """Three strided convolutions and a linear layer, 34 thousand weights: digits to ten logits.

    Strides in place of pooling make a forward row cost about ten microseconds of one core.
    """

    def __init__(self, *, lr: float, weight_decay: float):
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, data.CLASSES),
        )
        self.lr = lr
        self.weight_decay = weight_decay
        self.accuracy = MulticlassAccuracy(data.CLASSES, average="micro")

    def forward(self, x: Float[Tensor, "rows 1 28 28"]) -> Float[Tensor, "rows 10"]:
        logits: Tensor = self.network(x)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        return F.cross_entropy(self(images), labels)

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        images, labels = batch
        self.accuracy.update(self(images), labels)
        self.log("accuracy", self.accuracy, on_epoch=True)

    def configure_optimizers(self) -> Any:
        optimizer = AdamW(self.parameters(), lr=self.lr, weight_decay=self.weight_decay, fused=True)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = OneCycleLR(optimizer, self.lr, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class DigitData(pl.LightningDataModule):
    """Training digits, each moved by up to ``shift`` pixels whenever it is used, and held-out ones as they are."""

    def __init__(self, digits: data.Mnist, *, passes: int, shift: int, seed: int):
        super().__init__()
        self._held_out = OrderedBatches(digits.held_out.images, digits.held_out.labels, size=ROWS_PER_BATCH)
        self._batches = RandomBatches(
            digits.train.images,
            digits.train.labels,
            size=BATCH_SIZE,
            steps=passes * (len(digits.train) // BATCH_SIZE),
            seed=seed,
            augment=lambda batch, generator: (shifted(batch[0], shift, generator), batch[1]),
        )

    def train_dataloader(self) -> RandomBatches:
        return self._batches

    def val_dataloader(self) -> OrderedBatches:
        return self._held_out


def shifted(
    images: Float[Tensor, "rows 1 height width"], by: int, generator: torch.Generator
) -> Float[Tensor, "rows 1 height width"]:
    """Each image moved by its own whole number of pixels, -by .. by, along each axis; zeros come in at the edges."""
    rows, _, height, width = images.shape
    down, right = torch.randint(2 * by + 1, (2, rows, 1), generator=generator)
    y, x = down + torch.arange(height), right + torch.arange(width)
    padded = F.pad(images, (by, by, by, by))
    return padded[torch.arange(rows).view(-1, 1, 1), 0, y.unsqueeze(2), x.unsqueeze(1)].unsqueeze(1)


def fit_classifier(digits: data.Mnist, *, passes: int = 15, seed: int) -> Fitted[DigitClassifier]:
    """A classifier trained on ``digits``; its metric ``accuracy`` is that on those held out."""
    augmentation = {"passes": passes, "shift": 2}
    optimisation = {"lr": 0.005, "weight_decay": 0.01}
    return fit(
        lambda: DigitClassifier(**optimisation),
        DigitData(digits, **augmentation, seed=seed),
        name="mnist",
        config={"data": digits.sha256, **augmentation, **optimisation},
        seed=seed,
        sources=[data],
    )


@task("mnist")
def mnist(
    *,
    digits: int = 50,
    patch: int = 4,
    background: int = 100,
    output: Literal["probability", "logit"] = "probability",
    full: bool = False,
    seed: int,
) -> Problem:
    """Held-out digits, as many of each class, explained for the class that the classifier predicts.

    The check is the classifier's accuracy on all held-out digits. The first digit of each class is shown.

    Args:
        digits: how many are explained; classes take turns.
        patch: players are squares of this many pixels a side; a divisor of 28.
        background: how many training digits the background holds.
        output: the probability of the predicted class, or its logit.
        full: the full database instead of the ten thousand embedded digits.

    Raises:
        ValueError: when there are not so many digits, or the squares do not fill a picture.
    """
    players = patch_players((1, 28, 28), patch)
    available = data.load(full=full)
    generator = torch.Generator().manual_seed(seed)
    inputs = available.held_out.images[data.balanced(available.held_out.labels, digits, generator)]
    sample = sampled(available.train.images, background, generator)
    fitted = fit_classifier(available, seed=seed)
    with torch.no_grad():
        target = fitted.module(inputs).argmax(1)
    explicand = Explicand(
        model=nn.Sequential(fitted.module, nn.Softmax(1)) if output == "probability" else fitted.module,
        inputs=inputs,
        target=target,
        background=sample,
        players=players,
        rows_per_batch=ROWS_PER_BATCH,
    )
    return Problem(
        explicand,
        checks={"accuracy": fitted.metrics["accuracy"]},
        provenance={"data": available.sha256, "checkpoint": fitted.checkpoint},
        shown=tuple(range(min(digits, data.CLASSES))),
    )


def sampled(
    images: Float[Tensor, "digits 1 28 28"], count: int, generator: torch.Generator
) -> Float[Tensor, "count 1 28 28"]:
    """That many different images.

    Raises:
        ValueError: when there are not so many.
    """
    if not 1 <= count <= len(images):
        raise ValueError(f"a background of {count} digits was asked for, expected 1 .. {len(images)}; change its size")
    return images[torch.randperm(len(images), generator=generator)[:count]]
