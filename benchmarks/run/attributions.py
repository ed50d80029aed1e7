"""Attributions, kept beside the records: a new metric scores them without attributing again, and anybody can load them.

Each is a NumPy archive (.npz, compressed, nothing in it is ever executed): the attribution in float32, what it should
add up to where the method states paths, some of those, its cost, and the key it was computed under.
"""

import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.run import RUNS
from benchmarks.run.records import CellRecord
from benchmarks.run.storage import RecordError, read_run, write_atomically
from benchmarks.run.suite import list_unknown
from sig.guard import AttributionResult
from sig.registry import Cost

# What NumPy and the library of ZIP files raise on a file of which any byte may be wrong.
DAMAGED = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


def attributions(
    run: str | Path, task: str, method: str, *, repetition: int = 0, budget: int | None = None
) -> Float[np.ndarray, "explicands *features"]:
    """A method's attribution of each explicand of a task, such as ``attributions("default", "mnist", "sig-game")``.

    Args:
        run: a run's folder, or the name of its suite.
        method: its label on the leaderboard.
        budget: of model rows; that of the leaderboard where it is not given.

    Raises:
        ValueError: when the run has no such task, method, repetition or budget; or the cell no attribution, with the
            reason.
        RecordError: when the folder is no run, or the attribution is missing or damaged.
    """
    directory = Path(run) if Path(run).is_dir() else RUNS / run
    cells = [cell for cell in read_run(directory).cells if cell.sweep is None]
    cells = _named(cells, "task", task)
    cells = _named(cells, "label", method)
    cells = _named(cells, "repetition", repetition)
    (chosen, *_) = _named(cells, "headline", True) if budget is None else _named(cells, "budget", budget)
    if chosen.cost is None:
        raise ValueError(f"{method!r} has no attribution on {task!r}, it {chosen.status}: {chosen.reason}")
    found = read_attribution(directory / chosen.attribution_file, chosen.attribution_key)
    if found is None:
        raise RecordError(directory / chosen.attribution_file, "no such file; run the suite again")
    return found.attribution.numpy()


def write_attribution(found: AttributionResult, key: str, file: Path) -> None:
    """Write an attribution atomically."""
    cost, buffer = found.cost, io.BytesIO()
    peak = np.nan if cost.peak_bytes is None else cost.peak_bytes
    arrays = {
        "attribution": found.attribution.cpu().numpy().astype("<f4"),
        "cost": np.array([cost.seconds, cost.forward_rows, cost.backward_rows, peak], dtype="<f8"),
        "key": np.array(key),
    }
    if found.change is not None:
        arrays["change"] = found.change.cpu().numpy()
    if found.paths is not None:
        arrays["starts"], arrays["ends"] = (ends.cpu().numpy() for ends in found.paths)
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(buffer.getvalue(), file)


def read_attribution(file: Path, key: str) -> AttributionResult | None:
    """The attribution in a file, on the CPU; None where there is no file, or it was computed under another key.

    Raises:
        RecordError: when the file is damaged.
    """
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            if str(arrays["key"]) != key:
                return None
            seconds, forward, backward, peak = arrays["cost"].tolist()
            return AttributionResult(
                torch.from_numpy(arrays["attribution"]),
                Cost(seconds, int(forward), int(backward), None if np.isnan(peak) else int(peak)),
                torch.from_numpy(arrays["change"]) if "change" in arrays else None,
                (torch.from_numpy(arrays["starts"]), torch.from_numpy(arrays["ends"])) if "starts" in arrays else None,
            )
    except FileNotFoundError:
        return None
    except DAMAGED as error:
        raise RecordError(file, f"{error}; the attribution is damaged") from None


def _named(cells: Sequence[CellRecord], field: str, value: object) -> list[CellRecord]:
    found = [cell for cell in cells if getattr(cell, field) == value]
    if not found:
        lines = list_unknown([str(value)], list(dict.fromkeys(str(getattr(cell, field)) for cell in cells)), field)
        raise ValueError(f"{lines[0]}; run the suite first")
    return found
