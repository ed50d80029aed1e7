from dataclasses import replace

import pydantic
import pytest
import torch

from datasets import mnist as data
from datasets.mnist_in_space import place
from datasets.problem import tasks
from sig.certainty import CertaintyAware, with_certainty
from training import task_mnist_in_space as module
from training.batches import RandomBatches
from training.certainty_classifier import Bounds
from training.task_mnist_in_space import Around, around_the_canvas, fit_canvases, held_out, mnist_in_space

TRAINED = 320  # digits


@pytest.fixture(scope="module")
def few() -> data.Mnist:
    digits = data.load()
    return data.Mnist(
        data.Digits(digits.train.images[:TRAINED], digits.train.labels[:TRAINED]),
        data.Digits(digits.held_out.images[:100], digits.held_out.labels[:100]),
        "few",
    )


@pytest.fixture(autouse=True)
def hasty(request, monkeypatch, few):
    """Few digits and trainings of a few steps, where it does not matter how well the network learns."""
    if "slow" in request.keywords:
        return
    monkeypatch.setattr(module, "RECIPE", replace(module.RECIPE, batch=32, images=160))
    monkeypatch.setattr(module, "BOUNDS", Bounds(0.0, None, None))
    monkeypatch.setattr(data, "load", lambda *, full=False: few)


