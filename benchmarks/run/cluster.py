"""Where jobs run: on Dask workers in threads of this process, each of which has cells run in a process of its own."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Client, LocalCluster
from distributed.system import MEMORY_LIMIT
from filelock import FileLock, Timeout

from benchmarks.run.own_process import start_fork_server

SCRATCH = "benchmarks-scratch-"  # folders of that name, in the folder for temporary files
LOCK = "lock"
CONFIG = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.large-graph-warning-threshold": "1GB",  # attributions to be scored go with the job
    # Watched is the memory of the workers' own processes; this one is not to stop on what is in it besides.
    **{f"distributed.worker.memory.{mark}": False for mark in ("target", "spill", "pause", "terminate")},
}


@contextmanager
def start_local_cluster(workers: int) -> Iterator[Client]:
    """A client of a cluster on this machine, of workers that share its memory evenly."""
    with dask.config.set(CONFIG), _make_scratch_folder() as scratch:
        start_fork_server()
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=False,
            memory_limit=MEMORY_LIMIT // workers,
            dashboard_address="127.0.0.1:0",  # no page; where its server would listen none the less
            scheduler_kwargs={"dashboard": False},
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        )
        with cluster, Client(cluster) as client:
            yield client


@contextmanager
def _make_scratch_folder() -> Iterator[str]:
    """A folder that is removed in the end, or by the next run when this one is killed: the lock tells who is alive."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        _remove_if_left(folder)
    with tempfile.TemporaryDirectory(prefix=SCRATCH) as scratch, FileLock(Path(scratch) / LOCK):
        yield scratch


def _remove_if_left(folder: Path) -> None:
    try:
        with FileLock(folder / LOCK, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
    except (Timeout, OSError):  # of a run that is alive, or of somebody else
        return
