"""SIG, the time that it takes: on games, where the paper goes through baselines one by one, and on pictures."""

from collections.abc import Sequence
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import format_number, format_seconds
from benchmarks.papers.claims import Bound
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.ledger import Item
from benchmarks.papers.quantities import relate, score
from benchmarks.papers.sig.baselines import SIG_ON_GAMES, SIG_ON_PICTURES, SINGLE_BASELINES
from benchmarks.papers.sig.games import find_games
from benchmarks.papers.sig.photographs import find_pictures
from benchmarks.papers.verdicts import Finding, list_measured

TIMED: Final = ("sig-game", "sig-game-200x50", "sig-game-1500x50", *SINGLE_BASELINES)
SECONDS: Final = score("seconds", "runtime", see=("runtime",))
SLOWER_THAN_ZERO: Final = relate("seconds over those of ig-zero", SECONDS, "ig-zero")
FASTER_THAN_RANDOM: Final = relate("seconds over those of ig-random", SECONDS, "ig-random")


def measure_runtimes(board: Board, tasks: Sequence[str]) -> Finding:
    """Seconds per explicand on games, at the headline budget, and the model rows that they took."""
    known = [name for name in TIMED if name in board.methods.index]
    texts = []
    for task in tasks:
        by_rows: dict[str, list[str]] = {}
        for name in known:
            cost = board.cost_and_coverage(task, name)
            if cost["ok"]:
                rows = f"{format_number(cost['cost'], whole=True)} rows"
                by_rows.setdefault(rows, []).append(f"{name} {format_seconds(cost['seconds'])} s")
        parts = [f"{', '.join(of_methods)} for {rows}" for rows, of_methods in by_rows.items()]
        texts.append(f"{', '.join(parts)} on {task}" if parts else "")
    return list_measured(texts)


ON_GAMES: Final = (
    Item("Table 2").measured(
        "In GridWorld SIG takes notably longer than the other baselines, which it goes through one by one",
        measure_runtimes,
        on=find_games,
        see=("runtime",),
        reading="here baselines go in batches, and all methods spend the same rows but for those named N x steps",
        printed="SIG 55.05 and 55.07 s in 2 x 2 (N = 200), 91.79 and 91.77 s in 2 x 3 (N = 1500); the others 4.57 to "
        "4.59 s; ratios 12 and 20",
    ),
)

ENTRIES: Final = (
    Item("Fig. 9").claimed(
        "The running time of SIG closely mirrors that of the zero and mean baselines, where batches are possible",
        Bound(find_pictures, (SLOWER_THAN_ZERO,), (*SIG_ON_PICTURES, "ig-mean"), above=0.75, below=1.25),
        reading="at equal model rows, within a quarter of the time of IG from zero",
    ),
    Item("Fig. 9, random").claimed(
        "The running time of SIG outperforms the random baseline",
        Bound(find_pictures, (FASTER_THAN_RANDOM,), SIG_ON_PICTURES, below=1.0),
        reading="at equal model rows",
    ),
    Item("Fig. 9, variance").untestable(
        "The variance of its running time is slightly greater at first, and reduces as the number of images increases",
        "each number of pictures is timed once; on shared machines times vary for other reasons",
    ),
    Item("Abstract, cost").claimed(
        "SIG adapts to data types with minimal computational increase",
        Bound(find_tasks, (SLOWER_THAN_ZERO,), SIG_ON_GAMES, below=1.25),
        reading="at equal model rows it takes less than a quarter more time than IG from zero",
    ),
)
