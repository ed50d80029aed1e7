"""captum's noise tunnels on models whose gradients are known; guided ReLUs and Grad-CAM by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sig.explicand import Explicand
from sig.guard import Guard
from sig.registry import NotApplicable, methods


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def explicand(model, inputs, **options):
    model = model.eval().requires_grad_(False) if isinstance(model, nn.Module) else model
    return Explicand.of(model, inputs, target=torch.zeros(len(inputs), dtype=torch.long), **options)


def test_noise_does_not_change_the_gradient_of_a_linear_model():
    weights = torch.tensor([[2.0], [-1.0], [0.5]])
    e = explicand(lambda x: x @ weights, torch.rand(2, 3))
    smooth = methods["captum/SmoothGrad"](e, samples=5, generator=seeded())
    torch.testing.assert_close(smooth, weights.T.expand(2, 3))
    spread = methods["captum/VarGrad"](e, samples=5, generator=seeded())
    torch.testing.assert_close(spread, torch.zeros(2, 3))


@pytest.mark.parametrize("rows", [7, 4096])
def test_noise_has_the_size_that_is_stated(rows):
    """The gradient of x^2 is 2 x, so that its mean stays and its variance is 4 sigma^2, sigma 0.15 of the range 4."""
    e = explicand(
        lambda x: (x**2).sum(1, keepdim=True), torch.full((2, 500), 0.5), input_range=(-2.0, 2.0), rows_per_batch=rows
    )
    smooth = methods["captum/SmoothGrad"](e, samples=40, generator=seeded())
    assert smooth.mean() == pytest.approx(1, abs=0.03)
    assert smooth.var() == pytest.approx(4 * 0.6**2 / 40, rel=0.2)
    spread = methods["captum/VarGrad"](e, samples=40, generator=seeded())
    assert spread.mean() == pytest.approx(4 * 0.6**2 * 39 / 40, rel=0.05)
    assert (e.tally.forward_rows, e.tally.backward_rows) == (160, 160)


def test_one_sample_has_no_variance():
    with pytest.raises(NotApplicable, match="at least 2 samples"):
        methods["captum/VarGrad"](explicand(lambda x: x, torch.rand(2, 3)), samples=1, generator=seeded())


class Net(nn.Module):
    """Two ReLUs of x1 - x2 and x2, the first less the second; in one way or another."""

    def __init__(self, way="module"):
        super().__init__()
        self.first, self.act, self.last, self.way = nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), way
        self.first.weight.data = torch.tensor([[1.0, -1.0], [0.0, 1.0]])
        self.last.weight.data = torch.tensor([[1.0, -1.0]])
        self.first.bias.data.zero_()

    def forward(self, x):
        hidden = F.relu(self.first(x)) if self.way == "function" else self.act(self.first(x))
        return self.last(hidden.relu() if self.way == "both" else hidden)


def test_a_guided_relu_passes_back_what_is_positive():
    """At (2, 1) both are on, and the gradient (1, -1) that comes to them goes on as (1, 0): to x as (1, -1)."""
    e = explicand(Net(), torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    found = Guard(e).attribute(methods["captum/GuidedBackprop"], {}, generator=seeded())
    torch.testing.assert_close(found.attribution, torch.tensor([[1.0, -1.0], [0.0, 0.0]]))
    torch.testing.assert_close(methods["gradient"](e, generator=seeded())[0], torch.tensor([1.0, -2.0]))
    assert (found.cost.forward_rows, found.cost.backward_rows) == (2, 2)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Net("function"), "the model calls none"),
        (Net("both"), "sees 1 of the model's 2 ReLUs"),
        (lambda x: x.relu(), "needs a torch.nn.Module"),
    ],
)
def test_relus_that_captum_does_not_guide_are_said(model, reason):
    with pytest.raises(NotApplicable, match=reason):
        methods["captum/GuidedBackprop"](explicand(model, torch.rand(2, 2)), generator=seeded())


def convolutional():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2),
            nn.Tanh(),
            nn.Conv2d(4, 5, 2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        return nn.Sequential(network, nn.Linear(5, 2)).eval().requires_grad_(False), torch.rand(3, 3, 12, 12)


@pytest.mark.parametrize("rows", [2, 64])
def test_grad_cam_by_its_equations(rows):
    """The last map with a height is the ReLU's; the pool's is one pixel."""
    network, x = convolutional()
    e = explicand(network, x, rows_per_batch=rows)
    found = Guard(e).attribute(methods["captum/GradCam"], {}, generator=seeded())
    maps = network[0][:4](x).requires_grad_()
    (gradient,) = torch.autograd.grad(network[1](network[0][4:](maps))[:, 0].sum(), maps)
    cam = torch.einsum("nkyx,nk->nyx", maps.detach(), gradient.mean((2, 3)))
    expected = F.interpolate(cam.unsqueeze(1), (12, 12), mode="bilinear") / 3
    torch.testing.assert_close(found.attribution, expected.expand(-1, 3, -1, -1))
    assert (found.attribution < 0).any()
    assert (found.cost.forward_rows, found.cost.backward_rows) == (4, 3)


@pytest.mark.parametrize(
    ("model", "inputs", "reason"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), torch.rand(2, 1, 4, 4), "no layer whose outputs are maps"),
        (nn.Linear(4, 2), torch.rand(2, 4), "needs pictures"),
        (lambda x: x.flatten(1), torch.rand(2, 1, 4, 4), "needs a torch.nn.Module"),
    ],
)
def test_grad_cam_needs_a_map(model, inputs, reason):
    with pytest.raises(NotApplicable, match=reason):
        methods["captum/GradCam"](explicand(model, inputs), generator=seeded())
