"""Attribute and score without having to trust the code that does it.

Methods and metrics are given the problem itself. One that writes into it, or calls the model behind the counter's back,
would spoil every score that follows, unnoticed. So what a problem is made of is compared afterwards with what it was:
whatever differs is put back, and who changed it fails alone, with that reason.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sig import path
from sig.explicand import Explicand, Forward, Tally
from sig.metrics.runtime import measure
from sig.registry import Cost, Method, Metric, Trial

# What makes up a module: training mode, parameters, buffers, submodules and all kinds of hooks; and a replaced forward.
MODULE_STATE = (*vars(nn.Module()), "forward")


class Interference(RuntimeError):
    """A method or a metric changed what it was given, called the model past the counter, or overspent its budget."""


@dataclass(frozen=True)
class Attributed:
    """An attribution in float32, what it cost, and what it should add up to (``Trial.change``)."""

    attribution: Float[Tensor, "batch *features"]
    cost: Cost
    change: Float[Tensor, " batch"] | None


class Guard:
    """Remembers what a problem is made of.

    Watched are the explicand's inputs, target, background and players; of a model that is a ``torch.nn.Module`` its
    weights, buffers, training mode, submodules and hooks; tensors given besides; the tally that the explicand brought;
    and torch's default type, gradient mode and number of threads.

    Args:
        e: the explicand, with its model.
        **others: further tensors by name, such as truths and regions.
    """

    def __init__(self, e: Explicand, **others: Tensor):
        self.explicand = e
        self._modules = list(e.model.modules()) if isinstance(e.model, nn.Module) else []
        self._states = [_state_of(module) for module in self._modules]
        named = {"inputs": e.inputs, "target": e.target, "background": e.background, "players": e.players, **others}
        if isinstance(e.model, nn.Module):
            named |= {f"the model's {name}": tensor for name, tensor in e.model.named_parameters()}
            named |= {f"the model's {name}": tensor for name, tensor in e.model.named_buffers()}
        self._tensors = {name: _Kept.of(tensor) for name, tensor in named.items()}
        self._tally = replace(e.tally)
        self._torch = _torch_settings()

    @contextmanager
    def watch(self, who: str) -> Iterator[None]:
        """What the block changes is put back.

        Raises:
            Interference: when it changed anything, whatever else it raised.
        """
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
        changed = self._put_back()
        if changed and (error is None or isinstance(error, Exception)):
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            then = f" and raised {type(error).__name__}: {error}" if error else ""
            message = f"{who} changed {changed[0]}{more}{then}; work on a copy, as in x = e.inputs.clone()"
            raise Interference(message) from error
        if error is not None:
            raise error

    def attribute(
        self, method: Method, *, generator: Generator, budget: int | None = None, **options: Any
    ) -> Attributed:
        """The method's attribution of the explicand, which is as before afterwards.

        Args:
            budget: forward, and backward, model rows that it may spend on each explicand.

        Raises:
            Interference: when the method changed anything, called the model other than by the explicand's ``outputs``
                or ``scores``, or spent more than the budget.
            NotApplicable: when it has no meaning for the explicand.
            Exception: whatever else it raises.
        """
        e = self.explicand.with_tally(Tally())
        with self.watch(f"method {method.name!r}"), _rows_of_model(e) as (counted, rows):
            attribution, cost = measure(counted, lambda e: method(e, generator=generator, **options))
        _require_counted(method, cost, rows)
        if budget is not None:
            _require_within(budget, method, cost, len(e.inputs))
        with self.watch(f"paths of method {method.name!r}"):
            change = path.change_along_paths(e)
        return Attributed(attribution.to(torch.float32), cost, change)

    def score(
        self, metric: Metric, trial: Trial, *, generator: Generator | None = None, **options: Any
    ) -> Float[Tensor, " batch"] | Float[Tensor, "batch points"]:
        """The metric's scores of a trial of this explicand, which is as before afterwards.

        Raises:
            Interference: when the metric changed anything.
            NotApplicable: when it has no meaning for the trial.
            Exception: whatever else it raises.
        """
        with self.watch(f"metric {metric.name!r}"):
            return metric(trial, generator=generator, **options)

    def _put_back(self) -> list[str]:
        """What differed."""
        changed = [name for name, kept in self._tensors.items() if kept.put_back()]
        for module, state in zip(self._modules, self._states, strict=True):
            changed += [f"{name} of {type(module).__name__}" for name in _restore(module, state)]
        tally = self.explicand.tally
        if (tally.forward_rows, tally.backward_rows) != (self._tally.forward_rows, self._tally.backward_rows):
            tally.forward_rows, tally.backward_rows = self._tally.forward_rows, self._tally.backward_rows
            changed.append("the counter")
        if _torch_settings() != self._torch:
            changed.append("torch's default type, gradient mode or number of threads")
            _set_torch(*self._torch)
        return changed


@dataclass(frozen=True)
class _Kept:
    """A tensor and a copy of it."""

    tensor: Tensor
    copy: Tensor
    requires_grad: bool

    @classmethod
    def of(cls, tensor: Tensor) -> "_Kept":
        return cls(tensor, tensor.detach().clone(), tensor.requires_grad)

    @torch.no_grad()
    def put_back(self) -> bool:
        """Whether it differed."""
        tensor, copy = self.tensor, self.copy
        same_kind = tensor.shape == copy.shape and tensor.dtype == copy.dtype and tensor.device == copy.device
        if same_kind and torch.equal(tensor, copy):
            if tensor.requires_grad == self.requires_grad and tensor.grad is None:
                return False
        elif same_kind:
            tensor.copy_(copy)
        else:
            tensor.data = copy.clone()
        tensor.requires_grad_(self.requires_grad)
        tensor.grad = None
        return True


def _state_of(module: nn.Module) -> dict[str, Any]:
    own = vars(module)
    return {
        name: own[name].copy() if isinstance(own[name], dict) else own[name] for name in MODULE_STATE if name in own
    }


def _restore(module: nn.Module, state: Mapping[str, Any]) -> list[str]:
    """The parts of the module's state that differed."""
    own = vars(module)
    changed = []
    for name in MODULE_STATE:
        if name not in state:
            if own.pop(name, None) is not None:
                changed.append(name)
        elif not _is_same(own[name], state[name]):
            changed.append(name.strip("_").replace("_", " "))
            own[name] = state[name].copy() if isinstance(state[name], dict) else state[name]
    return changed


