"""The path-integral engine: every Integrated-Gradients method is one call with its own baselines.

For a straight path from a start s to an end x, feature i is attributed

    (x_i - s_i) * integral over a in [0, 1] of dF/dx_i (s + a (x - s)) da        (Sundararajan et al. 2017, eq. 1)

The integral is a weighted sum over steps. Inputs, baselines and steps are laid out as model rows and go through the
model in batches of at most ``Explicand.rows_per_batch``, each with one autograd call on the sum of its scores.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from scipy.special import roots_legendre
from torch import Generator, Tensor

from sig.explicand import Explicand, Tally

Rule = Literal["midpoint", "gauss-legendre"]


def integrate(
    e: Explicand,
    starts: Float[Tensor, "batch paths *features"],
    ends: Float[Tensor, "batch paths *features"] | None = None,
    *,
    steps: int = 50,
    rule: Rule = "midpoint",
    weights: Float[Tensor, "batch paths"] | None = None,
) -> Float[Tensor, "batch *features"]:
    """The mean, over each explicand's paths, of the path integral from start to end (the explicand, unless given).

    Uses ``paths * steps`` forward and backward rows per explicand.

    Args:
        weights: factors of the paths' integrals in that mean, 1 unless given; noted on the tally, so that attributions
            are complete when they add up to the mean change weighted likewise.

    Raises:
        ValueError: when ``steps`` is below 1, or starts do not fit the inputs.
    """
    positions, shares = quadrature(rule, steps)
    return _integrate(e, starts, ends, positions.expand(*starts.shape[:2], steps), shares, weights)


def integrate_at_random(
    e: Explicand, starts: Float[Tensor, "batch paths *features"], *, generator: Generator
) -> Float[Tensor, "batch *features"]:
    """The path integral by Monte Carlo: one uniformly random position on each path (Erion et al. 2021, eq. 3).

    The positions of an explicand are stratified, one in each of as many equal parts of the path as there are paths, in
    random order: each is uniform, as the law asks, and their mean varies less than that of independent ones.

    Uses one forward and one backward row per path.
    """
    parts = torch.rand(starts.shape[:2], generator=generator).argsort(1)
    positions = (parts + torch.rand(starts.shape[:2], generator=generator)) / starts.shape[1]
    return _integrate(e, starts, None, positions.unsqueeze(2), torch.ones(1))


def gradient(e: Explicand) -> Float[Tensor, "batch *features"]:
    """dF/dx at the explicand itself."""
    return gradients(e, e.inputs.unsqueeze(1)).squeeze(1)


def gradients(e: Explicand, points: Float[Tensor, "batch points *features"]) -> Float[Tensor, "batch points *features"]:
    """dF/dx of each explicand's target at points of its own, wherever they are.

    Uses one forward and one backward row per point.

    Raises:
        ValueError: when the points do not fit the inputs.
    """
    _require_fit("points", e, points)
    flat, owner = points.flatten(0, 1), torch.arange(len(points), device=e.device).repeat_interleave(points.shape[1])
    chunks = zip(flat.split(e.rows_per_batch), owner.split(e.rows_per_batch), strict=True)
    found = [scores_and_gradients(e, rows, owners)[1] for rows, owners in chunks]
    return torch.cat(found).view_as(points) if found else torch.zeros_like(points)


def scores_and_gradients(
    e: Explicand, points: Float[Tensor, "rows *features"], owner: Int[Tensor, " rows"]
) -> tuple[Float[Tensor, " rows"], Float[Tensor, "rows *features"]]:
    """F and dF/dx at any points; ``owner`` is the explicand whose target counts for the row.

    Uses one forward and one backward row per point. Points come at most ``e.rows_per_batch`` at once.
    """
    points = points.detach().requires_grad_()
    with torch.enable_grad():
        scores = e.scores(points, owner)
    return scores.detach(), torch.autograd.grad(scores.sum(), points)[0]


def contributions_along_edges(
    e: Explicand,
    coalitions: Bool[Tensor, "samples players"],
    default: Float[Tensor, "batch *features"],
    *,
    steps: int = 50,
) -> tuple[Float[Tensor, "batch players"], Float[Tensor, "batch players"]]:
    """Gains of each player over the coalitions without it, and what IG from such a coalition to that with the player
    gives its features; each summed over those coalitions (ES, Theorem 3 and B.2.2).

    On the straight path from S to S + i the features of no other player move, so that IG adds up to the marginal
    contribution v(S + i) - v(S) whatever the model; they differ by the error of the midpoint rule alone.

    Args:
        default: what players outside a coalition take.
        steps: of each path.

    Returns:
        Marginal contributions and integrals, 0 for a player that no coalition is without. They take 2 and ``steps``
        forward rows for each coalition and player outside it, and ``steps`` backward rows.
    """
    marginal = torch.zeros(len(e.inputs), e.n_players, dtype=torch.float64, device=e.device)
    integrated = torch.zeros_like(marginal)
    for player in range(e.n_players):
        without = coalitions[~coalitions[:, player]].to(e.device).expand(len(e.inputs), -1, -1)
        if without.shape[1] == 0:
            continue
        including = without.clone()
        including[..., player] = True
        pair = torch.cat([including, without], 1)
        added = e.coalition_scores(pair, default).double().unflatten(1, (2, -1))
        marginal[:, player] = (added[:, 0] - added[:, 1]).sum(1)
        ends, starts = e.coalition_inputs(pair, default).unflatten(1, (2, -1)).unbind(1)
        attribution = e.player_sums(integrate(e, starts, ends, steps=steps))
        integrated[:, player] = attribution[:, player].double() * without.shape[1]
    return marginal, integrated


def change_along_paths(e: Explicand) -> Float[Tensor, " batch"] | None:
    """The mean over paths of F(end) - F(start), for the paths that ``e.tally`` holds and with their weights; None where
    it holds none.

    The rows it takes are not counted on ``e``.
    """
    if e.tally.paths is None:
        return None
    starts, ends = e.tally.paths
    if e.tally.weights is None:
        return _scores(e, ends).mean(1) - _scores(e, starts).mean(1)
    return (e.tally.weights * (_scores(e, ends) - _scores(e, starts))).mean(1)


def completeness_gap(e: Explicand, attribution: Float[Tensor, "batch *features"]) -> Float[Tensor, " batch"]:
    """|sum(attribution) - mean over paths of (F(end) - F(start))|, for the paths that ``e.tally`` holds.

    The rows it takes are not counted on ``e``.

    Raises:
        ValueError: when nothing has been attributed along a path of ``e``.
    """
    change = change_along_paths(e)
    if change is None:
        raise ValueError("no path has been integrated on this explicand; attribute it by a path method first")
    return (attribution.flatten(1).sum(1) - change).abs()


def quadrature(rule: Rule, steps: int) -> tuple[Float[Tensor, " steps"], Float[Tensor, " steps"]]:
    """Positions in [0, 1] and weights that sum to 1: the midpoint rule, or Gauss-Legendre.

    Raises:
        ValueError: when ``steps`` is below 1 or the rule is unknown.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    if rule == "midpoint":
        return (torch.arange(steps) + 0.5) / steps, torch.full((steps,), 1 / steps)
    if rule == "gauss-legendre":
        nodes, weights = (torch.from_numpy(values) for values in roots_legendre(steps))
        return ((nodes + 1) / 2).float(), (weights / 2).float()
    raise ValueError(f"unknown quadrature rule {rule!r}; expected 'midpoint' or 'gauss-legendre'")


