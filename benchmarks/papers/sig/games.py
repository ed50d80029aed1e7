"""SIG, question 1: how well attributions rank the players of GridWorld by their exact Shapley values."""

from functools import partial
from typing import Any, Final

from benchmarks.board.aggregate import Board
from benchmarks.papers import game_facts
from benchmarks.papers.claims import Bound, Flatness, Steadiness, Superiority
from benchmarks.papers.evidence import find_columns, find_tasks
from benchmarks.papers.ledger import Item
from benchmarks.papers.quantities import MODEL, check, emulation, score, sweep
from benchmarks.papers.sig.baselines import NEAR, NOT_DIFFERENT, SIG_ON_GAMES, SINGLE_BASELINES

GAME: Final = score("spearman with game", "spearman", truth="game", see=("spearman",))
OVER_SAMPLES: Final = sweep("spearman with game over N", "spearman", "samples", truth="game", see=("sweep-samples",))
OVER_FRACTION: Final = sweep("spearman with game over Q", "spearman", "fraction", truth="game", see=("sweep-fraction",))
EMULATION: Final = emulation("R^2 of the Shapley values", see=("network-against-reward", "checks"))
R2: Final = check("r2", limits=(-float("inf"), 1.0), see=("network-against-reward", "checks"))

SHARE: Final = 0.25  # of the largest N, from which on it is varied
LEAST_FRACTION: Final = 0.1


def find_games(board: Board, **options: Any) -> list[str]:
    """Tasks that score against the exact Shapley values of a game, with these values of the options that they have."""
    return [task for task in find_tasks(board, **options) if find_columns(board, task, "spearman", truth="game")]


def emulate(cols: int, r2: float) -> Bound:
    """The claim that networks of a grid of two rows emulate its game: the values of coalitions, and Shapley values."""
    return Bound(partial(find_tasks, kind="gridworld", rows=2, cols=cols), (R2, EMULATION), (MODEL,), above=r2)


def vary(option: str, **grid: Any) -> Flatness:
    """The claim that the score hardly changes along an option, on grids of a size or on all."""
    over, share = (OVER_SAMPLES, SHARE) if option == "samples" else (OVER_FRACTION, LEAST_FRACTION)
    return Flatness(partial(find_games, **grid), (over,), SIG_ON_GAMES, share, NEAR)


FROM_N: Final = f"from a quarter of the largest N on, {NOT_DIFFERENT}, and so does the change along a fitted line"
FROM_Q: Final = f"from a tenth of the coalitions on, {NOT_DIFFERENT}, and so does the change along a fitted line"

ENTRIES: Final = (
    Item("Section V, GridWorld").computed(
        "12 players in 2 x 2 cells, 20 in 2 x 3, each with the rewards r1 and r2",
        game_facts.count_players,
        test="tests/datasets/test_gridworld.py",
        printed="12, 20",
    ),
    Item("Appendix, models").computed(
        "A fully connected network with hidden layers of 64 and 32 neurons learns each game",
        game_facts.describe_network,
        test="tests/training/tasks/test_gridworld.py",
        printed="64, 32",
    ),
    Item("Appendix, rewards").left_open(
        "A coalition is worth its best permutation, v(S) = max v(P)",
        "the largest total reward over maximal trails: a move that can be made has to be made",
    ),
    Item("Abstract, question 1").claimed(
        "SIG closely mirrors the distribution of Shapley values in GridWorld",
        Bound(find_games, (GAME,), SIG_ON_GAMES, above=0.9),
        reading="Spearman's rank correlation is above 0.9 in each of the games",
    ),
    Item("Fig. 3").claimed(
        "SIG has a higher average rank correlation than the random, zero and mean baselines in all four games",
        Superiority(find_games, (GAME,), SIG_ON_GAMES, SINGLE_BASELINES),
    ),
    Item("Fig. 3, variance").claimed(
        "The variance of SIG is lower than that of the other three",
        Steadiness(find_games, (GAME,), SIG_ON_GAMES, SINGLE_BASELINES),
        reading="between repetitions, of which each has a network of its own; Pitman and Morgan's test on ranks",
    ),
    Item("Fig. 4 a").claimed(
        "In 2 x 2 SIG is not sensitive to N, at Q = 40 %",
        vary("samples", rows=2, cols=2),
        reading=FROM_N,
    ),
    Item("Fig. 4 b").claimed(
        "In 2 x 2 SIG is not sensitive to Q, at N = 200",
        vary("fraction", rows=2, cols=2),
        reading=FROM_Q,
    ),
    Item("Fig. 10").claimed("SIG is robust to N in all four games, at Q = 40 %", vary("samples"), reading=FROM_N),
    Item("Fig. 11").claimed(
        "SIG is robust to Q in all four games, at N = 200 and 1500", vary("fraction"), reading=FROM_Q
    ),
    *(
        Item(f"Fig. 8, 2 x {cols}").claimed(
            "A trained network replaces the reward: its Shapley values are nearly identical",
            emulate(cols, r2),
            reading=f"R^2 on coalitions held out, and that of the Shapley values, are above {r2}",
        )
        for cols, r2 in ((2, 0.99), (3, 0.97))
    ),
)
