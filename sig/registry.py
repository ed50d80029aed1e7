"""Methods and metrics by name, with the facts that the benchmark reads about each.

A method is one function in one file under ``sig/methods``, a metric one under ``sig/metrics``. Both are found by being
there. A method from outside comes as a file (``load_plugin``) or as an entry point in the group ``sig.methods``.
"""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sig.explicand import Explicand


class NotApplicable(Exception):
    """Raised by a method or a metric that has no meaning for a task; the message is the reason shown on the board."""


@runtime_checkable
class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Things by name, in the order they were added, with an error that suggests the nearest name."""

    def __init__(self, kind: str, discover: Callable[[], None] = lambda: None):
        self._kind = kind
        self._discover = discover
        self._entries: dict[str, T] = {}

    def add(self, entry: T) -> None:
        if entry.name in self._entries:
            raise ValueError(f"there is already a {self._kind} named {entry.name!r}; choose another name")
        self._entries[entry.name] = entry

    def __getitem__(self, name: str) -> T:
        self._discover()
        if name not in self._entries:
            raise UnknownName(self._kind, name, list(self._entries))
        return self._entries[name]

    def __iter__(self) -> Iterator[T]:
        self._discover()
        return iter(self._entries.values())


class UnknownName(KeyError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: list[str]):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(sorted(known))}."
        self.message = f"unknown {kind} {name!r}; {hint} (python -m benchmarks list {kind}s)"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:  # keeps the message when the error crosses a process boundary
        return (_restore_unknown_name, (self.message,))


def _restore_unknown_name(message: str) -> UnknownName:
    error = UnknownName.__new__(UnknownName)
    KeyError.__init__(error, message)
    error.message = message
    return error


@dataclass(frozen=True)
class Method:
    """An attribution method and its facts.

    Attributes:
        name: as on the leaderboard.
        family: the group it is listed under.
        source: paper and equation or algorithm.
        run: ``(explicand, *, generator, **options) -> (batch, *features)``.
        spend: the options whose product is the number of model rows per explicand. The first grows with the budget;
            the others keep their defaults while the budget allows. Empty when the method has one fixed cost.
        control: true for a method that knows nothing and that every metric must rank last.
    """

    name: str
    family: str
    source: str
    run: Callable[..., Tensor]
    spend: tuple[str, ...] = ()
    control: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """Option names and their defaults."""
        parameters = inspect.signature(self.run).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "generator"}

    def options_for(self, rows: int) -> dict[str, int]:
        """The options that spend about ``rows`` model rows per explicand, and never more than that.

        Raises:
            ValueError: when ``rows`` is below one.
        """
        if rows < 1:
            raise ValueError(f"a budget of {rows} rows cannot be spent; expected at least 1")
        chosen: dict[str, int] = {}
        for name in reversed(self.spend[1:]):
            chosen[name] = min(self.options[name], rows)
            rows //= chosen[name]
        return {self.spend[0]: rows, **chosen} if self.spend else {}

    def __call__(self, e: Explicand, *, generator: torch.Generator, **options: Any) -> Float[Tensor, "batch *features"]:
        """Attributions of ``e``, checked.

        Raises:
            TypeError: on an option the method does not have.
            ValueError: when the method returns another shape than the inputs', or values that are not finite.
            NotApplicable: when the method has no meaning for this explicand.
        """
        for option in options:
            if option not in self.options:
                known = ", ".join(self.options) or "none"
                raise TypeError(f"method {self.name!r} has no option {option!r}; its options: {known}")
        attribution = self.run(e, generator=generator, **options).detach()
        if attribution.shape != e.inputs.shape:
            raise ValueError(
                f"method {self.name!r} returned shape {tuple(attribution.shape)}, expected the inputs' shape "
                f"{tuple(e.inputs.shape)}; return one number for each feature"
            )
        if not torch.isfinite(attribution).all():
            raise ValueError(f"method {self.name!r} returned NaN or infinity; look for a division by zero")
        return attribution


@dataclass(frozen=True)
class Cost:
    """What one attribution call took.

    Attributes:
        seconds: wall time, after a warm-up call, with the device synchronised.
        forward_rows, backward_rows: model rows, for the whole batch.
        peak_bytes: largest memory allocated during the call, above what was allocated before; None where the system
            does not tell.
    """

    seconds: float
    forward_rows: int
    backward_rows: int
    peak_bytes: int | None


@dataclass(frozen=True)
class Trial:
    """What a metric sees: an explicand, a method's attribution of it, what that cost, and what the task knows of it.

    ``truth`` holds one true attribution for each player, ``(batch, players)``; ``regions`` named masks of features,
    each ``(batch, *features)``: where in each input the dark squares are, or the shadow.
    """

    explicand: Explicand
    attribution: Float[Tensor, "batch *features"]
    cost: Cost
    truth: Float[Tensor, "batch players"] | None = None
    regions: Mapping[str, Bool[Tensor, "batch *features"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """A metric and its facts.

    Attributes:
        name: as on the leaderboard; where a task states several truths, ``name_truth``.
        better: whether a lower or a higher score is better.
        range: the smallest and largest possible score.
        run: ``(trial, **options)`` to one score per explicand ``(batch,)``, NaN where undefined; or, for a curve,
            ``(batch, points)`` on an even grid, whose mean over the points (the area) is the score.
        unit: of the score, empty for a pure number.
        source: paper and equation.
        against_truth: scored once against each truth that the task states.
        curve: what the points of a curve are, the label of their axis; empty for a plain score.
        judges: whether random attributions must score worse than informed ones (false for costs).
    """

    name: str
    better: Literal["lower", "higher"]
    range: tuple[float | int, float | int]
    run: Callable[..., Tensor]
    unit: str = ""
    source: str = ""
    against_truth: bool = False
    curve: str = ""
    judges: bool = True

    def __call__(self, trial: Trial, **options: Any) -> Float[Tensor, " batch"] | Float[Tensor, "batch points"]:
        return self.run(trial, **options)


@cache
def discover() -> None:
    """Import every module of ``sig.methods`` and ``sig.metrics`` and every entry point of the group ``sig.methods``."""
    for package_name in ("sig.methods", "sig.metrics"):
        package = importlib.import_module(package_name)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package_name}.{module.name}")
    for entry_point in entry_points(group="sig.methods"):
        entry_point.load()


methods: Registry[Method] = Registry("method", discover)
metrics: Registry[Metric] = Registry("metric", discover)


def method(
    name: str, *, family: str, source: str, spend: tuple[str, ...] = (), control: bool = False
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function as the method ``name``; the arguments are the facts of ``Method``.

    Raises:
        ValueError: when the name is taken, the function does not take ``generator`` as a keyword, or ``spend`` names
            something that is not one of its options.
    """

    def register(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        entry = Method(name, family, source, run, spend, control)
        parameter = inspect.signature(run).parameters.get("generator")
        if parameter is None or parameter.kind is not parameter.KEYWORD_ONLY:
            raise ValueError(
                f"method {name!r} takes no keyword 'generator'; declare it as def {run.__name__}(e, *, ..., generator)"
            )
        for option in spend:
            if option not in entry.options:
                known = ", ".join(entry.options) or "none"
                raise ValueError(f"method {name!r} spends {option!r}, which is not one of its options: {known}")
        methods.add(entry)
        return run

    return register


def metric(
    name: str,
    *,
    better: Literal["lower", "higher"],
    range: tuple[float | int, float | int],  # noqa: A002 - the facts are named as on the board
    unit: str = "",
    source: str = "",
    against_truth: bool = False,
    curve: str = "",
    judges: bool = True,
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function as the metric ``name``; the arguments are the facts of ``Metric``."""

    def register(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        metrics.add(Metric(name, better, range, run, unit, source, against_truth, curve, judges))
        return run

    return register


def load_plugin(path: Path) -> ModuleType:
    """Import a file from outside the project, so that the methods and metrics in it are registered.

    Raises:
        ValueError: when there is no such file, or it registers nothing.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise ValueError(f"plug-in {str(path)!r} is not a file; give the path of a Python file with an @method in it")
    before = {entry.name for entry in (*methods, *metrics)}
    module = _import_file(path)
    if before == {entry.name for entry in (*methods, *metrics)} and not _registered_by(module):
        raise ValueError(f"plug-in {str(path)!r} registers nothing; decorate a function with @method(...)")
    return module


@cache
def _import_file(path: Path) -> ModuleType:
    name = f"sig_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None  # a .py file always has one
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _registered_by(module: ModuleType) -> bool:
    return any(entry.run.__module__ == module.__name__ for entry in (*methods, *metrics))
