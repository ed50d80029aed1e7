import pytest
import torch
from torch import Tensor

from datasets import mnist
from datasets.mnist_in_space import Half, place, shadow, varied


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return mnist.load().train.images[:400]


def one_by_one(digit: Tensor, down: int, right: int, half: Half) -> Tensor:
    canvas = torch.zeros(1, 32, 64)
    left = 2 + right + (32 if half == "right" else 0)
    canvas[0, 2 + down : 30 + down, left : left + 28] = digit[0]
    return canvas


@pytest.mark.parametrize("half", ["left", "right"])
def test_digits_are_where_some_shift_puts_them_and_all_shifts_occur(
    half: Half, digits: Tensor, generator: torch.Generator
) -> None:
    placed = place(digits, half, generator)
    found = []
    for digit, canvas in zip(digits, placed, strict=True):
        shifts = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]
        equal = [shift for shift in shifts if torch.equal(canvas, one_by_one(digit, *shift, half))]
        assert len(equal) == 1
        found += equal
    assert len(set(found)) == 25
    assert max(found.count(shift) for shift in set(found)) < 40  # 16 each on average


def test_a_full_digit_just_fits(generator: torch.Generator) -> None:
    placed = place(torch.ones(200, 1, 28, 28), "right", generator)
    assert (placed.sum((1, 2, 3)) == 28 * 28).all()
    assert not placed[..., :32].any()
    assert all(placed[..., edge].any() for edge in (32, -1))


def test_the_same_seed_places_alike(digits: Tensor) -> None:
    one, other = (place(digits, "left", torch.Generator().manual_seed(seed)) for seed in (3, 3))
    assert torch.equal(one, other)


def test_what_varied_is_what_some_shift_of_some_digit_lights(digits: Tensor) -> None:
    some = digits[:3]
    every = [
        one_by_one(digit, down, right, "left") for digit in some for down in range(-2, 3) for right in range(-2, 3)
    ]
    expected = torch.stack(every).gt(0).any(0)
    assert torch.equal(varied(some), expected)
    assert 0 < expected.sum() < expected.numel() / 2


def test_shadow_is_all_that_varied_for_a_digit_on_the_right(digits: Tensor, generator: torch.Generator) -> None:
    varied_in_training = varied(digits)
    attributed = shadow(place(digits, "right", generator), varied_in_training)
    assert torch.equal(attributed, varied_in_training.expand_as(attributed))


def test_shadow_spares_the_digit_itself_on_the_left(digits: Tensor, generator: torch.Generator) -> None:
    inputs, varied_in_training = place(digits, "left", generator), varied(digits)
    assert torch.equal(shadow(inputs, varied_in_training) | (inputs > 0), varied_in_training.expand(inputs.shape))
    assert not (shadow(inputs, varied_in_training) & (inputs > 0)).any()


@pytest.mark.usefixtures("as_users_run_it")
def test_another_half_is_refused(digits: Tensor, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="half is 'top', expected one of left, right"):
        place(digits, "top", generator)  # type: ignore[arg-type]
