import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.run.storage import read_run
from benchmarks.run.suite import Suite
from datasets.cache import PROJECT
from sig.registry import methods
from tests.benchmarks.commands import Call

SUITE = """
methods = ["toy-exact", "toy-noise", "toy-fails", "toy-refuses"]
repetitions = 2
[[tasks]]
name = "t"
kind = "toy"
budgets = [3, 20]
metrics = ["toy-mean"]
"""


@pytest.fixture
def suite_file(suite_of: Callable[..., Suite], tmp_path: Path) -> Path:
    suite_of(SUITE)
    return tmp_path / "mine.toml"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "smok"], "unknown suite 'smok'; did you mean 'smoke'? (python -m benchmarks list suites)"),
        (["run", "no/such.toml"], "no/such.toml: no such file, expected a suite in TOML"),
        (
            ["run", "smoke", "--methods", "ig-zreo"],
            "unknown method in suite 'smoke' 'ig-zreo'; did you mean 'ig-zero'?",
        ),
        (["run", "smoke", "--tasks", "mnis"], "unknown task in suite 'smoke' 'mnis'; did you mean 'mnist'?"),
        (["run", "smoke", "--workers", "0"], "'--workers'"),
        (["run", "smoke", "--worker", "1"], "No such option: --worker"),
        (["run", "smoke", "--wandb", "on"], "'--wandb'"),
        (["run", "smoke", "--plugin", "nowhere.py"], "nowhere.py' is not a file; give the path of a Python file"),
        (["merge", "nowhere"], "nowhere is no contribution, it has no manifest.json; write one: python -m benchmarks"),
        (["merge", "nowhere", "--seconds", "inf"], "'--seconds'"),
        (["merge", "nowhere", "--gigabytes", "1e12"], "'--gigabytes'"),
        (["contribute", "mine.py", "--to", "/dev/null/x"], "--to '/dev/null/x' cannot be written: "),
        (
            ["run", "smoke", "--dry-run", "--jobqueue", "slrum"],
            "unknown queueing system 'slrum', expected one of htcondor",
        ),
        (
            ["run", "smoke", "--dry-run", "--scheduler", "host"],
            "--scheduler is 'host', expected an address such as tcp",
        ),
        (["report", "nowhere"], "results/runs/nowhere/manifest.json: no such file, expected a run's manifest"),
        (["list", "method"], "for 'what': 'method' is not one of 'methods', 'metrics', 'tasks', 'suites'. (python -m"),
        (["list"], "Missing argument 'what'. Choose from: methods, metrics, tasks, suites (python -m"),
        (["lis"], "No such command 'lis'"),
        ([], "Missing command. (python -m benchmarks --help)"),
    ],
)
def test_a_mistake_is_answered_with_one_line(call: Call, toy: Path, arguments: list[str], message: str) -> None:
    code, printed, lines = call(*arguments)
    assert (code, printed, len(lines)) == (2, "", 1)
    assert message in lines[0]


