from typing import Any

import captum.metrics
import pytest
import torch
from torch import Tensor

from sig.coalitions import size_uniform
from sig.explicand import Explicand
from sig.metrics.infidelity import infidelity
from sig.registry import metrics
from tests.sig.metrics.test_insertion_deletion import trial_of

SAMPLES = 12


def drawn(e: Explicand, seed: int = 0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.stack([size_uniform(e.n_players, SAMPLES, g) for _ in range(len(e.inputs))])


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("explicand", ["vector_explicand", "picture_explicand"])
def test_agrees_with_captum(request: Any, explicand: str, rescale: bool) -> None:
    e: Explicand = request.getfixturevalue(explicand)
    attribution = torch.randn(e.inputs.shape, generator=torch.Generator().manual_seed(1))
    coalitions, default = drawn(e), e.background.mean(0).expand_as(e.inputs)

    def perturb(inputs: Tensor, baselines: Tensor) -> tuple[Tensor, Tensor]:
        """Captum repeats each input for its samples, and wants the perturbation per unit of the attribution."""
        kept = coalitions.flatten(0, 1)[:, e.players]
        return (~kept).float(), torch.where(kept, inputs, baselines)

    expected = captum.metrics.infidelity(
        e.model,
        perturb,
        e.inputs,
        attribution,
        baselines=default,
        target=e.target,
        n_perturb_samples=SAMPLES,
        normalize=rescale,
    )
    found = infidelity(e, attribution, coalitions, default, rescale=rescale)
    torch.testing.assert_close(found, expected.double(), atol=1e-6, rtol=1e-4)
    assert (expected > 1e-6).all()


def linear(weights: Tensor, inputs: Tensor) -> Explicand:
    return Explicand(
        model=lambda x: (x @ weights).unsqueeze(1),
        inputs=inputs,
        target=torch.zeros(len(inputs), dtype=torch.long),
        background=torch.zeros_like(inputs),
        players=torch.arange(inputs.shape[1]),
    )


def test_a_sum_of_two_by_hand() -> None:
    """F = 3 x1 + x2 at (1, 1): taking away {1}, {2}, both changes F by 3, 1, 4; given (2, 2) it should by 2, 2, 4."""
    e = linear(torch.tensor([3.0, 1.0]), torch.ones(1, 2))
    coalitions = torch.tensor([[[False, True], [True, False], [False, False]]])
    given, default = torch.tensor([[2.0, 2.0]]), torch.zeros(1, 2)
    assert infidelity(e, given, coalitions, default, rescale=False).item() == pytest.approx((1 + 1 + 0) / 3)
    scale = (2 * 3 + 2 * 1 + 4 * 4) / (4 + 4 + 16)  # the best factor, 1
    assert scale == 1
    assert infidelity(e, 10 * given, coalitions, default).item() == pytest.approx((1 + 1 + 0) / 3)


def test_contributions_to_a_linear_function_are_faithful_at_any_scale() -> None:
    weights, inputs = torch.tensor([3.0, -1.0, 0.5]), torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    e = linear(weights, inputs)
    generators = [torch.Generator().manual_seed(0) for _ in range(4)]
    exact, scaled, unscaled, other = (
        metrics["infidelity"](trial_of(e, a), rescale=rescale, generator=g)
        for a, rescale, g in zip(
            [weights * inputs, 7 * weights * inputs, 7 * weights * inputs, inputs],
            [True, True, False, True],
            generators,
            strict=True,
        )
    )
    assert exact.max() < 1e-9
    assert scaled.max() < 1e-9
    assert unscaled.min() > 0.1
    assert other.min() > 1e-3


def test_nothing_attributed_misses_all_of_it() -> None:
    e = linear(torch.tensor([3.0, 1.0]), torch.ones(1, 2))
    coalitions = torch.tensor([[[False, True], [False, False]]])
    assert infidelity(e, torch.zeros(1, 2), coalitions, torch.zeros(1, 2)).item() == pytest.approx((9 + 16) / 2)


def test_describes_and_does_not_judge() -> None:
    assert not metrics["infidelity"].judges
