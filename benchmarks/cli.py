"""The command line ``python -m benchmarks``: what each command takes, prints and returns.

==============  =====================================================================================================
``run``         run a suite, then write and print its leaderboard
``report``      write leaderboard and figures again, from a run's records
``compare``     say which scores, ranks and verdicts of two runs differ
``publish``     publish a finished run: its records, models and report, with a manifest
``verify``      check that a published suite is what it says: its files, its tables, its cells, its models
``try``         try a method, metric or task of one's own beside published records
``contribute``  write a method that has been tried into a folder for others
``merge``       set such a method on the board, if scoring it again confirms it
``list``        list methods, metrics, tasks or suites
==============  =====================================================================================================

What takes long to import is imported inside the commands, so that help and mistakes are answered at once. Whatever a
user can get wrong is answered with one line on stderr and exit code 2; a run in which anything failed ends with 1.
"""

import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from benchmarks.run import RESULTS, RUNS

if TYPE_CHECKING:
    from training.tracking import Tracking

WIDTH = 200  # of tables that go to no terminal
LONGEST = 30 * 24 * 3600  # seconds
LARGEST = 2**20  # gigabytes; far beyond it the system's limits do not go
INTERRUPTED = 130  # what typer returns after Ctrl-C

app = typer.Typer(help="Benchmark feature-attribution methods.", add_completion=False, rich_markup_mode=None)


class UserError(ValueError):
    """Something that the user can put right; the message is one line."""


class CommandFailure(Exception):
    """A run has ended and is reported, but not all of it could be computed; the message is one line."""


class ListTopic(StrEnum):
    """A kind of thing that ``list`` shows."""

    METHODS = "methods"
    METRICS = "metrics"
    TASKS = "tasks"
    SUITES = "suites"


class WandbMode(StrEnum):
    """A way to track a run with Weights & Biases."""

    OFFLINE = "offline"
    ONLINE = "online"
    DISABLED = "disabled"


Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="A file with methods, metrics or tasks of your own; repeatable.")
]
CellTimeout = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="Stop what takes longer for one cell; that cell fails.")
]


@app.command()
def run(
    suite: Annotated[str, typer.Argument(help="A suite's name, or the path of a TOML file.")] = "default",
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; as many as cores if not given.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute again what has been computed already.")] = False,
    plugin: Plugins = None,
    methods: Annotated[str, typer.Option(help="Only these, as in a,b.")] = "",
    tasks: Annotated[str, typer.Option(help="Only these, as in a,b.")] = "",
    metrics: Annotated[str, typer.Option(help="Score every task by these too, as in a,b.")] = "",
    repetitions: Annotated[int | None, typer.Option(min=1, help="Instead of the suite's number.")] = None,
    models: Annotated[
        str, typer.Option(help="train, published (those in results/SUITE/models) or a folder of published models.")
    ] = "train",
    out: Annotated[Path | None, typer.Option(help="Folder of the run, results/runs/SUITE if not given.")] = None,
    wandb: Annotated[WandbMode, typer.Option(help="Weights & Biases.")] = WandbMode.OFFLINE,
    cell_timeout: CellTimeout = 1800.0,
    scheduler: Annotated[str, typer.Option(metavar="TCP://HOST:PORT", help="Run on this Dask cluster.")] = "",
    jobqueue: Annotated[str, typer.Option(help="Have slurm, pbs, sge, lsf, .. start the workers, one in a job.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show cells, rows and time, and run nothing.")] = False,
) -> None:
    """Run a suite, then write and print its leaderboard."""
    from benchmarks.run.cluster import require_address, require_queue
    from benchmarks.run.dry_run import describe_run
    from benchmarks.run.runner import run_suite
    from benchmarks.run.suite_files import load_suite
    from benchmarks.run.worker import Setting
    from training.tracking import Tracking, usable

    if scheduler:
        require_address(scheduler)
    if jobqueue:
        require_queue(jobqueue)
    plugins = _load_plugins(plugin)
    chosen = load_suite(suite).restricted(methods=_names(methods), tasks=_names(tasks), repetitions=repetitions)
    chosen = chosen.with_metrics([_require_metric(name) for name in _names(metrics)])
    directory = out or RUNS / chosen.name
    count = workers or os.cpu_count() or 1
    if dry_run:
        _console().print(describe_run(chosen, [directory, RESULTS / chosen.name], count))
        return
    tracking = usable(Tracking(wandb.value, directory=directory, group=directory.resolve().name))
    run_suite(
        chosen,
        directory,
        workers=count,
        console=Console(stderr=True),
        fresh=fresh,
        setting=Setting(plugins, tracking, _find_models(models, chosen.name), cell_timeout),
        scheduler=scheduler,
        jobqueue=jobqueue,
    )
    _report(directory, tracking)


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="A run's folder, or the name of its suite.")] = "default",
    plugin: Plugins = None,
) -> None:
    """Write leaderboard and figures again, from a run's records alone."""
    from benchmarks.board.report import write_report
    from benchmarks.papers.supplement import supplement_report

    _load_plugins(plugin)
    _console().print(write_report(Path(run) if Path(run).is_dir() else RUNS / run, supplement_report))


