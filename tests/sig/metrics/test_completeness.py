import pytest
import torch
from torch import Tensor

from sig import path
from sig.explicand import Explicand
from sig.registry import Cost, NotApplicable, Trial, metrics


def squares(x: Tensor) -> Tensor:
    """Output 0 is 7 throughout, output 1 the sum of squares."""
    return torch.stack([torch.full((len(x),), 7.0), (x**2).sum(1)], 1)


def trial(attribution: list[list[float]], starts: list[list[list[float]]] | None) -> Trial:
    inputs = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    e = Explicand(squares, inputs, torch.tensor([1, 0]), torch.zeros(1, 2), torch.arange(2), (0.0, 4.0))
    if starts is not None:
        begin = torch.tensor(starts)
        e.tally.paths = (begin, inputs.unsqueeze(1).expand_as(begin))
    return Trial(e, torch.tensor(attribution), Cost(0.0, 0, 0, 0), change=path.change_along_paths(e))


def test_gap_by_hand() -> None:
    # First explicand: F goes from 0 and from 2 to 5, by 4 on average. Second: its target is constant.
    starts = [[[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]]]
    assert metrics["completeness"](trial([[1.0, 3.0], [2.0, -2.0]], starts)).tolist() == [0, 0]
    scored = trial([[1.0, 1.5], [2.0, -1.5]], starts)
    assert metrics["completeness"](scored).tolist() == [1.5, 0.5]
    assert path.completeness_gap(scored.explicand, scored.attribution).tolist() == [1.5, 0.5]


def test_counts_no_rows_on_the_method() -> None:
    scored = trial([[1.0, 3.0], [2.0, -2.0]], [[[0.0, 0.0]], [[0.0, 0.0]]])
    metrics["completeness"](scored)
    assert scored.explicand.tally.forward_rows == 0


def test_a_method_without_a_baseline_is_not_scored() -> None:
    with pytest.raises(NotApplicable, match="the method states no baseline"):
        metrics["completeness"](trial([[1.0, 3.0], [2.0, -2.0]], None))
