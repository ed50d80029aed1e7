"""The two-feature model, for which Integrated Gradients, BShap and SHAP have closed forms (ICG, Fig. 2 and Table 1).

    F(x1, x2) = max(r(x1), r(x2)),   x1 and x2 independent and uniform on [0, 1]

where r is 0 up to 0.20, rises to 1 at 0.30, stays there to 0.45 and falls to 0 at 0.55.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from datasets.problem import Problem, task
from sig.explicand import Explicand

KNOTS = (0.20, 0.30, 0.45, 0.55)

# E[F]. A feature is on the plateau with probability 0.15, and with 0.2 on a slope, where r is uniform. So
# P(r <= t) = 0.65 + 0.2 t for t < 1, and E[F] = integral over t in [0, 1] of 1 - (0.65 + 0.2 t)^2.
EXPECTATION = 1 - (0.85**3 - 0.65**3) / 0.6

# Chosen here: the paper prints no coordinates. See ``two_feature``.
POINT_A = (0.60, 0.42)
POINT_B = (0.75, 0.90)
TUNING = 8  # inputs
FARTHEST, LINE_POINTS = 0.25, 50  # from x1 = x2, along the line through B; an even number keeps off x1 = x2 itself


def bump(x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """r(x), in [0, 1]."""
    rise, top, fall, end = KNOTS
    return torch.minimum((x - rise) / (top - rise), (end - x) / (end - fall)).clamp(0, 1)


def model(x: Float[Tensor, "rows 2"]) -> Float[Tensor, "rows 1"]:
    """F(x1, x2), as a model with one output."""
    r1, r2 = bump(x).split(1, dim=1)
    return torch.maximum(r1, r2)


def bshap(x: Float[Tensor, "rows 2"]) -> Float[Tensor, "rows 2"]:
    """BShap with baseline zero: Shapley values of the game where a feature that is out is 0 (and so is its r).

    phi_i = (r_i + max(r_i, r_j) - r_j) / 2
    """
    r = bump(x)
    return (r + r.amax(1, keepdim=True) - r.flip(1)) / 2


def shap(x: Float[Tensor, "rows 2"]) -> Float[Tensor, "rows 2"]:
    """SHAP: Shapley values of the game of conditional expectations, v(S) = E[F(X) | X_S = x_S].

    v(empty) is ``EXPECTATION`` and v({i}) = E[max(r_i, r(X_j))] = r_i + 0.35 (1 - r_i) - 0.1 (1 - r_i^2).
    """
    r = bump(x)
    alone = r + 0.35 * (1 - r) - 0.1 * (1 - r**2)
    return (alone - EXPECTATION + r.amax(1, keepdim=True) - alone.flip(1)) / 2


def integrated_gradients(x: Float[Tensor, "rows 2"]) -> Float[Tensor, "rows 2"]:
    """Integrated Gradients from the baseline zero.

    On the path r1 and r2 are linear between the positions where a feature passes a knot. With those where they cross
    added, F is one of them on each piece, and its change goes to that feature; where they are equal it is shared.
    """
    ends = x.new_tensor([[0.0, 1.0]]).expand(len(x), -1)
    knots = (x.new_tensor(KNOTS) / x.unsqueeze(2)).flatten(1).clamp(0, 1)
    positions = torch.cat([ends, knots], 1).sort(1).values
    r1, r2 = _along(x, positions).unbind(2)
    before, after = (r1 - r2)[:, :-1], (r1 - r2)[:, 1:]
    crossing = torch.where(before * after < 0, before / (before - after), 0)
    cuts = positions[:, :-1] + crossing * positions.diff(dim=1)
    r = _along(x, torch.cat([positions, cuts], 1).sort(1).values)
    lead = r - r.flip(2)
    share = (1 + (lead[:, 1:] + lead[:, :-1]).sign()) / 2
    return (share * r.diff(dim=1)).sum(1)


def _along(x: Float[Tensor, "rows 2"], positions: Float[Tensor, "rows positions"]) -> Float[Tensor, "rows positions 2"]:
    """r of both features at positions on the straight path from zero (0) to x (1)."""
    return bump(positions.unsqueeze(2) * x.unsqueeze(1))


TRUTHS = {"bshap": bshap, "shap": shap, "integrated_gradients": integrated_gradients}
EXACT = {
    "bshap": ("bshap",),
    "shap": ("shap",),
    "integrated_gradients": ("ig-zero", "captum/IntegratedGradients"),
}


def trace_reversal() -> dict[str, Tensor]:
    """The closed forms along a line that crosses x1 = x2 at a right angle and passes through B (ICG, 3.1).

    Both features stay above the target range, where F is 0. ``difference`` is x2 - x1; ``x1`` and ``x2`` are the
    points; ``ig_x1`` .. ``shap_x2`` what the two features get. Integrated Gradients give (1, -1) on one side of x1 = x2
    and (-1, 1) on the other; BShap and SHAP are the same all along.
    """
    difference = torch.linspace(-FARTHEST, FARTHEST, LINE_POINTS, dtype=torch.float64)
    points = sum(POINT_B) / 2 + torch.stack([-difference, difference], 1) / 2
    columns = {"difference": difference, "x1": points[:, 0], "x2": points[:, 1]}
    for name, truth in (("ig", integrated_gradients), ("bshap", bshap), ("shap", shap)):
        columns[f"{name}_x1"], columns[f"{name}_x2"] = truth(points).unbind(1)
    return columns


@task("two-feature")
def two_feature(*, background: int = 128, seed: int) -> Problem:
    """Points A and B explained. Truths are exact: ``bshap``, ``shap`` and ``integrated_gradients``, as in Table 1.

    The series ``reversal`` is that of ``trace_reversal``, and the check ``reversal`` what the first feature loses by
    Integrated Gradients from one point of it to the next, at most. Methods that the truths define are named as exact.
    For tuning there are points uniform on [0, 1].

    **Reading.** The coordinates are chosen here; the paper gives only regions. A has x2 in the target range and x1
    above it, B both above. Table 1 holds: (0, 1) and (0, 0) for BShap, (1, 0) and (-1, 1) for Integrated Gradients, and
    -0.22 twice for SHAP at B, for any such points at which the path to A meets x1's contours alone, and the path to B
    enters the target range by x2 and leaves it by x1. SHAP's first value at A is -0.092 by the paper's own expectation,
    0.434, wherever r(x1) = 0 and r(x2) = 1; it prints -0.11.

    Args:
        background: how many samples of the uniform distribution.
    """
    points = torch.tensor([POINT_A, POINT_B], dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    explicand = Explicand(
        model=model,
        inputs=points.float(),
        target=torch.zeros(2, dtype=torch.long),
        background=torch.rand(background, 2, generator=generator),
        players=torch.arange(2),
    )
    reversal = trace_reversal()
    return Problem(
        explicand,
        truths={name: truth(points) for name, truth in TRUTHS.items()},
        series={"reversal": reversal},
        checks={"reversal": float(-reversal["ig_x1"].diff().min())},
        shown=(0, 1),
        tuning=torch.rand(TUNING, 2, generator=generator),
        exact=EXACT,
    )
