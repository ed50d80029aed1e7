"""Trained weights on disk, found by what determines them.

A checkpoint is three files with one stem, ``<name>-<key>``: the weights (``.pt``, a state dict), the curves that were
logged in training (``.csv``), and, written last, a record (``.json``) with the weights' SHA-256 and the metrics. Each
is written to the side and then moved into place, so that a file is whole or absent.
"""

import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import torch
from filelock import FileLock
from torch import Tensor

from datasets.cache import cache_directory
from datasets.digest import hash_bytes

KINDS: Final = ("pt", "json", "csv")


@dataclass(frozen=True)
class Checkpoint:
    """Weights, the SHA-256 of their file, what was measured after training, and what was logged on the way."""

    weights: dict[str, Tensor]
    sha256: str
    metrics: dict[str, float]
    curves: pd.DataFrame


@dataclass(frozen=True)
class Slot:
    """The place of one checkpoint: ``facts`` are everything that determines its weights, as JSON values.

    Raises:
        TypeError: when the facts cannot be written as JSON.
    """

    name: str
    facts: Mapping[str, Any]

    def __post_init__(self) -> None:
        self._facts_as_json()

    @property
    def stem(self) -> Path:
        key = hash_bytes(self._facts_as_json().encode())
        return checkpoint_folder() / f"{self.name}-{key[:16]}"

    def load(self, *, warn: bool = False) -> Checkpoint | None:
        """The checkpoint, or None when there is none or (then ``warn`` says so) its files are damaged."""
        if not all(self._file(kind).exists() for kind in KINDS):
            return None
        try:
            return read_checkpoint(self.stem)
        except (ValueError, KeyError, TypeError) as error:
            if warn:
                warnings.warn(f"checkpoint {self._file('pt')} is damaged ({error}); training it again", stacklevel=2)
            return None

    @contextmanager
    def locked(self) -> Iterator[Path]:
        """Keep other processes from writing this checkpoint; gives a folder for the files of the training run.

        Raises:
            OSError: when the cache cannot be written to.
        """
        folder = self.stem.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            scratch = tempfile.TemporaryDirectory(dir=folder, prefix=".writing-")
        except OSError as error:
            raise OSError(
                f"checkpoints cannot be written to {folder} ({error.strerror}); "
                "set ATTRIBUTION_CACHE to a folder that can be written to"
            ) from error
        with scratch as path, FileLock(self._file("lock")):
            yield Path(path)

    def save(self, weights: Mapping[str, Tensor], metrics: Mapping[str, float], scratch: Path) -> Checkpoint:
        """Write a checkpoint, with the curves that were logged to ``metrics.csv`` in ``scratch``."""
        buffer = io.BytesIO()
        torch.save(dict(weights), buffer)
        sha256 = hash_bytes(buffer.getvalue())
        record = {"sha256": sha256, "metrics": dict(metrics), **self.facts}
        (scratch / "weights.pt").write_bytes(buffer.getvalue())
        (scratch / "record.json").write_text(json.dumps(record, indent=2) + "\n")
        (scratch / "metrics.csv").touch()
        for made, kind in (("metrics.csv", "csv"), ("weights.pt", "pt"), ("record.json", "json")):
            (scratch / made).replace(self._file(kind))
        return read_checkpoint(self.stem)

    def _file(self, kind: str) -> Path:
        return self.stem.with_name(f"{self.stem.name}.{kind}")

    def _facts_as_json(self) -> str:
        try:
            return json.dumps(self.facts, sort_keys=True)
        except TypeError as error:
            raise TypeError(f"the config of {self.name!r} must be plain JSON values: {error}; convert it") from None


def checkpoint_folder() -> Path:
    """Where checkpoints are kept."""
    return cache_directory() / "checkpoints"


def read_checkpoint(stem: Path) -> Checkpoint:
    """The checkpoint whose three files have this stem.

    Raises:
        OSError: when a file cannot be read.
        ValueError, KeyError, TypeError: when the weights are not those of the record, or one of the files is damaged.
    """
    weights, record, curves = (stem.with_name(f"{stem.name}.{kind}") for kind in KINDS)
    content = weights.read_bytes()
    sha256 = hash_bytes(content)
    stated = json.loads(record.read_text())
    if stated["sha256"] != sha256:
        raise ValueError(f"its SHA-256 is {sha256[:12]}.., not {stated['sha256'][:12]}..")
    logged = pd.read_csv(curves) if curves.stat().st_size else pd.DataFrame()
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return Checkpoint(state, sha256, stated["metrics"], logged)