@pytest.fixture
def network():
    """Untrained, with weights large enough to tell digits apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = around_the_canvas().eval().requires_grad_(False)
        for layer in network:
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                torch.nn.init.kaiming_normal_(layer.weight)
        return network


def test_a_digit_has_the_same_logits_in_either_half(few, network) -> None:
    aware = CertaintyAware(network, (1, 32, 64))
    left, right = held_out(few, "left"), held_out(few, "right")
    assert not torch.equal(left, right)
    assert torch.allclose(aware(left), aware(right), rtol=0, atol=1e-5)
    assert aware(left).std(0).min() > 0.01


@pytest.mark.parametrize("columns", range(0, 64, 8))
def test_a_move_around_the_canvas_by_the_stride_changes_nothing(network, columns, generator) -> None:
    x = torch.rand(5, 2, 32, 64, generator=generator)
    assert torch.allclose(network(x), network(x.roll(columns, 3)), rtol=0, atol=1e-5)


def test_gradients_move_with_the_digit(few, network) -> None:
    def gradient(half):
        x = held_out(few, half)[:4]
        x = with_certainty(x, torch.ones_like(x)).requires_grad_()
        return torch.autograd.grad(network(x)[:, 0].sum(), x)[0]

    assert torch.allclose(gradient("right"), gradient("left").roll(32, 3), rtol=0, atol=1e-5)


def test_around_is_circular_padding_along_the_width(generator) -> None:
    x = torch.rand(2, 3, 4, 5, generator=generator)
    for left, right in [(2, 1), (1, 0), (0, 3)]:
        assert torch.equal(Around(left, right)(x), torch.nn.functional.pad(x, (left, right, 0, 0), mode="circular"))


def test_the_problem_is_of_digits_on_the_right_and_a_background_on_the_left(few) -> None:
    problem = mnist_in_space(digits=20, background=30, seed=0)
    explicand = problem.explicand
    assert explicand.inputs.shape == (20, 1, 32, 64)
    assert not explicand.inputs[..., :32].any()
    assert not explicand.background[..., 32:].any()
    assert len(explicand.background) == 30
    assert explicand.inputs.flatten(1).sum(1).min() > 0
    assert explicand.n_players == 32
    assert problem.shown == tuple(range(10))
    labels = dict(zip(few.held_out.images.double().sum((1, 2, 3)).tolist(), few.held_out.labels.tolist(), strict=True))
    light = explicand.inputs.double().sum((1, 2, 3))  # is not moved
    nearest = [min(labels, key=lambda total: abs(total - here)) for here in light.tolist()]
    assert [labels[total] for total in nearest] == list(range(10)) * 2


def test_the_shadow_is_where_some_digit_was_and_the_input_is_not(few) -> None:
    problem = mnist_in_space(digits=10, compare=False, seed=0)
    shadow = problem.regions["shadow"]
    assert shadow.shape == problem.explicand.inputs.shape
    assert not shadow[..., 32:].any()
    for seed in range(3):
        canvases = place(few.train.images, "left", torch.Generator().manual_seed(seed))
        assert shadow[0][(canvases > 0).any(0)].all()


def test_checks_are_those_of_the_explained_model(few) -> None:
    problem = mnist_in_space(digits=10, seed=0)
    for canvases, check in [(held_out(few, "left"), "accuracy"), (held_out(few, "right"), "accuracy_right")]:
        right = problem.explicand.model(canvases).argmax(1) == few.held_out.labels
        assert problem.checks[check] == pytest.approx(right.float().mean().item())
    assert {"neutrality_gap", "absence_spread", "accuracy_damaged", "accuracy_without_damage"} <= set(problem.checks)
    assert {"certainty", "training", "training-without-damage"} == set(problem.series)
    assert {"data", "checkpoint", "checkpoint_without_damage"} == set(problem.provenance)


def test_training_sees_digits_on_the_left_at_another_place_in_every_pass(few) -> None:
    batches = fit_canvases(few, compare=False, seed=0).data.train_dataloader()
    assert isinstance(batches, RandomBatches)
    assert all(not canvases[..., 32:].any() for canvases, _ in batches)
    again = (few.train.images[:1].expand(200, 1, 28, 28), few.train.labels[:1].expand(200))
    placed, _ = batches.augment(again, torch.Generator().manual_seed(0))
    assert len({canvas.numpy().tobytes() for canvas in placed}) == 25


def test_probability_and_logit_of_the_predicted_class() -> None:
    probability, logit = (
        mnist_in_space(digits=10, compare=False, output=output, seed=0).explicand for output in ("probability", "logit")
    )
    assert torch.equal(probability.target, logit.target)
    z = logit.model(logit.inputs)
    assert torch.allclose(probability.model(logit.inputs), z.exp() / z.exp().sum(1, keepdim=True), atol=1e-6)
    assert torch.equal(z.argmax(1), logit.target)


def test_the_same_seed_is_the_same_problem_and_another_is_not(tmp_path, monkeypatch) -> None:
    def prepare(place: str, seed: int):
        monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / place))
        return mnist_in_space(digits=10, compare=False, seed=seed)

    one, same, another = prepare("a", 0), prepare("b", 0), prepare("a", 1)
    assert one.provenance == same.provenance
    assert torch.equal(one.explicand.inputs, same.explicand.inputs)
    assert another.provenance["checkpoint"] != one.provenance["checkpoint"]
    assert not torch.equal(another.explicand.inputs, one.explicand.inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 28}, r"patch is 28, expected .* divides height 32 and width 64"),
        ({"digits": 0}, r"0 digits were asked for, expected 1 \.\. "),
        ({"background": TRAINED + 1}, rf"background of {TRAINED + 1} digits was asked for, expected 1 \.\. {TRAINED}"),
    ],
)
def test_bad_options_are_told_before_training(options, message, cache) -> None:
    with pytest.raises(ValueError, match=message):
        mnist_in_space(seed=0, **options)
    assert not cache.exists()


@pytest.mark.parametrize("option", ["output", "damage"])
def test_options_that_do_not_exist(option) -> None:
    with pytest.raises(pydantic.ValidationError, match=option):
        tasks["mnist-in-space"](seed=0, **{option: "other"})


@pytest.mark.slow
def test_what_was_learned_on_the_left_holds_on_the_right() -> None:
    for seed in range(3):
        problem = mnist_in_space(seed=seed)
        checks = problem.checks
        assert checks["accuracy"] >= 0.96
        assert checks["accuracy_right"] == pytest.approx(checks["accuracy"], abs=0.001)
        assert checks["accuracy"] >= checks["accuracy_without_damage"] - 0.01
        assert checks["accuracy_damaged"] >= 0.7
        assert checks["neutrality_gap"] <= 0.03
        assert checks["absence_spread"] <= 0.04
