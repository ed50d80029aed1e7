"""captum's Occlusion, Lime and sampled Shapley values against direct evaluation and games that are solved exactly."""

from dataclasses import replace

import pytest
import torch

from sig import games
from sig.explicand import Explicand, Tally
from sig.registry import NotApplicable, methods


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(8)


def explicand(model, inputs, **options):
    return Explicand.of(model, inputs, target=torch.zeros(len(inputs), dtype=torch.long), **options)


@pytest.mark.parametrize("rows", [3, 64])
def test_occlusion_is_the_mean_over_windows(picture_explicand, rows):
    """Windows of 2 x 2, as the patches, that move by one pixel."""
    e = replace(picture_explicand, rows_per_batch=rows, tally=Tally())
    total, count = torch.zeros_like(e.inputs), torch.zeros(8, 8)
    for top in range(7):
        for left in range(7):
            hidden = e.inputs.clone()
            hidden[..., top : top + 2, left : left + 2] = 0
            change = (e.model(e.inputs) - e.model(hidden)).gather(1, e.target.unsqueeze(1))
            total[..., top : top + 2, left : left + 2] += change.view(-1, 1, 1, 1) / 4
            count[top : top + 2, left : left + 2] += 1
    found = methods["captum/Occlusion"](e, generator=seeded())
    torch.testing.assert_close(found, total / count, rtol=1e-4, atol=1e-6)
    assert (e.tally.forward_rows, e.tally.backward_rows) == (4 * 50, 0)


def test_occlusion_needs_patches(picture_explicand):
    pixels = replace(picture_explicand, players=torch.arange(64).view(1, 8, 8))
    with pytest.raises(NotApplicable, match="captum/FeatureAblation"):
        methods["captum/Occlusion"](pixels, generator=seeded())


def test_lime_finds_a_linear_model_and_drops_what_the_penalty_hides():
    """Players are pairs of features, whose value they share."""
    weights = torch.tensor([[0.8], [0.2], [-0.3], [-0.3], [0.01], [0.01]])
    e = explicand(
        lambda x: x @ weights, torch.ones(2, 6), players=torch.tensor([0, 0, 1, 1, 2, 2]), input_range=(0.0, 1.0)
    )
    found = methods["captum/Lime"](e, evaluations=300, alpha=1e-7, generator=seeded())
    expected = torch.tensor([0.5, 0.5, -0.3, -0.3, 0.01, 0.01]).expand(2, 6)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert (e.tally.forward_rows, e.tally.backward_rows) == (600, 0)
    found = methods["captum/Lime"](e, evaluations=300, generator=seeded())
    assert (found[:, 4:] == 0).all()  # 0.02 is less than 4 alpha
    assert (found[:, :4].abs() < expected[:, :4].abs()).all()
    assert (found[:, :4].abs() > expected[:, :4].abs() - 0.03).all()


def test_sampled_shapley_values_near_the_exact_ones():
    e = explicand(
        lambda x: x[:, :1] * x[:, 1:2] + x[:, 1:2] * x[:, 2:3] ** 2 - x[:, 3:], torch.rand(2, 4, generator=seeded())
    )
    found = methods["captum/ShapleyValueSampling"](e, evaluations=801, generator=seeded())
    exact = games.shapley_values(games.value_table(e.with_tally(Tally()), torch.zeros_like(e.inputs)))
    assert (e.tally.forward_rows, e.tally.backward_rows) == (2 * 801, 0)
    torch.testing.assert_close(found, exact.float(), rtol=0, atol=0.08)
    torch.testing.assert_close(found.sum(1), e.model(e.inputs)[:, 0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("evaluations", "rows"), [(5, 5), (8, 5), (9, 9), (100, 97)])
def test_sampled_shapley_values_take_whole_permutations(evaluations, rows):
    """Of a linear model a single permutation has them all."""
    weights = torch.tensor([[2.0], [-1.0], [0.5], [0.0]])
    e = explicand(lambda x: x @ weights, torch.rand(1, 4), rows_per_batch=3)
    found = methods["captum/ShapleyValueSampling"](e, evaluations=evaluations, generator=seeded())
    torch.testing.assert_close(found, e.inputs * weights.T)
    assert e.tally.forward_rows == rows
    with pytest.raises(NotApplicable, match="4 players take 5 model rows, more than the 4 given"):
        methods["captum/ShapleyValueSampling"](e, evaluations=4, generator=seeded())
