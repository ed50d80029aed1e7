from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sig.certainty import CertaintyAware
from sig.explicand import Explicand
from sig.registry import NotApplicable, metrics
from tests.sig.metrics.test_iaccuracy import explain, pictures
from tests.sig.metrics.test_insertion_deletion import SHARES, classify, trial_of, weigh

Network = Callable[[Tensor], Tensor]


class Told(nn.Module):
    """A function of values with certainty, as a network."""

    def __init__(self, function: Network):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def by_certainty(x: Tensor) -> Tensor:
    """Class 0 has the share of the weights that is certain, whatever the values; 1/2 of what is not."""
    certain = (x[:, 1] * SHARES).sum(1)
    p = certain + 0.5 * (1 - certain)
    return torch.stack([p, 1 - p], 1)


def aware(network: Network, inputs: Tensor, rows: int = 64) -> Explicand:
    model = CertaintyAware(Told(network), tuple(inputs.shape[1:])).eval()
    return explain(model, inputs, rows=rows)


def test_a_weighted_sum_by_hand() -> None:
    trial = trial_of(aware(by_certainty, torch.rand(1, 3)), torch.tensor([[3.0, 2.0, 1.0]]))
    deleted = metrics["certainty_deletion"](trial, points=4)
    inserted = metrics["certainty_insertion"](trial, points=4)
    torch.testing.assert_close(deleted, torch.tensor([[1, 0.75, 0.6, 0.5]], dtype=torch.float64))
    torch.testing.assert_close(inserted, torch.tensor([[0.5, 0.75, 0.9, 1]], dtype=torch.float64))


@pytest.mark.parametrize("name", ["certainty_deletion", "certainty_insertion"])
@pytest.mark.parametrize("rows", [1, 30, 1000])
def test_agrees_with_the_loop(name: str, rows: int) -> None:
    """A pixel loses its certainty in all channels, and its values stay."""
    inputs, _, attribution = pictures()
    network = classify(channels=4)
    e = aware(network, inputs, rows)
    e.target[2] = 1
    counts = [0, 9, 18, 27, 36]
    expected = torch.zeros(5, 5, dtype=torch.float64)
    for i, (x, a) in enumerate(zip(inputs, attribution, strict=True)):
        pixels = [(r, c) for r in range(6) for c in range(6)]
        pixels.sort(key=lambda p: -a[:, p[0], p[1]].sum().item())
        for point, count in enumerate(counts):
            certainty = torch.ones(2, 6, 6)
            for r, c in pixels[:count]:
                certainty[:, r, c] = 0
            if name == "certainty_insertion":
                certainty = 1 - certainty
            expected[i, point] = network(torch.cat([x, certainty])[None])[0, e.target[i]]
    assert (expected.max(1).values - expected.min(1).values).min() > 0.001  # a case that tells curves apart
    torch.testing.assert_close(metrics[name](trial_of(e, attribution), points=5), expected, atol=1e-6, rtol=0)


def test_ends_are_the_ones_of_the_model() -> None:
    inputs, _, attribution = pictures()
    network = classify(channels=4)
    trial = trial_of(aware(network, inputs), attribution)
    whole, nothing = (network(torch.cat([inputs, c.expand_as(inputs)], 1))[:, 0] for c in torch.tensor([1.0, 0.0]))
    for name, ends in (("certainty_deletion", (whole, nothing)), ("certainty_insertion", (nothing, whole))):
        curve = metrics[name](trial)
        torch.testing.assert_close(curve[:, 0], ends[0].double(), atol=1e-6, rtol=0)
        torch.testing.assert_close(curve[:, -1], ends[1].double(), atol=1e-6, rtol=0)


def test_features_in_two_dimensions_are_no_pixels() -> None:
    """A table of features beside its certainties has the shape of a picture, and is none."""
    inputs, attribution = torch.rand(1, 2, 3), torch.tensor([[[6.0, 5, 4], [3, 2, 1]]])

    def told(x: Tensor) -> Tensor:
        p = x[:, 1].flatten(1).mean(1)
        return torch.stack([p, 1 - p], 1)

    curve = metrics["certainty_deletion"](trial_of(aware(told, inputs), attribution), points=7)
    torch.testing.assert_close(curve, torch.linspace(1, 0, 7, dtype=torch.float64)[None], atol=1e-6, rtol=0)


def test_informed_attributions_are_better_than_random_ones() -> None:
    e = aware(by_certainty, torch.rand(60, 3, generator=torch.Generator().manual_seed(0)))
    random = torch.rand(60, 3, generator=torch.Generator().manual_seed(1))
    informed, blind = trial_of(e, SHARES.expand(60, -1).clone()), trial_of(e, random)
    assert metrics["certainty_deletion"](informed).mean() < metrics["certainty_deletion"](blind).mean() - 0.01
    assert metrics["certainty_insertion"](informed).mean() > metrics["certainty_insertion"](blind).mean() + 0.01


def test_not_applicable_without_certainty_or_probabilities() -> None:
    with pytest.raises(NotApplicable, match="certainty-aware"):
        metrics["certainty_deletion"](trial_of(explain(weigh, torch.ones(1, 3)), SHARES[None]))
    doubled = aware(lambda x: 2 * by_certainty(x), torch.ones(1, 3))
    with pytest.raises(NotApplicable, match="not probabilities"):
        metrics["certainty_insertion"](trial_of(doubled, SHARES[None]))
