from dataclasses import replace

import pytest
import torch
from torch import nn

from datasets import burnt_snacks as data
from sig.certainty import CertaintyAware
from sig.registry import Cost, Trial, methods, metrics
from training import task_burnt_snacks as task
from training.certainty_classifier import Bounds
from training.fit import NotConverged


def tiny_network():
    return nn.Sequential(nn.Conv2d(2, 4, 5, stride=5), nn.ReLU(), task.MaxAndMean(), nn.Linear(8, 2))


@pytest.fixture
def short(monkeypatch):
    """Training of a tiny network for a few steps, which nothing is asked of."""
    quick = {name: replace(recipe, images=640, release=None) for name, recipe in task.RECIPES.items()}
    monkeypatch.setattr(task, "RECIPES", quick)
    monkeypatch.setattr(task, "NETWORKS", {"small": tiny_network})
    monkeypatch.setattr(task, "HELD_OUT", 500)
    monkeypatch.setattr(task, "BOUNDS", Bounds(accuracy=0.0, neutrality_gap=None, absence_spread=None))


def test_networks_see_values_and_certainty_and_have_the_weights_they_say() -> None:
    x = torch.rand(3, 2, data.SIDE, data.SIDE)
    small, paper = task.small_network(), task.paper_network()
    assert small(x).shape == paper(x).shape == (3, 2)
    assert sum(weights.numel() for weights in small.parameters()) == 185_890
    convolutions = [layer for layer in paper if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [32, 64, 128, 128]


def test_initialisation_is_that_of_he_with_no_bias() -> None:
    torch.manual_seed(0)
    weights = task.small_network().state_dict()
    assert weights["4.weight"].std().item() == pytest.approx((2 / (48 * 9)) ** 0.5, rel=0.02)
    assert (weights["4.bias"] == 0).all()


def test_images_to_train_on_held_out_and_explained_are_all_different(short) -> None:
    recipe = task.RECIPES["small"]
    problem = task.burnt_snacks(images=20, compare=False, seed=0)
    snacks = task.BurntSnacksData(recipe, seed=0)
    trained_on = torch.cat([images for images, _ in snacks.train_dataloader()])
    every = torch.cat([trained_on, snacks.values, problem.explicand.inputs, problem.explicand.background])
    assert len(every.flatten(1).unique(dim=0)) == len(every) == 640 + 500 + 20 + 100


def test_the_problem_marks_what_is_where_and_shows_both_classes(short) -> None:
    problem = task.burnt_snacks(images=20, compare=False, seed=0)
    e = problem.explicand
    assert torch.equal(problem.regions["dark"].flatten(1).any(1).long(), e.target)
    assert [int(e.target[i]) for i in problem.shown] == [1, 1, 1, 0, 0, 0]
    assert (e.inputs[problem.regions["dark"]] <= 0.5).all()
    assert (e.inputs[problem.regions["light"]] >= 0.5).all()
    assert (e.inputs[~torch.stack(list(problem.regions.values())).any(0)] == 0).all()
    assert e.n_players == 25
    assert isinstance(e.model, CertaintyAware)
    assert {"certainty", "training"} == set(problem.series)
    assert {"checkpoint"} == set(problem.provenance)


def test_probability_and_logit_explain_one_model_on_one_set_of_images(short) -> None:
    probability, logit = (
        task.burnt_snacks(images=6, output=output, compare=False, seed=4) for output in ("probability", "logit")
    )
    assert probability.provenance == logit.provenance
    assert torch.equal(probability.explicand.inputs, logit.explicand.inputs)
    x = probability.explicand.inputs
    torch.testing.assert_close(probability.explicand.model(x), logit.explicand.model(x).softmax(1))


def test_comparison_with_training_without_damage(short) -> None:
    problem = task.burnt_snacks(images=6, compare=True, seed=0)
    assert "accuracy_without_damage" in problem.checks
    assert "training-without-damage" in problem.series
    assert set(problem.provenance) == {"checkpoint", "checkpoint_without_damage"}


def test_a_patch_that_does_not_fit_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match=r"patch is 7, expected .* divides height 50"):
        task.burnt_snacks(patch=7, seed=0)


def test_a_model_below_the_papers_accuracy_is_never_explained(short, monkeypatch) -> None:
    monkeypatch.setattr(task, "BOUNDS", Bounds(accuracy=0.987))
    with pytest.raises(NotConverged, match=r"accuracy is 0\.\d+, expected at least 0\.987"):
        task.burnt_snacks(images=6, compare=False, seed=0)


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
