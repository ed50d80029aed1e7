"""What a task hands to the benchmark: a model to explain, inputs, and whatever truth is known about them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pydantic
from torch import Tensor

from sig.explicand import Explicand
from sig.registry import Entry, Registry


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
class Task(Entry):
    """A kind of task: ``run`` maps a seed and options to a ``Problem``."""

    given: ClassVar[frozenset[str]] = frozenset({"seed"})

    def __call__(self, *, seed: int, **options: Any) -> Problem:
        """Prepare the problem; same seed and options, same problem.

        Raises:
            pydantic.ValidationError: on an option that the task does not have, or a value it does not take.
            TypeError: when the task returns no ``Problem``.
        """
        problem = self.run(seed=seed, **options)
        if not isinstance(problem, Problem):
            raise TypeError(
                f"task {self.name!r} returned {type(problem).__name__}, expected a datasets.problem.Problem"
            )
        return problem


tasks: Registry[Task] = Registry("task", packages=["datasets", "training"], group="sig.tasks")


def task(name: str) -> Callable[[Callable[..., Problem]], Callable[..., Problem]]:
    """Register ``prepare(*, seed, **options)`` as the task ``name``; pydantic checks its options.

    Raises:
        ValueError: when the name is taken, or the function does not take ``seed`` as a keyword.
    """

    def register(prepare: Callable[..., Problem]) -> Callable[..., Problem]:
        parameter = inspect.signature(prepare).parameters.get("seed")
        if parameter is None or parameter.kind is not parameter.KEYWORD_ONLY:
            raise ValueError(
                f"task {name!r} takes no keyword 'seed'; declare it as def {prepare.__name__}(*, ..., seed)"
            )
        checked = pydantic.validate_call(prepare)
        tasks.add(Task(name, checked))
        return checked

    return register
