import math

import pytest
import torch

from training.damage_slowdown import ACCURACIES, compare_trainings, reach


def curve(*points: tuple[float, float]) -> dict[str, torch.Tensor]:
    images, accuracy = zip(*points, strict=True)
    return {"images": torch.tensor(images), "accuracy": torch.tensor(accuracy)}


def test_images_until_an_accuracy_by_hand() -> None:
    found = reach(curve((100, 0.5), (200, 0.7), (400, 0.9)), torch.tensor([0.4, 0.6, 0.7, 0.85, 0.95]).double())
    assert found[:4].tolist() == pytest.approx([100, 150, 200, 350])
    assert math.isnan(found[4])


def test_the_first_time_counts() -> None:
    found = reach(curve((0, 0.0), (100, 0.8), (200, 0.6), (300, 0.9)), torch.tensor([0.7]).double())
    assert found.item() == pytest.approx(87.5)


def test_a_curve_that_is_twice_as_slow_everywhere_has_slowdown_two() -> None:
    fast = curve((0, 0.1), (100, 0.9), (1000, 1.0))
    slow = {"images": 2 * fast["images"], "accuracy": fast["accuracy"]}
    slowdown, series = compare_trainings(slow, fast)
    assert slowdown == pytest.approx(2)
    assert series["ratio"].tolist() == pytest.approx([2.0] * len(ACCURACIES))
    assert compare_trainings(fast, slow)[0] == pytest.approx(0.5)


def test_levels_that_are_never_reached_are_left_out() -> None:
    slowdown, series = compare_trainings(curve((0, 0.0), (300, 0.86)), curve((0, 0.0), (100, 0.86)))
    assert slowdown == pytest.approx(3)
    assert series["ratio"].isnan().tolist() == [accuracy > 0.86 for accuracy in ACCURACIES]
    assert math.isnan(compare_trainings(curve((0, 0.0), (300, 0.5)), curve((0, 0.0), (100, 0.9)))[0])
