"""Controls: they see no model, and are what they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from sig.explicand import Explicand
from sig.registry import NotApplicable, methods

KERNEL = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], dtype=np.float32)  # Sobel's, along width
CONTROLS = [entry.name for entry in methods if entry.control]


def run(name, e):
    return methods[name](e, generator=torch.Generator().manual_seed(0))


def test_there_are_controls_that_see_nothing_the_input_or_the_data():
    assert set(CONTROLS) == {"random-attribution", "input-magnitude", "sobel", "class-mean"}


@pytest.mark.parametrize("name", CONTROLS)
def test_no_control_asks_the_model(picture_explicand, name):
    def model(x):
        raise AssertionError("asked the model")

    attribution = run(name, replace(picture_explicand, model=model))
    assert attribution.abs().max() > 0


def test_sobel_is_its_two_kernels_in_each_channel():
    draws = torch.Generator().manual_seed(0)
    inputs = torch.rand(2, 3, 5, 7, generator=draws)
    e = Explicand.of(torch.nn.Flatten().eval(), inputs, target=torch.zeros(2, dtype=torch.long))
    found = run("sobel", e)
    for picture, edges in zip(inputs.flatten(0, 1).numpy(), found.flatten(0, 1), strict=True):
        down, across = (ndimage.correlate(picture, kernel, mode="reflect") for kernel in (KERNEL.T, KERNEL))
        torch.testing.assert_close(edges, torch.from_numpy((down**2 + across**2) ** 0.5))


def test_sobel_sees_a_step_on_both_sides_and_nothing_on_even_ground():
    picture = torch.zeros(1, 1, 5, 6)
    picture[..., 3:] = 1  # weights 1, 2, 1 along the edge: 4 on the two columns that it parts
    e = Explicand.of(torch.nn.Flatten().eval(), picture, target=torch.tensor([0]))
    assert run("sobel", e)[0, 0].tolist() == [[0, 0, 4, 4, 0, 0]] * 5


def test_input_magnitude_is_without_sign():
    e = Explicand.of(torch.nn.Identity().eval(), torch.tensor([[1.0, -2.0, 0.0]]), target=torch.tensor([0]))
    assert run("input-magnitude", e).tolist() == [[1.0, 2.0, 0.0]]


def test_class_mean_is_over_the_class_explained(vector_explicand):
    e = vector_explicand
    found = run("class-mean", e)
    for attribution, target in zip(found, e.target, strict=True):
        of_class = [x for x, c in zip(e.background, e.background_classes, strict=True) if c == target]
        torch.testing.assert_close(attribution, sum(of_class) / len(of_class))
    assert not torch.equal(found[0], found[1])


def test_controls_say_where_they_have_no_meaning(vector_explicand):
    with pytest.raises(NotApplicable, match="edges need pictures"):
        run("sobel", vector_explicand)
    with pytest.raises(NotApplicable, match="needs to know the classes"):
        run("class-mean", replace(vector_explicand, background_classes=None))
    zeros = torch.zeros(20, dtype=torch.long)
    with pytest.raises(NotApplicable, match="no sample of class 1"):
        run("class-mean", replace(vector_explicand, background_classes=zeros))


@pytest.mark.usefixtures("as_users_run_it")
def test_classes_of_another_number_of_samples_are_named(vector_explicand):
    with pytest.raises(ValueError, match=r"background_classes has shape \(3,\), expected \(20,\)"):
        replace(vector_explicand, background_classes=torch.zeros(3, dtype=torch.long))