@app.command()
def publish(
    run: Annotated[str, typer.Argument(help="A run's folder, or the name of its suite.")] = "default",
    to: Annotated[Path | None, typer.Option(help="Folder to publish in, results/SUITE if not given.")] = None,
) -> None:
    """Publish a finished run of this commit: its records, models and report, with a manifest."""
    from benchmarks.publish.publish import publish_run

    folder, manifest = publish_run(Path(run) if Path(run).is_dir() else RUNS / run, to)
    size = sum(file.bytes for file in manifest.files.values())
    typer.echo(f"published {len(manifest.files)} files, {size:,} bytes, of commit {manifest.commit[:12]} in {folder}")


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A run's folder, a published suite, or the name of either's suite.")],
    b: Annotated[str, typer.Argument(help="Likewise.")],
    file: Annotated[Path | None, typer.Option("--json", help="Write all that is found into this file.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write both runs side by side into this HTML file.")] = None,
    plugin: Plugins = None,
) -> None:
    """Say which scores, ranks and verdicts of two runs differ, and which cells only one has."""
    from benchmarks.publish.compare import Pair, compare_pair, find_run
    from benchmarks.publish.compare_page import render_comparison
    from benchmarks.run.storage import write

    _require_file(file, "--json")
    _require_file(page, "--page")
    _load_plugins(plugin)
    pair = Pair.read(find_run(a), find_run(b))
    found = compare_pair(pair)
    if file is not None:
        write(found, file)
    if page is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render_comparison(pair, found), encoding="utf-8")
    _console().print(found)


@app.command()
def verify(
    results: Annotated[str, typer.Argument(help="A published suite's folder, or its name.")] = "default",
    stage: Annotated[
        str,
        typer.Option(
            "--stage", "--level", help="The last of integrity, derive, rescore: files; tables again; cells again."
        ),
    ] = "rescore",
    cells: Annotated[str, typer.Option(help="How many cells are scored again, drawn from all tasks, or all.")] = "200",
    retrain: Annotated[bool, typer.Option("--retrain", help="Train new models too, and compare verdicts.")] = False,
    file: Annotated[Path | None, typer.Option("--json", help="Write all that is found into this file.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; as many as cores if not given.")] = None,
    plugin: Plugins = None,
) -> None:
    """Verify a published suite; exit code 1 where anything is not as published, with its likely cause."""
    from benchmarks.publish.verify import STAGES, Extent, verify
    from benchmarks.run.storage import write
    from benchmarks.run.worker import Setting

    if stage not in STAGES:
        raise UserError(f"--stage is {stage!r}, expected {', '.join(STAGES)}")
    _require_file(file, "--json")
    directory = Path(results) if Path(results).is_dir() else RESULTS / results
    extent = Extent(
        stages=STAGES[: STAGES.index(stage) + 1],
        cells=_parse_cells(cells),
        retrained=RUNS / f"{directory.resolve().name}-retrained" if retrain else None,
        workers=workers or os.cpu_count() or 1,
    )
    found = verify(directory, extent, Setting(_load_plugins(plugin)), _console())
    if file is not None:
        write(found, file)
    if found.first is not None:
        raise CommandFailure(f"not as published; the first difference: {found.first}")
    typer.echo(f"{directory} is as published")


