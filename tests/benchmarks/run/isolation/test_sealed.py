"""Somebody else's method, attributed in a process that is sealed off."""

from pathlib import Path

import pytest

from benchmarks.run.cells import plan
from benchmarks.run.isolation.process import Limits, NoAnswer
from benchmarks.run.isolation.sealed import CellRequest, attribute_apart
from benchmarks.run.records import CellSpec
from benchmarks.run.suite_files import load_suite
from tests.benchmarks.run.isolation.processes import wait_for_end

SUITE = """
methods = ["ig-zero"]
[[tasks]]
name = "features"
kind = "two-feature"
budgets = [20, 60]
metrics = ["spearman", "completeness", "runtime"]
"""
HEAD = """
import os, time
import torch
from sig import Explicand, method


@method("hostile", family="mine", source="here")
def run(e: Explicand, *, generator: torch.Generator) -> torch.Tensor:
"""


@pytest.fixture
def asked(tmp_path: Path) -> CellRequest:
    (tmp_path / "one.toml").write_text(SUITE)
    group = plan(load_suite(str(tmp_path / "one.toml")))[0]
    cell = group.cells[0]
    assert isinstance(cell, CellSpec)
    fields: dict[str, object] = {"label": "hostile", "method": "hostile", "options": {}, "budget": None}
    return CellRequest(problem=group.problem, cell=cell.model_copy(update=fields))


def run_apart(folder: Path, asked: CellRequest, body: str, limits: Limits) -> str:
    file = folder / "hostile.py"
    file.write_text(HEAD + "\n".join(f"    {line}" for line in body.splitlines()))
    ((status, found),) = attribute_apart(file, None, [asked], limits)
    assert (found is not None) == (status.status == "ok")
    return f"{status.status} {status.reason}"


def test_no_secret_is_in_its_environment(tmp_path: Path, asked: CellRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "secret")
    found = run_apart(tmp_path, asked, "raise ValueError(' '.join(sorted(os.environ)))", Limits(300.0))
    names = found.removeprefix("failed ValueError: ").split()
    assert "SOME_TOKEN" not in names
    assert "HTTPS_PROXY" not in names
    assert {"HOME", "PATH"} <= set(names)


def test_what_it_attributes_comes_back(tmp_path: Path, asked: CellRequest) -> None:
    assert run_apart(tmp_path, asked, "return e.inputs", Limits(300.0)) == "ok "


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "limits", "message"),
    [
        ("time.sleep(3600)", Limits(45.0), "took longer than 45 s and was stopped"),
        ("os._exit(3)", Limits(300.0), "ended its process with exit code 3; it must return instead"),
        ("os.kill(os.getpid(), 11)", Limits(300.0), "was killed by SIGSEGV"),
        ("os._exit(0)", Limits(300.0), "what it left cannot be read"),
    ],
)
def test_a_process_that_does_not_answer_is_said_so(
    tmp_path: Path, asked: CellRequest, body: str, limits: Limits, message: str
) -> None:
    with pytest.raises(NoAnswer, match=message):
        run_apart(tmp_path, asked, body, limits)


@pytest.mark.slow
def test_memory_is_limited(tmp_path: Path, asked: CellRequest) -> None:
    found = run_apart(tmp_path, asked, "return torch.ones(2**34) * e.inputs.sum()", Limits(300.0, 8 * 2**30))
    assert found.startswith("failed RuntimeError")
    assert "memory" in found


def test_what_it_started_ends_with_it(tmp_path: Path, asked: CellRequest) -> None:
    left = tmp_path / "pid"
    body = f"""
child = os.fork()
if child == 0:
    time.sleep(3600)
open({str(left)!r}, "w").write(str(child))
return e.inputs"""
    assert run_apart(tmp_path, asked, body.strip(), Limits(300.0)) == "ok "
    wait_for_end(int(left.read_text()))
