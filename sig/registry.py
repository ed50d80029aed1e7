"""Methods and metrics by name, with the facts that the benchmark reads about each.

A method is one function in one file under ``sig/methods``, a metric one under ``sig/metrics``. Both are found by being
there. One from outside comes as a file (``sig.plugins.load_plugin``), or as an entry point in the group ``sig.methods``
or ``sig.metrics``.
"""

import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sig.explicand import Explicand
from sig.plugins import Entry, Registry

RANGE_ROUNDING = 1e-6  # by which scores may leave their range
ALLOCATIONS = (1, 2, 5, 10, 25, 50, 100)  # values of a spending option after the first that a budget is tried with


class NotApplicable(Exception):
    """Raised by a method or a metric that has no meaning for a task; the message is the reason shown on the board."""


@dataclass(frozen=True)
class Method(Entry):
    """An attribution method and its facts; ``run`` maps ``(explicand, *, generator, **options)`` to
    ``(batch, *features)``.

    Attributes:
        family: the group it is listed under.
        source: paper and equation or algorithm.
        spend: the options whose product is the number of inputs per explicand that go through the model. The first
            grows with the budget; the others keep their defaults while the budget allows, unless the harness finds a
            better allocation. Empty when the method has one fixed cost.
        control: true for a method that does not see the model; every metric must rank random-attribution last.
        gradient: whether each of those inputs goes backward too, which makes it two model rows.
        same_as: name of the method of which this is another implementation; they share one place on the board.
    """

    family: str
    source: str
    spend: tuple[str, ...] = ()
    control: bool = False
    gradient: bool = True
    same_as: str = ""

    def options_for(self, budget: int, **fixed: Any) -> dict[str, int]:
        """The options that spend about ``budget`` model rows per explicand, and never more than that.

        ``fixed`` are options that are chosen already, which take the place of defaults. Nothing is left to choose where
        the first spending option is among them, or the method has one fixed cost.

        Raises:
            ValueError: when the budget does not suffice for one input.
        """
        inputs = self._affordable(budget)
        if not self._can_spend(fixed):
            return {}
        chosen: dict[str, int] = {}
        for name in reversed(self.spend[1:]):
            chosen[name] = min(self.option(fixed, name), inputs)
            inputs //= chosen[name]
        return {self.spend[0]: inputs, **chosen}

    def allocations(self, budget: int, **fixed: Any) -> list[dict[str, int]]:
        """The ways to spend a budget that are tried: ``options_for`` with each of ``ALLOCATIONS`` for all spending
        options but the first, unless they are ``fixed``.

        Raises:
            ValueError: when the budget does not suffice for one input.
        """
        if not self._can_spend(fixed):
            return []
        free = [name for name in self.spend[1:] if name not in fixed]
        asked = [dict(zip(free, values, strict=True)) for values in itertools.product(ALLOCATIONS, repeat=len(free))]
        found = [(one, self.options_for(budget, **fixed, **one)) for one in asked]
        return [allocation for one, allocation in found if one.items() <= allocation.items()]

    def _affordable(self, budget: int) -> int:
        """The inputs that go through the model for so many rows."""
        inputs = budget // (2 if self.gradient else 1)
        if inputs < 1:
            least = "2 rows, forward and backward" if self.gradient else "1 row"
            raise ValueError(f"a budget of {budget} rows cannot be spent by {self.name!r}; expected at least {least}")
        return inputs

    def _can_spend(self, fixed: Mapping[str, Any]) -> bool:
        return bool(self.spend) and self.spend[0] not in fixed

    def __call__(self, e: Explicand, *, generator: torch.Generator, **options: Any) -> Float[Tensor, "batch *features"]:
        """Attributions of ``e``, checked.

        Raises:
            TypeError: on an option the method does not have, or when it returns no tensor of real numbers.
            ValueError: when the method returns another shape than the inputs', or values that are not finite.
            NotApplicable: when the method has no meaning for this explicand.
        """
        self.require_options("method", options)
        attribution = self.run(e, generator=generator, **options)
        if not isinstance(attribution, Tensor):
            raise TypeError(f"method {self.name!r} returned {type(attribution).__name__}, expected a tensor")
        if attribution.is_complex():
            raise TypeError(
                f"method {self.name!r} returned {attribution.dtype}, expected real numbers; return its .real or .abs()"
            )
        attribution = attribution.as_subclass(Tensor).detach()  # a class of the method's own may not reach elsewhere
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
        peak_bytes: the most memory in use during the call, in bytes: resident memory of the whole process on a CPU,
            memory that torch allocated on a GPU; None where the system does not tell.
    """

    seconds: float
    forward_rows: int
    backward_rows: int
    peak_bytes: int | None

    @property
    def rows(self) -> int:
        """Forward and backward rows together, which budgets are about."""
        return self.forward_rows + self.backward_rows


@dataclass(frozen=True)
class Trial:
    """What a metric sees: an explicand, a method's attribution of it, what that cost, and what the task knows of it.

    ``truth`` holds one true attribution for each player, ``(batch, players)``; ``regions`` named masks of features,
    each ``(batch, *features)``: where in each input the dark squares are, or the shadow; ``change``, ``(batch,)``, what
    the attributions should add up to where the method states paths (``path.change_along_paths``), None elsewhere;
    ``paths`` the starts and ends of some of them (``sig.guard.Attributed``); ``attribute`` runs the method again, with
    the same options and the same seed, on another explicand: other inputs, or another model. It is None where there is
    an attribution and no method.
    """

    explicand: Explicand
    attribution: Float[Tensor, "batch *features"]
    cost: Cost
    truth: Float[Tensor, "batch players"] | None = None
    regions: Mapping[str, Bool[Tensor, "batch *features"]] = field(default_factory=dict)
    change: Float[Tensor, " batch"] | None = None
    paths: tuple[Tensor, Tensor] | None = None
    attribute: Callable[[Explicand], Tensor] | None = None

    def attribute_again(self, e: Explicand) -> Float[Tensor, "batch *features"]:
        """What the method attributes to another explicand, with the same options and the same seed.

        Raises:
            NotApplicable: when there is no method to run, or it has no meaning for that explicand.
        """
        if self.attribute is None:
            raise NotApplicable("needs the method, to run it again; here there is an attribution alone")
        return self.attribute(e)


@dataclass(frozen=True)
class Metric(Entry):
    """A metric and its facts; ``run`` maps ``(trial, **options)``, and ``generator`` if it draws random numbers, to one
    score per explicand ``(batch,)``, NaN where undefined; or, for a curve, to ``(batch, points)`` on an even grid,
    whose mean over the points (the area) is the score.

    Attributes:
        better: whether a lower or a higher score is better.
        range: the smallest and largest possible score.
        unit: of the score, empty for a pure number.
        source: paper and equation.
        against_truth: scored once against each truth that the task states, as ``name_truth``.
        curve: what the points of a curve are, the label of their axis; empty for a plain score.
        judges: whether random attributions must score worse than informed ones (false for costs).
    """

    better: Literal["lower", "higher"]
    range: tuple[float | int, float | int]
    unit: str = ""
    source: str = ""
    against_truth: bool = False
    curve: str = ""
    judges: bool = True

    @property
    def draws(self) -> bool:
        """Whether it takes a generator of random numbers."""
        return "generator" in inspect.signature(self.run).parameters

    def __call__(
        self, trial: Trial, *, generator: torch.Generator | None = None, **options: Any
    ) -> Float[Tensor, " batch"] | Float[Tensor, "batch points"]:
        """The scores of a trial, checked, in float64 on the CPU.

        Raises:
            TypeError: on an option the metric does not have, or when it draws random numbers and is given no generator.
            ValueError: when the metric returns another shape, infinity, or a score outside its range.
            NotApplicable: when the metric has no meaning for the trial.
        """
        self.require_options("metric", options)
        if self.draws and generator is None:
            raise TypeError(f"metric {self.name!r} draws random numbers; pass generator=torch.Generator()")
        values = self.run(trial, **options, **({"generator": generator} if self.draws else {}))
        batch = len(trial.attribution)
        if not isinstance(values, Tensor) or values.ndim != (2 if self.curve else 1) or len(values) != batch:
            found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            shape = f"({batch}, points)" if self.curve else f"({batch},)"
            raise ValueError(f"metric {self.name!r} returned shape {found}, expected {shape}; score each explicand")
        values = values.detach().cpu().double()
        if values.isinf().any():
            bad = values[values.isinf()][0].item()
            raise ValueError(
                f"metric {self.name!r} gave {bad}, expected a finite number or NaN; look for a division by zero"
            )
        low, high = self.range
        outside = (values < low - RANGE_ROUNDING) | (values > high + RANGE_ROUNDING)
        if outside.any():
            raise ValueError(
                f"metric {self.name!r} gave {values[outside][0].item():g}, expected a score in its range {low} to "
                f"{high}; state the range that it has"
            )
        return values


methods: Registry[Method] = Registry("method", packages=["sig.methods"], group="sig.methods")
metrics: Registry[Metric] = Registry("metric", packages=["sig.metrics"], group="sig.metrics")


def method(
    name: str,
    *,
    family: str,
    source: str,
    spend: tuple[str, ...] = (),
    control: bool = False,
    gradient: bool = True,
    same_as: str = "",
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function as the method ``name``; the arguments are the facts of ``Method``.

    Raises:
        TypeError: when the name is no text, or an option in ``spend`` has no whole number as default.
        ValueError: when the name is empty or taken, the function does not take ``generator`` as a keyword, or ``spend``
            names something that is not one of its options, or whose default is below 1.
    """

    def register(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        entry = Method(name, run, family, source, spend, control, gradient, same_as)
        parameter = inspect.signature(run).parameters.get("generator")
        if parameter is None or parameter.kind is not parameter.KEYWORD_ONLY:
            raise ValueError(
                f"method {name!r} takes no keyword 'generator'; declare it as def {run.__name__}(e, *, ..., generator)"
            )
        for option in spend:
            if option not in entry.options:
                known = ", ".join(entry.options) or "none"
                raise ValueError(f"method {name!r} spends {option!r}, which is not one of its options: {known}")
            _require_count(name, entry.options[option])
        methods.add(entry)
        return run

    return register


def _require_count(name: str, option: inspect.Parameter) -> None:
    """Raise where a spending option's default is no number of inputs, by which budgets are divided."""
    default = option.default
    said = "none" if default is option.empty else repr(default)
    expected = f"expected a whole number of at least 1; declare it as {option.name}: int = 10"
    if not isinstance(default, int) or isinstance(default, bool):
        raise TypeError(f"method {name!r} spends {option.name!r}, whose default is {said}, {expected}")
    if default < 1:
        raise ValueError(f"method {name!r} spends {option.name!r}, whose default is {said}, {expected}")


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
    """Register a function as the metric ``name``; the arguments are the facts of ``Metric``.

    Raises:
        TypeError: when the name is no text.
        ValueError: when the name is empty or taken, ``better`` is neither of both, or the range is none.
    """
    if better not in ("lower", "higher"):
        raise ValueError(f"metric {name!r} is better {better!r}, expected 'lower' or 'higher'")
    if not range[0] < range[1]:
        raise ValueError(f"metric {name!r} has range {range}, expected the smallest and the largest possible score")

    def register(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        metrics.add(Metric(name, run, better, range, unit, source, against_truth, curve, judges))
        return run

    return register
