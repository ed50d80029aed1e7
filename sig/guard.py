"""Attribute and score without having to trust the code that does it.

Methods and metrics are given the problem itself. One that writes into it, or calls the model behind the counter's back,
would spoil every score that follows, unnoticed. So what a problem is made of is compared afterwards with what it was:
whatever differs is put back, and who changed it fails alone, with that reason.
"""

import inspect
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sig import path
from sig.explicand import Explicand, Forward, Tally
from sig.metrics.hybrids import MAX_PLAYERS
from sig.metrics.runtime import measure
from sig.registry import Cost, Method, Metric, Trial

PATHS_KEPT = 32  # of each explicand
# What makes up a module: training mode, parameters, buffers, submodules and all kinds of hooks; and a replaced forward.
MODULE_STATE = (*vars(nn.Module()), "forward")
# Hooks of all modules at once, by kind.
GLOBAL_HOOKS = {
    name: hooks for name, hooks in vars(nn.modules.module).items() if name.startswith("_global_") and "hooks" in name
}


class Interference(RuntimeError):
    """A method or a metric changed what it was given, called the model past the counter, or overspent its budget."""


@dataclass(frozen=True)
class AttributionResult:
    """An attribution and where it comes from.

    Attributes:
        attribution: in float32.
        cost: what it took.
        change: what it should add up to, where the method states paths (``Trial.change``).
        paths: starts and ends of those, each ``(batch, paths, *features)``, at most 32 of each explicand; kept where
            metrics can try all hybrids of them (``sig.metrics.hybrids``), None elsewhere.
    """

    attribution: Float[Tensor, "batch *features"]
    cost: Cost
    change: Float[Tensor, " batch"] | None
    paths: tuple[Tensor, Tensor] | None = None


