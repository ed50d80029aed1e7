"""SHA-256 in hex: one function for each kind of content."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor


def hash_bytes(*parts: bytes) -> str:
    """The digest of the parts, one after another."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def hash_tensors(*tensors: Tensor) -> str:
    """The digest of the tensors' values, row by row, one tensor after another."""
    return hash_bytes(*(tensor.detach().contiguous().numpy().tobytes() for tensor in tensors))


def hash_content(*parts: Any) -> str:
    """The digest of the parts as JSON, whatever the order of a table's entries."""
    return hash_bytes(json.dumps(parts, sort_keys=True).encode())


def hash_file(file: Path) -> str:
    """The digest of what the file holds now.

    Raises:
        OSError: when it cannot be read.
    """
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def hash_folder(folder: Path, files: Iterable[Path]) -> str:
    """The digest of these files of a folder: of their names, relative to it, and of what each holds."""
    return hash_content([[file.relative_to(folder).as_posix(), hash_file(file)] for file in sorted(files)])
