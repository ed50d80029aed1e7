"""What every registered task promises, whatever it is about; networks are trained for a few steps only."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
import torch

from benchmarks.run.provenance import is_model
from benchmarks.run.records import ProblemSpec
from benchmarks.run.worker import Setting, prepare
from datasets.problem import Problem, tasks
from sig.explicand import Tally
from sig.guard import Guard
from sig.registry import Trial, methods, metrics
from tests.picture_folder import make_folder
from tests.short_training import shorten_training
from training.imagenette import train_imagenette
from training.store.published import collect_models

OPTIONS: dict[str, dict[str, Any]] = {  # of tasks that cannot do without, or that take long
    "faces": {"faces": 3},
    "gridworld": {"rows": 1, "cols": 2, "reward": "r2"},
    "imagenet": {"pictures": 2, "background": 5},
    "natural-crops": {"pictures": 3, "background": 5},
    "units": {"unit": "cancelling"},
}
OF_OTHERS = "perturbed-by-rounding"  # is another task's problem, and there once cells are scored again
NAMES = [task.name for task in tasks if task.name != OF_OTHERS]


@pytest.fixture(scope="module", autouse=True)
def short_training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_CACHE", str(tmp_path_factory.mktemp("cache")))
        shorten_training(patch)
        patch.setitem(OPTIONS, "imagenette", train_on_folder(tmp_path_factory.mktemp("imagenette")))
        yield


def train_on_folder(place: Path) -> dict[str, Any]:
    """Options of the task ``imagenette``, which takes a folder of pictures and a model that was trained on it."""
    folder = make_folder(place / "pictures")
    model = train_imagenette(folder, place / "model", epochs=1, batch=8, side=32, depth="resnet18")
    sha256 = json.loads(model.with_suffix(".json").read_text())["sha256"]
    return {"folder": str(folder), "model": sha256, "pictures": 2, "patch": 8, "background": 5}


def problem_of(name: str, seed: int = 0) -> Problem:
    return tasks[name](seed=seed, **OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", NAMES)
class TestEveryTask:
    def test_is_determined_by_its_seed_alone(self, name: str) -> None:
        torch.manual_seed(1)
        one = problem_of(name)
        torch.manual_seed(2)
        same, other = problem_of(name), problem_of(name, seed=1)
        for content in ("inputs", "target", "background", "players"):
            assert torch.equal(getattr(one.explicand, content), getattr(same.explicand, content))
        classes, again = one.explicand.background_classes, same.explicand.background_classes
        assert (classes is None) == (again is None)
        if classes is not None and again is not None:
            assert torch.equal(classes, again)
            assert 0 <= classes.min() <= classes.max() < one.explicand.model(one.explicand.inputs[:1]).shape[1]
        x = one.explicand.inputs
        assert torch.equal(one.explicand.model(x), same.explicand.model(x))
        assert one.provenance == same.provenance
        assert not torch.equal(one.explicand.background, other.explicand.background)

    def test_leaves_global_random_state_alone(self, name: str) -> None:
        before = torch.get_rng_state()
        problem_of(name)
        assert torch.equal(before, torch.get_rng_state())

    def test_has_a_frozen_model_that_scores_each_input_by_itself(self, name: str) -> None:
        e = problem_of(name).explicand
        outputs = e.outputs(e.inputs)
        assert not outputs.requires_grad
        assert not getattr(e.model, "training", False)
        assert (e.target < outputs.shape[1]).all()
        alone = torch.cat([e.outputs(e.inputs[i : i + 1]) for i in range(min(3, len(e.inputs)))])
        torch.testing.assert_close(alone, outputs[:3], rtol=1e-4, atol=1e-5)

    def test_can_be_attributed_and_scored(self, name: str) -> None:
        problem = problem_of(name)
        guard, generator = Guard(problem.explicand), torch.Generator().manual_seed(0)
        found = guard.attribute(methods["ig-zero"], {"steps": 2}, generator=generator, budget=4)
        truth = next(iter(problem.truths.values()), None)
        trial = Trial(problem.explicand, found.attribution, found.cost, truth, problem.regions, found.change)
        assert len(guard.score(metrics["completeness"], trial, {})) == len(problem.explicand.inputs)
        assert problem.explicand.tally == Tally()

    def test_can_be_recorded(self, name: str) -> None:
        options = OPTIONS.get(name, {})
        spec = ProblemSpec(task="t", kind=name, task_options=options, repetition=0, problem_seed=0, key="k")
        record = prepare(spec, Setting())
        assert record.status == "ok", record.traceback
        assert type(record).model_validate_json(record.model_dump_json()) == record

    def test_has_the_checkpoints_that_it_names_so_that_they_can_be_published(self, name: str, tmp_path: Path) -> None:
        named = {value for key, value in problem_of(name).provenance.items() if is_model(key)}
        collect_models(named, tmp_path)
        assert {json.loads(file.read_text())["sha256"] for file in tmp_path.glob("*.json")} == named

    def test_states_its_facts(self, name: str) -> None:
        task = tasks[name]
        assert inspect.getdoc(inspect.unwrap(task.run)), "say what is explained, and what is known of it"
        for option, parameter in task.options.items():
            assert parameter.annotation is not parameter.empty, f"say what {option} may be"

    def test_names_an_option_that_it_does_not_have(self, name: str) -> None:
        with pytest.raises(pydantic.ValidationError, match="no_such_option"):
            tasks[name](seed=0, **OPTIONS.get(name, {}), no_such_option=1)
