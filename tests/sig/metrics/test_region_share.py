import pytest
import torch

from sig.explicand import Explicand
from sig.registry import Cost, NotApplicable, Trial, metrics

MARKS = {"mouth": [True, False, False, False], "eyes": [False, True, False, False], "face": [False, False, True, False]}
region_share = metrics["region_share"]


def trial(*attribution: list[float], **marks: list[bool]) -> Trial:
    inputs = torch.zeros(len(attribution), 4)
    e = Explicand(lambda x: x, inputs, torch.zeros(len(inputs)).long(), inputs, torch.arange(4))
    regions = {name: torch.tensor(mark).expand(len(inputs), -1) for name, mark in marks.items()}
    return Trial(e, torch.tensor(attribution), Cost(0.0, 0, 0, 0), regions=regions)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.5, 0.8]),
        ({"measure": "positive"}, [0.2, 0.5]),
        ({"measure": "negative"}, [1, 1]),
        ({"regions": ["eyes"]}, [0.375, 0.6]),
        ({"regions": ["face"], "measure": "positive"}, [0.4, 0.5]),
        ({"regions": ["mouth", "mouth"]}, [0.125, 0.2]),
    ],
)
def test_by_hand(options, expected) -> None:
    """Absolute: of |1| + |-3| + |2| + |2| = 8 and of |1| + |-3| + |1| + |0| = 5."""
    given = trial([1.0, -3.0, 2.0, 2.0], [1.0, -3.0, 1.0, 0.0], **MARKS)
    assert region_share(given, **options).tolist() == pytest.approx(expected)


def test_what_regions_have_in_common_counts_once() -> None:
    both = {"mouth": [True, True, False, False], "eyes": [False, True, True, False]}
    assert region_share(trial([1.0, 1.0, 1.0, 1.0], **both)).tolist() == pytest.approx([0.75])


def test_undefined_where_there_is_nothing_to_share() -> None:
    scores = region_share(trial([0.0, 0.0, 0.0, 0.0], [-1.0, -1.0, 0.0, 0.0], **MARKS), measure="positive")
    assert scores.isnan().all()


def test_describes_and_does_not_judge() -> None:
    assert not region_share.judges


def test_a_task_without_such_regions_is_a_reason() -> None:
    with pytest.raises(NotApplicable, match="the task marks no region 'mouth'"):
        region_share(trial([1.0, 0.0, 0.0, 0.0], dark=[True, False, False, False]))


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "squared"}, "measure is 'squared', expected one of absolute, positive, negative"),
        ({"regions": []}, r"regions are \[\], expected a list of one or more names"),
        ({"regions": "mouth"}, "regions are 'mouth', expected a list"),
    ],
)
def test_bad_options(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        region_share(trial([1.0, 0.0, 0.0, 0.0], **MARKS), **options)
