"""SIG, question 1: how well attributions rank the players of GridWorld by their exact Shapley values, and the time."""

from functools import partial
from typing import Any, Final

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import format_number, format_seconds
from benchmarks.papers import exact, ledger
from benchmarks.papers.interval_claims import Bound, Flatness
from benchmarks.papers.ledger import READING, Entry, Outcome, Side, compute, state
from benchmarks.papers.paired_claims import Comparison, Steadiness
from benchmarks.papers.quantities import MODEL, check, emulation, find_columns, find_tasks, score, sweep

SIG_METHODS: Final = ("sig-game",)  # in games: N baselines from a fraction Q of the coalitions
SINGLE: Final = ("ig-random", "ig-zero", "ig-mean")
TIMED: Final = ("sig-game", "sig-game-200x50", "sig-game-1500x50", *SINGLE)

GAME: Final = score("spearman with game", "spearman", truth="game")
OVER_SAMPLES: Final = sweep("spearman with game over N", "spearman", "samples", truth="game")
OVER_FRACTION: Final = sweep("spearman with game over Q", "spearman", "fraction", truth="game")
EMULATION: Final = emulation("R^2 of the Shapley values")

NEAR: Final = 0.05  # of a score, of what counts as close
SHARE: Final = 0.25  # of the largest N, from which on it is varied
LEAST_FRACTION: Final = 0.1
NOT_DIFFERENT: Final = f"means differ by less than {NEAR:g}: the whole interval of the difference does"


def find_games(board: Board, **options: Any) -> list[str]:
    """Tasks that score against the exact Shapley values of a game, with these values of the options that they have."""
    return [task for task in find_tasks(board, **options) if find_columns(board, task, "spearman", truth="game")]


def measure_runtimes(board: Board) -> Outcome:
    """Seconds per explicand on games, at the headline budget, and the model rows that they took."""
    known = [name for name in TIMED if name in board.methods.index]
    texts = []
    for task in find_games(board):
        by_rows: dict[str, list[str]] = {}
        for name in known:
            cost = board.cost_and_coverage(task, name)
            if cost["ok"]:
                rows = f"{format_number(cost['cost'], whole=True)} rows"
                by_rows.setdefault(rows, []).append(f"{name} {format_seconds(cost['seconds'])} s")
        parts = [f"{', '.join(of_methods)} for {rows}" for rows, of_methods in by_rows.items()]
        texts.append(f"{', '.join(parts)} on {task}" if parts else "")
    return ledger.list_measured(texts)


def emulate(cols: int, r2: float) -> Bound:
    """The networks of a grid of two rows give the values of coalitions, and the Shapley values of the reward."""
    scores = (check("r2", limits=(-float("inf"), 1.0)), EMULATION)
    return Bound(partial(find_tasks, kind="gridworld", rows=2, cols=cols), scores, (MODEL,), Side(above=r2))


def vary(option: str, **grid: Any) -> Flatness:
    """The score hardly changes along an option, on grids of a size or on all."""
    over, share = (OVER_SAMPLES, SHARE) if option == "samples" else (OVER_FRACTION, LEAST_FRACTION)
    return Flatness(partial(find_games, **grid), (over,), SIG_METHODS, share, NEAR)


FROM_N: Final = f"from a quarter of the largest N on, {NOT_DIFFERENT}, and so does the change along a fitted line"
FROM_Q: Final = f"from a tenth of the coalitions on, {NOT_DIFFERENT}, and so does the change along a fitted line"

ENTRIES: Final = (
    Entry(
        "Section V, GridWorld",
        "12 players in 2 x 2 cells, 20 in 2 x 3, each with the rewards r1 and r2",
        compute(exact.count_players),
        printed="12, 20",
        kind="setting",
        command="pytest tests/datasets/test_gridworld.py",
    ),
    Entry(
        "Appendix, models",
        "A fully connected network with hidden layers of 64 and 32 neurons learns each game",
        compute(exact.describe_network),
        printed="64, 32",
        kind="setting",
        command="pytest tests/training/tasks/test_gridworld.py",
    ),
    Entry(
        "Appendix, rewards",
        "A coalition is worth its best permutation, v(S) = max v(P)",
        state(READING, "the largest total reward over maximal trails: a move that can be made has to be made"),
        kind="setting",
    ),
    Entry(
        "Abstract, question 1",
        "SIG closely mirrors the distribution of Shapley values in GridWorld",
        Bound(find_games, (GAME,), SIG_METHODS, Side(above=0.9)),
        see=("spearman",),
        reading="Spearman's rank correlation is above 0.9 in each of the games",
    ),
    Entry(
        "Fig. 3",
        "SIG has a higher average rank correlation than the random, zero and mean baselines in all four games",
        Comparison(find_games, (GAME,), SIG_METHODS, SINGLE),
        see=("spearman",),
        kind="figure",
    ),
    Entry(
        "Fig. 3, variance",
        "The variance of SIG is lower than that of the other three",
        Steadiness(find_games, (GAME,), SIG_METHODS, SINGLE),
        see=("spearman",),
        reading="between repetitions, of which each has a network of its own; Pitman and Morgan's test on ranks",
        kind="figure",
    ),
    Entry(
        "Fig. 4 a",
        "In 2 x 2 SIG is not sensitive to N, at Q = 40 %",
        vary("samples", rows=2, cols=2),
        see=("sweep-samples",),
        reading=FROM_N,
        kind="figure",
    ),
    Entry(
        "Fig. 4 b",
        "In 2 x 2 SIG is not sensitive to Q, at N = 200",
        vary("fraction", rows=2, cols=2),
        see=("sweep-fraction",),
        reading=FROM_Q,
        kind="figure",
    ),
    Entry(
        "Fig. 10",
        "SIG is robust to N in all four games, at Q = 40 %",
        vary("samples"),
        see=("sweep-samples",),
        reading=FROM_N,
        kind="figure",
    ),
    Entry(
        "Fig. 11",
        "SIG is robust to Q in all four games, at N = 200 and 1500",
        vary("fraction"),
        see=("sweep-fraction",),
        reading=FROM_Q,
        kind="figure",
    ),
    *(
        Entry(
            f"Fig. 8, 2 x {cols}",
            "A trained network replaces the reward: its Shapley values are nearly identical",
            emulate(cols, r2),
            see=("network-against-reward", "checks"),
            reading=f"R^2 on coalitions held out, and that of the Shapley values, are above {r2}",
            kind="figure",
        )
        for cols, r2 in ((2, 0.99), (3, 0.97))
    ),
    Entry(
        "Table 2",
        "In GridWorld SIG takes notably longer than the other baselines, which it goes through one by one",
        measure_runtimes,
        see=("runtime",),
        printed="SIG 55.05 and 55.07 s in 2 x 2 (N = 200), 91.79 and 91.77 s in 2 x 3 (N = 1500); the others 4.57 to "
        "4.59 s; ratios 12 and 20",
        reading="here baselines go in batches, and all methods spend the same rows but for those named N x steps",
        kind="table",
        tasks=find_games,
    ),
)
