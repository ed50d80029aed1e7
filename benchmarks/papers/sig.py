"""SIG: how well attributions rank the players of a game by their exact Shapley values; iAccuracy, runtime."""

from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.tables import format_number, format_seconds
from benchmarks.papers import ledger
from benchmarks.papers.claims import Comparison
from benchmarks.papers.figures.network_against_game import draw_network_against_game
from benchmarks.papers.figures.score_bars import draw_score_bars
from benchmarks.papers.ledger import READING, Entry, Outcome, Publication, Side
from benchmarks.papers.quantities import find_columns, find_tasks, score
from sig.registry import metrics

GAMES: Final = partial(find_tasks, kind="gridworld")
GAME: Final = score("spearman with game", "spearman", truth="game")
SIG_METHODS: Final = ("sig-game", "sig-size-uniform")
SIG_AND_ZERO: Final = ("sig-game", "ig-zero")


def measure_sweeps(board: Board) -> Outcome:
    """Mean scores on games at both ends of each sweep."""
    texts = []
    for task in find_tasks(board):
        columns = find_columns(board, task, "spearman", truth="game")[:1]
        swept = board.units[(board.units["sweep"] != "") & (board.units["task"] == task)]
        for option, points in swept[swept["column"].isin(columns)].groupby("option", sort=False):
            line = points.groupby("value", sort=False)["score"].mean()
            ends = (f"{format_number(line.iloc[at])} at {str(line.index[at]).removesuffix('.0')}" for at in (0, -1))
            texts.append(f"{option} on {task}: {', '.join(ends)}")
    return ledger.list_measured(texts)


def measure_runtimes(board: Board) -> Outcome:
    """Seconds per explicand on games."""
    games = [task for task in find_tasks(board) if len(GAME.values(board, task))]
    methods = [name for name in SIG_AND_ZERO if name in board.methods.index]
    costs = [(task, name, board.cost_and_coverage(task, name)) for task in games for name in methods]
    return ledger.list_measured(
        f"{name} {format_seconds(cost['seconds'])} s for {format_number(cost['rows'], whole=True)} rows on {task}"
        for task, name, cost in costs
        if cost["ok"]
    )


def measure_removal(board: Board, *, patches: bool) -> Outcome:
    """iAccuracy, where the squares around the pixels are removed with them, or not."""
    facts = list_rows(board.columns[board.columns["metric"] == "iaccuracy"])
    chosen = [row for row in facts if bool(metrics["iaccuracy"].option(row["options"], "patch")) == patches]
    tables = [(row["column"], row["task"], board.scores(row["task"], row["column"])) for row in chosen]
    return ledger.list_measured(ledger.format_means(*table, SIG_AND_ZERO) for table in tables)


ENTRIES: Final = (
    Entry(
        "Fig. 3",
        "SIG beats IG with a single baseline",
        Comparison(find_tasks, (GAME,), SIG_METHODS, ("ig-zero", "ig-mean", "ig-random")),
        see=("spearman",),
    ),
    Entry(
        "Fig. 3, asked further",
        "",
        Comparison(find_tasks, (GAME,), SIG_METHODS, ("ig-background", "permutation-shapley")),
        see=("spearman", "frontier"),
        asked="SIG beats other methods at equal cost",
    ),
    Entry(
        "Algorithm 1",
        "As printed, it draws a size by the weight of one coalition, so that nearly all draws are of the smallest or "
        "the largest size; the proof that it is unbiased needs sizes drawn uniformly",
        Comparison(find_tasks, (GAME,), ("sig-algorithm1",), ("sig-size-uniform",)),
        see=("spearman",),
        asked="Algorithm 1 as printed beats drawing sizes uniformly",
    ),
    Entry(
        "Figs. 4, 10, 11",
        "The score over N at fixed Q, and over Q at fixed N",
        measure_sweeps,
        see=("sweep-samples", "sweep-fraction"),
    ),
    Entry(
        "Fig. 7",
        "iAccuracy as the most positive pixels are removed; lower is better",
        partial(measure_removal, patches=False),
        see=("curves-{task}",),
    ),
    *(
        Entry(
            f"Fig. 8, 2 x {cols}",
            "The Shapley values of the trained network are those of the reward",
            partial(
                ledger.ask_every_model,
                partial(GAMES, rows=2, cols=cols),
                r2=Side(above=r2),
                shapley_rank_correlation=Side(above=0.97),
            ),
            see=("network-against-reward", "checks"),
            reading=f"R² above {r2}, rank correlation above 0.97",
        )
        for cols, r2 in ((2, 0.99), (3, 0.97))
    ),
    Entry("Fig. 9, Table 2", "Runtime", measure_runtimes, see=("runtime",)),
    Entry(
        "Fig. 13",
        "iAccuracy with patches around the pixels",
        partial(measure_removal, patches=True),
        see=("curves-{task}",),
    ),
    Entry(
        "Section V",
        "A coalition is worth its best permutation, v(S) = max v(P)",
        ledger.state(READING, "the largest total reward over maximal trails: a move that can be made has to be made"),
    ),
)

SIG: Final = Publication(
    "SIG",
    "A New Baseline Assumption of Integrated Gradients Based on Shapley value, arXiv 2310.04821",
    ENTRIES,
    figures=(
        partial(
            draw_score_bars,
            GAME,
            "Spearman's rank correlation",
            title="Rank correlation with the exact Shapley values of the game (SIG Fig. 3)",
        ),
        partial(
            draw_network_against_game,
            title="Shapley values of the trained network against those of the reward (SIG Fig. 8)",
        ),
    ),
)