def _is_same(now: Any, before: Any) -> bool:
    if not isinstance(before, dict):
        return now is before or now == before
    return list(now) == list(before) and all(now[key] is before[key] for key in before)


def _torch_settings() -> tuple[torch.dtype, bool, int]:
    return torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()


def _set_torch(dtype: torch.dtype, gradients: bool, threads: int) -> None:
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(gradients)
    torch.set_num_threads(threads)


# ---- rows that pass through the model, whoever calls it ------------------------------------------------------------


@dataclass
class _Rows:
    through: int = 0
    inside: bool = False
    past: bool = False  # whether a part of the model was called by itself


@contextmanager
def _rows_of_model(e: Explicand) -> Iterator[tuple[Explicand, _Rows]]:
    """The explicand, and the rows that its model sees within the block."""
    rows = _Rows()
    if not isinstance(e.model, nn.Module):
        yield replace(e, model=_counting(e.model, rows)), rows
        return
    with ExitStack() as hooks:
        for module in e.model.modules():
            entered, left = _hooks(rows, whole=module is e.model)
            hooks.callback(module.register_forward_pre_hook(entered, with_kwargs=True, prepend=True).remove)
            if left is not None:
                hooks.callback(module.register_forward_hook(left, always_call=True).remove)
        yield e, rows


def _counting(model: Forward, rows: _Rows) -> Forward:
    def counted(x: Tensor) -> Tensor:
        rows.through += len(x)
        return model(x)

    return counted


def _hooks(rows: _Rows, *, whole: bool) -> tuple[Callable[..., None], Callable[..., None] | None]:
    """What is called before and after the forward pass of the whole model, or before that of a part of it."""

    def enter(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        rows.through += len(next(x for x in (*arguments, *named.values()) if isinstance(x, Tensor)))
        rows.inside = True

    def leave(*_: object) -> None:
        rows.inside = False

    def enter_part(*_: object) -> None:
        rows.past |= not rows.inside

    return (enter, leave) if whole else (enter_part, None)


def _require_counted(method: Method, cost: Cost, rows: _Rows) -> None:
    if rows.past or rows.through != cost.forward_rows:
        seen = "a part of the model by itself" if rows.past else f"the model on {rows.through} rows"
        raise Interference(
            f"method {method.name!r} called {seen} while {cost.forward_rows} rows were counted; call it by e.outputs, "
            "e.scores or sig.path, which count"
        )


def _require_within(budget: int, method: Method, cost: Cost, explicands: int) -> None:
    spent = max(cost.forward_rows, cost.backward_rows)
    if spent > budget * explicands:
        raise Interference(
            f"method {method.name!r} spent {spent / explicands:g} model rows on each explicand, expected at most its "
            f"budget of {budget}; the product of its options {', '.join(method.spend)} must be the rows it takes"
        )
