from dataclasses import replace

import pytest
import torch

from datasets import mnist as data
from datasets.problem import Problem
from training.classifier import fit_classifier
from training.recipe import Recipe
from training.tasks import mnist as task
from training.tasks.mnist import mnist


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A cache that holds the classifier of seed 0."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_CACHE", str(folder))
        mnist(seed=0)
    return folder


@pytest.fixture
def problem_of(trained, monkeypatch):
    monkeypatch.setenv("ATTRIBUTION_CACHE", str(trained))

    def prepare(**options) -> Problem:
        return mnist(seed=0, **options)

    return prepare


def test_the_classifier_reads_held_out_digits(problem_of) -> None:
    problem = problem_of()
    held_out = data.load().held_out
    accuracy = (problem.explicand.outputs(held_out.images).argmax(1) == held_out.labels).double().mean()
    assert accuracy >= 0.975
    assert problem.checks["accuracy"] == pytest.approx(accuracy.item())


def test_digits_are_held_out_ones_of_every_class_in_turn(problem_of) -> None:
    problem = problem_of(digits=50)
    held_out = data.load().held_out
    rows = {
        image.numpy().tobytes(): label for image, label in zip(held_out.images, held_out.labels.tolist(), strict=True)
    }
    labels = [rows[image.numpy().tobytes()] for image in problem.explicand.inputs]
    assert labels == list(range(10)) * 5
    assert problem.shown == tuple(range(10))
    assert problem_of(digits=3).shown == (0, 1, 2)


def test_the_background_is_a_sample_of_training_digits(problem_of) -> None:
    background = problem_of(background=30).explicand.background
    training = {image.numpy().tobytes() for image in data.load().train.images}
    drawn = {image.numpy().tobytes() for image in background}
    assert len(drawn) == 30
    assert drawn <= training


@pytest.mark.parametrize(("patch", "players"), [(4, 49), (7, 16), (28, 1)])
def test_players_are_patches(problem_of, patch, players) -> None:
    assert problem_of(patch=patch).explicand.n_players == players


def test_the_embedded_digits_are_meant(problem_of) -> None:
    assert problem_of().provenance["data"] == data.EMBEDDED_SHA256


@pytest.mark.parametrize(("digits", "samples"), [(8_000, 15 * 62 * 128), (60_000, 15 * 468 * 128)])
def test_training_goes_over_all_digits_fifteen_times(few, digits, samples) -> None:
    train = data.Digits(few.train.images[:1].expand(digits, 1, 28, 28), few.train.labels[:1].expand(digits))
    recipe = task.specify_model(replace(few, train=train)).recipe
    assert (recipe.batch, recipe.samples) == (128, samples)


def test_digits_are_moved_by_up_to_two_pixels_in_training(few) -> None:
    recipe = Recipe(batch=64, samples=640, lr=0.1)
    seen = [image for images, _ in task.make_data(recipe, digits=few, shift=2, seed=0).batches for image in images]
    padded = torch.nn.functional.pad(few.train.images, (2, 2, 2, 2))
    known = {
        image[:, down : down + 28, right : right + 28].numpy().tobytes(): (down, right)
        for image in padded
        for down in range(5)
        for right in range(5)
    }
    assert len({known[image.numpy().tobytes()] for image in seen}) == 25


def test_weights_do_not_depend_on_the_number_of_threads(short_training, few, use_cache) -> None:
    def trained(threads):
        use_cache(str(threads))
        torch.set_num_threads(threads)
        checkpoint = fit_classifier(task.specify_model(few), seed=0).provenance["checkpoint"]
        assert torch.get_num_threads() == threads
        return checkpoint

    try:
        assert trained(2) == trained(1)
    finally:
        torch.set_num_threads(1)


def test_the_network_gives_ten_logits() -> None:
    assert task.make_network()(torch.rand(3, 1, 28, 28)).shape == (3, 10)
