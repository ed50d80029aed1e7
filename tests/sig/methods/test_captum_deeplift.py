"""DeepLift by hand and by its completeness; DeepLiftShap against captum's own call."""

from dataclasses import replace

import captum.attr
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sig import baselines
from sig.explicand import Explicand, Tally
from sig.guard import Guard
from sig.registry import NotApplicable, methods


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def explicand(model, inputs, target=0, **options):
    model = model.eval().requires_grad_(False) if isinstance(model, nn.Module) else model
    targets = torch.full((len(inputs),), target)
    return Explicand.of(model, inputs, target=targets, input_range=(-9.0, 9.0), **options)


def linear(weight, bias):
    layer = nn.Linear(len(weight[0]), len(weight))
    layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
    return layer


def pooled(seed=0, features=(1, 9, 9)):
    """Rectified convolutions with pools right behind, as in Burnt Snacks."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            *(nn.Conv2d(features[0], 4, 3), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)),
            *(nn.Conv2d(4, 4, 2), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(36, 3)),
        )
        return network, torch.rand(3, *features), torch.rand(5, *features)


def test_the_rescale_rule_by_hand():
    """The hidden value goes from -0.5 to 0.5 and its ReLU from 0 to 0.5, so that the multiplier is 1/2."""
    e = explicand(nn.Sequential(linear([[2.0, -1.0]], [-0.5]), nn.ReLU(), linear([[1.0]], [3.0])), torch.ones(1, 2))
    found = methods["captum/DeepLift"](e, generator=seeded())
    torch.testing.assert_close(found, torch.tensor([[1.0, -0.5]]))


def test_a_softmax_passes_the_change_of_the_probability_to_its_logit():
    """Each logit is a feature, so that the target's takes all, whatever else is in the batch."""
    x = torch.tensor([[1.0, 2.0, -1.0], [3.0, 0.5, 0.0]])
    e = explicand(nn.Sequential(nn.Linear(3, 3), nn.Softmax(1)), x, target=1)
    e.model[0].weight.copy_(torch.eye(3))
    e.model[0].bias.zero_()
    found = methods["captum/DeepLift"](e, generator=seeded())
    expected = torch.zeros(2, 3)
    expected[:, 1] = x.softmax(1)[:, 1] - 1 / 3
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found[1:], methods["captum/DeepLift"](e.only(1), generator=seeded()))


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_attributions_sum_to_the_change_of_the_output(seed, softmax):
    network, x, background = pooled(seed)
    e = explicand(nn.Sequential(network, nn.Softmax(1)) if softmax else network, x, target=2, background=background)
    found = methods["captum/DeepLift"](e, generator=seeded())
    torch.testing.assert_close(found.flatten(1).sum(1), (e.model(x) - e.model(0 * x))[:, 2], rtol=1e-3, atol=1e-5)
    found = methods["captum/DeepLiftShap"](e, evaluations=10, generator=seeded())  # draws each sample once
    change = (e.model(x) - e.model(background).mean(0))[:, 2]
    torch.testing.assert_close(found.flatten(1).sum(1), change, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 5, 64])
def test_deep_lift_shap_is_captums_whatever_goes_through_at_once(rows):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 2))
        x, background = torch.rand(3, 4), torch.rand(6, 4)
    e = explicand(network, x, target=1, background=background, rows_per_batch=rows)
    found = methods["captum/DeepLiftShap"](e, evaluations=9, generator=seeded())
    assert (e.tally.forward_rows, e.tally.backward_rows) == (24, 24)  # two rows each way for four samples
    starts = baselines.distribution(e, samples=4, generator=seeded())
    with pytest.warns(UserWarning, match="Setting forward, backward hooks"):
        expected = [
            captum.attr.DeepLiftShap(network).attribute(x[i : i + 1], starts[i], target=1) for i in range(len(x))
        ]
    torch.testing.assert_close(found, torch.cat(expected))


def test_it_counts_and_leaves_nothing_behind():
    network, x, _ = pooled()
    e = explicand(nn.Sequential(network, nn.Softmax(1)), x)
    before = [set(vars(part)) for part in e.model.modules()]
    cost = Guard(e).attribute(methods["captum/DeepLift"], {}, generator=seeded()).cost
    assert (cost.forward_rows, cost.backward_rows) == (6, 6)
    assert before == [set(vars(part)) for part in e.model.modules()]


class Rectified(nn.Module):
    """A hidden layer of ReLUs, in a way that captum does not see or cannot handle."""

    def __init__(self, way):
        super().__init__()
        self.first, self.last, self.act = nn.Linear(4, 16), nn.Linear(16, 1), nn.ReLU()
        self.way = way

    def forward(self, x):
        hidden = self.first(x)
        if self.way == "twice":
            return self.act(self.last(self.act(hidden)))
        return self.last(F.relu(hidden))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Rectified("function"), "do not sum to the change of the output"),
        (Rectified("twice"), "uses each of its layers once"),
        (nn.Sequential(nn.Linear(4, 16), nn.Sequential(nn.GELU()), nn.Linear(16, 1)), "do not sum to the change"),
        (lambda x: x.sum(1, keepdim=True), "needs a torch.nn.Module"),
    ],
)
def test_what_captum_does_not_see_is_said(model, reason):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        x = torch.randn(6, 4)
        for part in model.modules() if isinstance(model, nn.Module) else ():
            if isinstance(part, nn.Linear):
                part.reset_parameters()
    e = explicand(model, x, background=torch.zeros(2, 4))
    for name, options in [("captum/DeepLift", {}), ("captum/DeepLiftShap", {"evaluations": 4})]:
        with pytest.raises(NotApplicable, match=reason):
            methods[name](replace(e, tally=Tally()), generator=seeded(), **options)
    with pytest.raises(NotApplicable, match="takes 2 evaluations, more than the 1 given"):
        methods["captum/DeepLiftShap"](e, evaluations=1, generator=seeded())
