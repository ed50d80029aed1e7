"""Classifiers that see certainty: any network, trained on damaged inputs to do without a feature (ICG, 4 and A.5).

Beside the accuracy, every one is measured at certainty 0. *Neutrality*: there it predicts the frequencies of the
classes. *Information absence*: there its predictions do not depend on the values.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any, Final, Literal

import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics.classification import MulticlassAccuracy

from sig import certainty
from sig.certainty import COMBINATIONS, CertaintyAware, damage, damage_mixture, with_certainty
from training import seeds
from training.batches import Batch, OrderedBatches
from training.fit import Fitted, NotConverged, fit
from training.seeds import generator_for

Damage = Literal[
    "mixture",
    "none",
    "noise-bernoulli",
    "noise-continuous-bernoulli",
    "swap-bernoulli",
    "swap-continuous-bernoulli",
]
Output = Literal["probability", "logit"]

RESTARTS: Final = 3
DECAY: Final = 0.98  # of the running loss
ROUNDING: Final = 1e-6  # of metrics, which are float32
PATIENCE: Final = 1 / 6  # of the training, within which a network has to leave chance
PROBES: Final = 20  # entries in the curve of accuracy during training
PROBE_ROWS: Final = 400
ROWS_HELD_OUT_AT_ONCE: Final = 500
CHECKED_BATCHES: Final = 4  # of those held out, on which certainty is checked; accuracy is measured on all
QUANTILES: Final = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
_HELD_OUT_SEED: Final = 0  # of the damage to held-out samples, so that all models are checked on the same

_COMBINATIONS: Final = {f"{data}-{law}": (data, law) for data, law in COMBINATIONS}


@dataclass(frozen=True)
class Recipe:
    """How a certainty-aware classifier is trained, by AdamW with a one-cycle schedule.

    Attributes:
        batch: samples per step.
        images: samples seen in all.
        lr: the largest learning rate.
        damage: the damage; ``none`` shows every sample as it is, with certainty 1.
        undamaged: share of the samples shown as they are.
        unknown: share of the samples shown at certainty 0.
        release: damage begins when the running loss falls below this, None for at once. A network that never gets
            there within a sixth of the images has not converged.
        ramp: number of images over which the share of damaged ones rises to its final value.
        bf16: whether training steps run in bfloat16, which makes convolutions faster.
    """

    batch: int
    images: int
    lr: float
    weight_decay: float = 0.01
    damage: Damage = "mixture"
    undamaged: float = 0.0
    unknown: float = 0.0
    release: float | None = None
    ramp: int = 0
    bf16: bool = False

    @property
    def steps(self) -> int:
        return self.images // self.batch


@dataclass(frozen=True)
class Bounds:
    """What a usable model keeps to; None where nothing is asked."""

    accuracy: float
    neutrality_gap: float | None = 0.05
    absence_spread: float | None = 0.04


class CertaintyData(pl.LightningDataModule):
    """Batches of values and labels to train on, and samples held out.

    Attributes:
        values, labels: those held out.
        frequencies: of the classes, among those held out.
    """

    def __init__(self, batches: Iterable[Batch], values: Float[Tensor, "rows *features"], labels: Int[Tensor, " rows"]):
        super().__init__()
        self.values, self.labels = values, labels
        self.frequencies = torch.bincount(labels) / len(labels)
        self._batches = batches

    def train_dataloader(self) -> Iterable[Batch]:
        return self._batches

    def val_dataloader(self) -> OrderedBatches:
        return OrderedBatches(self.values, self.labels, size=ROWS_HELD_OUT_AT_ONCE)


class CertaintyClassifier(pl.LightningModule):
    """A network that maps ``with_certainty(values, certainty)`` to logits, trained on damaged values.

    Logs ``accuracy`` on the samples held out, and on the first 2,000 of them ``accuracy_damaged``, under the mixture
    of all four kinds of damage; ``neutrality_gap``, the largest difference over classes between the mean probability at
    certainty 0 and the class's frequency; ``absence_spread``, the largest standard deviation over classes of the
    probabilities at certainty 0.

    Args:
        network: ``(rows, *channels)`` to ``(rows, classes)``.
        data: what it is trained on.
        bounds: a model that misses them raises ``NotConverged`` when it is validated.
    """

    def __init__(
        self,
        network: nn.Module,
        data: CertaintyData,
        *,
        recipe: Recipe,
        bounds: Bounds,
    ):
        super().__init__()
        self.aware = CertaintyAware(network, tuple(data.values.shape[1:]))
        self.frequencies = data.frequencies
        self.recipe = recipe
        self.bounds = bounds
        self.probe = data.values[:PROBE_ROWS], data.labels[:PROBE_ROWS]
        self.accuracy = MulticlassAccuracy(len(data.frequencies), average="micro")
        self.accuracy_damaged = MulticlassAccuracy(len(data.frequencies), average="micro")
        self._generator = generator_for(torch.initial_seed(), "damage")
        self._running_loss = float("inf")
        self._released_at: int | None = None
        self._at_none: list[Tensor] = []

    def forward(self, x: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows classes"]:
        logits: Tensor = self.aware(x)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        values, labels = batch
        seen = with_certainty(*self._damaged(values, batch_idx * self.recipe.batch))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.bf16):
            logits = self.aware(seen)
        loss = F.cross_entropy(logits.float(), labels)
        self._follow(loss.item(), batch_idx)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx % max(1, self.recipe.steps // PROBES) == 0 or batch_idx == self.recipe.steps - 1:
            values, labels = (part.to(self.device) for part in self.probe)
            self.eval()
            with torch.no_grad():
                right = (self(values).argmax(1) == labels).float().mean()
            self.train()
            for logger in self.loggers:
                logger.log_metrics({"accuracy": float(right)}, step=batch_idx)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        values, labels = batch
        self.accuracy.update(self(values), labels)
        self.log("accuracy", self.accuracy, on_epoch=True)
        if batch_idx < CHECKED_BATCHES:
            generator = Generator().manual_seed(_HELD_OUT_SEED + batch_idx)
            self.accuracy_damaged.update(self.aware(with_certainty(*damage_mixture(values, generator))), labels)
            self.log("accuracy_damaged", self.accuracy_damaged, on_epoch=True)
            nothing = damage_mixture(values, generator, mean=torch.zeros(len(values)))
            self._at_none.append(self.aware(with_certainty(*nothing)).softmax(1))

    def on_validation_epoch_end(self) -> None:
        at_none = torch.cat(self._at_none)
        self._at_none.clear()
        measured = {
            "accuracy": self.accuracy.compute(),
            "neutrality_gap": (at_none.mean(0) - self.frequencies.to(at_none)).abs().max(),
            "absence_spread": at_none.std(0).max(),
        }
        self.log_dict({name: measured[name] for name in ("neutrality_gap", "absence_spread")})
        wanting = misses(self.bounds, {name: float(value) for name, value in measured.items()})
        if wanting:
            raise NotConverged("; ".join(wanting))

    def configure_optimizers(self) -> Any:
        optimizer = AdamW(self.parameters(), lr=self.recipe.lr, weight_decay=self.recipe.weight_decay, fused=True)
        schedule = OneCycleLR(optimizer, self.recipe.lr, total_steps=self.recipe.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _damaged(self, values: Tensor, images: int) -> tuple[Tensor, Tensor]:
        """Values and certainties as the recipe shows them after so many images."""
        recipe = self.recipe
        if recipe.damage == "none":
            return values, torch.ones_like(values)
        mean, lot = torch.rand(2, len(values), generator=self._generator)
        mean[lot >= recipe.unknown + self._damaged_share(images)] = 1.0
        mean[lot < recipe.unknown] = 0.0
        if recipe.damage == "mixture":
            return damage_mixture(values, self._generator, mean=mean)
        data, law = _COMBINATIONS[recipe.damage]
        return damage(values, self._generator, data=data, law=law, mean=mean)

    def _damaged_share(self, images: int) -> float:
        if self.recipe.release is not None and self._released_at is None:
            return 0.0
        progress = (images - (self._released_at or 0)) / self.recipe.ramp if self.recipe.ramp else 1.0
        return (1 - self.recipe.undamaged - self.recipe.unknown) * min(1.0, progress)

    def _follow(self, loss: float, batch_idx: int) -> None:
        """Release the damage once the loss is low; give up a network that does not leave chance."""
        if self.recipe.release is None or self._released_at is not None or self.recipe.damage == "none":
            return
        self._running_loss = loss if batch_idx == 0 else DECAY * self._running_loss + (1 - DECAY) * loss
        if self._running_loss < self.recipe.release:
            self._released_at = batch_idx * self.recipe.batch
        elif batch_idx > PATIENCE * self.recipe.steps:
            raise NotConverged(
                f"the running loss is {self._running_loss:.3f} after {batch_idx * self.recipe.batch} images, expected "
                f"below {self.recipe.release}"
            )


def misses(bounds: Bounds, measured: Mapping[str, float]) -> list[str]:
    """A line for each bound that is not kept."""
    lines = []
    if measured["accuracy"] < bounds.accuracy - ROUNDING:
        lines.append(f"accuracy is {measured['accuracy']:.4f}, expected at least {bounds.accuracy}")
    for name in ("neutrality_gap", "absence_spread"):
        most = getattr(bounds, name)
        if most is not None and measured[name] > most:
            lines.append(f"{name} is {measured[name]:.4f}, expected at most {most}")
    return lines


@dataclass(frozen=True)
class Trained:
    """A certainty-aware classifier, and for comparison the same network trained without damage on half the images.

    Attributes:
        fitted: its module's ``aware`` maps values, or values with certainty, to logits.
        without_damage: None where no comparison was asked for, or it did not converge.
        compared: whether a comparison was asked for.
        data: what it was trained on, and the samples held out.
    """

    fitted: Fitted[CertaintyClassifier]
    without_damage: Fitted[CertaintyClassifier] | None
    compared: bool
    data: CertaintyData

    def model(self, output: Output) -> CertaintyAware:
        """What methods explain: the probabilities of the classes, or their logits."""
        aware = self.fitted.module.aware
        if output == "logit":
            return aware
        network = nn.Sequential(aware.network, nn.Softmax(1))
        return CertaintyAware(network, aware.features).eval().requires_grad_(False)

    @property
    def checks(self) -> dict[str, float]:
        """What was measured after training; see ``CertaintyClassifier`` and ``training.fit``.

        ``accuracy_without_damage`` is NaN where the comparison did not converge.
        """
        names = ("accuracy", "accuracy_damaged", "neutrality_gap", "absence_spread", "restarts")
        checks = {name: self.fitted.metrics[name] for name in names}
        if self.compared:
            plain = self.without_damage
            checks["accuracy_without_damage"] = plain.metrics["accuracy"] if plain else float("nan")
        return checks

    @property
    def provenance(self) -> dict[str, str]:
        """SHA-256 of the checkpoints."""
        plain = {"checkpoint_without_damage": self.without_damage.checkpoint} if self.without_damage else {}
        return {"checkpoint": self.fitted.checkpoint, **plain}

    @property
    def series(self) -> dict[str, dict[str, Tensor]]:
        """Tables for figures, by name.

        ``certainty``, see ``certainty_profile``; ``training`` and ``training-without-damage``, the accuracy on 400
        undamaged samples held out, as training goes on (ICG, Fig. 8).
        """
        series = {"certainty": self.certainty_profile(), "training": _accuracy_curve(self.fitted)}
        if self.without_damage is not None:
            series["training-without-damage"] = _accuracy_curve(self.without_damage)
        return series

    def certainty_profile(self, points: int = 11) -> dict[str, Tensor]:
        """How the values of held-out samples lose their say as the certainty of all features falls to 0 (ICG, Fig. 7).

        For each ``certainty`` the quantiles ``p05 .. p95`` over samples of the probability of class 1, whatever classes
        there are besides, and its frequency as ``share``.
        """
        values = self.data.values[:ROWS_HELD_OUT_AT_ONCE]
        certainty, model = torch.linspace(0, 1, points), self.model("probability")
        levels = torch.tensor(list(QUANTILES.values()))
        with torch.no_grad():
            seen = (with_certainty(values, torch.full_like(values, float(c))) for c in certainty)
            quantiles = torch.stack([model(x)[:, 1].quantile(levels) for x in seen])
        share = self.data.frequencies[1].expand(points)
        return {"certainty": certainty, **dict(zip(QUANTILES, quantiles.T, strict=True)), "share": share}


def fit_certainty(
    network: Callable[[], nn.Module],
    data: Callable[[Recipe], CertaintyData],
    *,
    name: str,
    recipe: Recipe,
    bounds: Bounds,
    config: Mapping[str, Any],
    seed: int,
    sources: Sequence[ModuleType],
    compare: bool,
) -> Trained:
    """Train a network to see certainty; where a seed does not lead to a usable model, from up to three others.

    Args:
        network: makes the untrained network; called with torch seeded.
        data: makes the data for a recipe, which says how many samples are needed.
        config: what network and data were made from, besides the recipe.
        sources: modules whose code shapes data and network.
        compare: train the same network without damage too, on half the images.

    Raises:
        NotConverged: when no seed leads to a model that keeps to the bounds.
    """

    def trained(name: str, recipe: Recipe, bounds: Bounds) -> tuple[Fitted[CertaintyClassifier], CertaintyData]:
        samples = data(recipe)
        fitted = fit(
            lambda: CertaintyClassifier(network(), samples, recipe=recipe, bounds=bounds),
            samples,
            name=name,
            config={**config, **asdict(recipe), **asdict(bounds)},
            seed=seed,
            sources=[sys.modules[__name__], certainty, seeds, *sources],
            restarts=RESTARTS,
        )
        return fitted, samples

    if recipe.damage != "mixture":  # the ablation shows how the others miss them
        bounds = replace(bounds, neutrality_gap=None, absence_spread=None)
    fitted, samples = trained(name, recipe, bounds)
    plain = None
    if compare:
        without = replace(recipe, damage="none", images=recipe.images // 2, release=None)
        with suppress(NotConverged):  # of the comparison alone; the model that is explained is there
            plain, _ = trained(f"{name}-undamaged", without, replace(bounds, neutrality_gap=None, absence_spread=None))
    return Trained(fitted, plain, compare, samples)


def _accuracy_curve(fitted: Fitted[CertaintyClassifier]) -> dict[str, Tensor]:
    logged = fitted.curves.dropna(subset="accuracy")
    logged = logged[logged["step"] < fitted.module.recipe.steps]
    images = (torch.tensor(logged["step"].to_numpy()) + 1) * fitted.module.recipe.batch
    return {"images": images, "accuracy": torch.tensor(logged["accuracy"].to_numpy())}
