import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydantic
import pytest
import torch

from datasets.problem import Problem, make_columns, task, tasks
from sig import plugins
from sig.explicand import Explicand
from sig.plugins import UnknownName, load_plugin

PLUGIN = """
import torch
from datasets.problem import Problem, task
from sig import Explicand

@task("plain")
def plain(*, features: int = 3, seed: int) -> Problem:
    x = torch.rand(2, features, generator=torch.Generator().manual_seed(seed))
    return Problem(Explicand.of(lambda x: x @ torch.ones(features, 2), x))
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    list(tasks)
    before = dict(tasks._entries)
    yield
    tasks._entries = before
    plugins._import_file.cache_clear()


@pytest.fixture
def e() -> Explicand:
    """Two inputs of three features, two players."""
    players = torch.tensor([0, 0, 1])
    return Explicand.of(lambda x: x @ torch.ones(3, 2), torch.rand(2, 3), players=players, input_range=(0.0, 1.0))


def test_truths_become_float64(e: Explicand) -> None:
    problem = Problem(e, truths={"t": torch.ones(2, 2)})
    assert problem.truths["t"].dtype == torch.float64


def test_tuning_inputs_and_exact_methods_are_kept(e: Explicand) -> None:
    others = torch.rand(5, 3)
    problem = Problem(e, truths={"t": torch.ones(2, 2)}, tuning=others, exact={"t": ["bshap"]})
    assert problem.tuning is others
    assert problem.exact == {"t": ["bshap"]}
    assert (Problem(e).tuning, Problem(e).exact) == (None, {})


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"truths": {"t": torch.ones(2, 3)}},
            "truth 't' has shape (2, 3), expected (2, 2): one number for each player",
        ),
        ({"truths": {"t": torch.ones(2)}}, "truth 't' has shape (2,), expected (2, 2)"),
        ({"truths": {"t": [[1.0]]}}, "truth 't' is of type list, expected a tensor of shape (2, 2)"),
        ({"truths": {"t": torch.tensor([[1.0, torch.nan]] * 2)}}, "truth 't' holds NaN or infinity"),
        ({"regions": {"r": torch.ones(3) > 0}}, "region 'r' has shape (3,), expected (2, 3): a mark for each feature"),
        ({"series": {"s": {"x": torch.ones(2), "y": torch.ones(3)}}}, "series 's' has columns of lengths"),
        (
            {"series": {"s": {"x": torch.ones(2, 2)}}},
            "column 'x' of series 's' is (2, 2), expected a tensor of one axis",
        ),
        ({"checks": {"r2": math.inf}}, "check 'r2' is inf, expected a finite number, or NaN where it is unknown"),
        ({"shown": (0, 2)}, "shown holds 2, expected indices of the inputs, 0 .. 1"),
        ({"shown": (-1,)}, "shown holds -1"),
        ({"tuning": [[0.0] * 3]}, "tuning is of type list, expected a tensor of shape"),
        (
            {"tuning": torch.rand(2, 4)},
            "tuning has shape (2, 4), expected (2, 3): one or more inputs of these features",
        ),
        ({"tuning": torch.rand(3)}, "tuning has shape (3,), expected (3, 3)"),
        ({"tuning": torch.rand(0, 3)}, "tuning has shape (0, 3), expected (1, 3)"),
        ({"tuning": torch.rand(2, 3) + 1.5}, "tuning holds values outside the input range 0.0 .. 1.0, or NaN"),
        ({"tuning": torch.full((1, 3), torch.nan)}, "tuning holds values outside the input range 0.0 .. 1.0, or NaN"),
        (
            {"truths": {"t": torch.ones(2, 2)}, "exact": {"u": ["bshap"]}},
            "exact names the truth 'u', expected one of ['t']",
        ),
    ],
)
def test_what_does_not_fit_is_named(e: Explicand, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        Problem(e, **wrong)


def test_a_series_may_be_made_when_it_is_wanted(e: Explicand) -> None:
    made = []

    def make() -> dict[str, torch.Tensor]:
        made.append(1)
        return {"x": torch.arange(2)}

    problem = Problem(e, series={"late": make, "early": {"x": torch.ones(3)}})
    assert made == []
    assert make_columns("late", problem.series["late"])["x"].tolist() == [0, 1]
    assert make_columns("early", problem.series["early"])["x"].tolist() == [1, 1, 1]
    assert made == [1]
    with pytest.raises(ValueError, match="series 'late' has columns of lengths"):
        make_columns("late", lambda: {"x": torch.ones(2), "y": torch.ones(3)})


def test_a_model_in_training_mode_or_without_the_output_explained_is_refused(e: Explicand) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2))
    model.eval()[0].train()
    with pytest.raises(ValueError, match="the model is in training mode"):
        Problem(replace(e, model=model))
    for target in (5, -1):
        with pytest.raises(ValueError, match=rf"target holds {target}, expected outputs of the model, 0 \.\. 1"):
            Problem(replace(e, target=torch.tensor([0, target])))


@pytest.mark.usefixtures("as_users_run_it")
def test_a_problem_needs_an_explicand() -> None:
    with pytest.raises(TypeError, match=r"explicand is of type Tensor, expected sig\.Explicand"):
        Problem(torch.ones(2, 2))  # type: ignore[arg-type]


def test_a_plug_in_can_hold_a_task(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    load_plugin(file)
    assert list(tasks["plain"].options) == ["features"]
    problem, same, other = tasks["plain"](seed=1), tasks["plain"](seed=1), tasks["plain"](seed=2, features="5")
    assert torch.equal(problem.explicand.inputs, same.explicand.inputs)
    assert other.explicand.features == (5,)  # pydantic converts options


def test_tasks_come_as_entry_points_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "someones_tasks"
    package.mkdir()
    (package / "__init__.py").write_text(PLUGIN.replace('"plain"', '"someones"'))
    info = tmp_path / "someones_tasks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: someones-tasks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sig.tasks]\nany = someones_tasks\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(tasks, "_discovered", False)
    assert tasks["someones"](seed=0).explicand.n_players == 3


def test_options_are_checked(tmp_path: Path) -> None:
    @task("typed")
    def typed(*, count: int = 1, seed: int) -> Problem:
        raise AssertionError("not reached")

    with pytest.raises(pydantic.ValidationError):
        tasks["typed"](seed=0, count="many")
    with pytest.raises(pydantic.ValidationError):
        tasks["typed"](seed=0, cuont=1)


def test_a_task_takes_a_seed() -> None:
    with pytest.raises(
        ValueError, match=r"task 'no-seed' takes no keyword 'seed'; declare it as def run\(\*, \.\.\., seed\)"
    ):

        @task("no-seed")
        def run(*, count: int = 1) -> Problem: ...  # type: ignore[empty-body]


def test_a_task_returns_a_problem() -> None:
    @task("nothing")
    def nothing(*, seed: int) -> Any:
        return None

    with pytest.raises(TypeError, match="task 'nothing' returned NoneType, expected a Problem"):
        tasks["nothing"](seed=0)


def test_unknown_tasks_suggest_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown task 'gridwolrd'; did you mean 'gridworld'"):
        tasks["gridwolrd"]
