"""Ways to an outcome that only ICG needs: of most methods, of facts that are no samples, of models and pictures."""

from collections.abc import Sequence

import pandas as pd

from benchmarks.board.aggregate import Board
from benchmarks.papers.claims import Claim
from benchmarks.papers.ledger import (
    HELD,
    NOT_HELD,
    UNDECIDED,
    Outcome,
    Side,
    combine_verdicts,
    format_ends,
    list_measured,
)
from benchmarks.papers.quantities import Quantity, Selection, read_checks


def judge_most(claim: Claim, board: Board) -> Outcome:
    """What is said of most methods: held on a task where it is for more than half of them, or likewise not held."""
    tests = claim.test(board)
    of_tasks = [[row["verdict"] for row in tests if row["task"] == task] for task in {row["task"] for row in tests}]
    most = [
        next((one for one in (HELD, NOT_HELD) if 2 * verdicts.count(one) > len(verdicts)), UNDECIDED)
        for verdicts in of_tasks
    ]
    return list_measured([claim(board).measured], combine_verdicts(most))


def judge_every(tasks: Selection, quantity: Quantity, method: str, side: Side, board: Board) -> Outcome:
    """A fact that holds by definition, not in the mean of a sample: held where every unit is on the side, else not."""
    texts, kept = [], []
    for task in tasks(board):
        table = quantity.values(board, task)
        values = pd.Series(table[table.index == method].to_numpy().ravel(), dtype=float).dropna()
        if len(values):
            kept.append(side.judge(float(values.min()), float(values.max())) == HELD)
            texts.append(f"{quantity.name} of {method} {format_ends(values)} on {task} (claimed {side})")
    return list_measured(texts, HELD if all(kept) else NOT_HELD)


def report_checks(tasks: Selection, names: Sequence[str], board: Board) -> Outcome:
    """What was measured of the models, task by task."""
    texts = []
    for name in names:
        found = {task: values for task in tasks(board) if len(values := read_checks(board, name, [task]))}
        parts = ", ".join(f"{format_ends(values)} on {task}" for task, values in found.items())
        texts.append(f"{name} {parts}" if parts else "")
    return list_measured(texts)


def count_saliency_maps(tasks: Selection, board: Board) -> Outcome:
    """How many methods have maps of pictures."""
    counts = {
        task: len({name for at in board.shown[task] for name in at.maps})
        for task in tasks(board)
        if task in board.shown and board.shown[task][0].inputs.ndim == 4
    }
    return list_measured(f"{count} methods on {task}" for task, count in counts.items())