def _integrate(
    e: Explicand,
    starts: Float[Tensor, "batch paths *features"],
    ends: Float[Tensor, "batch paths *features"] | None,
    positions: Float[Tensor, "batch paths steps"],
    shares: Float[Tensor, " steps"],
    weights: Float[Tensor, "batch paths"] | None = None,
) -> Float[Tensor, "batch *features"]:
    _require_fit("starts", e, starts)
    ends = e.inputs.unsqueeze(1).expand_as(starts) if ends is None else ends
    e.tally.paths, e.tally.weights = (starts, ends), weights
    batch, paths = starts.shape[:2]
    steps = len(shares)
    owner = torch.arange(batch, device=e.device).repeat_interleave(paths)
    begin, delta = starts.flatten(0, 1), (ends - starts).flatten(0, 1)
    where, shares = positions.to(e.inputs).flatten(0, 1), shares.to(e.inputs)
    counted = delta if weights is None else delta * weights.to(e.inputs).view(-1, *(1 for _ in e.features))
    total = torch.zeros_like(e.inputs)
    # Whole paths go through together while they fit into a batch of rows; one that does not is cut into its steps.
    for p in torch.arange(batch * paths, device=e.device).split(max(1, e.rows_per_batch // steps)):
        for s in torch.arange(steps, device=e.device).split(e.rows_per_batch):
            along = where[p][:, s].view(len(p), len(s), *(1 for _ in e.features))
            points = begin[p].unsqueeze(1) + along * delta[p].unsqueeze(1)
            _, gradients = scores_and_gradients(e, points.flatten(0, 1), owner[p].repeat_interleave(len(s)))
            averaged = torch.einsum("s,ps...->p...", shares[s], gradients.view_as(points))
            total.index_add_(0, owner[p], counted[p] * averaged)
    return total / paths


@torch.no_grad()
def _scores(e: Explicand, points: Float[Tensor, "batch points *features"]) -> Float[Tensor, "batch points"]:
    """The score of each explicand's points, uncounted; once of what is the same point for all its paths."""
    distinct = points[:, :1] if points.stride(1) == 0 else points
    owner = torch.arange(len(points), device=e.device).repeat_interleave(distinct.shape[1])
    scores = e.with_tally(Tally()).scores(distinct.flatten(0, 1), owner)
    return scores.view(distinct.shape[:2]).expand(points.shape[:2])


def _require_fit(name: str, e: Explicand, points: Tensor) -> None:
    if points.shape[0] != len(e.inputs) or points.shape[2:] != e.inputs.shape[1:]:
        features = ", ".join(map(str, e.features))
        raise ValueError(
            f"{name} have shape {tuple(points.shape)}, expected ({len(e.inputs)}, any number, {features}); give each "
            f"explicand its own {name}"
        )
