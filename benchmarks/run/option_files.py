"""Options that are paths: what decides a score is what lies there, and not where it lies."""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from datasets.digest import hash_content, hash_file
from sig.plugins import RegistryEntry


def hash_files(entry: RegistryEntry, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with the SHA-256 of its content for every path to a file or folder that is there.

    A folder's content is the names, relative to it, and the contents of all files in it, so that the same files in
    another folder count as the same, and others in the same folder do not.
    """
    hints = get_type_hints(inspect.unwrap(entry.run))
    paths = {name for name, hint in hints.items() if Path in (hint, *get_args(hint))}
    return {name: _hash_path(Path(value)) if name in paths and value else value for name, value in options.items()}


def _hash_path(path: Path) -> str:
    if not path.exists():
        return str(path)  # whoever needs it says so, with the remedy
    hashes = {str(file.relative_to(path)): hash_file(file) for file in _list_files(path)}
    return f"sha256:{hash_content(hashes)}"


def _list_files(path: Path) -> Iterator[Path]:
    return (file for file in (path, *path.rglob("*")) if file.is_file())