class Guard:
    """Remembers what a problem is made of.

    Watched are the explicand's inputs, target, background with its classes, and players; the tally that it brought; of
    every ``torch.nn.Module`` that is the model, or that a function as model refers to, its weights, buffers, other
    tensors, training mode, submodules and hooks; tensors given besides; and torch's default type, gradient mode,
    autocast, number of threads and global hooks. Python classes, and what else a function as model may reach, are not.
    Settings of the process (``_settings_kept``) are put back in silence.

    Args:
        e: the explicand, with its model.
        others: further tensors by name, such as truths and regions.
    """

    def __init__(self, e: Explicand, others: Mapping[str, Tensor] | None = None):
        self.explicand = e
        self._modules = list(dict.fromkeys(part for module in _modules_behind(e.model) for part in module.modules()))
        self._states = [_state_of(module) for module in self._modules]
        named = {"inputs": e.inputs, "target": e.target, "background": e.background, "players": e.players}
        if e.background_classes is not None:
            named["background_classes"] = e.background_classes
        of_model = {f"the model's {name}": tensor for name, tensor in _tensors_of(self._modules)}
        self._tensors = {name: _Snapshot.of(tensor) for name, tensor in {**of_model, **(others or {}), **named}.items()}
        self._tally = replace(e.tally)
        self._torch = _torch_settings()
        self._global_hooks = {name: hooks.copy() for name, hooks in GLOBAL_HOOKS.items()}

    @contextmanager
    def watch(self, who: str) -> Iterator[None]:
        """Put back whatever the block changes.

        Raises:
            Interference: when it changed anything, whatever else it raised.
        """
        error: BaseException | None = None
        try:
            with _settings_kept():
                yield
        except BaseException as raised:
            error = raised
        changed = self._put_back()
        if changed and (error is None or isinstance(error, Exception)):
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            then = f" and raised {type(error).__name__}: {error}" if error else ""
            raise Interference(
                f"{who} changed {changed[0]}{more}{then}; work on copies, as in x = e.inputs.clone(), and take back "
                "hooks, modes and settings before returning"
            ) from error
        if error is not None:
            raise error

    def attribute(
        self, method: Method, options: Mapping[str, Any], /, *, generator: Generator, budget: int | None = None
    ) -> AttributionResult:
        """The method's attribution of the explicand, which is as before afterwards.

        Args:
            budget: model rows, forward and backward ones together, that it may spend on each explicand.

        Raises:
            Interference: when the method changed anything, called the model other than by the explicand's ``outputs``
                or ``scores``, or spent more than the budget.
            NotApplicable: when it has no meaning for the explicand.
            Exception: whatever else it raises.
        """
        attribution, cost, e = self.attribute_alone(method, options, generator=generator, budget=budget)
        with self.watch(f"paths of method {method.name!r}"):
            change = path.change_along_paths(e)
            return AttributionResult(attribution, cost, change, _some_paths(e))

    def attribute_alone(
        self, method: Method, options: Mapping[str, Any], /, *, generator: Generator, budget: int | None = None
    ) -> tuple[Float[Tensor, "batch *features"], Cost, Explicand]:
        """The attribution alone, without the change of score along the method's paths, which takes more rows;
        with the explicand that the method was given."""
        e = self.explicand.with_tally(Tally())
        with self.watch(f"method {method.name!r}"), _rows_of_model(e) as (counted, rows):
            given, cost = measure(counted, lambda e: method(e, generator=generator, **options))
        _require_counted(method, cost, rows)
        if budget is not None:
            _require_within(budget, method, cost, len(e.inputs))
        attribution = given.to(torch.float32, copy=True)  # the method may go on using its own
        if not attribution.isfinite().all():
            raise ValueError(f"method {method.name!r} returned values beyond float32, whose largest is about 3e38")
        return attribution, cost, e

    def attribute_again(
        self, method: Method, options: Mapping[str, Any], other: Explicand, /, *, generator: Generator
    ) -> Float[Tensor, "batch *features"]:
        """The method's attribution of another explicand, for a metric, in float32; no rows are counted.

        Raises:
            Interference: when the method changed anything of the explicand that is guarded.
            NotApplicable: when it has no meaning for the other one.
            Exception: whatever else it raises.
        """
        with self.watch(f"method {method.name!r}, run again for a metric,"):
            given = method(other.with_tally(Tally()), generator=generator, **options)
        return given.to(torch.float32, copy=True)

    def score(
        self, metric: Metric, trial: Trial, options: Mapping[str, Any], /, *, generator: Generator | None = None
    ) -> Float[Tensor, " batch"] | Float[Tensor, "batch points"]:
        """The metric's scores of a trial of this explicand, which is as before afterwards.

        What the metric passes through the model is not counted, and the attribution that it sees is its own.

        Raises:
            Interference: when the metric changed anything.
            NotApplicable: when it has no meaning for the trial.
            Exception: whatever else it raises.
        """
        own = replace(
            trial,
            explicand=trial.explicand.with_tally(Tally()),
            attribution=trial.attribution.clone(),
            regions=dict(trial.regions),
            change=None if trial.change is None else trial.change.clone(),
            paths=None if trial.paths is None else (trial.paths[0].clone(), trial.paths[1].clone()),
        )
        with self.watch(f"metric {metric.name!r}"):
            return metric(own, generator=generator, **options)

    def _put_back(self) -> list[str]:
        """Put everything back; names of what differed."""
        changed = [name for name, kept in self._tensors.items() if kept.put_back()]
        for module, state in zip(self._modules, self._states, strict=True):
            changed += [f"{name} of {type(module).__name__}" for name in _restore(vars(module), state)]
        changed += [f"torch's {name}" for name in _restore(GLOBAL_HOOKS, self._global_hooks)]
        tally = self.explicand.tally
        if (tally.forward_rows, tally.backward_rows) != (self._tally.forward_rows, self._tally.backward_rows):
            tally.forward_rows, tally.backward_rows = self._tally.forward_rows, self._tally.backward_rows
            changed.append("the counter")
        if _torch_settings() != self._torch:
            changed.append("torch's default type, gradient mode, autocast or number of threads")
            _set_torch(*self._torch)
        return changed


