"""A problem, which a task hands to the benchmark: a model to explain, inputs, and any truth that is known of them."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pydantic
import torch
from torch import Tensor

from sig.explicand import Explicand, Tally, require_eval_mode, require_shape
from sig.plugins import Registry, RegistryEntry

PHOTOGRAPHS = "photographs"  # in a provenance: data in which others have rights, so that it is not published

Series = Mapping[str, Tensor] | Callable[[], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Problem:
    """One repetition of a task.

    Attributes:
        explicand: the model and the inputs that every method explains.
        truths: true attributions of the players by name, each ``(batch, players)``; they become float64.
        regions: masks of features by name, each ``(batch, *features)``: what is where in the inputs.
        series: tables of numbers for figures by name, each of columns by name, equally long; the first one is the axis.
            A table that takes long to make may be a function that makes it, called only where figures are wanted.
        checks: what was measured of the trained model (held-out accuracy, R^2), by name.
        provenance: SHA-256 of the data and of the checkpoint, by name; ``PHOTOGRAPHS`` for pictures that may be shown
            and not be published.
        shown: indices of the inputs whose attributions figures show.
        tuning: inputs like the explicands, ``(inputs, *features)``, that are never scored: on these it is chosen how
            methods spend their budget. None where samples of the background serve.
        exact: by truth, names of the methods that compute that very truth, and so win against it by construction.

    Raises:
        TypeError: when the explicand is none, or a truth, a region, a column or the tuning inputs are no tensor.
        ValueError: on a model in training mode or without the outputs that are explained, a truth, a region, a column
            or tuning inputs of another shape, a truth that is not finite, tuning inputs outside the input range, an
            infinite check, an index that no input has, or exact methods of a truth that is not there.
    """

    explicand: Explicand
    truths: Mapping[str, Tensor] = field(default_factory=dict)
    checks: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[int, ...] = ()
    regions: Mapping[str, Tensor] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    tuning: Tensor | None = None
    exact: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        e = self.explicand
        if not isinstance(e, Explicand):
            raise TypeError(f"explicand is of type {type(e).__name__}, expected sig.Explicand")
        _require_usable(e)
        for name, truth in self.truths.items():
            require_shape(f"truth {name!r}", truth, (len(e.inputs), e.n_players), "one number for each player")
            if not torch.isfinite(truth).all():
                raise ValueError(f"truth {name!r} holds NaN or infinity, expected finite values; leave the truth out")
        for name, region in self.regions.items():
            require_shape(f"region {name!r}", region, tuple(e.inputs.shape), "a mark for each feature")
        for name, table in self.series.items():
            if not callable(table):
                _require_table(name, table)
        for name, value in self.checks.items():
            if math.isinf(value):
                raise ValueError(f"check {name!r} is {value}, expected a finite number, or NaN where it is unknown")
        for index in self.shown:
            if not 0 <= index < len(e.inputs):
                raise ValueError(f"shown holds {index}, expected indices of the inputs, 0 .. {len(e.inputs) - 1}")
        if self.tuning is not None:
            _require_inputs("tuning", self.tuning, e)
        for name in self.exact:
            if name not in self.truths:
                raise ValueError(f"exact names the truth {name!r}, expected one of {list(self.truths)}")
        object.__setattr__(self, "truths", {name: truth.double() for name, truth in self.truths.items()})


def make_columns(name: str, table: Series) -> Mapping[str, Tensor]:
    """The columns of a problem's table in ``series``, made now if need be.

    Raises:
        TypeError: when a column is no tensor of one axis.
        ValueError: when columns are not equally long.
    """
    columns = table() if callable(table) else table
    _require_table(name, columns)
    return columns


def _require_usable(e: Explicand) -> None:
    """Raise ``ValueError`` where the model is in training mode, or has not the outputs that are explained."""
    require_eval_mode(e.model)
    with torch.no_grad():
        outputs = e.with_tally(Tally()).outputs(e.inputs[:1]).shape[1]
    for target in e.target.unique().tolist():
        if not 0 <= target < outputs:
            raise ValueError(f"target holds {target}, expected outputs of the model, 0 .. {outputs - 1}")


def _require_inputs(name: str, inputs: Tensor, e: Explicand) -> None:
    """Raise unless these could be inputs of the explicand: at least one, of its features, finite, inside its range."""
    count = len(inputs) if isinstance(inputs, Tensor) and inputs.ndim else 1
    require_shape(name, inputs, (max(1, count), *e.features), "one or more inputs of these features")
    low, high = e.input_range
    if not ((inputs >= low) & (inputs <= high)).all():
        raise ValueError(f"{name} holds values outside the input range {low} .. {high}, or NaN; expected inputs inside")


def _require_table(name: str, columns: Mapping[str, Tensor]) -> None:
    for column, values in columns.items():
        if not isinstance(values, Tensor) or values.ndim != 1:
            found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise TypeError(f"column {column!r} of series {name!r} is {found}, expected a tensor of one axis")
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"series {name!r} has columns of lengths {lengths}, expected one length; fill up with NaN")


@dataclass(frozen=True)
class Task(RegistryEntry):
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
            raise TypeError(f"task {self.name!r} returned {type(problem).__name__}, expected a Problem")
        return problem


tasks: Registry[Task] = Registry("task", packages=["datasets", "training.tasks"], group="sig.tasks")


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
