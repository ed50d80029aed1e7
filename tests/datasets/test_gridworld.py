from collections.abc import Iterator
from typing import Literal

import pytest
import torch

from datasets.gridworld import GridWorld
from sig.games import shapley_values

Reward = Literal["r1", "r2"]
REWARDS: list[Reward] = ["r1", "r2"]

ARROWS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1), "stay": (0, 0)}


def plays(world: GridWorld, cell: int, unused: frozenset[int]) -> Iterator[list[int]]:
    """Every maximal trail from a cell, as the list of cells arrived at."""
    usable = [player for player in unused if world.players[player][0] == cell]
    if not usable:
        yield []
    for player in usable:
        down, right = ARROWS[world.players[player][1]]
        arrived = cell + down * world.cols + right
        for rest in plays(world, arrived, unused - {player}):
            yield [arrived, *rest]


def total_reward(world: GridWorld, arrivals: list[int]) -> float:
    end = world.rows * world.cols - 1
    first = arrivals.index(end) if end in arrivals else len(arrivals)
    before, after = arrivals[:first], arrivals[first + 1 :]
    total = -len(before) + (end in arrivals)
    return total + (sum(1.5 if cell == end else -0.5 for cell in after) if world.reward == "r2" else 0)


def best_play(world: GridWorld, mask: int) -> float:
    unused = frozenset(player for player in range(world.n_players) if mask >> player & 1)
    return max(total_reward(world, arrivals) for arrivals in plays(world, 0, unused))


def mask_of(world: GridWorld, players: list[tuple[int, str]]) -> int:
    return sum(1 << world.players.index(player) for player in players)


def test_players_are_the_moves_inside_the_grid_in_order() -> None:
    assert GridWorld(2, 2, "r1").players == [
        *[(0, "down"), (0, "right"), (0, "stay")],
        *[(1, "down"), (1, "left"), (1, "stay")],
        *[(2, "up"), (2, "right"), (2, "stay")],
        *[(3, "up"), (3, "left"), (3, "stay")],
    ]


@pytest.mark.parametrize(("rows", "cols", "players"), [(1, 2, 4), (2, 2, 12), (2, 3, 20), (3, 2, 20), (1, 9, 25)])
def test_number_of_players(rows: int, cols: int, players: int) -> None:
    assert GridWorld(rows, cols, "r1").n_players == players


@pytest.mark.parametrize("reward", REWARDS)
def test_every_coalition_of_2x2_has_the_value_of_its_best_play(reward: Reward) -> None:
    world = GridWorld(2, 2, reward)
    assert world.values().tolist() == [best_play(world, mask) for mask in range(2**12)]


@pytest.mark.parametrize("reward", REWARDS)
def test_random_coalitions_of_2x3_have_the_value_of_their_best_play(reward: Reward, generator: torch.Generator) -> None:
    world = GridWorld(2, 3, reward)
    masks = torch.randint(2**20, (150,), generator=generator)
    assert world.values()[masks].tolist() == [best_play(world, mask) for mask in masks.tolist()]


SHORTEST = [(0, "right"), (1, "down")]


@pytest.mark.parametrize(
    ("players", "r1", "r2"),
    [
        ([], 0, 0),
        ([(1, "down"), (2, "right")], 0, 0),  # nothing to take at the start
        ([(0, "right")], -1, -1),
        ([(0, "stay"), (0, "right")], -1, -1),  # right first, then staying at the start is out of reach
        ([(0, "right"), (1, "left")], -2, -2),  # must go on, and ends where it began
        (SHORTEST, 0, 0),  # -1, then +1 for the step that first reaches the end
        ([*SHORTEST, (0, "stay"), (1, "left")], 0, 0),
        ([*SHORTEST, (3, "stay")], 0, 1.5),  # staying at the end counts as arriving
        ([*SHORTEST, (3, "up")], 0, -0.5),  # must leave the end
        ([*SHORTEST, (3, "up"), (3, "stay")], 0, 1.0),  # stays, then must leave
        ([*SHORTEST, (3, "left"), (2, "right")], 0, 1.0),  # leaves and comes back: -0.5 + 1.5
    ],
)
def test_coalitions_of_2x2_valued_by_hand(players: list[tuple[int, str]], r1: float, r2: float) -> None:
    for reward, value in zip(REWARDS, (r1, r2), strict=True):
        world = GridWorld(2, 2, reward)
        assert world.values()[mask_of(world, players)] == value


@pytest.mark.parametrize("reward", REWARDS)
def test_a_grid_and_its_transpose_value_the_same_moves_alike(reward: Reward) -> None:
    wide, tall = GridWorld(2, 3, reward), GridWorld(3, 2, reward)
    transposed = {"up": "left", "left": "up", "down": "right", "right": "down", "stay": "stay"}
    same = [tall.players.index((cell % 3 * 2 + cell // 3, transposed[action])) for cell, action in wide.players]
    torch.testing.assert_close(shapley_values(wide.values()), shapley_values(tall.values())[same], rtol=0, atol=1e-12)


@pytest.mark.parametrize("reward", REWARDS)
def test_mirrored_moves_of_2x2_have_equal_shapley_values(reward: Reward) -> None:
    world = GridWorld(2, 2, reward)
    phi = shapley_values(world.values())
    for one, other in [((0, "right"), (0, "down")), ((1, "down"), (2, "right")), ((3, "up"), (3, "left"))]:
        assert phi[world.players.index(one)].item() == pytest.approx(phi[world.players.index(other)].item(), abs=1e-12)
    assert phi[world.players.index((1, "down"))] > 0 > phi[world.players.index((0, "stay"))]


@pytest.mark.parametrize("shape", [(1, 1), (0, 3), (2, -1)])
def test_a_grid_without_a_way_to_go_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"grid is {shape[0]}x{shape[1]}, expected at least two cells"):
        GridWorld(*shape, "r1")


def test_a_grid_with_too_many_players_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3x3 grid has 33 players .* expected at most 26; choose a smaller grid"):
        GridWorld(3, 3, "r1")


@pytest.mark.usefixtures("as_users_run_it")
def test_an_unknown_reward_is_refused() -> None:
    with pytest.raises(ValueError, match="reward is 'r3', expected one of r1, r2"):
        GridWorld(2, 2, "r3")  # type: ignore[arg-type]
