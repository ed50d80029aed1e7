"""RISE against all masks there are, and its masks against torch's bilinear enlargement."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from sig.explicand import Explicand
from sig.methods.rise import _PictureMasks
from sig.registry import methods


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def run(e, seed=0, **options):
    return methods["rise"](e, generator=seeded(seed), **options)


@pytest.mark.parametrize("keep", [0.5, 0.3])
def test_expected_values_are_those_over_all_masks(keep):
    """Three players of six features; E[F(x * M) | player shown], and its features share it."""
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)).eval().requires_grad_(False)
    players = torch.tensor([0, 0, 1, 2, 2, 2])
    e = Explicand.of(model, torch.rand(2, 6), target=torch.tensor([0, 1]), players=players, input_range=(0.0, 1.0))
    expected = torch.zeros(2, 6)
    for shown in itertools.product([False, True], repeat=3):
        probability = math.prod(keep if one else 1 - keep for one in shown)
        mask = torch.tensor(shown)[players].float()
        scores = model(mask * e.inputs)[torch.arange(2), e.target]
        expected += probability / keep * scores.unsqueeze(1) * mask
    expected /= torch.tensor([2, 2, 1, 3, 3, 3])
    runs = torch.stack([run(e, seed, masks=100, keep=keep) for seed in range(60)])
    error = runs.std(0) / math.sqrt(60)
    assert ((runs.mean(0) - expected).abs() < 4.5 * error).all()
    assert error.max() < 0.05 * expected.abs().max()


def test_masks_of_pictures_are_enlarged_grids_cut_at_random(picture_explicand):
    """3 x 3 cells for 8 x 8 pixels: cells of ceil(8 / 3) = 3 pixels, enlarged to (3 + 1) x 3 = 12."""
    e = picture_explicand
    drawn = _PictureMasks(e, 3, 0.5, 20, seeded(4))
    found = drawn[torch.arange(20)]
    assert set(drawn.offsets[0].tolist()) == {0, 1, 2}
    for index in range(20):
        whole = interpolate(drawn.shown[index].view(1, 1, 3, 3), size=(12, 12), mode="bilinear")[0]
        top, left = (int(offsets[index]) for offsets in drawn.offsets)
        torch.testing.assert_close(found[index], whole[:, top : top + 8, left : left + 8])
    one = e.only(0)
    scores = one.model(found * one.inputs)[:, one.target[0]]
    expected = (scores.view(-1, 1, 1, 1) * found).sum(0) / (20 * 0.5)
    torch.testing.assert_close(run(one, 4, masks=20, cells=3)[0], expected)


@pytest.mark.parametrize("cells", [1, 3, 7, 50])
def test_every_pixel_is_shown_equally_often(picture_explicand, cells):
    shown = _PictureMasks(picture_explicand, cells, 0.4, 4000, seeded(0))[torch.arange(4000)]
    assert shown.shape == (4000, 1, 8, 8)
    assert 0 <= shown.min() <= shown.max() <= 1
    assert (shown.mean(0) - 0.4).abs().max() < 4.5 * 0.5 / math.sqrt(4000)


def test_where_all_is_shown_each_feature_gets_the_score(picture_explicand, vector_explicand):
    for e in (picture_explicand, vector_explicand):
        scores = e.model(e.inputs).gather(1, e.target.unsqueeze(1)).view(-1, *(1 for _ in e.features))
        torch.testing.assert_close(run(e, masks=5, keep=1.0), scores.expand_as(e.inputs), atol=1e-6, rtol=1e-6)


def test_the_shape_that_the_model_looks_for_stands_out(picture_explicand):
    e = picture_explicand
    saliency = run(e, masks=500)
    shape = e.inputs > 0.75
    for index in range(4):
        assert saliency[index][shape[index]].mean() > saliency[index][~shape[index]].mean() * 1.1


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("options", [{"keep": 0.0}, {"keep": 1.5}, {"cells": 0}])
def test_what_makes_no_mask_is_named(vector_explicand, options):
    with pytest.raises(ValueError, match="expected a probability"):
        run(vector_explicand, **options)
