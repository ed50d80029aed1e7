"""RISE: the mean output over random masks that show a feature."""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from sig.explicand import Explicand
from sig.registry import method


@method("rise", family="random-masks", source="Petsiuk et al. 2018, eq. 6", spend=("masks",), gradient=False)
def rise(e: Explicand, *, cells: int = 7, keep: float = 0.5, masks: int = 1000, generator: Generator) -> Tensor:
    """S_i = sum over masks M of F(x * M) M_i / (E[M_i] N), which estimates the mean of F where i is shown.

    A mask of a picture is a grid of ``cells`` x ``cells``, each shown with probability ``keep``, enlarged bilinearly to
    one cell more than the picture on each axis and cut at random (section 3.2). Masked features are zero. One forward
    row per mask; masks are drawn anew for each explicand.

    **Reading.** Of other inputs a mask shows each player with probability ``keep``, and features share their player's
    value. F is the output that is explained, a probability in the paper. Pictures with fewer pixels than cells on an
    axis have a cell for each pixel.

    Raises:
        ValueError: when ``keep`` is not in (0, 1], or ``cells`` is below 1.
    """
    if not 0 < keep <= 1 or cells < 1:
        raise ValueError(f"keep is {keep} and cells {cells}, expected a probability in (0, 1] and at least one cell")
    draw = _PictureMasks if len(e.features) == 3 else _PlayerMasks
    saliencies = []
    for i in range(len(e.inputs)):  # one at a time: the masks of all would take much memory
        drawn = draw(e, cells, keep, masks, generator)
        total = torch.zeros_like(e.inputs[i])
        for rows in torch.arange(masks).split(e.rows_per_batch):
            shown = drawn[rows].to(e.inputs)
            owner = torch.full((len(rows),), i, device=e.device)
            with torch.no_grad():
                scores = e.scores(shown * e.inputs[i], owner)
            total += torch.einsum("m,m...->...", scores, shown.expand(-1, *e.features))
        saliencies.append(total / (keep * masks))
    found = torch.stack(saliencies)
    return found if len(e.features) == 3 else found / e.player_sizes[e.players]


class _PlayerMasks:
    """Masks that show each player independently."""

    def __init__(self, e: Explicand, cells: int, keep: float, masks: int, generator: Generator):
        self.players = e.players.cpu()
        self.shown = torch.rand(masks, e.n_players, generator=generator) < keep

    def __getitem__(self, rows: Tensor) -> Float[Tensor, "rows *features"]:
        return self.shown[rows][:, self.players].float()


class _PictureMasks:
    """Enlarged grids, cut at random; made when asked for, since all of them would take much memory."""

    def __init__(self, e: Explicand, cells: int, keep: float, masks: int, generator: Generator):
        self.sides = e.features[1:]
        grid = [min(cells, side) for side in self.sides]
        sizes = [math.ceil(side / cells) for side, cells in zip(self.sides, grid, strict=True)]
        self.shown = (torch.rand(masks, *grid, generator=generator) < keep).float()
        self.offsets = [torch.randint(size, (masks,), generator=generator) for size in sizes]
        self.enlarge = [_enlargement(n, (n + 1) * size) for n, size in zip(grid, sizes, strict=True)]

    def __getitem__(self, rows: Tensor) -> Float[Tensor, "rows 1 height width"]:
        down, across = (
            enlarge[offsets[rows].unsqueeze(1) + torch.arange(side)]
            for enlarge, offsets, side in zip(self.enlarge, self.offsets, self.sides, strict=True)
        )
        return (down @ self.shown[rows] @ across.mT).unsqueeze(1)


def _enlargement(cells: int, size: int) -> Float[Tensor, "size cells"]:
    """The matrix that enlarges a line of cells to so many pixels, linearly."""
    return interpolate(torch.eye(cells).unsqueeze(0), size=size, mode="linear").squeeze(0).mT.contiguous()
