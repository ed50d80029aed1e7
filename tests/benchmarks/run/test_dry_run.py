import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.run.dry_run import EXPLICANDS, SECONDS_PER_ROW, describe_run, estimate_methods
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import read_run
from benchmarks.run.suite import Suite
from benchmarks.run.worker import Setting

SUITE = """
methods = ["toy-exact", "toy-noise"]
repetitions = 2
[[tasks]]
name = "t"
kind = "toy"
budgets = [10, 20]
metrics = ["toy-mean"]
"""
Load = Callable[..., Suite]


def test_without_records_a_budget_is_spent_at_a_rate(suite_of: Load) -> None:
    exact, noise = estimate_methods(suite_of(SUITE))
    assert (exact.method, exact.cells, exact.rows, exact.seconds, exact.sources) == (
        "toy-exact",
        2,
        0,
        0,
        {"unknown": 2},
    )
    rows = 2 * (10 + 20) * EXPLICANDS
    assert (noise.cells, noise.rows, noise.sources) == (4, rows, {"rate": 4})
    assert noise.seconds == pytest.approx(rows * SECONDS_PER_ROW)


def test_brackets_in_names_are_shown(suite_of: Load) -> None:
    labelled = '{name = "toy-exact", label = "ig[/red]"}, {name = "toy-noise", label = "ig [ours]"}'
    suite = suite_of(SUITE.replace('"toy-exact", "toy-noise"', labelled))
    shown = io.StringIO()
    Console(file=shown, width=200).print(describe_run(suite.model_copy(update={"name": "s[/red]"}), [], 2))
    assert all(name in shown.getvalue() for name in ("ig[/red]", "ig [ours]", "s[/red]"))


def test_with_records_cells_take_what_they_took(suite_of: Load, toy: Path, tmp_path: Path) -> None:
    suite = suite_of(SUITE.replace("[10, 20]", "[10]"))
    console = Console(file=io.StringIO())
    run_suite(suite, tmp_path / "run", workers=1, console=console, setting=Setting((toy,)))
    run = read_run(tmp_path / "run")
    costs = [cell.cost for cell in run.cells if cell.cost and cell.label == "toy-exact"]
    assert [cost.forward_rows + cost.backward_rows for cost in costs] == [6, 6]
    exact, noise = estimate_methods(suite_of(SUITE), run.problems, run.cells)
    assert (exact.rows, exact.sources) == (12, {"records": 2})
    assert exact.seconds == pytest.approx(sum(cost.seconds for cost in costs))
    assert noise.sources == {"records": 2, "rate": 2}
    assert noise.rows == 2 * 0 + 2 * 20 * 3  # draws without the model; the other budget for each of three explicands
    shown = io.StringIO()
    Console(file=shown, width=200).print(describe_run(suite, [tmp_path / "nothing", tmp_path / "run"], 2))
    assert "toy-noise" in shown.getvalue()
    assert str(tmp_path / "run") in "".join(shown.getvalue().split())
