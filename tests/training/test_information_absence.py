import pytest
import torch
from torch import Tensor, nn

from sig.certainty import CertaintyAware
from sig.explicand import Explicand
from sig.registry import NotApplicable
from training.information_absence import MASKED, mark_square, measure_absence

SIDE = 28


class Weighs(nn.Module):
    """A weighted sum of values: of all, or of each as far as it is certain."""

    def __init__(self, heeds_certainty: bool) -> None:
        super().__init__()
        self.heeds_certainty = heeds_certainty

    def forward(self, x: Tensor) -> Tensor:
        values, certainty = x.chunk(2, dim=1)
        weights = torch.linspace(1, 2, SIDE * SIDE).view(1, SIDE, SIDE)
        seen = values * certainty if self.heeds_certainty else values
        return (weights * seen).flatten(1).sum(1, keepdim=True)


def explicand(heeds_certainty: bool) -> Explicand:
    model = CertaintyAware(Weighs(heeds_certainty), (1, SIDE, SIDE)).eval()
    inputs = torch.rand(3, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    players = torch.arange(SIDE * SIDE).view(1, SIDE, SIDE)
    return Explicand(model, inputs, torch.zeros(3, dtype=torch.long), inputs, players)


def test_a_model_that_ignores_what_is_not_certain_attributes_nothing_there() -> None:
    checks, series = measure_absence(explicand(heeds_certainty=True))
    assert checks == pytest.approx({"suppressed_icg": 0, "suppressed_ig_zero": 0, "suppressed_ig_one": 0}, abs=1e-6)
    inside = series["certainty"] == 0
    assert inside.sum() == MASKED**2
    for name in ("icg", "ig_zero", "ig_one", "combined"):
        assert (series[name][inside] == 0).all()
        assert (series[name][~inside].abs() > 0).float().mean() > 0.9


def test_a_model_that_does_not_care_attributes_as_much_as_with_certainty() -> None:
    checks, series = measure_absence(explicand(heeds_certainty=False))
    assert checks["suppressed_ig_zero"] == checks["suppressed_ig_one"] == pytest.approx(1)
    weights = torch.linspace(1, 2, SIDE * SIDE)
    torch.testing.assert_close(series["ig_zero"], weights * series["input"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(series["ig_one"], weights * (series["input"] - 1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(series["combined"], series["ig_zero"] + series["ig_one"])


def test_the_square_is_in_the_middle() -> None:
    square = mark_square(torch.zeros(2, 1, SIDE, SIDE))
    assert square.sum(dim=(1, 2, 3)).tolist() == [MASKED**2] * 2
    assert torch.equal(square, square.flip(2))
    assert torch.equal(square, square.flip(3))


def test_a_model_without_certainty_is_refused() -> None:
    e = Explicand(
        lambda x: x.flatten(1).sum(1, keepdim=True),
        torch.rand(1, 1, SIDE, SIDE),
        torch.tensor([0]),
        torch.rand(1, 1, SIDE, SIDE),
        torch.arange(SIDE * SIDE).view(1, SIDE, SIDE),
    )
    with pytest.raises(NotApplicable, match="certainty-aware"):
        measure_absence(e)
