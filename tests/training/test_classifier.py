from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from training.batches import RandomBatches, TrainingData
from training.classifier import Classifier, fit_classifier, fit_network
from training.fit import NotConverged
from training.recipe import Bounds, ModelSpec, Recipe

RECIPE = Recipe(batch=50, samples=50 * 100, lr=0.1)


def halves(recipe, *, seed, share=0.5):
    """Two features; class 1 where their sum is above a threshold, and never on the edge."""
    x = torch.rand(1000, 2, generator=torch.Generator().manual_seed(0))
    x = x[(x.sum(1) - 2 * share).abs() > 0.05]
    y = (x.sum(1) > 2 * share).long()
    return TrainingData(
        RandomBatches(x[200:], y[200:], size=recipe.batch, steps=recipe.steps, seed=0), x[:200], y[:200]
    )


def network():
    return nn.Linear(2, 2)


SPEC = ModelSpec("halves", network, halves, RECIPE, Bounds(accuracy=0.95))


def fit_halves(seed=0, **change):
    return fit_classifier(replace(SPEC, **change), seed=seed)


def test_the_check_is_the_accuracy_of_the_network_on_what_is_held_out() -> None:
    trained, data = fit_halves(), halves(RECIPE, seed=0)
    right = (trained.network(data.inputs).argmax(1) == data.targets).float().mean().item()
    assert trained.checks == {"accuracy": pytest.approx(right)}
    assert right > 0.95
    assert trained.series == {}
    assert not any(weights.requires_grad for weights in trained.network.parameters())


def test_it_is_trained_once_for_the_same_recipe_data_network_and_seed() -> None:
    def checkpoint(**change):
        return fit_halves(**change).provenance["checkpoint"]

    first = checkpoint()
    assert checkpoint() == first
    changes = {
        "seed": 1,
        "data": partial(halves, share=0.4),
        "recipe": Recipe(batch=50, samples=50 * 99, lr=0.1),
        "network": partial(nn.Linear, 2, 2, bias=False),
    }
    others = [checkpoint(bounds=Bounds(accuracy=0.0), **{name: value}) for name, value in changes.items()]
    assert len({first, *others}) == 5


def test_a_network_that_cannot_learn_is_tried_from_four_seeds() -> None:
    def blind():
        return nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Threshold(2.0, 0.0), nn.Linear(2, 2))

    with pytest.raises(NotConverged, match=r"'halves' did not converge from 4 seeds.*accuracy is 0\.\d+, expected"):
        fit_halves(network=blind)


def test_the_accuracy_is_followed_through_training() -> None:
    fitted = fit_network(Classifier, replace(SPEC, bounds=Bounds(0.5), config={"note": 1}), seed=0)
    curve = fitted.curves.dropna(subset="accuracy")
    assert RECIPE.probes <= len(curve) <= RECIPE.probes + 2
    assert curve["accuracy"].iloc[-1] > 0.95 > curve["accuracy"].iloc[0]


def test_the_recipe_says_how_closely_accuracy_is_followed() -> None:
    recipe = replace(RECIPE, samples=50 * 40, probes=4, probe_rows=7)
    fitted = fit_network(Classifier, replace(SPEC, recipe=recipe, bounds=Bounds(0.0)), seed=0)
    during = fitted.curves.dropna(subset="accuracy")[:-1]  # the last is validation, on all that is held out
    assert during["step"].tolist() == [0, 10, 20, 30, 39]
    assert all(value * 7 == pytest.approx(round(value * 7), abs=1e-5) for value in during["accuracy"])


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_for_training_alone_where_it_is_native(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.hardware.multiplies_bf16", lambda device: native)
    seen = []

    class Watched(nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            seen.append((self.training, out.dtype))
            return out

    data = halves(RECIPE, seed=0)
    module = Classifier(Watched(2, 2), data, recipe=Recipe(batch=50, samples=50, lr=0.1, bf16=True), bounds=Bounds(0.0))
    loss = module.training_step((data.inputs, data.targets), 0)
    module.eval()(data.inputs)
    assert seen == [(True, torch.bfloat16 if native else torch.float32), (False, torch.float32)]
    assert loss.dtype == torch.float32
