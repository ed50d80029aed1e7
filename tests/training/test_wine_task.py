"""The task with its own small network in docs/extend.md: what it computes."""

import itertools
import math

import pytest
import torch

from datasets.problem import tasks
from sig.plugins import load_plugin
from tests.documents import find_block


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    list(tasks)
    before, file = dict(tasks._entries), tmp_path_factory.mktemp("plugin") / "wine_task.py"
    file.write_text(find_block("# wine_task.py"))
    load_plugin(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield tasks["wine"](inputs=2, seed=0)
    tasks._entries = before


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