def test_every_mistake_in_a_suite_has_its_line(call: Call, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(SUITE.replace("toy-exact", "toy-exakt").replace("toy-mean", "toy-men"))
    code, _, lines = call("run", tmp_path / "wrong.toml")
    assert code == 2
    assert ["did you mean 'toy-exact'" in lines[0], "did you mean 'toy-mean'" in lines[1], len(lines)] == [
        True,
        True,
        2,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import nothing_of_that_name",
            "plug-in '{file}': ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("import sys; sys.exit()", "plug-in '{file}': SystemExit: ; correct the file"),
        ("def f(:", "plug-in '{file}': SyntaxError: "),
        ("x = 1", "plug-in '{file}' registers nothing; decorate a function with @method, @metric or @task"),
        (
            "from sig.registry import method\n@method('ig-zero', family='', source='')\ndef run(e, *, generator): ...",
            "there is already a method named 'ig-zero'; choose another name",
        ),
    ],
)
@pytest.mark.usefixtures("registries")
def test_a_plug_in_that_cannot_be_used_is_named(call: Call, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(text)
    code, _, lines = call("list", "methods", "--plugin", file)
    assert (code, len(lines)) == (2, 1)
    assert message.format(file=file) in lines[0]


@pytest.mark.usefixtures("registries")
def test_a_plug_in_is_a_python_file(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "plugin.txt"
    file.write_text("x = 1")
    code, _, lines = call("list", "methods", "--plugin", file)
    assert (code, lines) == (
        2,
        [f"plug-in '{file}' is no .py file, expected one with an @method, @metric or @task; give another"],
    )


def test_a_folder_that_cannot_be_written_is_an_early_error(call: Call, suite_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, lines = call("run", suite_file, "--out", tmp_path / "file" / "run", "--wandb", "disabled")
    assert (code, len(lines)) == (2, 1)
    assert "cannot write to" in lines[0]


def test_interrupting_says_how_to_go_on(call: Call, suite_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.run.runner.run_suite", interrupted)
    code, _, lines = call("run", suite_file, "--fresh", "--wandb", "disabled")
    command = f"python -m benchmarks run {suite_file} --wandb disabled"
    assert (code, lines) == (130, [f"interrupted; what is finished is kept, to go on: {command}"])


def test_an_error_of_our_own_is_not_hidden(call: Call, suite_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: object, **options: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("benchmarks.run.runner.run_suite", wrong)
    with pytest.raises(ValueError, match="a bug"):
        call("run", suite_file, "--wandb", "disabled")


def test_a_name_that_nothing_is_registered_under_is_a_mistake(
    call: Call, suite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*arguments: object, **options: object) -> None:
        methods["ig-zreo"]

    monkeypatch.setattr("benchmarks.run.runner.run_suite", wrong)
    code, _, lines = call("run", suite_file, "--wandb", "disabled")
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("unknown method 'ig-zreo'; did you mean 'ig-zero'?")


def test_run_prints_the_leaderboard_and_report_prints_it_again(
    call: Call, suite_file: Path, toy: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = ["--plugin", toy, "--out", out, "--workers", "1", "--wandb", "disabled"]
    code, board, lines = call("run", suite_file, *options, "--repetitions", "1", "--methods", "toy-exact,toy-refuses")
    assert code == 0, lines
    assert "toy-exact" in board
    assert "2 cells: 1 ok, 1 skipped, 0 failed" in lines
    assert not any("\x1b" in line for line in lines)
    code, again, _ = call("report", out)
    assert (code, again) == (0, board)
    there = {file.name for file in out.iterdir()}
    assert "leaderboard.md" in there
    assert "reproduction.md" not in there  # no task of it reproduces a paper
    assert {cell.label for cell in read_run(out).cells} == {"toy-exact", "toy-refuses"}


def test_papers_have_their_say_where_a_task_reproduces_them(
    call: Call, suite_of: Callable[..., Suite], toy: Path, tmp_path: Path
) -> None:
    suite_of(SUITE.replace('kind = "toy"', 'kind = "toy"\nreproduces = ["SIG"]'))
    options = ["--plugin", toy, "--out", tmp_path / "run", "--workers", "1", "--wandb", "disabled"]
    code, _, lines = call("run", tmp_path / "mine.toml", *options, "--methods", "toy-exact")
    assert code == 0, lines
    assert "## SIG" in (tmp_path / "run" / "reproduction.md").read_text()


def test_a_run_in_which_anything_failed_says_so_last_and_ends_with_1(
    call: Call, suite_file: Path, toy: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = ["--plugin", toy, "--out", out, "--workers", "1", "--wandb", "disabled"]
    code, board, lines = call("run", suite_file, *options, "--methods", "toy-exact,toy-fails")
    assert code == 1
    assert "toy-exact" in board
    assert "toy-fails" in (out / "leaderboard.md").read_text()
    assert lines[-1].startswith(f"2 of 4 cells failed, see 'Failed and skipped' in {out / 'leaderboard.md'} (")
    code, _, lines = call("run", suite_file, *options, "--methods", "toy-exact")
    assert code == 0, lines


def test_a_problem_that_cannot_be_prepared_is_a_failure(
    call: Call, suite_of: Callable[..., Suite], toy: Path, tmp_path: Path
) -> None:
    suite_of(SUITE.replace('kind = "toy"', 'kind = "toy"\noptions = {breaks = "raises"}'))
    options = ["--plugin", toy, "--out", tmp_path / "run", "--workers", "1", "--wandb", "disabled"]
    code, _, lines = call("run", tmp_path / "mine.toml", *options)
    assert code == 1
    assert lines[-1].startswith("2 of 2 problems and 10 of 10 cells failed, see")


def test_metrics_can_be_added_to_every_task(call: Call, suite_file: Path, toy: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ["--plugin", toy, "--out", out, "--workers", "1", "--wandb", "disabled", "--methods", "toy-exact"]
    assert call("run", suite_file, *options)[0] == 0
    code, _, lines = call("run", suite_file, *options, "--metrics", "toy-curve,toy-mean")
    assert code == 0, lines
    assert all(set(cell.scores) == {"toy-mean", "toy-curve"} for cell in read_run(out).cells)
    code, _, lines = call("run", suite_file, *options, "--metrics", "toy-men")
    assert (code, len(lines)) == (2, 1)
    assert "unknown metric 'toy-men'; did you mean 'toy-mean'?" in lines[0]


def test_what_there_is_can_be_listed(call: Call, toy: Path) -> None:
    code, methods, _ = call("list", "methods", "--plugin", toy)
    (noise,) = [line for line in methods.splitlines() if "toy-noise" in line]
    assert code == 0
    assert ["toy (control)" in noise, "samples x steps" in noise, "samples=3, steps=5" in noise] == [True] * 3
    assert any("toy-exact" in line and "fixed" in line for line in methods.splitlines())
    code, metrics, _ = call("list", "metrics")
    (distance,) = [line for line in metrics.splitlines() if "toy-distance" in line]
    assert ["lower" in distance, "0 to inf" in distance] == [True, True]
    code, tasks, _ = call("list", "tasks")
    (task,) = [line for line in tasks.splitlines() if "A linear model" in line]
    assert "features=4, breaks='', style='plain'" in task
    code, suites, _ = call("list", "suites")
    assert "smoke" in suites


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys; from benchmarks import cli; cli.app(['list', '--help'], standalone_mode=False); "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(sorted({'torch', 'dask', 'pandas'} & set(sys.modules)))"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "methods|metrics|tasks|suites" in done.stdout
