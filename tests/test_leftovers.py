"""A test that leaves something behind fails, and the next one finds the process as it was."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.run.cluster import start_local_cluster
from sig.registry import methods
from tests.leftovers import STATE, no_process_left, nothing_left, nothing_registered


def _exit(code: object = 0) -> None: ...


@pytest.mark.parametrize(
    ("leave", "message"),
    [
        (lambda: setattr(sys, "exit", _exit), "sys.exit"),
        (lambda: setattr(time, "perf_counter", time.time), "time.perf_counter"),
        (lambda: os.environ.update(LEFT="1"), "the environment LEFT"),
        (lambda: os.environ.pop("PATH"), "the environment PATH"),
        (lambda: os.chdir("/"), "the current folder"),
        (lambda: sys.path.append("/left"), "sys.path"),
        (lambda: np.seterr(divide="raise"), "numpy's handling of errors divide"),
        (lambda: torch.set_default_dtype(torch.float64), "torch's default dtype"),
        (lambda: torch.set_default_device("meta"), "torch's default device"),
        (lambda: torch.set_num_threads(2), "torch's threads"),
        (lambda: torch.set_grad_enabled(False), "torch's gradient mode"),
        (lambda: torch.use_deterministic_algorithms(True), "torch's determinism"),
        (lambda: methods.add(replace(methods["ig-zero"], name="left", run=_exit)), "the registered methods left"),
        (lambda: methods._entries.pop("ig-zero"), "the registered methods ig-zero"),
    ],
)
def test_what_is_left_is_named_and_put_back(tmp_path: Path, leave: Callable[[], object], message: str) -> None:
    assert "ig-zero" in {method.name for method in methods}  # all are imported, to be lost
    before = [state.read() for state in STATE]
    with pytest.raises(pytest.fail.Exception, match=message), nothing_left(tmp_path):
        leave()
    assert [state.read() for state in STATE] == before


def test_a_module_of_a_test_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "left_by_a_test.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with nothing_left(tmp_path):
        __import__("left_by_a_test")
    assert "left_by_a_test" not in sys.modules


def test_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with nothing_left(tmp_path), no_process_left(), monkeypatch.context() as patch:
        patch.setattr(sys, "exit", _exit)
        patch.setenv("LEFT", "1")
        patch.chdir(tmp_path)
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_what_is_registered_is_gone_and_all_else_stays_in_its_order() -> None:
    every = [method.name for method in methods]
    with nothing_registered():
        methods.add(replace(methods["ig-zero"], name="mine", run=_exit))
        assert [method.name for method in methods] == [*every, "mine"]
    assert [method.name for method in methods] == every


def test_a_process_that_is_left_is_named_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.leftovers.PATIENCE", 0.1)
    with pytest.raises(pytest.fail.Exception, match="sleep 600"), no_process_left():
        process = subprocess.Popen(["sleep", "600"])
    process.wait(10)


def test_a_cluster_that_is_left_is_named() -> None:
    left = "<Client: 'inproc:.*<Scheduler 'inproc:"
    with ExitStack() as later, pytest.raises(pytest.fail.Exception, match=left), no_process_left():
        later.enter_context(start_local_cluster(1))
    with no_process_left(), start_local_cluster(1):
        pass
