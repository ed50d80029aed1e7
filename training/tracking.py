"""Trainings on Weights & Biases (W&B), and what any run there needs: ``benchmarks.board.tracked_run`` uses it too.

Offline by default, which needs neither a key nor a network. Local records are the truth: whatever goes wrong with W&B
is warned about once, in one line, and never reaches the caller.
"""

import logging
import os
import shlex
import socket
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    import wandb
    from pytorch_lightning.loggers import Logger

Mode = Literal["offline", "online", "disabled"]

CONNECT_SECONDS: Final = 2
INIT_SECONDS: Final = 15
FINISH_SECONDS: Final = 30

_log = logging.getLogger(__name__)
_instead: Final[dict[Mode, Mode]] = {"online": "offline", "offline": "disabled"}
_given_up: set[Mode] = set()  # modes that failed in this process, so that later runs do not wait for the same failure
_warned: set[str] = set()


@dataclass(frozen=True)
class Tracking:
    """Where runs are tracked. It can be pickled, and holds no key.

    Attributes:
        mode: ``online`` sends to the server that ``WANDB_BASE_URL`` or ``wandb login`` names; ``offline`` only writes
            files, which ``sync_command`` sends later; ``disabled`` does nothing.
        project: W&B's project.
        directory: the folder in which W&B makes its folder ``wandb``.
        group: what the runs of one suite have in common.

    Raises:
        ValueError: on another mode.
    """

    mode: Mode = "offline"
    project: str = "attribution-benchmark"
    directory: Path = Path("results/runs")
    group: str = ""

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ValueError(f"W&B mode {self.mode!r} does not exist; choose one of {', '.join(get_args(Mode))}")


@contextmanager
def start_run(
    tracking: Tracking, name: str, job_type: str, config: Mapping[str, Any], tags: Sequence[str], **settings: bool
) -> Iterator["wandb.Run | None"]:
    """A W&B run that lasts as long as the block, and counts as failed where the block raises; None where none can be.

    Group and job type are put into the configuration too, for servers that drop them. ``settings`` are W&B's.
    """
    run = _start(
        tracking,
        settings,
        name=name,
        job_type=job_type,
        config={**config, "group": tracking.group, "job_type": job_type},
        tags=list(tags),
        id=os.urandom(6).hex(),  # the same after falling back to offline, so that a sync makes one run of both
    )
    exit_code = 1
    try:
        yield run
        exit_code = 0
    finally:
        if run is not None:
            try:
                run.finish(exit_code=exit_code)
            except Exception as error:
                _give_up(replace(tracking, mode="offline" if run.offline else "online"), error)


@contextmanager
def lightning_logger(
    tracking: Tracking, *, name: str, config: Mapping[str, Any], tags: Sequence[str] = ()
) -> Iterator["Logger | bool"]:
    """A logger for Lightning's ``Trainer(logger=...)``, as long as the block lasts; False where nothing is tracked."""
    with start_run(tracking, name, "train", config, tags) as run:
        yield False if run is None else _logger(run, tracking)


def usable(tracking: Tracking) -> Tracking:
    """``tracking`` itself or, after a warning, offline: when the server does not answer, or there is no key for it.

    Called once before work goes to other processes, it saves each of them from finding out by itself.
    """
    if tracking.mode == "online" and tracking.mode not in _given_up:
        try:
            _require_server()
        except Exception as error:
            _give_up(tracking, error)
    return _as_far_as_possible(tracking)


def sync_command(tracking: Tracking) -> str | None:
    """The shell command that sends what no server has received so far; None where nothing waits to be sent."""
    if _as_far_as_possible(tracking).mode != "offline":
        return None
    return shlex.join(["wandb", "sync", "--include-online", str(tracking.directory / "wandb")])


def _start(tracking: Tracking, settings: Mapping[str, bool], **facts: Any) -> "wandb.Run | None":
    tracking = usable(tracking)
    while tracking.mode != "disabled":
        try:
            return _init(tracking, settings, facts)
        except Exception as error:
            _give_up(tracking, error)
            tracking = _as_far_as_possible(tracking)
    return None


@contextmanager
def _hooks_kept() -> Iterator[None]:
    """Put back what W&B replaces as it starts, and leaves replaced."""
    before = sys.exit, sys.excepthook
    try:
        yield
    finally:
        sys.exit, sys.excepthook = before


@_hooks_kept()
def _init(tracking: Tracking, settings: Mapping[str, bool], facts: Mapping[str, Any]) -> "wandb.Run":
    tracking.directory.mkdir(parents=True, exist_ok=True)  # W&B would turn to the system's temporary folder
    package = load_wandb()
    run: wandb.Run = package.init(
        mode=tracking.mode,
        project=tracking.project,
        group=tracking.group or None,
        dir=str(tracking.directory),
        reinit="create_new",
        settings=package.Settings(
            console="off",
            disable_git=True,
            init_timeout=INIT_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
            **settings,
        ),
        **facts,
    )
    return run


def _as_far_as_possible(tracking: Tracking) -> Tracking:
    while tracking.mode in _given_up:
        tracking = replace(tracking, mode=_instead[tracking.mode])
    return tracking


def _give_up(tracking: Tracking, error: Exception) -> None:
    _given_up.add(tracking.mode)
    command = sync_command(tracking)
    then = f"offline; send runs later with: {command}" if command else "without it"
    _warn_once(f"W&B cannot be used {tracking.mode} ({_cause(error)}); going on {then}")
    try:
        load_wandb().teardown()
    except (Exception, SystemExit) as another:  # it exits when W&B's own process ended badly
        _log.debug("W&B did not shut down in order: %s", another)


@contextmanager
def forgiven() -> Iterator[None]:
    """Where W&B fails within the block, that is warned about."""
    try:
        yield
    except Exception as error:
        _warn_once(f"W&B did not take a part of a run ({_cause(error)}); local records are complete")


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        _log.warning(message)


def _cause(error: Exception) -> str:
    """The error in one line. What comes after two lines is advice, or input that may hold a key."""
    return " ".join([f"{type(error).__name__}:", *str(error).split("\n")[:2]]).strip(": ")


@_hooks_kept()
def _require_server() -> None:
    """Raise unless something listens at the server's address, or at the proxy on the way, and there is a key."""
    wandb = load_wandb()
    url = urllib.parse.urlsplit(wandb.setup().settings.base_url)
    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy and not urllib.request.proxy_bypass(url.hostname or ""):
        url = urllib.parse.urlsplit(proxy)
    port = url.port or (80 if url.scheme == "http" else 443)
    try:
        socket.create_connection((url.hostname or "", port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ConnectionError(f"nothing answers at {url.hostname}:{port}, {error}") from error
    if not wandb.login(prompt=False, verify=False):
        raise PermissionError("there is no API key; set WANDB_API_KEY or run `wandb login`")


def load_wandb() -> ModuleType:
    """The package, imported where it is needed, and told neither to print nor to report errors to its makers."""
    os.environ.setdefault("WANDB_SILENT", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return wandb


def _logger(run: "wandb.Run", tracking: Tracking) -> "Logger":
    from pytorch_lightning.loggers import WandbLogger  # takes seconds, and only training needs it

    class ForgivingWandbLogger(WandbLogger):
        def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
            with forgiven():
                super().log_metrics(metrics, step)

        def log_hyperparams(self, params: Any) -> None:
            with forgiven():
                super().log_hyperparams(params)

    with forgiven():
        run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return ForgivingWandbLogger(project=tracking.project, save_dir=str(tracking.directory), experiment=run)
