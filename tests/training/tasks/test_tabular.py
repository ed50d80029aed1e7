import itertools
import math
from collections.abc import Callable

import numpy as np
import pydantic
import pytest
import torch

from datasets import tabular as data
from datasets.problem import Problem
from sig.methods.shapley import bshap
from training.tasks import tabular as task


@pytest.fixture(scope="module")
def problem(own_cache) -> Problem:
    return task.tabular(inputs=2, background=4, seed=0)


def shapley_by_definition(value: Callable[[np.ndarray], float], n: int) -> list[float]:
    """phi_i is the sum over coalitions S without i of |S|! (n - 1 - |S|)! / n! times what i adds to S."""
    values = {members: value(np.array(members)) for members in itertools.product((False, True), repeat=n)}
    found = []
    for i in range(n):
        total = 0.0
        for members, without in values.items():
            if not members[i]:
                size = sum(members)
                weight = math.factorial(size) * math.factorial(n - 1 - size) / math.factorial(n)
                total += weight * (values[(*members[:i], True, *members[i + 1 :])] - without)
        found.append(total)
    return found


def test_truths_are_the_definition_of_the_shapley_value(problem) -> None:
    e = problem.explicand
    x, target, background = e.inputs[0].numpy(), int(e.target[0]), e.background.numpy()

    def from_mean(members: np.ndarray) -> float:
        return float(e.model(torch.tensor(np.where(members, x, 0))[None].float())[0, target])

    def from_background(members: np.ndarray) -> float:
        return float(e.model(torch.tensor(np.where(members, x, background)).float())[:, target].double().mean())

    for name, value in (("baseline", from_mean), ("interventional", from_background)):
        assert problem.truths[name][0].tolist() == pytest.approx(shapley_by_definition(value, 10), abs=1e-6)
    assert not torch.allclose(problem.truths["baseline"], problem.truths["interventional"], atol=1e-3)


def test_the_exact_method_reaches_the_truth(problem) -> None:
    assert problem.exact == {"baseline": ("bshap",)}
    found = bshap(problem.explicand, generator=torch.Generator())
    torch.testing.assert_close(found.double(), problem.truths["baseline"], rtol=0, atol=1e-5)


def test_the_network_tells_samples_apart(problem) -> None:
    assert problem.checks["accuracy"] >= 0.88
    assert problem.provenance["data"] == data.load("breast-cancer").sha256
    split = task.split_table("breast-cancer", 0)
    train, held_out = ({row.tobytes() for row in rows.numpy()} for rows in (split.train, split.held_out))
    e = problem.explicand
    assert {row.tobytes() for row in e.background.numpy()} <= train
    explained = {row.tobytes() for row in torch.cat([e.inputs, problem.tuning]).numpy()}
    assert explained <= held_out
    assert len(explained) == 2 + 8


def test_wine_is_three_classes_of_13_features(own_cache) -> None:
    problem = task.tabular(table="wine", inputs=1, background=1, seed=0)
    e = problem.explicand
    assert e.features == (13,)
    assert e.model(e.inputs).shape == (1, 3)
    assert problem.checks["accuracy"] >= 0.88


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": 183}, r"183 inputs were asked for, expected 1 \.\. 182"),
        ({"background": 380}, r"380 samples of the background were asked for, expected 1 \.\. 379"),
    ],
)
def test_as_many_samples_as_there_are(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        task.tabular(seed=0, **options)


@pytest.mark.parametrize("options", [{"table": "diabetes"}, {"inputs": 0}, {"background": 0}])
def test_options_that_do_not_exist(options) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(options))):
        task.tabular(seed=0, **options)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("table", data.LOADERS)
def test_every_seed_learns(table, seed, own_cache) -> None:
    assert task.tabular(table=table, inputs=1, background=1, seed=seed).checks["accuracy"] >= 0.91