@app.command("try")
def try_(
    file: Annotated[Path, typer.Argument(help="A file with an @method, a @metric or a @task.")],
    suite: Annotated[str, typer.Option(help="A published suite's folder, or its name.")] = "default",
    tasks: Annotated[str, typer.Option(help="Only these of the suite, as in a,b.")] = "",
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; as many as cores if not given.")] = None,
    metrics: Annotated[str, typer.Option(help="Of a new task, as in a,b.")] = "",
    budgets: Annotated[str, typer.Option(help="Of a new task, in rows, as in 100,1000.")] = "",
    repetitions: Annotated[int, typer.Option(min=1, help="Of a new task.")] = 3,
    cell_timeout: CellTimeout = 1800.0,
) -> None:
    """Try a method, metric or task of your own beside the published records; nothing published is changed."""
    from benchmarks.run.isolation.fork import start_fork_server

    start_fork_server()  # it imports as much as this process does, at the same time
    from benchmarks.publish.tryout import NewTask, try_file
    from benchmarks.publish.tryout_report import TryoutReport

    _load_plugins([file])
    if not all(budget.isdecimal() for budget in _names(budgets)):
        raise UserError(f"--budgets is {budgets!r}, expected numbers of rows, as in 100,1000")
    new_task = NewTask([int(budget) for budget in _names(budgets)], _names(metrics), repetitions)
    console = Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH)
    tryout = try_file(
        file,
        suite,
        only=_names(tasks),
        new_task=new_task,
        workers=workers or os.cpu_count() or 1,
        cell_timeout=cell_timeout,
        console=console,
        show_first=lambda first: console.print(TryoutReport(first)),
    )
    report = TryoutReport(tryout)
    _console().print(report)
    for picture in report.draw():
        typer.echo(picture)
    if tryout.failed or tryout.differing:
        differing = f"{len(tryout.differing)} problems or attributions failed or are others" * bool(tryout.differing)
        raise CommandFailure(" and ".join(filter(None, [tryout.failed, differing])))


@app.command()
def contribute(
    file: Annotated[Path, typer.Argument(help="A file with an @method that has been tried.")],
    to: Annotated[Path, typer.Option(help="A new folder, such as contributed/my-method.")],
    suite: Annotated[str, typer.Option(help="The published suite that it was tried on.")] = "default",
) -> None:
    """Write a method that has been tried into a folder, with its records and a manifest, for others to merge."""
    from benchmarks.publish.contribute import contribute

    _require_writable(to, "--to")
    _load_plugins([file])
    found = contribute(file, suite, to)
    typer.echo(f"{', '.join(found.methods)} for suite {found.suite}: {len(found.files)} files in {to}")


@app.command()
def merge(
    folder: Annotated[Path, typer.Argument(help="A contribution.")],
    into: Annotated[Path, typer.Option(help="The folder of the published suite.")] = RESULTS / "default",
    cells: Annotated[str, typer.Option(help="How many cells are scored again, or all.")] = "20",
    seconds: Annotated[float, typer.Option(min=1, max=LONGEST, help="That scoring again may take.")] = 1800.0,
    gigabytes: Annotated[float, typer.Option(min=1, max=LARGEST, help="Of memory that it may take.")] = 16.0,
) -> None:
    """Set a contributed method on the board, if scoring it again in a process of its own confirms its records."""
    from benchmarks.publish.merge_contribution import merge
    from benchmarks.run.isolation.process import Limits

    remedies = "to allow more, give --seconds", "to allow more, give --gigabytes"
    limits = Limits(seconds, int(gigabytes * 2**30), *remedies)
    names = merge(folder, into, cells=_parse_cells(cells), limits=limits)
    typer.echo(f"{', '.join(names)} is on the board of {into}; its source is in {into / 'methods'}")


@app.command("list")
def list_(what: Annotated[ListTopic, typer.Argument(help="What to list.")], plugin: Plugins = None) -> None:
    """List what there is, with the facts about each."""
    from benchmarks import listing

    _load_plugins(plugin)
    _console().print(getattr(listing, what)())


