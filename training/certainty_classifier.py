"""Classifiers that see certainty: any network, trained on damaged inputs to do without a feature (ICG, 4 and A.5).

Beside the accuracy, every one is measured at certainty 0. *Neutrality*: there it predicts the frequencies of the
classes. *Information absence*: there its predictions do not depend on the values.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

import torch
from torch import Generator, Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from datasets.problem import Series
from sig.certainty import COMBINATIONS, CertaintyAware, damage_mixture, with_certainty
from sig.certainty import damage as damage_values
from training.batches import Batch, TrainingData
from training.classifier import Classifier, fit_network
from training.explain import TrainedNetwork
from training.fit import FittedModule, NotConverged
from training.recipe import Bounds, Damage, ModelSpec, Recipe
from training.seeds import generator_for

DECAY: Final = 0.98  # of the running loss
PATIENCE: Final = 1 / 3  # of the training, within which a network has to leave chance
CHECKED_BATCHES: Final = 4  # of those held out, on which certainty is checked; accuracy is measured on all
PROFILE_ROWS: Final = 500
AT_ONCE: Final = 50  # rows: activations that stay in the processor's cache take half the time
QUANTILES: Final = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
CHECKS: Final = ("accuracy", "accuracy_damaged", "neutrality_gap", "absence_spread", "restarts")
_HELD_OUT_SEED: Final = 0  # of the damage to held-out samples, so that all models are checked on the same

_KINDS: Final = {f"{data}-{law}": (data, law) for data, law in COMBINATIONS}
_KINDS["noise-uniform"] = ("noise", "continuous-bernoulli")  # which is uniform where the mean is 1/2


class CertaintyClassifier(Classifier):
    """A network that maps ``with_certainty(values, certainty)`` to logits, trained on damaged values.

    Beside ``accuracy`` it logs, on the first 2,000 samples held out, ``accuracy_damaged``, under the mixture of all
    four kinds of damage; ``neutrality_gap``, the largest difference over classes between the mean probability at
    certainty 0 and the class's frequency; ``absence_spread``, the largest standard deviation over classes of the
    probabilities at certainty 0.

    Args:
        network: ``(rows, *channels)`` to ``(rows, classes)``.
    """

    def __init__(self, network: nn.Module, data: TrainingData, *, recipe: Recipe, bounds: Bounds):
        aware = CertaintyAware(network, data.features)
        super().__init__(aware, data, recipe=recipe, bounds=bounds)
        self.accuracy_damaged = MulticlassAccuracy(data.classes, average="micro")
        self._generator = generator_for(torch.initial_seed(), "damage")
        self._running_loss = float("inf")
        self._released_at: int | None = None
        self._at_none: list[Tensor] = []
        self._dropouts = [(layer, layer.p) for layer in network.modules() if isinstance(layer, nn.Dropout)]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        values, labels = batch
        samples = batch_idx * self.recipe.batch
        for layer, share in self._dropouts:
            layer.p = share * self._get_progress(samples)
        shown = with_certainty(*self._damage(values, samples))
        loss = super().training_step((shown, labels), batch_idx)
        self._follow(loss.item(), batch_idx)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        super().validation_step(batch, batch_idx)
        if batch_idx < CHECKED_BATCHES:
            values, labels = batch
            generator = Generator().manual_seed(_HELD_OUT_SEED + batch_idx)
            self.accuracy_damaged.update(self(with_certainty(*damage_mixture(values, generator))), labels)
            self.log("accuracy_damaged", self.accuracy_damaged, on_epoch=True)
            nothing = damage_mixture(values, generator, mean=torch.zeros(len(values)))
            self._at_none.append(self(with_certainty(*nothing)).softmax(1))

    def measure(self) -> dict[str, Tensor]:
        at_none = torch.cat(self._at_none)
        self._at_none.clear()
        measured = {
            "neutrality_gap": (at_none.mean(0) - self.data.frequencies.to(at_none)).abs().max(),
            "absence_spread": at_none.std(0).max(),
        }
        self.log_dict(measured)
        return {**super().measure(), **measured}

    def _damage(self, values: Tensor, samples: int) -> tuple[Tensor, Tensor]:
        """Values and certainties as the recipe shows them after so many samples."""
        recipe = self.recipe
        if recipe.damage == "none":
            return values, torch.ones_like(values)
        mean, lot = torch.rand(2, len(values), generator=self._generator)
        if recipe.damage == "noise-uniform":
            mean.fill_(0.5)
        mean[lot >= recipe.unknown + self._damaged_share(samples)] = 1.0
        mean[lot < recipe.unknown] = 0.0
        if recipe.damage == "mixture":
            return damage_mixture(values, self._generator, mean=mean)
        data, law = _KINDS[recipe.damage]
        return damage_values(values, self._generator, data=data, law=law, mean=mean)

    def _damaged_share(self, samples: int) -> float:
        return (1 - self.recipe.undamaged - self.recipe.unknown) * self._get_progress(samples)

    def _get_progress(self, samples: int) -> float:
        """From 0, when the network has yet to leave chance, to 1, when it has all of the damage, and dropout."""
        if self.recipe.release is not None and self._released_at is None:
            return 0.0
        return min(1.0, (samples - (self._released_at or 0)) / self.recipe.ramp) if self.recipe.ramp else 1.0

    def _follow(self, loss: float, batch_idx: int) -> None:
        """Release the damage once the loss is low; give up a network that does not leave chance."""
        if self.recipe.release is None or self._released_at is not None or self.recipe.damage == "none":
            return
        self._running_loss = loss if batch_idx == 0 else DECAY * self._running_loss + (1 - DECAY) * loss
        if self._running_loss < self.recipe.release:
            self._released_at = batch_idx * self.recipe.batch
        elif batch_idx > PATIENCE * self.recipe.steps:
            raise NotConverged(
                f"the running loss is {self._running_loss:.3f} after {batch_idx * self.recipe.batch} samples, expected "
                f"below {self.recipe.release}"
            )


def fit_certainty(spec: ModelSpec, *, damage: Damage, compare: bool, seed: int) -> TrainedNetwork:
    """A network that classifies and sees certainty; see ``training.classifier.fit_classifier``.

    Checks are what was measured after training; see ``CertaintyClassifier`` and ``training.fit``. Series are
    ``certainty``, see ``profile_certainty``, and ``training``, the accuracy on undamaged samples held out, as training
    goes on (ICG, Fig. 8).

    Args:
        damage: of the samples trained on, in place of the recipe's.
        compare: train the same network without damage too, on as many samples, so that after any number of them both
            have had the same learning rates. That gives a check ``accuracy_without_damage``, NaN where it does not
            converge, and a series ``training-without-damage``.

    Raises:
        NotConverged: when no seed leads to a model that keeps to the bounds.
    """
    unchecked = replace(spec.bounds, neutrality_gap=None, absence_spread=None)
    bounds = spec.bounds if damage == "mixture" else unchecked
    damaged = replace(spec, recipe=replace(spec.recipe, damage=damage), bounds=bounds)
    fitted = fit_network(CertaintyClassifier, damaged, seed=seed)
    checks = {check: fitted.metrics[check] for check in CHECKS}
    provenance = {"checkpoint": fitted.checkpoint}
    profile = partial(profile_certainty, fitted.module.network, fitted.data.make_held_out)
    series: dict[str, Series] = {"certainty": profile, "training": _accuracy_curve(fitted)}
    if compare:
        recipe = replace(spec.recipe, damage="none", release=None)
        undamaged = replace(spec, name=f"{spec.name}-undamaged", recipe=recipe, bounds=unchecked)
        checks["accuracy_without_damage"] = float("nan")
        with suppress(NotConverged):  # of the comparison alone; the model that is explained is there
            plain = fit_network(CertaintyClassifier, undamaged, seed=seed)
            checks["accuracy_without_damage"] = plain.metrics["accuracy"]
            provenance["checkpoint_without_damage"] = plain.checkpoint
            series["training-without-damage"] = _accuracy_curve(plain)
    return TrainedNetwork(fitted.module.network, checks, provenance, series)


def profile_certainty(
    network: nn.Module, make_held_out: Callable[[], tuple[Tensor, Tensor]], points: int = 11
) -> dict[str, Tensor]:
    """How the values of held-out samples lose their say as the certainty of all features falls to 0 (ICG, Fig. 7).

    For each ``certainty`` the quantiles ``p05 .. p95`` over samples of the probability of class 1, whatever classes
    there are besides, and its frequency, the ``share``.
    """
    inputs, labels = make_held_out()
    values, share = inputs[:PROFILE_ROWS], (labels == 1).float().mean()
    certainty, levels = torch.linspace(0, 1, points), torch.tensor(list(QUANTILES.values()))
    with torch.no_grad():
        shown = (with_certainty(values, torch.full_like(values, float(c))).split(AT_ONCE) for c in certainty)
        outputs = (torch.cat([network(rows) for rows in parts]) for parts in shown)
        quantiles = torch.stack([output.softmax(1)[:, 1].quantile(levels) for output in outputs])
    columns = dict(zip(QUANTILES, quantiles.T, strict=True))
    return {"certainty": certainty, **columns, "share": share.expand(points)}


def _accuracy_curve(fitted: FittedModule[CertaintyClassifier]) -> dict[str, Tensor]:
    logged = fitted.curves.dropna(subset="accuracy")
    logged = logged[logged["step"] < fitted.module.recipe.steps]
    images = (torch.tensor(logged["step"].to_numpy()) + 1) * fitted.module.recipe.batch
    return {"images": images, "accuracy": torch.tensor(logged["accuracy"].to_numpy())}
