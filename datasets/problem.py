"""What a task hands to the benchmark: a model to explain, inputs, and whatever truth is known about them."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pydantic
from torch import Tensor

from sig.explicand import Explicand
from sig.registry import Registry


@dataclass(frozen=True)
class Problem:
    """One repetition of a task.

    Attributes:
        explicand: the model and the inputs that every method explains.
        truths: true attributions of the players by name, each ``(batch, players)`` in float64.
        regions: masks of features by name, each ``(batch, *features)``: what is where in the inputs.
        series: tables of numbers for figures by name, each of columns by name, equally long; the first one is the axis.
        checks: what was measured of the trained model (held-out accuracy, R^2), by name.
        provenance: SHA-256 of the data and of the checkpoint, by name.
        shown: indices of the inputs whose attributions figures show.
    """

    explicand: Explicand
    truths: Mapping[str, Tensor] = field(default_factory=dict)
    checks: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[int, ...] = ()
    regions: Mapping[str, Tensor] = field(default_factory=dict)
    series: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A kind of task: a function of a seed and options that prepares a ``Problem``."""

    name: str
    prepare: Callable[..., Problem]

    def __call__(self, *, seed: int, **options: Any) -> Problem:
        """Prepare the problem; same seed and options, same problem.

        Raises:
            pydantic.ValidationError: on an option that the task does not have, or a value it does not take.
        """
        return self.prepare(seed=seed, **options)


@cache
def _discover() -> None:
    for package_name in ("datasets", "training"):
        try:
            package = importlib.import_module(package_name)
        except ModuleNotFoundError:
            continue
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package_name}.{module.name}")


tasks: Registry[Task] = Registry("task", _discover)


def task(name: str) -> Callable[[Callable[..., Problem]], Callable[..., Problem]]:
    """Register ``prepare(*, seed, **options)`` as the task ``name``; pydantic checks its options."""

    def register(prepare: Callable[..., Problem]) -> Callable[..., Problem]:
        checked = pydantic.validate_call(prepare)
        tasks.add(Task(name, checked))
        return checked

    return register
