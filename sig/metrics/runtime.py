"""What an attribution costs: wall time, model rows, peak memory."""

import ctypes
import math
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor

from sig.explicand import Explicand
from sig.registry import Cost, Trial, metric


def measure(e: Explicand, call: Callable[[Explicand], Tensor]) -> tuple[Tensor, Cost]:
    """``call(e)`` and what it took; the caller warms up.

    The device is synchronised before and after. On CUDA, peak memory is what torch's allocator gave out; on a Linux CPU
    it is the resident memory of the process, libraries and problem included, without what earlier calls freed;
    elsewhere None, where no peak of a part of the process's life is kept. It is asked for before and after the time is
    taken.
    """
    forward, backward = e.tally.forward_rows, e.tally.backward_rows
    has_peak = _restart_peak_memory(e.device)
    _synchronise(e.device)
    start = perf_counter()
    attribution = call(e)
    _synchronise(e.device)
    seconds = perf_counter() - start
    peak = _peak_memory(e.device) if has_peak else None
    return attribution, Cost(seconds, e.tally.forward_rows - forward, e.tally.backward_rows - backward, peak)


@metric("runtime", better="lower", range=(0.0, math.inf), unit="s", judges=False)
def runtime(trial: Trial) -> Float[Tensor, " batch"]:
    """Wall seconds per explicand: those of the whole batch, shared equally."""
    return _shared(trial, trial.cost.seconds)


@metric("rows", better="lower", range=(0.0, math.inf), unit="rows", judges=False)
def rows(trial: Trial) -> Float[Tensor, " batch"]:
    """Model rows per explicand, forward and backward: those of the whole batch, shared equally."""
    return _shared(trial, trial.cost.rows)


def _shared(trial: Trial, total: float | int) -> Float[Tensor, " batch"]:
    batch = len(trial.attribution)
    return torch.full((batch,), float(total), dtype=torch.float64, device=trial.attribution.device) / batch


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _restart_peak_memory(device: torch.device) -> bool:
    """Forget the peak so far; whether the system keeps a peak that can be restarted."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    _give_back_free_memory()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # see proc(5): sets VmHWM back to VmRSS
    except OSError:
        return False
    return True


def _give_back_free_memory() -> None:
    """Have the system take what earlier calls freed, where the C library can (glibc): it is no part of the peak."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    lines = Path("/proc/self/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return 1024 * int(kibibytes)
