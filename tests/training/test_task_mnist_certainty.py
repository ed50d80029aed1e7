from dataclasses import replace

import pydantic
import pytest
import torch

from datasets import mnist as data
from datasets.problem import Problem, tasks
from sig.certainty import with_certainty
from training import task_mnist_certainty as module
from training.certainty_classifier import Bounds
from training.task_mnist_certainty import fit_digits, mnist_certainty, paper, strided

TRAINED = 640  # digits


@pytest.fixture(scope="module")
def few() -> data.Mnist:
    digits = data.load()
    return data.Mnist(
        data.Digits(digits.train.images[:TRAINED], digits.train.labels[:TRAINED]),
        data.Digits(digits.held_out.images[:200], digits.held_out.labels[:200]),
        "few",
    )


@pytest.fixture(autouse=True)
def hasty(request, monkeypatch, few):
    """Few digits and trainings of a few steps, where it does not matter how well the network learns."""
    if "slow" in request.keywords:
        return
    recipes = {name: replace(recipe, batch=32, images=160) for name, recipe in module.RECIPES.items()}
    monkeypatch.setattr(module, "RECIPES", recipes)
    monkeypatch.setattr(module, "BOUNDS", Bounds(0.0, None, None))
    monkeypatch.setattr(data, "load", lambda *, full=False: few)


def test_the_problem_is_of_held_out_digits_in_turn_and_a_sample_of_those_for_training(few) -> None:
    problem = mnist_certainty(digits=20, background=30, seed=0)
    rows = {
        image.numpy().tobytes(): label
        for image, label in zip(few.held_out.images, few.held_out.labels.tolist(), strict=True)
    }
    assert [rows[image.numpy().tobytes()] for image in problem.explicand.inputs] == list(range(10)) * 2
    training = {image.numpy().tobytes() for image in few.train.images}
    drawn = {image.numpy().tobytes() for image in problem.explicand.background}
    assert len(drawn) == 30
    assert drawn <= training
    assert problem.explicand.n_players == 49
    assert problem.shown == tuple(range(10))
    assert mnist_certainty(digits=3, seed=0).shown == (0, 1, 2)


def test_checks_are_those_of_the_explained_model(few) -> None:
    problem = mnist_certainty(digits=10, seed=0)
    held_out = few.held_out
    right = problem.explicand.model(held_out.images).argmax(1) == held_out.labels
    assert problem.checks["accuracy"] == pytest.approx(right.float().mean().item())
    assert {"neutrality_gap", "absence_spread", "accuracy_damaged", "accuracy_without_damage"} <= set(problem.checks)
    assert {"certainty", "training", "training-without-damage"} == set(problem.series)


def test_the_comparison_is_another_model_that_can_be_left_out() -> None:
    compared, alone = (mnist_certainty(digits=10, compare=compare, seed=0) for compare in (True, False))
    assert "accuracy_without_damage" not in alone.checks
    assert "training-without-damage" not in alone.series
    assert alone.provenance == {name: compared.provenance[name] for name in ("data", "checkpoint")}
    assert compared.provenance["checkpoint_without_damage"] != compared.provenance["checkpoint"]
    assert torch.equal(alone.explicand.inputs, compared.explicand.inputs)


def test_probability_and_logit_of_the_predicted_class_at_any_certainty() -> None:
    probability, logit = (
        mnist_certainty(digits=10, compare=False, output=output, seed=0).explicand
        for output in ("probability", "logit")
    )
    assert torch.equal(probability.inputs, logit.inputs)
    assert torch.equal(probability.target, logit.target)
    certainty = torch.rand(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    unsure = with_certainty(logit.inputs, certainty)
    for x in (logit.inputs, unsure):
        z = logit.model(x)
        assert torch.allclose(probability.model(x), z.exp() / z.exp().sum(1, keepdim=True), atol=1e-6)
    assert torch.equal(logit.model(logit.inputs).argmax(1), logit.target)
    assert not torch.allclose(logit.model(logit.inputs), logit.model(unsure))


def test_the_seed_the_network_and_the_damage_make_another_model(few, tmp_path, monkeypatch) -> None:
    def weights(place: str, **options) -> dict[str, str]:
        monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / place))
        return fit_digits(few, **{"compare": False, "seed": 0, **options}).provenance

    models = [weights("a"), weights("a", seed=1), weights("a", network="paper"), weights("a", damage="noise-bernoulli")]
    assert len({model["checkpoint"] for model in models}) == 4
    assert weights("b") == models[0]


def test_digits_are_moved_by_up_to_a_pixel_in_training(few) -> None:
    batches = fit_digits(few, compare=False, seed=0).data.train_dataloader()
    padded = torch.nn.functional.pad(few.train.images, (1, 1, 1, 1))
    known = {
        padded[row, :, down : down + 28, right : right + 28].numpy().tobytes(): (down, right)
        for row in range(len(padded))
        for down in range(3)
        for right in range(3)
    }
    seen = [known[image.numpy().tobytes()] for images, _ in batches for image in images]
    assert len(set(seen)) == 9
    assert max(seen.count(offset) for offset in set(seen)) < len(seen) / 4


@pytest.mark.parametrize(("network", "weights"), [(strided, 156_442), (paper, 262_250)])
def test_networks_map_digits_with_certainty_to_ten_logits(network, weights) -> None:
    assert network()(torch.rand(3, 2, 28, 28)).shape == (3, 10)
    assert sum(parameters.numel() for parameters in network().parameters()) == weights


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 5}, r"patch is 5, expected .* divides height 28 and width 28"),
        ({"digits": 0}, r"0 digits were asked for, expected 1 \.\. "),
        ({"background": TRAINED + 1}, rf"background of {TRAINED + 1} digits was asked for, expected 1 \.\. {TRAINED}"),
        ({"background": 0}, "background of 0 digits"),
    ],
)
def test_bad_options_are_told_before_training(options, message, cache) -> None:
    with pytest.raises(ValueError, match=message):
        mnist_certainty(seed=0, **options)
    assert not cache.exists()


@pytest.mark.parametrize("option", ["output", "network", "damage"])
def test_options_that_do_not_exist(option) -> None:
    with pytest.raises(pydantic.ValidationError, match=option):
        tasks["mnist-certainty"](seed=0, **{option: "other"})


@pytest.mark.slow
@pytest.mark.parametrize("network", ["strided", "paper"])
def test_damage_costs_no_accuracy_and_teaches_what_certainty_means(network) -> None:
    def prepare(seed: int) -> Problem:
        return mnist_certainty(network=network, seed=seed)

    for seed in range(3) if network == "strided" else (0,):
        problem = prepare(seed)
        checks = problem.checks
        assert checks["accuracy"] >= 0.975
        assert checks["accuracy"] >= checks["accuracy_without_damage"] - 0.005
        assert checks["accuracy_damaged"] >= 0.75
        assert checks["neutrality_gap"] <= 0.03
        assert checks["absence_spread"] <= 0.04
        profile = problem.series["certainty"]
        width = profile["p95"] - profile["p05"]
        assert width[0] < 0.1 < 0.9 < width[-1]
