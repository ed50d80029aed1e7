import pytest
import torch
from torch import nn

from datasets import burnt_snacks as data
from sig.registry import Cost, Trial, methods, metrics
from tests.short_training import BATCH, HELD_OUT, STEPS, shorten
from training.tasks import burnt_snacks as task


def test_networks_see_values_and_certainty_and_have_the_weights_they_say() -> None:
    x = torch.rand(3, 2, data.SIDE, data.SIDE)
    small, paper = task.make_small(), task.make_paper()
    assert small(x).shape == paper(x).shape == (3, 2)
    assert sum(weights.numel() for weights in small.parameters()) == 112_162
    for network, width in ((paper, 1), (small, 0.5)):
        convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
        assert [layer.out_channels / width for layer in convolutions] == [32, 64, 128, 128]
        assert all(layer.padding == (0, 0) for layer in convolutions)
        (flat,) = (layer.in_features for layer in network if isinstance(layer, nn.Linear) and layer.out_features == 32)
        assert flat / width == 5 * 5 * 128


def test_the_papers_network_has_its_dropout_and_the_small_one_none() -> None:
    shares = {
        name: [layer.p for layer in spec.network().modules() if isinstance(layer, nn.Dropout)]
        for name, spec in task.MODELS.items()
    }
    assert shares == {"small": [0.0] * 4, "paper": [0.2, 0.1, 0.1, 0.2]}


def test_initialisation_is_that_of_he_with_no_bias() -> None:
    torch.manual_seed(0)
    weights = task.make_small().state_dict()
    assert weights["6.weight"].std().item() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.02)
    assert (weights["6.bias"] == 0).all()


def test_images_to_train_on_held_out_and_explained_are_all_different(short_training) -> None:
    problem = task.burnt_snacks(images=20, compare=False, seed=0)
    snacks = task.make_data(shorten(task.SMALL), seed=0)
    trained_on = torch.cat([images for images, _ in snacks.batches])
    every = torch.cat([trained_on, snacks.inputs, problem.explicand.inputs, problem.explicand.background])
    assert len(every.flatten(1).unique(dim=0)) == len(every) == BATCH * STEPS + HELD_OUT + 20 + 100


def test_the_problem_marks_what_is_where_and_shows_both_classes(short_training) -> None:
    problem = task.burnt_snacks(images=20, compare=False, seed=0)
    e = problem.explicand
    assert torch.equal(problem.regions["dark"].flatten(1).any(1).long(), e.target)
    assert [int(e.target[i]) for i in problem.shown] == [1, 1, 1, 0, 0, 0]
    assert (e.inputs[problem.regions["dark"]] <= 0.5).all()
    assert (e.inputs[problem.regions["light"]] >= 0.5).all()
    assert (e.inputs[~torch.stack(list(problem.regions.values())).any(0)] == 0).all()
    assert e.n_players == 25


def test_tuning_images_are_one_of_each_class_and_not_explained(short_training) -> None:
    problem = task.burnt_snacks(images=20, compare=False, seed=0)
    assert problem.tuning is not None
    every = torch.cat([problem.tuning, problem.explicand.inputs, problem.explicand.background])
    assert len(every.flatten(1).unique(dim=0)) == len(every) == 2 + 20 + 100


def test_the_papers_accuracy_is_asked_for() -> None:
    assert {spec.bounds.accuracy for spec in task.MODELS.values()} == {0.987}


@pytest.mark.slow
def test_real_training_reaches_the_papers_accuracy_and_icg_finds_the_dark_squares() -> None:
    problem = task.burnt_snacks(images=40, compare=False, seed=1)
    assert problem.checks["accuracy"] >= 0.987
    assert problem.checks["neutrality_gap"] <= 0.05
    assert problem.checks["absence_spread"] <= 0.04

    def localisation(name):
        e = problem.explicand
        attribution = methods[name](e, generator=torch.Generator().manual_seed(0))
        trial = Trial(
            e, attribution, Cost(seconds=0.0, forward_rows=0, backward_rows=0, peak_bytes=0), None, problem.regions
        )
        return metrics["attribution_transfer"](trial, measure="localisation").nanmean()

    assert localisation("icg") > 0.8
    assert localisation("ig-zero") < 0.2