def _some_paths(e: Explicand) -> tuple[Tensor, Tensor] | None:
    """The paths that the tally holds, at most ``PATHS_KEPT`` of each explicand, evenly chosen."""
    if e.tally.paths is None or e.n_players > MAX_PLAYERS:
        return None
    starts, ends = e.tally.paths
    paths = max(starts.shape[1], ends.shape[1])
    chosen = torch.linspace(0, paths - 1, min(paths, PATHS_KEPT)).round().long()
    some = (ends_of.expand(-1, paths, *ends_of.shape[2:])[:, chosen.to(e.device)] for ends_of in (starts, ends))
    kept_starts, kept_ends = (part.detach().float().clone() for part in some)
    return kept_starts, kept_ends


# ---- tensors and modules as they were ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Snapshot:
    """A tensor and a copy of it, with its gradient."""

    tensor: Tensor
    copy: Tensor
    requires_grad: bool
    grad: Tensor | None

    @classmethod
    def of(cls, tensor: Tensor) -> "_Snapshot":
        grad = None if tensor.grad is None else tensor.grad.clone()
        return cls(tensor, tensor.detach().clone(), tensor.requires_grad, grad)

    @torch.no_grad()
    def put_back(self) -> bool:
        """Put the tensor back; whether it differed."""
        tensor = self.tensor
        same = _is_equal(tensor, self.copy)
        if same and tensor.requires_grad == self.requires_grad and _is_equal(tensor.grad, self.grad):
            return False
        if not same:
            try:
                tensor.copy_(self.copy)  # where others share its storage, they are put back too
            except RuntimeError:  # of another shape now, or its elements share storage
                tensor.data = self.copy.clone()
        tensor.requires_grad_(self.requires_grad)
        tensor.grad = None if self.grad is None else self.grad.clone()
        return True


def _is_equal(now: Tensor | None, before: Tensor | None) -> bool:
    """Whether two tensors are the same, NaN being equal to itself."""
    if now is None or before is None:
        return now is before
    if (now.shape, now.dtype, now.device) != (before.shape, before.dtype, before.device):
        return False
    return torch.equal(now, before) or bool(((now == before) | (now != now) & (before != before)).all())


def _modules_behind(model: Forward) -> list[nn.Module]:
    """The model, or the modules that it is a method of or, if it is a function, that its code refers to."""
    if isinstance(model, nn.Module):
        return [model]
    if isinstance(model, MethodType):
        reached = [model.__self__]
    elif isinstance(model, FunctionType):
        names = inspect.getclosurevars(model)
        reached = [*names.nonlocals.values(), *names.globals.values()]
    else:
        reached = list(getattr(model, "__dict__", {}).values())
    return [value for value in reached if isinstance(value, nn.Module)]


def _tensors_of(modules: list[nn.Module]) -> Iterator[tuple[str, Tensor]]:
    """Parameters, buffers and other tensors that modules hold, under names of their own."""
    for index, module in enumerate(modules):
        held = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False), *vars(module).items())
        for name, value in held:
            if isinstance(value, Tensor):
                yield f"{name} ({type(module).__name__} {index})", value


def _state_of(module: nn.Module) -> dict[str, Any]:
    own = vars(module)
    return {
        name: own[name].copy() if isinstance(own[name], dict) else own[name] for name in MODULE_STATE if name in own
    }


def _restore(own: dict[str, Any], state: Mapping[str, Any]) -> list[str]:
    """The parts of a module's state, or of the global hooks, that differed."""
    changed = []
    for name in (*state, *(name for name in MODULE_STATE if name in own and name not in state)):
        if name not in state:
            del own[name]
        elif _is_same(own.get(name), state[name]):
            continue
        elif isinstance(state[name], dict) and isinstance(own.get(name), dict):
            own[name].clear()  # the dictionary itself stays, to which handles of hooks refer
            own[name].update(state[name])
        else:
            own[name] = state[name].copy() if isinstance(state[name], dict) else state[name]
        changed.append(name.strip("_").replace("_", " "))
    return changed


def _is_same(now: Any, before: Any) -> bool:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return now is before or (not isinstance(before, dict) and now == before)
    return list(now) == list(before) and all(now[key] is before[key] for key in before)


