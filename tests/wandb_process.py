"""W&B in tests: as in a process of its own, and what it left behind."""

import gc
import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import wandb

from training import tracking


@contextmanager
def as_in_a_fresh_process(home: Path) -> Iterator[None]:
    """With no key, nothing configured and nothing given up; W&B keeps its files below ``home``."""
    wandb.teardown()
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_MODE", "http_proxy", "HTTP_PROXY"):
            patch.delenv(variable, raising=False)
        for variable in ("NETRC", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
            patch.setenv(variable, str(home / variable))
        patch.setattr(tracking, "_given_up", set())
        patch.setattr(tracking, "_warned", set())
        yield
        wandb.teardown()


def warnings_in(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == tracking.__name__ and record.levelno >= logging.WARNING
    ]


def run_folders(directory):
    return sorted(path.name for path in (directory / "wandb").glob("*run-*-*") if not path.is_symlink())


def logged(directory):
    """The log of the only run, once W&B has written all of it."""
    wandb.teardown()
    (log,) = directory.glob("wandb/offline-run-*/*.wandb")
    return log.read_bytes()


def kill_wandb():
    """Kill W&B's own process, and wait for its end, which W&B itself does not do."""
    for process in gc.get_objects():
        if type(process) is subprocess.Popen and "wandb-core" in str(process.args):
            process.kill()
            process.wait()
