import pytest
import torch

from sig.explicand import Explicand
from sig.registry import Cost, NotApplicable, Trial, metrics


def trial(attribution: list[list[float]], **regions: list[list[bool]]) -> Trial:
    inputs = torch.zeros(len(attribution), 3)
    e = Explicand(lambda x: x, inputs, torch.zeros(len(inputs)).long(), inputs, torch.arange(3))
    masks = {name: torch.tensor(region) for name, region in regions.items()}
    return Trial(e, torch.tensor(attribution), Cost(0.0, 0, 0, 0), regions=masks)


def test_by_hand():
    shadow = [[True, True, False], [False, False, True], [True, True, True]]
    scores = metrics["shadow"](trial([[1.0, -2.0, 3.0], [1.0, -2.0, 0.0], [0.5, 0.0, 0.0]], shadow=shadow))
    assert scores.tolist() == pytest.approx([0.5, 0, 1])


def test_describes_and_does_not_judge():
    assert not metrics["shadow"].judges


def test_undefined_where_nothing_is_attributed():
    assert metrics["shadow"](trial([[0.0, 0.0, 0.0]], shadow=[[True, False, False]])).isnan().all()


def test_a_task_without_shadow_is_a_reason():
    with pytest.raises(NotApplicable, match="the task marks no region 'shadow'"):
        metrics["shadow"](trial([[1.0, 0.0, 0.0]], dark=[[True, False, False]]))
