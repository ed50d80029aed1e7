"""What everything in a process shares, and a test has to leave as it found it, since the next one may depend on it."""

import builtins
import gc
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import psutil
import pytest
import torch

from datasets.problem import tasks
from sig import plugins
from sig.plugins import Registry
from sig.registry import methods, metrics

OFTEN_PATCHED: dict[Any, tuple[str, ...]] = {
    builtins: ("__import__", "compile", "open", "print"),
    jaxtyping.config: ("jaxtyping_disable",),
    os: ("_exit", "environ", "fork", "fsync", "kill", "link", "open", "remove", "rename", "replace"),
    subprocess: ("Popen", "run"),
    sys: ("displayhook", "dont_write_bytecode", "excepthook", "executable", "exit", "platform"),
    tempfile: ("tempdir",),
    threading: ("Thread",),
    time: ("monotonic", "perf_counter", "process_time", "sleep", "time"),
    torch: ("load", "rand", "randn", "save"),
}
SIGNALS = (signal.SIGALRM, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)
PROJECT = {"sig", "datasets", "training", "benchmarks"}
NO_LEFTOVERS = {  # variables of the environment
    *(b"OMP_NUM_THREADS", b"MKL_NUM_THREADS", b"OPENBLAS_NUM_THREADS"),  # set with the first cluster of a process
    *(b"MALLOC_MMAP_MAX_", b"MALLOC_TRIM_THRESHOLD_"),
    *(b"KMP_DUPLICATE_LIB_OK", b"KMP_INIT_AT_FORK"),  # as scikit-learn is imported
    *(b"CUBLAS_WORKSPACE_CONFIG", b"PYTORCH_NVML_BASED_CUDA_CHECK"),  # by Lightning
    b"TORCHINDUCTOR_CACHE_DIR",  # as a part of torch is imported
    *(b"WANDB_ERROR_REPORTING", b"WANDB_SILENT"),  # with the first run on W&B
    b"PYTEST_CURRENT_TEST",  # as a test goes on
}
PATIENCE = 10.0  # seconds in which processes may still end


@dataclass(frozen=True)
class SharedState:
    """Something that there is once in a process: its name, how it is read, and how it is put back."""

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], object]


def _attribute(owner: Any, name: str) -> SharedState:
    where = getattr(owner, "__name__", type(owner).__name__)
    return SharedState(f"{where}.{name}", lambda: getattr(owner, name), lambda old: setattr(owner, name, old))


def _handler(number: signal.Signals) -> SharedState:
    return SharedState(
        f"what handles {number.name}", lambda: signal.getsignal(number), lambda old: signal.signal(number, old)
    )


def _list(name: str, values: list[Any]) -> SharedState:
    return SharedState(name, values.copy, lambda old: values.__setitem__(slice(None), old))


def _registry(registry: Registry[Any]) -> SharedState:
    """What is registered otherwise than by the project, whose own modules may be imported at any time."""
    ours: dict[str, Any] = {}

    def read() -> dict[str, Any]:
        entries = registry._entries
        for name, entry in entries.items():
            if name not in ours and entry.run.__module__.partition(".")[0] in PROJECT:
                ours[name] = entry
        names = entries.keys() | ours.keys()
        return {name: entries.get(name) for name in names if entries.get(name) is not ours.get(name)}

    def put_back(old: dict[str, Any]) -> None:
        read()  # what the project has registered since
        registry._entries = {name: entry for name, entry in (ours | old).items() if entry is not None}

    return SharedState(f"the registered {registry.kind}s", read, put_back)


def _read_environment() -> dict[bytes, bytes]:
    environment: dict[bytes, bytes] = os.environ._data.copy()  # type: ignore[attr-defined]  # to decode it takes longer
    for name in NO_LEFTOVERS & environment.keys():
        del environment[name]
    return environment


def _put_back_environment(old: dict[bytes, bytes]) -> None:
    for name in _read_environment().keys() - old.keys():
        del os.environb[name]
    os.environb.update(old)


