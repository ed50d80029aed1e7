"""``python -m benchmarks.perf``: time the hot paths, save the run, and compare its ratios with those of earlier runs.

Exit code 0 when all is well; 1 when a ratio has dropped by more than 30 % since the latest earlier run that has it, is
below what is required, or a peer's result is not ours; 2 on a mistake of the user. Runs are pytest-benchmark's files
below ``results/runs/timings``; ``pytest-benchmark --storage results/runs/timings compare`` shows their absolute times.
"""

import sys
from pathlib import Path
from typing import Annotated

import pytest
import torch
import typer
from rich.console import Console

from benchmarks.perf.race import TIMER
from benchmarks.perf.ratios import list_ratios, make_table, tell_regressions
from benchmarks.perf.saved_runs import NAME, PerfError, SavedRun, read_runs
from benchmarks.run import RUNS

WIDTH = 200  # of a table that goes to no terminal

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def timings(
    quick: Annotated[bool, typer.Option("--quick", help="Without 20 players, whose peer takes a minute.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Show the last saved run again; time nothing.")] = False,
    against: Annotated[
        str, typer.Option(metavar="NUMBER", help="The saved run to compare with, as in 0003; the latest if not given.")
    ] = "",
) -> int:
    """Time the hot paths beside their peers; save, and compare ratios with earlier runs.

    The ratio is how many times faster ours is, in processor time on one thread. Exit code 1 when one has dropped by
    more than 30 % since an earlier run or is below what is required, or when a peer's result is not ours.
    """
    directory = RUNS / NAME
    earlier = read_runs(directory)
    _require_known(against, earlier)
    failed = False
    if not report:
        failed = _time(directory, quick=quick) != pytest.ExitCode.OK
    runs = list(read_runs(directory).values())
    if report and not runs:
        raise PerfError(f"{str(directory)!r} holds no saved run; run `make timings` first")
    if len(runs) == len(earlier) and not report:
        return 1  # nothing could be timed, as pytest has said
    compared = list_ratios(runs[-1], [earlier[against]] if against else runs[:-1])
    slower = tell_regressions(compared)
    # A table that is piped on should not be folded into 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    console.print(make_table(compared))
    for line in slower:
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    return int(failed or bool(slower))


def _time(directory: Path, *, quick: bool) -> int:
    """Run the timings in this process, on one thread, and save them; what pytest returns."""
    torch.set_num_threads(1)
    return pytest.main(
        [
            str(Path(__file__).parent),
            *("-o", "addopts="),  # the tests' options switch timing off and type checks on
            *("-m", "not slow" if quick else ""),
            *("-p", "no:randomly"),  # in one order
            "-v",
            "--no-header",
            "--benchmark-enable",
            "--benchmark-quiet",
            f"--benchmark-timer={TIMER.__module__}.{TIMER.__name__}",
            f"--benchmark-storage=file://{directory}",
            f"--benchmark-save={NAME}",
            "--benchmark-save-data",
        ]
    )


def _require_known(against: str, runs: dict[str, SavedRun]) -> None:
    if against and against not in runs:
        known = ", ".join(runs) or "none"
        raise PerfError(f"there is no saved run {against!r} to compare with; saved are: {known}")


def main() -> None:
    """Run the command line."""
    try:
        sys.exit(app(standalone_mode=False))
    except typer.TyperException as error:
        _exit_on_mistake(f"{error.format_message()} (python -m benchmarks.perf --help)")
    except (PerfError, OSError) as error:
        _exit_on_mistake(str(error))


def _exit_on_mistake(message: str) -> None:
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