def _report(directory: Path, tracking: "Tracking") -> None:
    """Write, print and track a run's report; raise ``CommandFailure`` where not all of it could be computed."""
    from benchmarks.board.report import write_report
    from benchmarks.board.wandb_runs import log_suite
    from benchmarks.papers.supplement import supplement_report
    from benchmarks.publish.statements import list_verdicts
    from benchmarks.run.records import count_failed
    from training.tracking import sync_command

    written = write_report(directory, supplement_report)
    _console().print(written)
    if tracking.mode != "disabled":
        log_suite(written.content, tracking, list_verdicts(written.board))
    if tracking.mode == "offline":
        typer.echo(f"to send it to Weights & Biases: {sync_command(tracking)}", err=True)
    if failed := count_failed(written.board.run):
        page = directory / "leaderboard.md"
        raise CommandFailure(
            f"{failed}, see 'Failed and skipped' in {page} (tracebacks are in the records); to try again: {_command()}"
        )


def main() -> None:
    """Run the command line."""
    try:
        if app(standalone_mode=False) == INTERRUPTED:
            _exit(INTERRUPTED, f"interrupted; what is finished is kept, to go on: {_command()}")
    except CommandFailure as failure:
        _exit(1, str(failure))
    except typer.TyperException as error:
        message = " ".join(error.format_message().split()).replace(": Value error,", ":")  # one line, of no library
        _exit(2, f"{message} (python -m benchmarks --help)")
    except (OSError, ValueError, KeyError) as error:
        if not _is_users(error):
            raise
        _exit(2, str(error))


def _is_users(error: Exception) -> bool:
    from benchmarks.publish import NotComparable, NotMerged, NotPublishable, NotTried, NotVerifiable
    from benchmarks.run.cluster import ClusterError
    from benchmarks.run.parcel import DifferentWorker
    from benchmarks.run.runner import FolderError
    from benchmarks.run.storage import RecordError
    from benchmarks.run.suite import SuiteError
    from sig.plugins import UnknownName
    from training.store.published import DamagedModel

    published = NotComparable | NotMerged | NotPublishable | NotTried | NotVerifiable | DamagedModel
    of_run = RecordError | FolderError | SuiteError | ClusterError | DifferentWorker
    return isinstance(error, OSError | UserError | UnknownName | of_run | published)


def _load_plugins(files: Sequence[Path] | None) -> tuple[Path, ...]:
    from sig.plugins import load_plugin

    for file in files or ():
        if file.is_file() and file.suffix != ".py":
            raise UserError(
                f"plug-in {str(file)!r} is no .py file, expected one with an @method, @metric or @task; give another"
            )
        try:
            load_plugin(file)
        except ValueError as error:
            raise UserError(str(error)) from None
        except (Exception, SystemExit) as error:  # a plug-in can raise anything
            raise UserError(f"plug-in {str(file)!r}: {type(error).__name__}: {error}; correct the file") from None
    return tuple(file.resolve() for file in files or ())


def _require_file(file: Path | None, option: str) -> None:
    """Refuse at once what could not be written after all the work."""
    if file is None:
        return
    if file.is_dir():
        raise UserError(f"{option} {str(file)!r} is a folder, expected a file; name one in it")
    _require_writable(file, option)


def _require_writable(path: Path, option: str) -> None:
    there = next(folder for folder in path.resolve().parents if folder.exists())  # others are made
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError(
            f"{option} {str(path)!r} cannot be written: {error.strerror} in {str(there)!r}; name another file or folder"
        ) from None


def _parse_cells(cells: str) -> int | None:
    """A number of cells; None for all."""
    if cells != "all" and not (cells.isdecimal() and int(cells)):
        raise UserError(f"--cells is {cells!r}, expected a number from 1 or all")
    return None if cells == "all" else int(cells)


def _find_models(models: str, suite: str) -> Path | None:
    """The folder of published models; None to train them."""
    if models == "train":
        return None
    folder = RESULTS / suite / "models" if models == "published" else Path(models)
    if not any(folder.glob("*.pt")):
        raise UserError(
            f"--models {models}: there are no models in {str(folder)!r}; expected train, published (for a "
            "suite that is published) or a folder with models"
        )
    return folder.resolve()


def _require_metric(name: str) -> str:
    from sig.plugins import UnknownName
    from sig.registry import metrics

    try:
        return metrics[name].name
    except UnknownName as error:
        raise UserError(str(error)) from None


def _console() -> Console:
    """A console for tables, which should not be folded into 80 columns where they are piped on."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _command() -> str:
    arguments = [argument for argument in sys.argv[1:] if argument != "--fresh"]
    return shlex.join(["python", "-m", "benchmarks", *arguments])


def _exit(code: int, message: str) -> NoReturn:
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