REGISTRIES = (_registry(methods), _registry(metrics), _registry(tasks))
STATE = (
    *(_attribute(owner, name) for owner, names in OFTEN_PATCHED.items() for name in names),
    *map(_handler, SIGNALS),
    _list("sys.argv", sys.argv),
    _list("sys.path", sys.path),
    *REGISTRIES,
    SharedState("the current folder", os.getcwd, os.chdir),
    SharedState("the environment", _read_environment, _put_back_environment),
    SharedState("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    SharedState("the collection of garbage", gc.isenabled, lambda old: gc.enable() if old else gc.disable()),
    SharedState("the disabled level of logging", lambda: logging.root.manager.disable, logging.disable),
    SharedState("numpy's handling of errors", np.geterr, lambda old: np.seterr(**old)),
    SharedState("torch's threads", torch.get_num_threads, torch.set_num_threads),
    SharedState("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    SharedState("torch's default device", torch.get_default_device, torch.set_default_device),
    SharedState("torch's gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
    SharedState("torch's inference mode", torch.is_inference_mode_enabled, lambda old: None),
    SharedState("torch's anomaly mode", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    SharedState("torch's determinism", torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    SharedState(
        "torch's autocast", lambda: torch.is_autocast_enabled("cpu"), lambda old: torch.set_autocast_enabled("cpu", old)
    ),
)


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Fail when the block leaves something of the process changed, and put that back.

    Modules from within the folder, a test's own, are forgotten. What a Dask cluster has left for the garbage collector
    goes at once: its finalizers call back and log, which is to interrupt no other test.
    """
    before, imported, clients = [state.read() for state in STATE], len(sys.modules), _count_clients()
    yield
    found = []
    for state, old in zip(STATE, before, strict=True):
        if (now := state.read()) != old:
            found.append(f"{state.name} {_describe_change(old, now)}")
            state.put_back(old)
    for name in _list_modules(folder, imported):
        del sys.modules[name]
    if _count_clients() > clients:
        gc.collect()
    if found:
        pytest.fail(f"left behind in the process: {'; '.join(found)}", pytrace=False)


def _describe_change(old: Any, now: Any) -> str:
    if isinstance(old, dict):
        changed = (name for name in old.keys() | now.keys() if old.get(name, old) != now.get(name, now))
        return ", ".join(sorted(os.fsdecode(name) for name in changed))
    return f"({now!r} instead of {old!r})"


def _list_modules(folder: Path, first: int) -> list[str]:
    """Modules from within the folder, without plug-ins, whose names are made of their paths."""
    files = [(name, getattr(sys.modules[name], "__file__", None)) for name in list(sys.modules)[first:]]
    within = f"{folder}{os.sep}"
    return [name for name, file in files if file and file.startswith(within) and not name.startswith("sig_plugin_")]


def _count_clients() -> int:
    distributed = sys.modules.get("distributed")
    return len(distributed.Client._instances) if distributed else 0


@contextmanager
def nothing_registered() -> Iterator[None]:
    """Whatever the block registers is gone after it."""
    before = [(state, state.read()) for state in REGISTRIES]
    yield
    for state, old in before:
        state.put_back(old)
    plugins._import_file.cache_clear()


@contextmanager
def no_process_left() -> Iterator[None]:
    """Fail when processes that the block started are alive, or a Dask cluster, or an event loop of one."""
    before = _list_children()
    yield
    end = time.monotonic() + PATIENCE
    while (left := _list_children() - before) and time.monotonic() < end:
        time.sleep(0.05)
    found = [f"process {process.pid} ({' '.join(process.cmdline())[:200]})" for process in left]
    for process in left:
        process.kill()
    found += _list_open_clusters()
    if found:
        pytest.fail(f"left behind, and still at work: {'; '.join(found)}", pytrace=False)


def _list_children() -> set[psutil.Process]:
    """Processes that this one and its children started, without the two that multiprocessing keeps until its end."""
    kept = {forkserver._forkserver._forkserver_pid, resource_tracker._resource_tracker._pid}  # type: ignore[attr-defined]
    children = psutil.Process().children(recursive=True)
    return {process for process in children if process.pid not in kept and process.status() != psutil.STATUS_ZOMBIE}


def _list_open_clusters() -> list[str]:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return []
    kinds = (distributed.Client, distributed.Scheduler, distributed.Worker)
    things = [thing for kind in kinds for thing in kind._instances]
    open_ = [repr(thing) for thing in things if str(getattr(thing.status, "name", thing.status)) != "closed"]
    loops = [repr(loop) for loop, (count, _) in distributed.utils.LoopRunner._all_loops.items() if count]
    return open_ + loops
