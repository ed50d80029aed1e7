"""What records keep of inputs and attributions for figures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.run.figure_data import MOST_COLOURED, SIDE, choose_shown, make_maps, pool
from datasets.problem import Problem
from sig.explicand import Explicand


def problem_of(*features: int, count: int = 6) -> Problem:
    inputs = torch.rand(count, *features, generator=torch.Generator().manual_seed(0))
    e = Explicand(
        model=lambda x: x.flatten(1)[:, :2],
        inputs=inputs,
        target=torch.zeros(count, dtype=torch.long),
        background=inputs[:2],
        players=torch.zeros(features, dtype=torch.long),
    )
    return Problem(e, shown=tuple(range(count)))


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 3 * SIDE), width=st.integers(1, 3 * SIDE), seed=st.integers(0, 9))
def test_large_planes_become_means_over_squares(height: int, width: int, seed: int) -> None:
    planes = torch.randn(2, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    k = next(k for k in range(1, 4) if k * SIDE >= max(height, width))
    means = [
        [[plane[y : y + k, x : x + k].mean().item() for x in range(0, width, k)] for y in range(0, height, k)]
        for plane in planes
    ]
    found = pool(planes)
    assert max(found.shape[1:]) <= SIDE
    np.testing.assert_allclose(found, means, atol=1e-12)


def test_maps_of_colour_are_signed_sums_of_the_first_pictures() -> None:
    problem = problem_of(3, 4, 2 * SIDE)
    attribution = torch.randn(6, 3, 4, 2 * SIDE, generator=torch.Generator().manual_seed(1))
    assert choose_shown(problem) == [0, 1, 2, 3] == list(range(MOST_COLOURED))
    maps = make_maps(attribution, problem)
    assert maps is not None
    assert maps.shape == (4, 2, SIDE)
    assert maps.coding == "levels"
    expected = attribution[:4].numpy().sum(1).reshape(4, 2, 2, SIDE, 2).mean((2, 4))
    np.testing.assert_allclose(maps.decode(), expected, atol=0.017 * np.abs(expected).max())


@pytest.mark.parametrize(("features", "coding"), [((5,), "float32"), ((1, 4, 4), "levels"), ((2, 4, 4), "levels")])
def test_maps_of_all_other_inputs_stay_as_they_are(features: tuple[int, ...], coding: str) -> None:
    problem = problem_of(*features)
    attribution = torch.randn(6, *features, generator=torch.Generator().manual_seed(1))
    maps = make_maps(attribution, problem)
    assert choose_shown(problem) == [0, 1, 2, 3, 4, 5]
    assert maps is not None
    assert (maps.shape, maps.coding) == ((6, *features), coding)
    np.testing.assert_allclose(maps.decode(), attribution, atol=0.017 * attribution.abs().max().item())


def test_a_problem_that_shows_nothing_has_no_maps() -> None:
    problem = problem_of(3, 4, 4)
    assert make_maps(problem.explicand.inputs, Problem(problem.explicand)) is None
