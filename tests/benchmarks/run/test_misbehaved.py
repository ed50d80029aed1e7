"""Whatever a method does to its process, it fails alone, says why, and the rest of the board is complete."""

from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import Client

from benchmarks.run.cells import plan
from benchmarks.run.cluster import start_local_cluster
from benchmarks.run.executor import execute
from benchmarks.run.records import CellRecord
from benchmarks.run.suite import Suite
from benchmarks.run.worker import CellResult, Setting
from sig.plugins import load_plugin

MISBEHAVED = Path(__file__).parents[1] / "misbehaved.py"
SUITE = """
methods = ["toy-exact", {bad}, "toy-noise"]
[[tasks]]
name = "t"
kind = "toy"
budgets = [3, 20]
metrics = ["toy-mean"]
"""
Load = Callable[..., Suite]


def run(client: Client, suite: Suite, toy: Path, *, cell_timeout: float) -> dict[str, CellRecord]:
    setting = Setting((toy, MISBEHAVED), cell_timeout=cell_timeout)
    finished = [one.record for one in execute(client, plan(suite), setting) if isinstance(one, CellResult)]
    assert all(record.status == "ok" for record in finished if record.label.startswith("toy-"))
    assert sum(record.label.startswith("toy-") for record in finished) == 3
    return {record.label: record for record in finished}


@pytest.fixture
def suite(toy: Path, suite_of: Load) -> Callable[..., Suite]:
    load_plugin(MISBEHAVED)
    return lambda *bad: suite_of(SUITE.format(bad=", ".join(bad)))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bad-hangs", "ProcessStopped: took longer than 8 s and was stopped; to allow more, give --cell-timeout"),
        ("bad-hangs-in-c", "ProcessStopped: took longer than 8 s and was stopped; to allow more, give --cell-timeout"),
        ("bad-leaves", "ProcessStopped: ended its process with exit code 3; it must return instead"),
        ("bad-exits", "ProcessStopped: ended its process with exit code 1; it must return instead"),
        (
            "bad-exits-beside-a-thread",
            "ProcessStopped: ended its process with exit code 4; it must return instead",
        ),
        ("bad-segfaults", "ProcessKilled: its process was killed by SIGSEGV; look for what crashes or kills it"),
    ],
)
def test_what_ends_its_process_fails_alone(
    cluster: Client, suite: Callable[..., Suite], toy: Path, name: str, reason: str
) -> None:
    record = run(cluster, suite(f'"{name}"'), toy, cell_timeout=8.0)[name]
    assert (record.status, record.reason) == ("failed", reason)


def test_what_takes_all_memory_fails_alone(
    suite: Callable[..., Suite], toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.run.cluster.MEMORY_LIMIT", 2_500_000_000)
    with start_local_cluster(1) as client:
        record = run(client, suite('"bad-eats"'), toy, cell_timeout=600.0)["bad-eats"]
    assert record.status == "failed"
    assert record.reason.startswith(
        "ProcessStopped: took more than 2.5 GB of memory and was stopped; run with fewer workers"
    )


def test_what_is_killed_once_is_run_again(
    cluster: Client, suite: Callable[..., Suite], toy: Path, tmp_path: Path
) -> None:
    bad = f'{{name = "bad-dies-once", options = {{marker = "{tmp_path / "marker"}"}}}}'
    assert run(cluster, suite(bad), toy, cell_timeout=600.0)["bad-dies-once"].status == "ok"


def test_a_tensor_of_a_class_of_its_own_is_an_attribution(
    cluster: Client, suite: Callable[..., Suite], toy: Path
) -> None:
    record = run(cluster, suite('"bad-class-of-its-own"'), toy, cell_timeout=600.0)["bad-class-of-its-own"]
    assert (record.status, record.reason) == ("ok", "")


def test_what_is_printed_is_not_on_stdout(
    cluster: Client, suite: Callable[..., Suite], toy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with start_local_cluster(1) as client:
        assert run(client, suite('"bad-prints"'), toy, cell_timeout=600.0)["bad-prints"].status == "ok"
    assert "spam" not in capfd.readouterr().out
