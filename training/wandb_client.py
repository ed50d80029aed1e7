"""Everything that talks to Weights & Biases (W&B).

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    import pandas as pd
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


class TrackedRun:
    """A run whose failures are warned about and never raised. Without a W&B run in it every call does nothing."""

    def __init__(self, run: "wandb.Run | None" = None) -> None:
        self._run = run

    def log(self, values: Mapping[str, Any]) -> None:
        """Add one point to the history."""
        self._try(lambda run: run.log(dict(values)))

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Set summary values."""
        self._try(lambda run: run.summary.update(dict(values)))

    def log_series(self, frame: "pd.DataFrame") -> None:
        """Log one point for each row, the columns drawn against the index; none of them goes to the summary."""
        axis = str(frame.index.name)
        self._try(lambda run: run.define_metric(axis, summary="none", hidden=True))
        for name in frame.columns:
            self._define(str(name), axis)
        for x, values in frame.iterrows():
            self.log({axis: x, **values.dropna()})

    def log_table(self, name: str, frame: "pd.DataFrame") -> None:
        plain = frame.astype(object).where(frame.notna(), None)
        self._try(lambda run: run.log({name: _wandb().Table(dataframe=plain, allow_mixed_types=True)}))

    def log_picture(self, name: str, file: Path) -> None:
        """Log a picture; one in SVG as a page, since W&B has no other place for it."""
        self._try(lambda run: run.log({name: _make_media(file)}))

    def upload(self, name: str, kind: str, files: Sequence[Path], *, base: Path) -> None:
        """Keep files as an artifact, and as files of the run for servers that drop what artifacts contain.

        Their names are their paths below ``base``.
        """
        self._try(lambda run: run.log_artifact(_artifact(name, kind, files, base)))
        for file in files:
            self._save(file, base)

    def _define(self, name: str, axis: str) -> None:
        self._try(lambda run: run.define_metric(name, step_metric=axis, summary="none"))

    def _save(self, file: Path, base: Path) -> None:
        self._try(lambda run: run.save(str(file), base_path=str(base), policy="now", glob=False))

    def _try(self, action: Callable[["wandb.Run"], object]) -> None:
        if self._run is not None:
            with _forgiven():
                action(self._run)


def _make_media(file: Path) -> Any:
    if file.suffix == ".svg":
        return _wandb().Html(file.read_text(encoding="utf-8"), data_is_not_path=True)
    return _wandb().Image(str(file))


@contextmanager
def tracked_run(
    tracking: Tracking, *, name: str, job_type: str, config: Mapping[str, Any], tags: Sequence[str] = ()
) -> Iterator[TrackedRun]:
    """A run that lasts as long as the block, and counts as failed where the block raises.

    It is meant for what has been computed before, so nothing of this process or machine goes with it. Group and job
    type are put into the configuration too, for servers that drop them.
    """
    nothing = {"x_disable_stats": True, "x_disable_meta": True, "x_save_requirements": False}
    with _run(tracking, name, job_type, config, tags, **nothing) as run:
        yield TrackedRun(run)


@contextmanager
def lightning_logger(
    tracking: Tracking, *, name: str, config: Mapping[str, Any], tags: Sequence[str] = ()
) -> Iterator["Logger | bool"]:
    """What Lightning's ``Trainer(logger=...)`` takes, as long as the block lasts; False where nothing is tracked."""
    with _run(tracking, name, "train", config, tags) as run:
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


@contextmanager
def _run(
    tracking: Tracking, name: str, job_type: str, config: Mapping[str, Any], tags: Sequence[str], **settings: bool
) -> Iterator["wandb.Run | None"]:
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
    package = _wandb()
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
        _wandb().teardown()
    except (Exception, SystemExit) as another:  # it exits when W&B's own process ended badly
        _log.debug("W&B did not shut down in order: %s", another)


@contextmanager
def _forgiven() -> Iterator[None]:
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
    wandb = _wandb()
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


def _wandb() -> ModuleType:
    """The package, imported where it is needed, and told neither to print nor to report errors to its makers."""
    os.environ.setdefault("WANDB_SILENT", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return wandb


def _artifact(name: str, kind: str, files: Sequence[Path], base: Path) -> "wandb.Artifact":
    artifact: wandb.Artifact = _wandb().Artifact(name, type=kind)
    for file in files:  # neither copied to W&B's staging folder nor to its cache, which lie outside the run's folder
        artifact.add_file(str(file), name=str(file.relative_to(base)), policy="immutable", skip_cache=True)
    return artifact


def _logger(run: "wandb.Run", tracking: Tracking) -> "Logger":
    from pytorch_lightning.loggers import WandbLogger  # takes seconds, and only training needs it

    class ForgivingWandbLogger(WandbLogger):
        def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
            with _forgiven():
                super().log_metrics(metrics, step)

        def log_hyperparams(self, params: Any) -> None:
            with _forgiven():
                super().log_hyperparams(params)

    with _forgiven():
        run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return ForgivingWandbLogger(project=tracking.project, save_dir=str(tracking.directory), experiment=run)
