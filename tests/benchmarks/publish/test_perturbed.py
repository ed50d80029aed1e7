"""Models perturbed as much as other rounding would."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.publish.perturbed import ROUNDING, perturb


def test_a_perturbed_model_gives_what_other_rounding_would() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 3), nn.Softmax(1)).eval()
    before = copy.deepcopy(model.state_dict())
    x = torch.rand(50, 6)
    outputs = torch.stack([perturb(model, seed)(x) for seed in range(20)])
    assert torch.equal(perturb(model, 3)(x), outputs[3])
    off = (outputs - model(x)).abs().amax((1, 2))
    assert ((off > 1e-8) & (off < 2e-6)).all()
    assert all(torch.equal(weights, before[name]) for name, weights in model.state_dict().items())


def test_a_perturbed_model_has_no_ties_between_places() -> None:
    convolution = nn.Conv2d(1, 1, 3, padding=1)
    same = torch.ones(1, 1, 8, 8)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    assert convolution(same)[inner].unique().numel() == 1
    assert perturb(convolution, 0)(same)[inner].unique().numel() > 1


def test_outputs_of_equal_rows_and_small_differences_of_sure_ones_move() -> None:
    """Where 1 - p is 6e-6, what a removed feature changes lives on the last bits of p."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    rows = torch.rand(1, 4).expand(9, -1)
    assert len(perturb(layer, 0)(rows).unique(dim=0)) > 1
    sure = torch.tensor([[12.0, 0.0, -1.0], [12.0 + 1e-2, 0.0, -1.0]])
    plain = torch.softmax(sure, 1)[:, 0].diff()
    changes = torch.stack([perturb(nn.Softmax(1), seed)(sure)[:, 0].diff() for seed in range(40)])
    assert changes.min() < plain < changes.max()


def test_rows_move_in_part_alike() -> None:
    """So that a sum over many rows, as of gradients, moves too, and not by chance alone."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid()).double()
    rows = torch.rand(4000, 4, generator=torch.Generator().manual_seed(0)).double()
    plain = model(rows).mean(0)
    changes = torch.stack([perturb(model, seed)(rows).mean(0) / plain - 1 for seed in range(20)])
    assert (changes.std(0) > 0.4 * ROUNDING).all()  # that of u alone is 0.58; independent moves would give 0.01


def test_a_sum_of_large_terms_that_cancel_may_change_its_sign() -> None:
    """1 + 1e-8 - 1, which float32 sums in one order to 0 and in another to 1e-8: a ReLU is shut or open."""
    layer = nn.Linear(3, 2, bias=False)
    layer.weight.data = torch.tensor([[1.0, 1e-8, -1.0], [1.0, 1.0, 0.0]])
    signs = torch.stack([perturb(layer, seed)(torch.ones(1, 3))[0].sign() for seed in range(40)])
    assert set(signs[:, 0].tolist()) >= {-1, 1}
    assert set(signs[:, 1].tolist()) == {1}


def test_the_gradient_of_a_softmax_that_is_nearly_sure_moves_with_the_last_bits() -> None:
    """d p_0 / d x_0 = p_0 (1 - p_0), here with p_0 = 1 - 1.2e-6, which float32 knows to 6e-8."""
    x = torch.tensor([[13.6, 0.0]], requires_grad=True)
    found = []
    for seed in range(40):
        (gradient,) = torch.autograd.grad(perturb(nn.Softmax(1), seed)(x)[0, 0], x)
        found.append(gradient[0, 0].item())
    exact = torch.softmax(x.detach().double(), 1)[0]
    assert np.ptp(found) > 0.05 * float(exact[0] * exact[1])
    unsure = torch.tensor([[0.3, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(perturb(nn.Softmax(1), 0)(unsure)[0, 0], unsure)
    p = torch.softmax(unsure.detach().double(), 1)[0]
    assert gradient[0].tolist() == pytest.approx([float(p[0] * p[1]), -float(p[0] * p[1])], rel=1e-5)


def test_a_model_without_layers_stays_as_it_is() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    assert perturb(model, 0) is model
