"""The provenance of numbers: the commit, packages, processor and device that computed them."""

import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import torch

from benchmarks.run.fields import Provenance
from datasets.cache import PROJECT
from training.hardware import describe_instructions, describe_processor, multiplies_bf16

REPORTED = ("torch", "numpy", "scipy", "captum", "shapiq", "pytorch-lightning")


def describe_provenance(
    *, started_at: datetime, device: str = "cpu", data: Mapping[str, str] | None = None
) -> Provenance:
    """The provenance of work done in this process."""
    commit, dirty = _checkout()
    return Provenance(
        commit=commit,
        dirty=dirty,
        python=platform.python_version(),
        packages=_packages(),
        device=device,
        processor=describe_processor(),
        instructions=describe_instructions(),
        native_bf16=multiplies_bf16(torch.device(device).type),
        threads=torch.get_num_threads(),
        data=dict(data or {}),
        started_at=started_at,
    )


def is_model(name: str) -> bool:
    """Whether what a problem's provenance names so is a model, such as ``checkpoint_without_damage``."""
    return name.startswith("checkpoint")


def get_now() -> datetime:
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
