"""A model to train: its network, its data, how it is trained, and what is asked of it afterwards."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from training.batches import TrainingData

Damage = Literal[
    "mixture",
    "none",
    "noise-bernoulli",
    "noise-continuous-bernoulli",
    "swap-bernoulli",
    "swap-continuous-bernoulli",
    "noise-uniform",
]

ROUNDING: Final = 1e-6  # of metrics, which are float32


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, by AdamW with a one-cycle schedule.

    Attributes:
        batch: samples per step.
        samples: samples seen in all.
        lr: the largest learning rate.
        bf16: whether training steps run in bfloat16 where the device multiplies it natively, which makes convolutions
            faster (``training.hardware``); in float32 elsewhere.
        damage: of what a certainty-aware classifier is shown, see ``sig.certainty``; ``none`` shows every sample as it
            is, with certainty 1. Under ``noise-uniform`` the features' certainties are U(0, 1), independent (ICG, 4 and
            A.3.2); under the others, so is the mean of a sample's certainties.
        undamaged: share of the samples shown as they are.
        unknown: share of the samples shown at certainty 0.
        release: damage, and dropout, begin when the running loss falls below this, None for at once. A network that
            never gets there within a third of the samples has not converged.
        ramp: number of samples over which the share of damaged ones, and dropout, rise to their final values.
        probes: how often accuracy is measured on the way, at even distances.
        probe_rows: held-out samples that it is measured on.
    """

    batch: int
    samples: int
    lr: float
    weight_decay: float = 0.01
    bf16: bool = False
    damage: Damage = "none"
    undamaged: float = 0.0
    unknown: float = 0.0
    release: float | None = None
    ramp: int = 0
    probes: int = 20
    probe_rows: int = 400

    @property
    def steps(self) -> int:
        return self.samples // self.batch

    def make_optimizer(self, weights: Iterable[nn.Parameter]) -> tuple[AdamW, OneCycleLR]:
        """The optimizer of these weights, and the schedule that sets its learning rate, step by step."""
        optimizer = AdamW(weights, lr=self.lr, weight_decay=self.weight_decay, fused=True)
        return optimizer, OneCycleLR(optimizer, self.lr, total_steps=self.steps)


@dataclass(frozen=True)
class Bounds:
    """Limits that a usable classifier keeps to, None for no limit; one without certainty has an accuracy alone."""

    accuracy: float
    neutrality_gap: float | None = 0.05
    absence_spread: float | None = 0.04

    def find_misses(self, measured: Mapping[str, float]) -> list[str]:
        """A line for each bound that what was measured does not keep to."""
        lines = []
        if measured["accuracy"] < self.accuracy - ROUNDING:
            lines.append(f"accuracy is {measured['accuracy']:.4f}, expected at least {self.accuracy}")
        for name in ("neutrality_gap", "absence_spread"):
            most = getattr(self, name)
            if name in measured and most is not None and measured[name] > most:
                lines.append(f"{name} is {measured[name]:.4f}, expected at most {most}")
        return lines


@dataclass(frozen=True)
class ModelSpec:
    """A classifier to train; with a seed it is one model.

    Attributes:
        name: of the model, for file names and messages.
        network: makes the untrained network, from inputs to logits; called with torch seeded.
        data: ``data(recipe, seed=seed)`` makes the data; the recipe says how many samples are needed.
        config: what network and data were made from besides the recipe, in JSON values. It is kept with the weights,
            and published models are found by it.
    """

    name: str
    network: Callable[[], nn.Module]
    data: Callable[..., TrainingData]
    recipe: Recipe
    bounds: Bounds
    config: Mapping[str, Any] = field(default_factory=dict)
