"""LRP by zennit against its rules written out, conservation, and a network whose normalisation is merged by torch."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sig.certainty import CertaintyAware
from sig.explicand import Explicand
from sig.guard import Guard
from sig.registry import NotApplicable, methods

pytest.importorskip("zennit")
NAMES = ["zennit/EpsilonPlusFlat", "zennit/EpsilonGammaBox"]


def attribute(name, e):
    return Guard(e).attribute(methods[name], {}, generator=torch.Generator())


def explicand(model, inputs, **options):
    model = model.eval().requires_grad_(False) if isinstance(model, nn.Module) else model
    target = torch.arange(len(inputs)) % 2
    return Explicand.of(model, inputs, target=target, input_range=(-0.5, 1.0), **options)


def seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return make()


def pictures():
    return seeded(lambda: torch.rand(4, 1, 8, 8))


def chain(*, channels=1, bias=False):
    return seeded(
        lambda: nn.Sequential(
            *(nn.Conv2d(channels, 6, 3, bias=bias), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 6, 2, bias=bias), nn.ReLU(), nn.Flatten(), nn.Linear(24, 8, bias=bias), nn.ReLU()),
            nn.Linear(8, 2, bias=bias),
        )
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_rules_written_out(name):
    """A convolution as large as the picture, ReLUs and a dense layer whose bias keeps its part."""
    network = seeded(lambda: nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5, 2)))
    e = explicand(network, seeded(lambda: torch.rand(4, 1, 3, 3)), rows_per_batch=3)
    weights, x, (low, high) = network[0].weight.flatten(1), e.inputs.flatten(1), e.input_range
    hidden = network[:3](e.inputs)
    output = network(e.inputs).gather(1, e.target.unsqueeze(1))
    relevance = hidden * network[3].weight[e.target] / output * output  # epsilon; what is missing is the bias's
    if name == "zennit/EpsilonPlusFlat":
        share = torch.full((4, 5, 9), 1 / 9)
    else:
        part = x.unsqueeze(1) * weights - low * weights.clamp(min=0) - high * weights.clamp(max=0)
        share = part / part.sum(2, keepdim=True)
    expected = torch.einsum("nk,nkj->nj", relevance, share).view(4, 1, 3, 3)
    found = attribute(name, e)
    torch.testing.assert_close(found.attribution, expected, rtol=1e-3, atol=1e-5)
    box = 2 if name == "zennit/EpsilonGammaBox" else 0
    assert (found.cost.forward_rows, found.cost.backward_rows) == (4 + box, 4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("softmax", [False, True])
def test_relevance_is_conserved_without_biases(name, softmax):
    """It is the output, or the logit behind the probability, of either sign."""
    network = chain()
    e = explicand(nn.Sequential(network, nn.Softmax(1)) if softmax else network, pictures())
    logits = network(e.inputs).gather(1, e.target.unsqueeze(1)).squeeze(1)
    assert logits.min() < 0 < logits.max()
    found = attribute(name, e)
    torch.testing.assert_close(found.attribution.flatten(1).sum(1), logits, rtol=0.02, atol=1e-3)
    assert found.cost.backward_rows == 4


def test_certainty_that_does_not_vary_gets_nothing_from_the_box_rule():
    network = chain(channels=2)
    e = explicand(CertaintyAware(network, (1, 8, 8)), pictures())
    logits = e.model(e.inputs).gather(1, e.target.unsqueeze(1)).squeeze(1)
    sums = attribute("zennit/EpsilonGammaBox", e).attribution.flatten(1).sum(1)
    torch.testing.assert_close(sums, logits, rtol=0.02, atol=1e-3)
    flat = attribute("zennit/EpsilonPlusFlat", e).attribution.flatten(1).sum(1)
    torch.testing.assert_close(flat, logits / 2, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_batch_normalisation_counts_as_part_of_its_convolution(name):
    norm = seeded(lambda: nn.BatchNorm2d(6))
    norm.running_mean, norm.running_var = torch.linspace(-0.1, 0.2, 6), torch.linspace(0.5, 2, 6)
    norm.weight.data, norm.bias.data = torch.linspace(0.7, 1.5, 6), torch.linspace(-0.1, 0.1, 6)
    layers = list(chain(bias=True))
    e = explicand(nn.Sequential(layers[0], norm, *layers[1:]), pictures())
    weights = copy.deepcopy(e.model.state_dict())
    merged = explicand(nn.Sequential(fuse_conv_bn_eval(layers[0].eval(), norm.eval()), *layers[1:]), pictures())
    found, expected = attribute(name, e).attribution, attribute(name, merged).attribution
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
    assert all(torch.equal(value, weights[key]) for key, value in e.model.state_dict().items())


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(64, 2)

    def forward(self, x):
        return self.last((x + self.first(x)).flatten(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), "is for a convolution"),
        (Residual(), "the model has a Residual"),
        (nn.Sequential(nn.Conv2d(1, 1, 3), nn.LayerNorm(6), nn.Flatten(), nn.Linear(36, 2)), "has a LayerNorm"),
        (lambda x: x.flatten(1), "needs a torch.nn.Module"),
    ],
)
def test_models_without_rules_are_said(name, model, reason):
    with pytest.raises(NotApplicable, match=reason):
        methods[name](explicand(model, pictures()), generator=torch.Generator())
