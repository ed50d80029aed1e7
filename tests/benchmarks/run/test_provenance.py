import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.run import provenance
from benchmarks.run.provenance import describe_provenance, get_now
from datasets.cache import PROJECT


def test_provenance_of_this_checkout() -> None:
    found = describe_provenance(started_at=get_now(), device="cpu", data={"weights": "abc"})
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert found.commit == (commit.stdout.strip() if commit.returncode == 0 else None)
    assert found.packages["torch"] == torch.__version__.partition("+")[0]
    assert {"numpy", "scipy", "pytorch-lightning"} <= set(found.packages)
    assert found.started_at.tzinfo is not None


def test_provenance_of_this_processor() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        found = describe_provenance(started_at=get_now())
    finally:
        torch.set_num_threads(threads)
    assert found.threads == 3
    assert found.instructions.split(",")[0] == torch.backends.cpu.get_cpu_capability()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and "avx" in cpuinfo.read_text():
        assert f": {found.processor}\n" in cpuinfo.read_text()
        assert found.native_bf16 <= ("_bf16" in cpuinfo.read_text())


def test_outside_a_checkout_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provenance._checkout.cache_clear()
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    try:
        assert describe_provenance(started_at=get_now()).commit is None
    finally:
        provenance._checkout.cache_clear()


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object, **options: object) -> SimpleNamespace:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert provenance._git("status") is None
