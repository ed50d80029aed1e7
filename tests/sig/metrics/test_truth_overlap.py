import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score

from sig.explicand import Explicand
from sig.metrics.truth_overlap import auroc, earth_mover, precision
from sig.registry import Cost, NotApplicable, Trial, metrics

NAMES = ["truth_precision", "truth_auroc", "truth_emd"]
SCORES = [precision, auroc, earth_mover]


def marks(*inside: tuple[int, int], height: int = 3, width: int = 4) -> torch.Tensor:
    region = torch.zeros(1, 1, height, width, dtype=torch.bool)
    for row, column in inside:
        region[0, 0, row, column] = True
    return region


def random_pictures(count: int = 6, channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    values = torch.randn(count, channels, 3, 4, generator=draws).mul(3).round()  # with ties, and zeros
    region = torch.rand(count, 1, 3, 4, generator=draws) < 0.4
    return values, region.expand_as(values)


def test_precision_by_hand() -> None:
    values = torch.tensor([[0.1, -5.0, 2.0, 0.0], [-1.0, -1.0, -1.0, 0.5]])
    region = torch.tensor([[False, True, False, True], [True, True, False, False]])
    # Of the two largest, -5 and 2, the first is inside. Of three equal ones two are taken: 2/3 of each.
    assert precision(values, region).tolist() == pytest.approx([1 / 2, 2 / 3])


def test_precision_is_the_share_of_the_largest() -> None:
    draws = torch.Generator().manual_seed(0)
    values, region = torch.randn(5, 1, 3, 4, generator=draws), torch.rand(5, 1, 3, 4, generator=draws) < 0.4
    for value, mark, score in zip(values, region, precision(values, region), strict=True):
        k = int(mark.sum())
        largest = set(np.argsort(-value.abs().flatten().numpy())[:k].tolist())
        assert score.item() == pytest.approx(len(largest & set(mark.flatten().nonzero().flatten().tolist())) / k)


def test_auroc_is_that_of_scikit_learn() -> None:
    values, region = random_pictures()
    expected = [roc_auc_score(r.flatten(), v.abs().flatten()) for v, r in zip(values, region, strict=True)]
    assert auroc(values, region).tolist() == pytest.approx(expected)


def test_auroc_by_hand() -> None:
    values = torch.tensor([[3.0, -2.0, 2.0, 0.0]])
    region = torch.tensor([[True, False, True, False]])
    # Of the four pairs of inside and outside (3, 2), (3, 0), (2, 2), (2, 0), three are in order and one is tied.
    assert auroc(values, region).tolist() == [3.5 / 4]


@pytest.mark.parametrize("channels", [1, 3])
def test_earth_mover_is_the_cheapest_transport(channels) -> None:
    """The linear programme over all amounts moved from each pixel to each of the region."""
    values, region = random_pictures(channels=channels)
    places = np.argwhere(np.ones((3, 4)))
    for value, mark, score in zip(values, region, earth_mover(values, region), strict=True):
        supply = value.abs().sum(0).flatten().double().numpy()
        demand = mark[0].flatten().double().numpy()
        rows, columns = np.kron(np.eye(12), np.ones(12)), np.kron(np.ones(12), np.eye(12))
        amounts = np.concatenate([supply / supply.sum(), demand / demand.sum()])
        moved = linprog(cdist(places, places).ravel(), A_eq=np.vstack([rows, columns]), b_eq=amounts)
        assert score.item() == pytest.approx(1 - moved.fun / np.hypot(2, 3), abs=1e-6)


def test_earth_mover_by_hand() -> None:
    """All to one pixel: the mean distance. Half of the attribution lies on it, half three columns to the right."""
    values = torch.zeros(1, 1, 3, 4)
    values[0, 0, 1, 0], values[0, 0, 1, 3] = 2, -2
    assert earth_mover(values, marks((1, 0))).tolist() == pytest.approx([1 - 1.5 / np.hypot(2, 3)])
    assert earth_mover(values, marks((1, 0), (1, 3))).tolist() == pytest.approx([1])


@pytest.mark.parametrize("score", SCORES)
def test_the_region_itself_is_best_whatever_the_sign(score) -> None:
    region = marks((0, 0), (1, 1), (2, 3))
    assert score(-2.0 * region, region).tolist() == pytest.approx([1])


@pytest.mark.parametrize("score", SCORES)
def test_undefined_without_attribution_or_region(score) -> None:
    region = torch.cat([marks((0, 0)), marks()])
    values = torch.stack([torch.zeros(1, 3, 4), torch.ones(1, 3, 4)])
    assert score(values, region).isnan().all()


def test_everywhere_the_same_is_chance() -> None:
    region = marks((0, 0), (1, 1), (2, 3))
    same = torch.ones(1, 1, 3, 4)
    assert precision(same, region).tolist() == pytest.approx([3 / 12])
    assert auroc(same, region).tolist() == [0.5]
    assert auroc(same, torch.ones_like(region)).isnan().all()


def trial(features: tuple[int, ...], **regions) -> Trial:
    inputs = torch.rand(2, *features)
    e = Explicand.of(lambda x: x.flatten(1), inputs)
    marked = {name: torch.rand(2, *features) < 0.5 for name in regions.get("names", ())}
    return Trial(e, inputs, Cost(0.0, 0, 0, 0), regions=marked)


@pytest.mark.parametrize("name", NAMES)
def test_metrics_score_the_region_of_a_name(name) -> None:
    given = trial((1, 3, 4), names=["informative", "cause"])
    score = dict(zip(NAMES, SCORES, strict=True))[name]
    for region in ("informative", "cause"):
        expected = score(given.attribution, given.regions[region])
        torch.testing.assert_close(metrics[name](given, region=region), expected.double(), equal_nan=True)
    torch.testing.assert_close(metrics[name](given), metrics[name](given, region="informative"), equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_without_the_region_is_a_reason(name) -> None:
    with pytest.raises(NotApplicable, match="marks no region 'informative'"):
        metrics[name](trial((1, 3, 4)))


def test_features_that_are_no_pixels_have_no_distance() -> None:
    with pytest.raises(NotApplicable, match="no pixels|not pixels"):
        metrics["truth_emd"](trial((5,), names=["informative"]))
