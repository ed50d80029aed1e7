import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.run import provenance
from benchmarks.run.provenance import PROJECT, fingerprint, now
from datasets.problem import tasks
from sig.registry import methods, metrics


def names(file: Path) -> set[str]:
    return {str(found.relative_to(PROJECT)) for found in provenance._sources(file)}


def test_sources_are_followed_through_imports() -> None:
    found = names(provenance._file_of(methods["ig-zero"].run))
    assert {"sig/methods/integrated_gradients.py", "sig/path.py", "sig/baselines.py", "sig/explicand.py"} <= found
    assert "sig/methods/gradients.py" not in found
    assert not any(file.startswith(("benchmarks", "training")) for file in found)


def test_sources_of_a_task_are_its_data_and_its_training() -> None:
    found = names(provenance._file_of(tasks["gridworld"].prepare))
    assert {"training/gridworld.py", "datasets/gridworld.py", "datasets/problem.py", "training/fit.py"} <= found
    assert "training/tracking.py" not in found
    assert "sig/methods/integrated_gradients.py" not in found


def test_a_fingerprint_depends_on_contents_not_on_places(tmp_path: Path) -> None:
    for folder, text in (("a", "x = 1"), ("b", "x = 1"), ("c", "x = 2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "plugin.py").write_text(text)
    a, b, c = (provenance._digest(tmp_path / folder / "plugin.py") for folder in "abc")
    assert a == b != c
    assert fingerprint(metrics["spearman"].run) == fingerprint(metrics["kendall"].run)  # one file
    assert fingerprint(metrics["spearman"].run) != fingerprint(metrics["iaccuracy"].run)


def test_a_function_without_a_file_is_refused() -> None:
    namespace: dict[str, Any] = {}
    exec("def run(): pass", namespace)
    with pytest.raises((ValueError, TypeError)):
        fingerprint(namespace["run"])


def test_provenance_of_this_checkout() -> None:
    found = provenance.provenance(started_at=now(), device="cpu", data={"weights": "abc"})
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert found.commit == (commit.stdout.strip() if commit.returncode == 0 else None)
    assert found.packages["torch"] == torch.__version__.partition("+")[0]
    assert {"numpy", "scipy", "pytorch-lightning"} <= set(found.packages)
    assert found.started_at.tzinfo is not None


def test_outside_a_checkout_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provenance._checkout.cache_clear()
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    try:
        assert provenance.provenance(started_at=now()).commit is None
    finally:
        provenance._checkout.cache_clear()


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object, **options: object) -> SimpleNamespace:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert provenance._git("status") is None