def _torch_settings() -> tuple[torch.dtype, bool, bool, int]:
    return (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_num_threads(),
    )


def _set_torch(dtype: torch.dtype, gradients: bool, autocast: bool, threads: int) -> None:
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(gradients)
    torch.set_autocast_enabled("cpu", autocast)
    torch.set_num_threads(threads)


@contextmanager
def _settings_kept() -> Iterator[None]:
    """Filters of warnings, how numpy treats errors, whether torch's algorithms are deterministic, the current folder
    and the environment are as before afterwards. Nobody is blamed: a library that is imported late changes some too."""
    deterministic, environment = torch.get_deterministic_debug_mode(), dict(os.environ)
    try:
        with warnings.catch_warnings(), np.errstate(), chdir("."):
            yield
    finally:
        torch.set_deterministic_debug_mode(deterministic)
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)


# ---- rows that pass through the model, whoever calls it ------------------------------------------------------------


@dataclass
class _RowCount:
    """Rows that the whole model was given, how deep inside it we are, and whether a part was called by itself."""

    through: int = 0
    depth: int = 0
    past: bool = False


@contextmanager
def _rows_of_model(e: Explicand) -> Iterator[tuple[Explicand, _RowCount]]:
    """The explicand, and the rows that its model sees within the block."""
    rows = _RowCount()
    if not isinstance(e.model, nn.Module) or isinstance(e.model, torch.jit.ScriptModule):
        yield replace(e, model=_CountingModel(e.model, rows)), rows
        return
    with ExitStack() as wrapped:
        for module in e.model.modules():
            if not isinstance(module, torch.jit.ScriptModule):
                wrapped.enter_context(_wrapped(module, _counting(module.forward, rows, whole=module is e.model)))
        yield e, rows


@contextmanager
def _wrapped(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Give the module another forward within the block, however it is called; one set in its stead meanwhile stays."""
    own = vars(module)
    before = own.get("forward")
    own["forward"] = forward
    try:
        yield
    finally:
        if own.get("forward") is forward:
            del own["forward"]
            if before is not None:
                own["forward"] = before


def _counting(forward: Callable[..., Any], rows: _RowCount, *, whole: bool) -> Callable[..., Any]:
    """Counts what passes through the whole model, once where that calls itself; notes a part called by itself."""

    def counted(*arguments: Any, **named: Any) -> Any:
        outermost = rows.depth == 0
        backward = torch._C._current_graph_task_id() != -1  # what that computes again is part of it: checkpoints, LRP
        rows.past |= outermost and not whole and not backward
        rows.depth += 1
        try:
            outputs = forward(*arguments, **named)
        finally:
            rows.depth -= 1
        if whole and outermost:
            rows.through += len(next(x for x in (*arguments, *named.values()) if isinstance(x, Tensor)))
        return outputs

    return counted


class _CountingModel:
    """A model that is no module of Python code, counted; with the attributes that it has."""

    def __init__(self, model: Forward, rows: _RowCount):
        self._counted = _counting(model, rows, whole=True)
        self._model = model

    def __call__(self, x: Tensor) -> Tensor:
        outputs: Tensor = self._counted(x)
        return outputs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _require_counted(method: Method, cost: Cost, rows: _RowCount) -> None:
    if rows.past or rows.through != cost.forward_rows:
        seen = "a part of the model by itself" if rows.past else f"the model on {rows.through} rows"
        raise Interference(
            f"method {method.name!r} called {seen} while {cost.forward_rows} rows were counted; call it by e.outputs, "
            "e.scores or sig.path, which count"
        )


def _require_within(budget: int, method: Method, cost: Cost, explicands: int) -> None:
    if cost.rows > budget * explicands:
        raise Interference(
            f"method {method.name!r} spent {cost.rows / explicands:g} model rows on each explicand, forward and "
            f"backward ones together, expected at most its budget of {budget}; the product of its options "
            f"{', '.join(method.spend)} must be the inputs that go through the model, or half of them where it says "
            "gradient=False and goes backward too"
        )
