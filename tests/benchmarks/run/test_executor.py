import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch
from distributed import Client
from torch import nn

from benchmarks.run.cells import plan
from benchmarks.run.cluster import start_local_cluster
from benchmarks.run.executor import execute
from benchmarks.run.isolation.fork import Fork
from benchmarks.run.isolation.process import Limits
from benchmarks.run.records import CellRecord, ProblemRecord
from benchmarks.run.suite import Suite
from benchmarks.run.worker import CellResult, Setting
from sig.explicand import Explicand
from sig.metrics.runtime import measure

SUITE = """
methods = ["toy-exact", "toy-noise", "toy-fails", "toy-refuses", "ig-zero", "expected-gradients"]
repetitions = 3
[[tasks]]
name = "t"
kind = "toy"
options = { style = "truthful" }
budgets = [3, 20]
metrics = ["toy-mean", "toy-distance", "toy-curve"]
[[tasks]]
name = "broken"
kind = "toy"
options = { breaks = "raises" }
budgets = [3]
metrics = ["toy-mean"]
"""
TASK = '\n[[tasks]]\nname = "t"\nkind = "toy"\nbudgets = [3, 20]\nmetrics = ["toy-mean"]'
Load = Callable[..., Suite]
Records = tuple[dict[str, ProblemRecord], dict[str, CellRecord]]


def run(client: Client, suite: Suite, toy: Path) -> Records:
    finished = list(execute(client, plan(suite), Setting((toy,))))
    problems = {one.file: one for one in finished if isinstance(one, ProblemRecord)}
    cells = {one.record.file: one.record for one in finished if isinstance(one, CellResult)}
    assert len(problems) + len(cells) == len(finished)
    return problems, cells


@pytest.fixture(scope="module")
def one_worker() -> Iterator[Client]:
    with start_local_cluster(1) as client:
        yield client


def test_every_problem_and_cell_gets_one_record(cluster: Client, suite_of: Load, toy: Path) -> None:
    suite = suite_of(SUITE)
    problems, cells = run(cluster, suite, toy)
    groups = plan(suite)
    assert set(problems) == {group.problem.file for group in groups}
    assert set(cells) == {cell.file for group in groups for cell in group.cells}
    statuses = {(cell.task, cell.label): cell.status for cell in cells.values()}
    assert {label: status for (task, label), status in statuses.items() if task == "t"} == {
        "toy-exact": "ok",
        "toy-noise": "ok",
        "toy-fails": "failed",
        "toy-refuses": "skipped",
        "ig-zero": "ok",
        "expected-gradients": "ok",
    }


def test_cells_of_a_problem_that_fails_give_its_reason(cluster: Client, suite_of: Load, toy: Path) -> None:
    problems, cells = run(cluster, suite_of(SUITE), toy)
    broken = [cell for cell in cells.values() if cell.task == "broken"]
    assert len(broken) == 3 * 6
    for cell in broken:
        (problem,) = [p for p in problems.values() if p.key == cell.problem]
        assert cell.status == problem.status == "failed"
        assert cell.reason == f"the problem could not be prepared: {problem.reason}"


def test_scores_do_not_depend_on_the_number_of_workers(
    cluster: Client, one_worker: Client, suite_of: Load, toy: Path
) -> None:
    (_, one), (_, two) = run(one_worker, suite_of(SUITE), toy), run(cluster, suite_of(SUITE), toy)
    assert {file: cell.scores for file, cell in one.items()} == {file: cell.scores for file, cell in two.items()}
    assert {file: cell.maps for file, cell in one.items()} == {file: cell.maps for file, cell in two.items()}
    assert sum(bool(cell.scores) for cell in one.values()) == 3 * 7


def threads(name: str) -> tuple[int, int, str | None]:
    return os.getpid(), torch.get_num_threads(), os.environ.get(name)


def ask(name: str) -> tuple[int, int, str | None]:
    return Fork.of_this_thread().call(threads, name, limits=Limits(600.0))


def test_cells_run_in_processes_with_one_thread(cluster: Client, suite_of: Load, toy: Path) -> None:
    run(cluster, suite_of(SUITE), toy)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        futures = [cluster.submit(ask, name, workers=[address], pure=False) for address in addresses(cluster)]
        found = [future.result() for future in futures]
        assert [answer[1:] for answer in found] == [(1, "1"), (1, "1")]
        assert len({os.getpid(), *(answer[0] for answer in found)}) == 3


def hold_and_release() -> tuple[float, float, float]:
    """Megabytes in use before 300 are held, after they are released, and at most in the next call that is measured."""

    def in_use() -> float:
        return float(psutil.Process().memory_info().rss) / 2**20

    before = in_use()
    parts = [torch.ones(2**18) for _ in range(300)]
    del parts
    after = in_use()
    e = Explicand.of(nn.Linear(3, 1).eval(), torch.rand(1, 3), target=torch.zeros(1, dtype=torch.long))
    peak = measure(e, lambda e: e.inputs)[1].peak_bytes
    assert peak is not None
    return before, after, peak / 2**20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's memory is kept")
def test_processes_keep_the_memory_that_a_cell_frees_and_the_next_ones_peak_is_without_it(one_worker: Client) -> None:
    def ask_for_memory() -> tuple[float, float, float]:
        return Fork.of_this_thread().call(hold_and_release, limits=Limits(600.0))

    before, after, peak = one_worker.submit(ask_for_memory, pure=False).result()
    assert after - before > 280
    assert peak - before < 20


def addresses(client: Client) -> list[str]:
    return list(client.scheduler_info()["workers"])


def test_a_worker_that_dies_fails_its_cell_alone(suite_of: Load, toy: Path) -> None:
    suite = suite_of('methods = ["toy-exact", "toy-kills", "toy-noise", "toy-refuses"]\nrepetitions = 2' + TASK)
    with start_local_cluster(2) as client:
        _, cells = run(client, suite, toy)
    assert len(cells) == 2 * 5
    for cell in cells.values():
        expected = {"toy-kills": "failed", "toy-refuses": "skipped"}.get(cell.label, "ok")
        assert cell.status == expected, cell.reason
        if expected == "failed":
            assert cell.reason == "ProcessKilled: its process was killed by SIGKILL; is there enough memory?"


def test_a_problem_that_kills_its_worker_fails_its_own_cells(suite_of: Load, toy: Path) -> None:
    kills = TASK.replace('"t"', '"kills"').replace("[3, 20]", "[3]") + '\noptions = {breaks = "kills"}'
    suite = suite_of('methods = ["toy-exact", "toy-noise"]' + kills + TASK)
    with start_local_cluster(1) as client:
        problems, cells = run(client, suite, toy)
    assert {problem.task: problem.status for problem in problems.values()} == {"kills": "failed", "t": "ok"}
    assert sorted((cell.task, cell.status) for cell in cells.values()) == [
        ("kills", "failed"),
        ("kills", "failed"),
        ("t", "ok"),
        ("t", "ok"),
        ("t", "ok"),
    ]
