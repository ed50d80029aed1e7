"""Today's tasks find the very models that were published for them: these are named by what ``fit`` is asked for."""

import inspect
import json
import lzma
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from datasets.cache import PROJECT
from datasets.problem import tasks
from training.session import training_session
from training.store.published import PublishedModels

LARGE = {"rows": 2, "cols": 3}  # a game that takes seconds to value


class Stopped(Exception):
    """Raised in place of explaining a model."""


def stop(*args: Any, **options: Any) -> None:
    raise Stopped


def published_problems() -> Iterator[Any]:
    """The first published problem with each set of models."""
    seen: set[frozenset[str]] = set()
    for file in sorted((PROJECT / "results").glob("*/problems.jsonl.xz")):
        for problem in map(json.loads, lzma.decompress(file.read_bytes()).splitlines()):
            data = problem["provenance"]["data"]
            models = frozenset(sha256 for name, sha256 in data.items() if name.startswith("checkpoint"))
            if problem["repetition"] == 0 and models and models not in seen:
                seen.add(models)
                is_large = LARGE.items() <= problem["task_options"].items()
                marks = [pytest.mark.slow] if is_large else []
                name = f"{file.parent.name}-{problem['task']}"
                yield pytest.param(file.parent / "models", problem, models, id=name, marks=marks)


@pytest.mark.parametrize(("folder", "problem", "models"), list(published_problems()))
def test_a_task_asks_for_the_models_that_it_was_published_with(folder, problem, models, monkeypatch) -> None:
    found = set()
    require = PublishedModels.require

    def note(self, name, config, seed):
        checkpoint = require(self, name, config, seed)
        found.add(checkpoint.sha256)
        return checkpoint

    task = tasks[problem["kind"]]
    monkeypatch.setattr(PublishedModels, "require", note)
    monkeypatch.setattr(sys.modules[inspect.unwrap(task.run).__module__], "explain", stop)
    with training_session(progress=False, models=folder), pytest.raises(Stopped):
        task(seed=problem["problem_seed"], **problem["task_options"])
    assert found == models
