"""Where jobs run: on Dask workers in threads of this process, on a running Dask cluster, or on one that a queueing
system starts. Wherever they are, workers have cells run in processes of their own."""

import importlib
import logging
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dask
from distributed import Client, LocalCluster
from distributed.system import MEMORY_LIMIT
from filelock import FileLock, Timeout

from benchmarks.run.isolation.fork import start_fork_server
from benchmarks.run.parcel import describe_code, find_differences
from datasets.cache import PROJECT

SCRATCH = "benchmarks-scratch-"  # folders of that name, in the folder for temporary files
LOCK = "lock"
CONFIG = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.large-graph-warning-threshold": "1GB",  # attributions to be scored go with the job
    # Watched is the memory of the workers' own processes; this one is not to stop on what is in it besides.
    **{f"distributed.worker.memory.{mark}": False for mark in ("target", "spill", "pause", "terminate")},
}
QUEUES: Final = {
    "htcondor": "HTCondorCluster",
    "local": "LocalCluster",  # processes of this machine, as jobs
    "lsf": "LSFCluster",
    "moab": "MoabCluster",
    "oar": "OARCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "slurm": "SLURMCluster",
}
ADDRESS: Final = re.compile(r"(tcp|tls|ucx|ws|wss)://[^/\s]+:\d+")
WAIT: Final = 60  # seconds for a scheduler to answer, and for its first worker
WAIT_IN_QUEUE: Final = 24 * 3600


class ClusterError(ValueError):
    """A cluster that cannot be used; the message says what to do."""


def require_address(scheduler: str) -> None:
    """Raise ``ClusterError`` on what cannot be the address of a scheduler."""
    if not ADDRESS.fullmatch(scheduler):
        raise ClusterError(
            f"--scheduler is {scheduler!r}, expected an address such as tcp://host:8786 or tls://host:8786; correct it"
        )


def require_queue(queue: str) -> None:
    """Raise ``ClusterError`` on a queueing system that nothing is known of."""
    if queue not in QUEUES:
        raise ClusterError(f"unknown queueing system {queue!r}, expected one of {', '.join(QUEUES)}")


@contextmanager
def start_local_cluster(workers: int) -> Iterator[Client]:
    """A client of a cluster on this machine, of workers that share its memory evenly."""
    with _make_scratch_folder() as scratch, _keep_path(), dask.config.set({**CONFIG, "temporary-directory": scratch}):
        start_fork_server()
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=False,
            memory_limit=MEMORY_LIMIT // workers,
            dashboard_address="127.0.0.1:0",  # no page; where its server would listen none the less
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
        )
        with cluster, Client(cluster) as client:
            yield client


@contextmanager
def _keep_path() -> Iterator[None]:
    """A block after which modules are found where they were before: a Dask worker adds its folder for good."""
    before = sys.path.copy()
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def connect(scheduler: str, *, wait: int = WAIT) -> Iterator[Client]:
    """A client of a running Dask cluster, all of whose workers have the code and the packages of this process.

    Raises:
        ClusterError: when none answers, there are no workers, or one of them has other code or packages.
    """
    try:
        client = Client(scheduler, timeout=WAIT)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {scheduler!r} ({error}); expected such as tcp://host:8786, start one there "
            "with 'dask scheduler'"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=wait)
        except TimeoutError:
            raise ClusterError(
                f"the scheduler at {scheduler!r} has no workers after {wait} s; start some in the project's folder, "
                f"with '.venv/bin/dask worker {scheduler} --nthreads 1'"
            ) from None
        _require_same_code(client)
        yield client


@contextmanager
def start_jobqueue(queue: str, workers: int) -> Iterator[Client]:
    """A client of so many workers that a queueing system starts, each in a job with one core, unless the configuration
    of dask-jobqueue says otherwise (``~/.config/dask/jobqueue.yaml``).

    Raises:
        ClusterError: when dask-jobqueue is not there, does not know the system or cannot submit; as ``connect`` does.
    """
    require_queue(queue)
    try:
        dask_jobqueue = importlib.import_module("dask_jobqueue")
    except ImportError:
        raise ClusterError("--jobqueue needs dask-jobqueue: .venv/bin/pip install 'dask-jobqueue>=0.9'") from None
    kind = getattr(dask_jobqueue, QUEUES[queue], None) or importlib.import_module("dask_jobqueue.local").LocalCluster
    said = {name for name, value in dask.config.get(f"jobqueue.{queue}", {}).items() if value}
    usual = {"cores": 1, "processes": 1, "memory": "4GB"}
    try:
        cluster = kind(
            python=sys.executable,
            job_script_prologue=[f"cd {shlex.quote(str(PROJECT))}"],
            scheduler_options={"dashboard": False, "dashboard_address": ":0"},
            **{name: value for name, value in usual.items() if name not in said},
        )
        cluster.adapt(minimum=workers, maximum=workers)  # jobs that end are replaced
    except (RuntimeError, OSError) as error:
        raise ClusterError(f"{queue} does not take jobs: {error}; run where its commands work") from None
    with cluster, connect(cluster.scheduler_address, wait=WAIT_IN_QUEUE) as client:
        yield client


def require_gpu(client: Client) -> None:
    """Raise ``ClusterError`` where no worker offers a GPU, since jobs that ask for one would wait for ever."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if not any(worker["resources"].get("GPU") for worker in workers):
        raise ClusterError(
            "a task of the suite asks for a GPU (gpu = true) and no worker offers one; start one with "
            "'dask worker .. --resources GPU=1'"
        )


def _require_same_code(client: Client) -> None:
    expected, workers = describe_code(), client.scheduler_info(n_workers=-1)["workers"]
    for address, found in client.run(describe_code, on_error="return").items():
        name = f"worker {workers.get(address, {}).get('name', '')!r} ({address})"
        remedy = "start it from the same commit, with the packages of requirements.lock"
        if isinstance(found, Exception):
            raise ClusterError(f"{name} cannot import the benchmark ({found}); {remedy}")
        if differences := find_differences(expected, found):
            raise ClusterError(f"{name} has {differences}; {remedy}")


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
