"""Important Direction Gradient Integration: of each step only what moves along the gradient counts."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from sig import baselines, path
from sig.explicand import Explicand
from sig.registry import NotApplicable, method


@method(
    "idgi", family="integrated-gradients", source="Yang et al. 2023, algorithm 1, on the path of IG", spend=("steps",)
)
def idgi(e: Explicand, *, steps: int = 50, generator: Generator) -> Tensor:
    """The sum over j of (g_ij^2 / g_j . g_j) (F(x_{j+1}) - F(x_j)), with g_j = dF/dx at x_j.

    The x_j are ``steps`` equally spaced points from zero to the explicand, each a forward row; all but the last go
    backward too. Attributions sum to F at the explicand minus F at zero, whatever the steps.

    **Reading.** Where all of g_j is 0 there is no direction to give the change of F to, and it is left out.

    Raises:
        NotApplicable: when there is a single point, along which F does not change.
    """
    if steps < 2:
        raise NotApplicable("a change of F takes at least 2 points on the path")
    e.tally.paths = (baselines.zero(e), e.inputs.unsqueeze(1))
    everyone = torch.arange(len(e.inputs), device=e.device)
    positions = torch.linspace(0, 1, steps)[:-1].to(e.inputs)
    at_once = max(1, e.rows_per_batch // steps)
    return torch.cat([_distribute_changes(e, some, positions) for some in everyone.split(at_once)])


def _distribute_changes(
    e: Explicand, some: Int[Tensor, " some"], positions: Float[Tensor, " steps"]
) -> Float[Tensor, "some *features"]:
    """The attributions of some explicands. It goes from the last step to the first, since a step needs the next F."""
    ends = e.inputs[some].unsqueeze(1)
    with torch.no_grad():
        following = e.scores(e.inputs[some], some).unsqueeze(1)
    total = torch.zeros_like(e.inputs[some])
    for along in reversed(positions.split(max(1, e.rows_per_batch // len(some)))):
        points = along.view(-1, *(1 for _ in e.features)) * ends
        owner = some.repeat_interleave(len(along))
        scores, gradients = path.scores_and_gradients(e, points.flatten(0, 1), owner)
        scores = scores.view(len(some), len(along))
        changes = torch.cat([scores, following], 1).diff()
        total += torch.einsum("ps,ps...->p...", changes, _shares(gradients).view_as(points))
        following = scores[:, :1]
    return total


def _shares(gradients: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows *features"]:
    """g_i^2 / g . g, which sum to 1, or are 0 where g is."""
    steepest = gradients.flatten(1).abs().amax(1).view(-1, *(1 for _ in gradients.shape[1:]))
    squares = (gradients / steepest.where(steepest > 0, 1)).square()  # scaled, for squares of tiny numbers are 0
    return squares / squares.flatten(1).sum(1).clamp(min=1).view_as(steepest)
