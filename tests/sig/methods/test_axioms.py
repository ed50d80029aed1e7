"""What the ICG paper says of Integrated Gradients and Shapley values as mathematics (sections 3.1 and 3.2)."""

import pytest
import torch
from torch import nn

from sig import games
from sig.certainty import CertaintyAware
from sig.explicand import Explicand
from sig.registry import methods

FEATURES, IGNORED = 5, 3
INTEGRATED = ["ig-zero", "ig-mean", "ig-middle", "ig-gaussian-noise", "expected-gradients"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def explicand(model: nn.Module, generator: torch.Generator) -> Explicand:
    inputs, background = torch.rand(2, 4, FEATURES, generator=generator)
    return Explicand.of(model.eval(), inputs, target=torch.zeros(4, dtype=torch.long), background=background)


class Ignoring(nn.Module):
    """A network that does not see one of the features, nor its certainty."""

    def __init__(self, channels: int, generator: torch.Generator):
        super().__init__()
        self.first = nn.Parameter(torch.randn(channels * (FEATURES - 1), 8, generator=generator))
        self.second = nn.Parameter(torch.randn(8, 2, generator=generator))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x[..., [i for i in range(FEATURES) if i != IGNORED]]
        return torch.tanh(seen.flatten(1) @ self.first) @ self.second


class Additive(nn.Module):
    """sum_i a_i x_i^3 + b_i x_i^2, with a and b in the two rows of the weights."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(2, FEATURES, generator=generator))

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        return self.weights[0] * x**3 + self.weights[1] * x**2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.parts(x).sum(1, keepdim=True)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [*INTEGRATED, "bshap"])
def test_a_feature_that_the_model_ignores_gets_nothing(name, seed):
    e = explicand(Ignoring(1, seeded(seed)), seeded(seed + 10))
    attribution = methods[name](e, generator=seeded(seed))
    assert attribution[:, IGNORED].abs().max() < 1e-6
    others = attribution[:, [i for i in range(FEATURES) if i != IGNORED]]
    assert others.abs().max() > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_icg_gives_nothing_to_a_feature_that_the_model_ignores(seed):
    aware = CertaintyAware(Ignoring(2, seeded(seed)), (FEATURES,))
    attribution = methods["icg"](explicand(aware, seeded(seed + 10)), generator=seeded(seed))
    assert attribution[:, IGNORED].abs().max() < 1e-6
    assert attribution.abs().max() > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_in_additive_models_ig_bshap_and_shap_match(seed):
    model = Additive(seeded(seed))
    e = explicand(model, seeded(seed + 10))
    parts = model.parts(e.inputs).detach()  # from zero, where each part is 0
    ig = methods["ig-zero"](e, steps=400, generator=seeded(seed))
    bshap = methods["bshap"](e, generator=seeded(seed))
    torch.testing.assert_close(ig, parts, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(bshap, parts, atol=1e-5, rtol=1e-4)
    # of a uniform input the expectation of a x^3 + b x^2 is a / 4 + b / 3; features that are out have it
    expected = (model.weights[0] / 4 + model.weights[1] / 3).detach()
    coalitions = games.coalition_matrix(FEATURES).bool()
    values = torch.where(coalitions, parts.unsqueeze(1), expected).sum(2)
    torch.testing.assert_close(games.shapley_values(values), (parts - expected).double(), atol=1e-5, rtol=1e-5)
