"""Photographs in which others have rights: a run of one's own shows them, what is published does not.

Problems whose data are such (``datasets.problem.PHOTOGRAPHS``) lose their ``shown_inputs``. Attributions stay, which
show where a method looks and not what is there; but not those of controls, which see the data alone and may give it
back (``input-magnitude``), nor any that looks like its photograph.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.run.figure_data import pool
from benchmarks.run.records import CellRecord, ProblemRecord, Run
from datasets.problem import PHOTOGRAPHS

ALIKE: Final = 0.8  # correlation with its photograph from which a map is withheld; gradients times inputs have 0.5
LONG: Final = 1000  # numbers in one list, from which they could be a picture

Planes = Float[np.ndarray, "shown *places"]


def withhold_photographs(run: Run) -> Run:
    """The run with copies of those records that show photographs, which show them no more; problems say so."""
    withheld = {"shown_inputs": None, "inputs_withheld": True}
    problems = {problem.key: problem for problem in run.problems if problem.shown and has_photographs(problem)}
    return replace(
        run,
        problems=[one.model_copy(update=withheld) if one.key in problems else one for one in run.problems],
        cells=[
            cell.model_copy(update={"maps": None})
            if cell.problem in problems and _shows(cell, problems[cell.problem])
            else cell
            for cell in run.cells
        ],
    )


def blame_photographs(run: Run) -> Iterator[str]:
    """The names of what may show photographs all the same: lists of numbers as long as pictures."""
    for problem in filter(has_photographs, run.problems):
        lists: dict[str, Iterable[Sequence[float | None]]] = {
            f"truth {name!r}": of for name, of in problem.truths.items()
        }
        lists |= {f"series {name!r}": columns.values() for name, columns in problem.series.items()}
        for name, of_list in lists.items():
            if max(map(len, of_list), default=0) >= LONG:
                yield f"{name} of {problem.task}"


def has_photographs(record: ProblemRecord | CellRecord) -> bool:
    """Whether it is a problem with photographs of others, or a cell of one."""
    return PHOTOGRAPHS in record.provenance.data


def _shows(cell: CellRecord, problem: ProblemRecord) -> bool:
    if cell.maps is None or cell.control:
        return True
    if problem.shown_inputs is None:  # it has been withheld before
        return False
    return measure_likeness(_reduce(cell.maps.decode()), _reduce(problem.shown_inputs.decode())) >= ALIKE


def measure_likeness(maps: Planes, pictures: Planes) -> float:
    """The largest |correlation| of a picture with its map or with the map's absolute values, place by place."""
    pairs = [(a, b) for a, plane in zip(pictures, maps, strict=True) for b in (plane, np.abs(plane))]
    varied = [(a.ravel(), b.ravel()) for a, b in pairs if a.std() > 0 and b.std() > 0]
    return max((abs(float(np.corrcoef(a, b)[0, 1])) for a, b in varied), default=0.0)


def _reduce(pictures: Float[np.ndarray, "shown *features"]) -> Planes:
    """Summed over channels, and as small as maps are."""
    planes = pictures.sum(1) if pictures.ndim == 4 else pictures
    return pool(torch.from_numpy(planes.astype(float))).numpy() if planes.ndim == 3 else planes
