"""The likely cause of a difference, as the records tell it."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.publish.difference import find_cause, find_cause_of_problem
from benchmarks.run.records import CellRecord, CellSpec, ProblemRecord
from tests.benchmarks.run_maker import RunMaker


def records(tmp_path: Path, **where: Any) -> tuple[ProblemRecord, CellRecord]:
    maker = RunMaker(tmp_path / "run", {"m": "x"}, {"t": {}})
    maker.problem("t", 0)
    maker.cell("t", 0, "m", {"completeness": [0.1]}, metrics=["completeness"], metric_keys={"completeness": "key"})
    (problem,), (cell,) = maker.problems, maker.cells
    own = problem.provenance.model_copy(update=where)
    return problem.model_copy(update={"provenance": own}), cell.model_copy(update={"provenance": own})


@pytest.mark.parametrize(
    ("where", "planned", "cause", "why"),
    [
        ({}, {}, "record", "number was changed"),
        ({"processor": "Another"}, {}, "processor", "processor A processor, now Another"),
        ({"instructions": "AVX512"}, {}, "processor", "instructions AVX2, now AVX512"),
        ({"processor": "Another"}, {"metric_keys": {"completeness": "other"}}, "metric", "'completeness'"),
        ({"processor": "Another"}, {"problem": "o"}, "data", "or it is rounding on another processor (processor A "),
        ({"processor": "Another"}, {"attribution_key": "o"}, "method", "or it is rounding on another processor"),
        ({}, {"metric_keys": {"completeness": "o"}, "attribution_key": "o"}, "method", "its code or options changed"),
        ({}, {"problem": "o", "attribution_key": "o"}, "data", "the code that makes the problem changed"),
        ({"packages": {"torch": "2.7.0", "numpy": "2.1.0"}}, {"problem": "o"}, "package", "torch 2.6.0, now 2.7.0"),
        ({"python": "3.13.0"}, {"problem": "o"}, "package", "Python 3.12, now 3.13"),
        ({"python": "3.12.9"}, {}, "record", ""),
        ({"data": {"checkpoint": "another"}, "python": "3.13.0"}, {}, "model", "checkpoint t0, now another"),
        ({"data": {"checkpoint": "t0", "data": "d"}}, {}, "data", "data None, now d"),
    ],
)
def test_the_likely_cause(tmp_path: Path, where: Any, planned: Any, cause: str, why: str) -> None:
    (problem, cell), (new_problem, new_cell) = records(tmp_path), records(tmp_path, **where)
    spec = CellSpec.model_validate(cell.model_dump(include=set(CellSpec.model_fields))).model_copy(update=planned)
    found = find_cause((problem, new_problem), (cell, new_cell), spec, "completeness")
    assert found[0] == cause
    assert why in found[1]
    if cause not in ("metric", "method"):
        assert find_cause_of_problem(problem, new_problem, spec.problem)[0] == cause


def test_a_missing_model_is_the_cause(tmp_path: Path) -> None:
    problem, _ = records(tmp_path)
    failed = problem.model_copy(update={"status": "failed", "reason": "MissingModel: no model 'x'"})
    assert find_cause_of_problem(problem, failed, problem.key)[0] == "model"


def test_a_method_that_is_not_here_is_the_cause(tmp_path: Path) -> None:
    problem, cell = records(tmp_path)
    assert find_cause((problem, problem), (cell, cell), None)[0] == "method"
