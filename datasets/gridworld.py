"""GridWorld: games whose players are moves on a small grid, with exact values (SIG, V and appendix; ES)."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sig.games import MAX_PLAYERS, coalition_sizes

MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1), "stay": (0, 0)}

# Twice the reward of a step after the end has been reached: (arriving at the end, arriving elsewhere).
TWICE_LATER_REWARDS = {"r1": (0, 0), "r2": (3, -1)}

_NO_STEP = -128


@dataclass(frozen=True)
class GridWorld:
    """A game on a grid, from the top-left cell (the start) to the bottom-right one (the end).

    A player is a valid pair (cell, action): taken when the agent stands on the cell, it moves it and is used up. Cells
    are numbered row by row; an action is up, down, left, right or stay, valid when it stays inside the grid. That makes
    12 players in 2x2 and 20 in 2x3, as in the paper.

    **Reading.** A play of a coalition S starts at the start cell. At each step the agent takes an unused player of S
    on its cell, and goes on while there is one. v(S) is the largest total reward over the plays of S, the value of the
    best permutation of its players; v(empty) = 0.

    **Reading.** The rewards of the steps are, for ``"r1"``: -1 while the end is not reached, +1 (and not -1 + 1) for
    the step that first reaches it, 0 afterwards. For ``"r2"``: the same until then; afterwards +1.5 for each step that
    arrives at the end, by staying there too, and -0.5 for each that does not.

    Raises:
        ValueError: when the grid has fewer than two cells or more than 26 players, or the reward is unknown.
    """

    rows: int
    cols: int
    reward: Literal["r1", "r2"]

    def __post_init__(self) -> None:
        if min(self.rows, self.cols) < 1 or self.rows * self.cols < 2:
            raise ValueError(f"the grid is {self.rows}x{self.cols}, expected at least two cells, as in 1x2")
        if self.reward not in TWICE_LATER_REWARDS:
            raise ValueError(f"reward is {self.reward!r}, expected one of {', '.join(TWICE_LATER_REWARDS)}")
        if self.n_players > MAX_PLAYERS:
            raise ValueError(
                f"the {self.rows}x{self.cols} grid has {self.n_players} players (2**{self.n_players} coalitions), "
                f"expected at most {MAX_PLAYERS}; choose a smaller grid, such as 2x3 with 20"
            )

    @cached_property
    def players(self) -> list[tuple[int, str]]:
        """The players (cell, action): by cell, then in the order up, down, left, right, stay."""
        return [(cell, action) for cell, action, _ in self._moves]

    @property
    def n_players(self) -> int:
        return len(self._moves)

    def values(self) -> Float[Tensor, " coalitions"]:
        """v(S) for each of the ``2**n_players`` coalitions, in the order of their masks, float64.

        Dynamic programming over (remaining players R, cell, end reached): with nothing to take at the cell the rest of
        the play is worth 0, otherwise the best step's reward plus the worth of what follows without its player. All R
        of one size are computed at once, from those one smaller.
        """
        sizes = coalition_sizes(self.n_players)
        # Rewards are multiples of a half and a play has at most 26 steps, so twice the worth fits in a byte.
        worth = torch.zeros(self.rows * self.cols, 2, len(sizes), dtype=torch.int8)
        for size in range(1, self.n_players + 1):
            remaining = (sizes == size).nonzero().squeeze(1)
            worth[:, :, remaining] = self._best_steps(worth, remaining)
        return worth[0, 0].double() / 2

    def _best_steps(
        self, worth: Int[Tensor, "cells reached coalitions"], remaining: Int[Tensor, " same_size"]
    ) -> Int[Tensor, "cells reached same_size"]:
        """Twice the worth of the play that is left, given what it is worth with one player fewer remaining."""
        end = self.rows * self.cols - 1
        best = worth.new_full((*worth.shape[:2], len(remaining)), _NO_STEP)
        for player, (cell, _, to) in enumerate(self._moves):
            available = (remaining >> player & 1).bool()
            rest = remaining & ~(1 << player)
            for reached in (0, 1):
                reached_then = 1 if to == end else reached
                value = worth[to, reached_then].index_select(0, rest) + self._twice_reward(to == end, reached)
                best[cell, reached] = torch.where(available, value.maximum(best[cell, reached]), best[cell, reached])
        return best.masked_fill(best == _NO_STEP, 0)

    def _twice_reward(self, arrives: bool, reached: int) -> int:
        at_end, elsewhere = TWICE_LATER_REWARDS[self.reward] if reached else (2, -2)
        return at_end if arrives else elsewhere

    @cached_property
    def _moves(self) -> list[tuple[int, str, int]]:
        """Each player's cell and action, and the cell it leads to."""
        moves = []
        for row, col in itertools.product(range(self.rows), range(self.cols)):
            for action, (down, right) in MOVES.items():
                if 0 <= row + down < self.rows and 0 <= col + right < self.cols:
                    moves.append((row * self.cols + col, action, (row + down) * self.cols + col + right))
        return moves
