from dataclasses import replace

import pytest
import torch

from datasets import mnist
from datasets.mnist_in_space import place
from sig.certainty import CertaintyAware, with_certainty
from training.tasks import mnist_in_space as task
from training.tasks.mnist_in_space import RingPadding, make_ring, mnist_in_space, place_held_out


@pytest.fixture
def network():
    """Untrained, with weights large enough to tell digits apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = make_ring().eval().requires_grad_(False)
        for layer in network:
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                torch.nn.init.kaiming_normal_(layer.weight)
        return network


def test_a_digit_has_the_same_logits_in_either_half(few, network) -> None:
    aware = CertaintyAware(network, (1, 32, 64))
    left, right = place_held_out(few, "left"), place_held_out(few, "right")
    assert not torch.equal(left, right)
    assert torch.allclose(aware(left), aware(right), rtol=0, atol=1e-5)
    assert aware(left).std(0).min() > 0.01


@pytest.mark.parametrize("columns", range(0, 64, 8))
def test_a_move_around_the_canvas_by_the_stride_changes_nothing(network, columns, generator) -> None:
    x = torch.rand(5, 2, 32, 64, generator=generator)
    assert torch.allclose(network(x), network(x.roll(columns, 3)), rtol=0, atol=1e-5)


def test_gradients_move_with_the_digit(few, network) -> None:
    def gradient(half):
        x = place_held_out(few, half)[:4]
        x = with_certainty(x, torch.ones_like(x)).requires_grad_()
        return torch.autograd.grad(network(x)[:, 0].sum(), x)[0]

    assert torch.allclose(gradient("right"), gradient("left").roll(32, 3), rtol=0, atol=1e-5)


def test_around_is_circular_padding_along_the_width(generator) -> None:
    x = torch.rand(2, 3, 4, 5, generator=generator)
    for left, right in [(2, 1), (1, 0), (0, 3)]:
        assert torch.equal(
            RingPadding(left, right)(x), torch.nn.functional.pad(x, (left, right, 0, 0), mode="circular")
        )


def test_the_problem_is_of_digits_on_the_right_and_a_background_on_the_left(short_training, few) -> None:
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


def test_the_shadow_is_where_some_digit_was_and_the_input_is_not(short_training, few) -> None:
    problem = mnist_in_space(digits=10, compare=False, seed=0)
    shadow = problem.regions["shadow"]
    assert shadow.shape == problem.explicand.inputs.shape
    assert not shadow[..., 32:].any()
    for seed in range(3):
        canvases = place(few.train.images, "left", torch.Generator().manual_seed(seed))
        assert shadow[0][(canvases > 0).any(0)].all()


def test_checks_are_those_of_the_explained_model(short_training, few) -> None:
    problem = mnist_in_space(digits=10, seed=0)
    for canvases, check in [
        (place_held_out(few, "left"), "accuracy"),
        (place_held_out(few, "right"), "accuracy_right"),
    ]:
        right = problem.explicand.model(canvases).argmax(1) == few.held_out.labels
        assert problem.checks[check] == pytest.approx(right.float().mean().item())


def test_training_sees_digits_on_the_left_at_another_place_in_every_pass(few) -> None:
    one = mnist.Digits(few.train.images[:1].expand(200, 1, 28, 28), few.train.labels[:1].expand(200))
    recipe = replace(task.RECIPE, samples=128 * 3)
    batches = list(task.make_data(recipe, digits=replace(few, train=one), seed=0).batches)
    assert all(not canvases[..., 32:].any() for canvases, _ in batches)
    assert len({canvas.numpy().tobytes() for canvases, _ in batches for canvas in canvases}) == 25
    assert not torch.equal(batches[0][0], batches[1][0])


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
