"""Manifests of files: the SHA-256 of each, in the format of ``sha256sum``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from datasets.digest import hash_bytes, hash_file

MANIFEST: Final = "manifest.sha256"
REMEDY: Final = (
    "restore it, or, if it was meant to change, write the manifest again: python -m datasets.imagenet FOLDER"
)


def write_manifest(folder: Path, names: Iterable[str]) -> Path:
    """Write ``manifest.sha256`` of files in a folder, by their names relative to it."""
    hashes = {name: hash_file(folder / name) for name in names}
    manifest = folder / MANIFEST
    manifest.write_text(format_manifest(hashes))
    return manifest


def read_manifest(folder: Path) -> dict[str, str]:
    """SHA-256 by the file's name; none where there is no manifest.

    Raises:
        ValueError: on a line that is not one of ``sha256sum``.
    """
    manifest = folder / MANIFEST
    stated: dict[str, str] = {}
    for line in manifest.read_text().splitlines() if manifest.is_file() else ():
        sha256, separator, name = line[:64], line[64:66], line[66:]
        if separator not in ("  ", " *") or not name or set(sha256.lower()) - set("0123456789abcdef"):
            raise ValueError(f"{str(manifest)!r} has the line {line!r}, expected one as sha256sum writes")
        stated[name.removeprefix("./")] = sha256.lower()
    return stated


def format_manifest(hashes: Mapping[str, str]) -> str:
    """The lines of a manifest, sorted by the files' names."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(hashes.items()))


def require_listed(folder: Path, names: Iterable[str], stated: Mapping[str, str]) -> None:
    """Raise unless there are exactly the files that the manifest states, if there is one.

    Raises:
        FileNotFoundError: when a file is missing.
        ValueError: when a file is not in the manifest.
    """
    found = set(names)
    if stated and (gone := sorted(set(stated) - found)):
        raise FileNotFoundError(f"{str(folder / gone[0])!r} is missing, expected it as {MANIFEST} states; {REMEDY}")
    if stated and (new := sorted(found - set(stated))):
        raise ValueError(f"{str(folder / new[0])!r} is not in {MANIFEST}, expected every file there; {REMEDY}")


def read_checked(file: Path, sha256: str | None) -> bytes:
    """A file's content, which has this SHA-256 where one is given.

    Raises:
        FileNotFoundError: when the file is missing.
        ValueError: when it has another SHA-256.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"the file {str(file)!r} is missing; restore it") from None
    found = hash_bytes(content)
    if sha256 is not None and found != sha256:
        raise ValueError(f"{str(file)!r} has SHA-256 {found}, expected {sha256} as {MANIFEST} states; {REMEDY}")
    return content
