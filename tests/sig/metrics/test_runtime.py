import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor

from sig.explicand import Explicand
from sig.metrics.runtime import measure
from sig.registry import Cost, Trial, metrics

MEGABYTE = 2**20


def explicand(device: str = "cpu") -> Explicand:
    inputs = torch.ones(4, 3, device=device)
    return Explicand(lambda x: x * 2, inputs, torch.zeros(4, dtype=torch.long), inputs, torch.arange(3))


def gradient_twice(e: Explicand) -> Tensor:
    """Eight rows forward, of which four go backward."""
    x = e.inputs.clone().requires_grad_()
    e.outputs(x)
    return torch.autograd.grad(e.outputs(x).sum(), x)[0]


def hold(megabytes: int, note: Callable[[], None] = lambda: None, *, device: str = "cpu") -> None:
    held = torch.ones(megabytes * MEGABYTE // 4, device=device)
    note()
    del held


@pytest.fixture
def nothing_else_is_freed() -> Iterator[None]:
    """No garbage of other tests is collected within a call: memory would fall below the peak before it is noted."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_measures_the_call() -> None:
    e = explicand()
    gradient_twice(e)  # earlier rows are not the call's

    def call(given: Explicand) -> Tensor:
        time.sleep(0.05)
        return gradient_twice(given)

    attribution, cost = measure(e, call)
    assert (attribution == 2).all()
    assert (cost.forward_rows, cost.backward_rows) == (8, 4)
    assert 0.05 <= cost.seconds < 5


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep no peak that can be restarted")
@pytest.mark.usefixtures("nothing_else_is_freed")
def test_peak_memory_is_that_of_the_call_alone() -> None:
    e, process = explicand(), psutil.Process()
    highest: list[int] = []

    def note() -> None:
        highest.append(process.memory_info().rss)

    def call(given: Explicand) -> Tensor:
        hold(96, note)
        return given.inputs

    hold(512, note)  # an earlier, higher peak does not count
    peak = measure(e, call)[1].peak_bytes
    assert peak is not None
    assert abs(peak - highest[1]) < 16 * MEGABYTE < highest[0] - highest[1]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep no peak that can be restarted")
@pytest.mark.usefixtures("nothing_else_is_freed")
def test_peak_memory_is_without_what_earlier_calls_freed_in_small_parts() -> None:
    e, process = explicand(), psutil.Process()
    highest: list[int] = []

    def hold_parts(megabytes: int) -> Tensor:
        parts = [torch.ones(1024) for _ in range(megabytes * 256)]  # too small to go back to the system by themselves
        highest.append(process.memory_info().rss)
        return parts[-1]

    def call(given: Explicand) -> Tensor:
        hold_parts(48)
        return given.inputs

    last = hold_parts(256)  # above what is freed: the heap cannot shrink from its end
    peak = measure(e, call)[1].peak_bytes
    assert peak is not None
    assert abs(peak - highest[1]) < 16 * MEGABYTE < highest[0] - highest[1]
    del last


def test_no_peak_where_the_system_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", refuse)
    assert measure(explicand(), gradient_twice)[1].peak_bytes is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_peak_memory_on_cuda() -> None:
    e = explicand("cuda")
    before = torch.cuda.memory_allocated()

    def call(given: Explicand) -> Tensor:
        hold(64, device="cuda")
        return given.inputs

    assert measure(e, call)[1].peak_bytes == before + 64 * MEGABYTE


def test_costs_are_shared_by_the_explicands() -> None:
    e = explicand()
    trial = Trial(e, e.inputs, Cost(seconds=2.0, forward_rows=8, backward_rows=4, peak_bytes=None))
    assert metrics["runtime"](trial).tolist() == [0.5] * 4
    assert metrics["rows"](trial).tolist() == [3.0] * 4  # forward and backward
    assert not metrics["runtime"].judges
    assert not metrics["rows"].judges
