"""Where numbers come from: the sources that decide them, and the commit, packages and machine that computed them."""

import ast
import hashlib
import inspect
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.run.records import Provenance

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("sig", "datasets", "training")
# Training imports it, but it only reports on numbers and never decides them.
NO_INFLUENCE = frozenset({PROJECT / "training" / "tracking.py"})
REPORTED = ("torch", "numpy", "scipy", "captum", "shapiq", "pytorch-lightning")


@cache
def fingerprint(*functions: Callable[..., Any]) -> str:
    """A hash of the files that define the functions and of every project file these import, directly or not.

    It depends on the files' contents, not on where they lie. Of a plug-in only the file itself counts.
    """
    files = frozenset[Path]().union(*(_sources(_file_of(function)) for function in functions))
    digests = sorted(_digest(file) for file in files)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def provenance(*, started_at: datetime, device: str = "cpu", data: Mapping[str, str] | None = None) -> Provenance:
    """The provenance of work done in this process."""
    commit, dirty = _checkout()
    return Provenance(
        commit=commit,
        dirty=dirty,
        python=platform.python_version(),
        packages=_packages(),
        device=device,
        data=dict(data or {}),
        started_at=started_at,
    )


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


@cache
def _checkout() -> tuple[str | None, bool | None]:
    """Commit and dirty flag, both None where this is no git checkout or it has no commit yet."""
    commit, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return (None, None) if commit is None or status is None else (commit, bool(status))


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, check=False)
    except OSError:  # there is no git here
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@cache
def _packages() -> dict[str, str]:
    return {name: found for name in REPORTED if (found := _version(name)) is not None}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _file_of(function: Callable[..., Any]) -> Path:
    file = inspect.getsourcefile(inspect.unwrap(function))
    if file is None:
        raise ValueError(f"{function!r} has no source file, which records are keyed by; define it in a file")
    return Path(file).resolve()


@cache
def _sources(file: Path) -> frozenset[Path]:
    found: set[Path] = set()
    left = [file]
    while left:
        one = left.pop()
        if one not in found and one not in NO_INFLUENCE:
            found.add(one)
            left += _imported(one)
    return frozenset(found)


@cache
def _imported(file: Path) -> list[Path]:
    """Files of the project's packages that a file imports anywhere in it."""
    return [found for name in _imported_names(file) if (found := _module_file(name)) is not None]


def _imported_names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_file(name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return None
    base = PROJECT.joinpath(*parts)
    return next((file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()), None)


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
