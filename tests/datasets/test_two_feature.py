import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from datasets.two_feature import (
    EXPECTATION,
    POINT_A,
    POINT_B,
    bshap,
    bump,
    integrated_gradients,
    model,
    shap,
    trace_reversal,
    two_feature,
)
from sig import games, path
from sig.registry import methods

points = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(list)


def trapezoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.interp(x, [0.2, 0.3, 0.45, 0.55], [0, 1, 1, 0]))


ON_GRID = trapezoid((np.arange(4000) + 0.5) / 4000)
MEAN_ON_GRID = float(np.maximum.outer(ON_GRID, ON_GRID).mean())


def shapley(values: list[float]) -> list[float]:
    """Of the empty coalition, the first feature, the second, and both."""
    return [float(phi) for phi in games.shapley_values(torch.tensor(values, dtype=torch.float64))]


def rows(*at: list[float] | tuple[float, float]) -> Tensor:
    return torch.tensor(at, dtype=torch.float64)


@given(points)
def test_model(at: list[float]) -> None:
    np.testing.assert_allclose(bump(rows(at))[0], trapezoid(np.array(at)), atol=1e-12)
    assert model(rows(at)).item() == pytest.approx(trapezoid(np.array(at)).max(), abs=1e-12)


def test_expectation() -> None:
    assert pytest.approx(MEAN_ON_GRID, abs=1e-6) == EXPECTATION
    assert round(EXPECTATION, 3) == 0.434  # as the paper prints it


@given(points)
def test_bshap_is_the_shapley_value_of_the_game_of_hybrids(at: list[float]) -> None:
    hybrids = rows((0, 0), (at[0], 0), (0, at[1]), at)
    expected = shapley(model(hybrids).squeeze(1).tolist())
    np.testing.assert_allclose(bshap(rows(at))[0], expected, atol=1e-12)


@given(points)
def test_shap_is_the_shapley_value_of_the_game_of_conditional_expectations(at: list[float]) -> None:
    r = trapezoid(np.array(at))
    alone = [float(np.maximum(r[i], ON_GRID).mean()) for i in (0, 1)]
    expected = shapley([MEAN_ON_GRID, *alone, float(r.max())])
    np.testing.assert_allclose(shap(rows(at))[0], expected, atol=1e-6)


@given(points)
@example([0.4, 0.4])
@example([0.0, 0.4])
@example([0.5, 0.0])
@settings(deadline=None)
def test_integrated_gradients_are_the_path_integral(at: list[float]) -> None:
    assume(at[0] == at[1] or abs(at[0] - at[1]) > 1e-4)  # close to the diagonal the steps would have to be finer
    steps = 20_000
    positions = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    along = (positions.unsqueeze(1) * rows(at)).requires_grad_()
    (gradients,) = torch.autograd.grad(model(along).sum(), along)
    np.testing.assert_allclose(
        integrated_gradients(rows(at))[0], (gradients.mean(0) * rows(at)[0]).detach(), atol=10 / steps * 4
    )


@given(points)
def test_integrated_gradients_are_complete(at: list[float]) -> None:
    assert integrated_gradients(rows(at)).sum().item() == pytest.approx(model(rows(at)).item(), abs=1e-9)


def test_many_points_are_attributed_as_one_by_one(generator: torch.Generator) -> None:
    at = torch.rand(50, 2, generator=generator, dtype=torch.float64)
    for method in (bshap, shap, integrated_gradients):
        assert torch.equal(method(at), torch.cat([method(one) for one in at.split(1)]))


def test_points_a_and_b_by_hand() -> None:
    at = rows(POINT_A, POINT_B)
    assert all(x > 0.55 for x in POINT_B)
    assert model(at).flatten().tolist() == [1, 0]
    torch.testing.assert_close(bshap(at), rows((0, 1), (0, 0)))
    at_a = ((0.25 - EXPECTATION) / 2, (1 - EXPECTATION) / 2 + 0.75 / 2)
    torch.testing.assert_close(shap(at), rows(at_a, (-EXPECTATION / 2, -EXPECTATION / 2)))
    assert shap(at).mul(1000).round().tolist() == [[-92, 658], [-217, -217]]
    torch.testing.assert_close(integrated_gradients(at), rows((1, 0), (-1, 1)))


def test_integrated_gradients_reverse_across_the_diagonal_and_shapley_values_do_not() -> None:
    line = trace_reversal()
    points = torch.stack([line["x1"], line["x2"]], 1)
    assert points.min() > 0.55
    assert points.max() <= 1
    assert any(torch.allclose(point, rows(POINT_B)[0], atol=0.01) for point in points)
    torch.testing.assert_close(line["x1"] + line["x2"], torch.full_like(line["x1"], sum(POINT_B)))
    side = (points[:, 1] - points[:, 0]).sign()
    assert side.sum() == 0
    torch.testing.assert_close(line["ig_x1"], -side)
    torch.testing.assert_close(line["ig_x2"], side)
    for feature in ("x1", "x2"):
        assert not line[f"bshap_{feature}"].any()
        torch.testing.assert_close(line[f"shap_{feature}"], torch.full_like(side, -EXPECTATION / 2))
    assert two_feature(seed=0).checks["reversal"] == pytest.approx(2)


@pytest.mark.parametrize("row", [0, 10, 24, 25, 49])
def test_the_reversal_by_numerical_integration(row: int) -> None:
    line = trace_reversal()
    at = torch.stack([line["x1"][row], line["x2"][row]])
    steps = 100_000
    along = ((torch.arange(steps, dtype=torch.float64).unsqueeze(1) + 0.5) / steps * at).requires_grad_()
    (gradients,) = torch.autograd.grad(model(along).sum(), along)
    expected = gradients.mean(0) * at
    assert [line["ig_x1"][row], line["ig_x2"][row]] == pytest.approx(expected.tolist(), abs=1e-3)


def test_the_task_has_the_points_and_their_truths() -> None:
    problem = two_feature(seed=1, background=7)
    e = problem.explicand
    torch.testing.assert_close(e.inputs, rows(POINT_A, POINT_B).float())
    assert e.background.shape == (7, 2)
    assert not torch.equal(e.background, two_feature(seed=2, background=7).explicand.background)
    assert problem.shown == (0, 1)
    assert problem.truths.keys() == {"bshap", "shap", "integrated_gradients"}
    for method in (bshap, shap, integrated_gradients):
        assert torch.equal(problem.truths[method.__name__], method(rows(POINT_A, POINT_B)))
    assert problem.tuning is not None
    assert problem.tuning.shape == (8, 2)
    engine = path.integrate(e, torch.zeros(2, 1, 2), steps=5000)
    torch.testing.assert_close(engine.double(), integrated_gradients(rows(POINT_A, POINT_B)), rtol=0, atol=2e-3)


def test_methods_named_as_exact_reach_the_truth() -> None:
    problem = two_feature(background=5000, seed=0)
    assert problem.exact.keys() == problem.truths.keys()
    for truth, names in problem.exact.items():
        for name in names:
            budget = methods[name].options_for(20_000)
            found = methods[name](problem.explicand, generator=torch.Generator().manual_seed(0), **budget)
            assert (found - problem.truths[truth]).abs().max() < 0.02
