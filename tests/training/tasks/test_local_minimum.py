from dataclasses import replace

import pytest
import torch

from datasets import local_minimum as data
from sig.explicand import Explicand
from sig.registry import methods
from training.recipe import Bounds
from training.tasks import local_minimum as task


@pytest.fixture
def short(monkeypatch):
    """Training of a few hundred steps: enough for the step at 1/2, which ``short_training`` does without."""
    slim = task.MODELS["slim"]
    short = replace(slim, recipe=replace(slim.recipe, samples=80_000), bounds=Bounds(accuracy=0.7))
    monkeypatch.setitem(task.MODELS, "slim", short)
    monkeypatch.setattr(task, "HELD_OUT", 2000)


def explicand_of(model, inputs):
    return Explicand(
        model=model,
        inputs=inputs,
        target=torch.ones(len(inputs), dtype=torch.long),
        background=inputs,
        players=torch.arange(data.FEATURES),
    )


@pytest.mark.parametrize("name", ["slim", "paper"])
def test_features_that_change_places_change_nothing(name) -> None:
    network = task.MODELS[name].network()
    x = torch.rand(4, 2, data.FEATURES)
    order = torch.randperm(data.FEATURES)
    assert network(x).shape == (4, 2)
    torch.testing.assert_close(network(x[:, :, order]), network(x))


def test_layers_are_as_wide_as_stated() -> None:
    def widths(layers):
        return [layer.out_features for layer in layers if isinstance(layer, torch.nn.Linear)]

    paper = task.make_paper()
    assert widths(paper.component) == [500] * 6 + [1]
    assert widths(paper.head) == [20] * 4 + [2]
    for layers, leaky in ((paper.component, 7), (paper.head, 4)):  # the number is followed by one, the logits are not
        slopes = [layer.negative_slope for layer in layers if isinstance(layer, torch.nn.LeakyReLU)]
        assert slopes == [0.02] * leaky


@pytest.mark.parametrize("name", ["slim", "paper"])
def test_numbers_of_the_features_are_summed(name) -> None:
    network = {"slim": task.make_slim, "paper": task.make_paper}[name]()
    x = torch.rand(3, 2, data.FEATURES)
    numbers = torch.cat([network.component(x[:, :, i]) for i in range(data.FEATURES)], 1)
    torch.testing.assert_close(network(x), network.head(numbers.sum(1, keepdim=True)))


def test_the_boundary_of_a_model_worked_out_by_hand() -> None:
    def model(x):  # even odds where the mean of the features is 0.512
        return torch.stack([torch.zeros(len(x)), 40 * (x.mean(1) - 0.512)], 1).softmax(1)

    assert task.find_boundary(model) == pytest.approx(0.512, abs=1e-4)


def test_a_model_without_a_boundary_is_refused() -> None:
    with pytest.raises(ValueError, match="goes from 0.100 to 0.100 .* does not change its mind"):
        task.find_boundary(lambda x: torch.tensor([[0.9, 0.1]]).expand(len(x), 2))


def test_shapley_values_of_a_sum_are_what_each_feature_adds() -> None:
    def model(x):
        return torch.stack([torch.zeros(len(x)), x.square().sum(1)], 1)

    x = torch.rand(3, data.FEATURES)
    expected = x.square() - 0.49**2
    torch.testing.assert_close(task.shapley_from(explicand_of(model, x), 0.49).float(), expected)


def test_the_problem_states_both_truths(short) -> None:
    problem = task.local_minimum(inputs=5, compare=False, seed=0)
    e, boundary = problem.explicand, problem.checks["boundary"]
    assert e.inputs.shape == (5, 6)
    assert (e.target == 1).all()
    assert problem.shown == ()
    assert problem.tuning is not None
    assert (problem.tuning.shape, problem.exact) == ((8, 6), {})
    assert torch.equal(problem.truths["scores"], data.scores(e.inputs).double())
    at_boundary = e.model(torch.full((1, 6), boundary))[0, 1].item()
    assert at_boundary == pytest.approx(0.5, abs=1e-3)
    total = e.model(e.inputs)[:, 1].double() - at_boundary  # Shapley values are complete
    torch.testing.assert_close(problem.truths["bshap"].sum(1), total, atol=1e-4, rtol=0)


def test_without_random_inputs_the_papers_is_explained_by_the_same_model_and_shown(short) -> None:
    papers, random = (task.local_minimum(inputs=inputs, compare=False, seed=0) for inputs in (0, 3))
    assert papers.explicand.inputs.tolist() == [pytest.approx(list(data.TABLE_2_INPUT))]
    assert papers.shown == (0,)
    assert papers.provenance == random.provenance


def test_inputs_that_are_explained_were_not_trained_on(short) -> None:
    problem = task.local_minimum(inputs=50, compare=False, seed=0)
    samples = task.make_data(task.MODELS["slim"].recipe, seed=0)
    trained_on = torch.cat([x for x, _ in samples.batches])
    assert problem.tuning is not None
    every = torch.cat(
        [trained_on, samples.inputs, problem.explicand.inputs, problem.explicand.background, problem.tuning]
    )
    assert len(every.unique(dim=0)) == len(every)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_real_training_reaches_the_papers_accuracy_and_icg_follows_bshap(seed) -> None:
    problem = task.local_minimum(inputs=100, compare=False, seed=seed)
    assert problem.checks["accuracy"] >= 0.96
    icg = methods["icg"](problem.explicand, generator=torch.Generator())
    assert torch.cosine_similarity(icg.double(), problem.truths["bshap"]).mean() > 0.9
