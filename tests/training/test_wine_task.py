"""A task with its own small network, as a stranger would write it: one file of at most 60 lines."""

import itertools
import math
from pathlib import Path

import pytest
import torch

from datasets.problem import tasks
from sig.registry import load_plugin
from training.fingerprint import PROJECT

FILE = PROJECT / "tests" / "plugins" / "wine_task.py"


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    load_plugin(FILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield tasks["wine"](inputs=2, seed=0)


def test_it_takes_at_most_sixty_lines() -> None:
    assert len(Path(FILE).read_text().splitlines()) <= 60


def test_the_network_tells_wines_apart(problem) -> None:
    assert problem.checks["accuracy"] >= 0.95
    e = problem.explicand
    assert e.inputs.shape == (2, 13)
    assert torch.equal(e.model(e.inputs).argmax(1), e.target)
    assert len(e.background) == 118
    rows = {row.numpy().tobytes() for row in e.background}
    assert not rows & {row.numpy().tobytes() for row in e.inputs}  # what is explained is held out


def test_its_truth_is_the_definition_of_the_shapley_value(problem) -> None:
    """phi_i is the sum over coalitions S without i of |S|! (12 - |S|)! / 13! times what i adds to S."""
    e = problem.explicand
    members = torch.tensor(list(itertools.product((False, True), repeat=13)))
    index = {tuple(row): position for position, row in enumerate(members.tolist())}
    default = e.background.mean(0)
    for x, target, truth in zip(e.inputs, e.target, problem.truths["shapley"], strict=True):
        values = e.model(torch.where(members, x, default))[:, target].double().tolist()
        for i in range(13):
            total = 0.0
            for coalition, position in index.items():
                if not coalition[i]:
                    size = sum(coalition)
                    weight = math.factorial(size) * math.factorial(12 - size) / math.factorial(13)
                    total += weight * (values[index[(*coalition[:i], True, *coalition[i + 1 :])]] - values[position])
            assert truth[i].item() == pytest.approx(total, abs=1e-7)
