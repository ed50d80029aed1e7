"""What was measured of models as something varied."""

import pandas as pd

from benchmarks.board.aggregate import Board


def collect_series(board: Board, name: str, columns: set[str]) -> list[pd.DataFrame]:
    """The tables of this name with at least these columns, one for each model (``Board.models``).

    With the model's ``task`` and ``repetition``, and the kind of ``damage`` that it was trained with.
    """
    return [
        pd.DataFrame(model.series[name], dtype=float).assign(
            task=model.task, repetition=model.repetition, damage=model.task_options.get("damage")
        )
        for model in board.models
        if columns <= model.series.get(name, {}).keys()
    ]
