import pydantic
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datasets import mnist as data
from datasets.problem import Problem, tasks
from training.task_mnist import DigitClassifier, fit_classifier, mnist, sampled, shifted


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


def test_probability_and_logit_of_the_predicted_class(problem_of) -> None:
    probability, logit = problem_of(output="probability").explicand, problem_of(output="logit").explicand
    assert torch.equal(probability.inputs, logit.inputs)
    assert torch.equal(probability.target, logit.target)
    p, z = probability.outputs(probability.inputs), logit.outputs(logit.inputs)
    assert torch.equal(p.argmax(1), probability.target)
    assert torch.allclose(p, z.exp() / z.exp().sum(1, keepdim=True), atol=1e-6)


@pytest.mark.parametrize(("patch", "players"), [(4, 49), (7, 16), (28, 1)])
def test_players_are_patches(problem_of, patch, players) -> None:
    assert problem_of(patch=patch).explicand.n_players == players


def test_the_seed_decides(problem_of) -> None:
    one, same = problem_of(), problem_of()
    assert torch.equal(one.explicand.inputs, same.explicand.inputs)
    assert torch.equal(one.explicand.background, same.explicand.background)
    assert one.provenance == same.provenance
    assert one.provenance["data"] == data.EMBEDDED_SHA256


@pytest.fixture
def few_digits() -> data.Mnist:
    digits = data.load()
    some = data.Digits(digits.train.images[:256], digits.train.labels[:256])
    return data.Mnist(some, some, "few")


def test_another_seed_has_other_weights(few_digits) -> None:
    first, second = (fit_classifier(few_digits, passes=1, seed=seed).module for seed in (1, 2))
    images = few_digits.train.images
    assert not torch.allclose(first(images), second(images))


def test_weights_do_not_depend_on_the_number_of_threads(few_digits, tmp_path, monkeypatch) -> None:
    def trained(threads):
        monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / str(threads)))
        torch.set_num_threads(threads)
        checkpoint = fit_classifier(few_digits, passes=5, seed=0).checkpoint
        assert torch.get_num_threads() == threads
        return checkpoint

    try:
        assert trained(2) == trained(1)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 5}, r"patch is 5, expected .* divides height 28 and width 28; choose 1 or 2 or 4 or 7 or 14 or 28"),
        ({"patch": 0}, "patch is 0"),
        ({"digits": 0}, r"0 digits were asked for, expected 1 \.\. 1720"),
        (
            {"digits": 1721},
            r"1721 digits were asked for, expected 1 \.\. 1720 \(the rarest class has 172\); ask for fewer",
        ),
        ({"background": 8001}, r"background of 8001 digits was asked for, expected 1 \.\. 8000"),
        ({"background": 0}, "background of 0 digits"),
    ],
)
def test_bad_options_are_told_before_training(options, message, cache) -> None:
    with pytest.raises(ValueError, match=message):
        mnist(seed=0, **options)
    assert not cache.exists()


def test_options_that_do_not_exist() -> None:
    with pytest.raises(pydantic.ValidationError, match="output"):
        tasks["mnist"](seed=0, output="odds")


@given(by=st.integers(0, 3), seed=st.integers(0, 1000))
def test_shifted_images_are_rolled_ones_without_the_wrap(by, seed) -> None:
    images = torch.rand(5, 1, 6, 7, generator=torch.Generator().manual_seed(seed))
    moved = shifted(images, by, torch.Generator().manual_seed(seed))
    padded = torch.nn.functional.pad(images, (by, by, by, by))
    offsets = range(-by, by + 1)
    for before, after in zip(padded, moved, strict=True):
        rolls = [before.roll((down, right), (1, 2)) for down in offsets for right in offsets]
        assert any(torch.equal(roll[:, by : by + 6, by : by + 7], after) for roll in rolls)


def test_shifts_reach_every_offset() -> None:
    images = torch.zeros(2000, 1, 5, 5)
    images[:, 0, 2, 2] = 1
    reached = shifted(images, 2, torch.Generator().manual_seed(0)).sum(0).squeeze(0)
    assert reached.min() > 40


def test_the_classifier_gives_ten_logits() -> None:
    assert DigitClassifier(lr=0.1, weight_decay=0.0)(torch.rand(3, 1, 28, 28)).shape == (3, 10)


def test_a_sample_has_no_image_twice(generator) -> None:
    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 28, 28)
    assert sorted(sampled(images, 6, generator)[:, 0, 0, 0].tolist()) == list(range(6))
