"""The examples in README and ``docs/``, as they stand: code is run, suites are loaded, commands are parsed."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pytest
import torch
import torchvision
import typer
from torch import nn

from benchmarks import cli
from benchmarks.publish.manifest import read_manifest
from benchmarks.publish.readme import BEGIN, END
from benchmarks.run.records import Run
from benchmarks.run.storage import read_run
from benchmarks.run.suite_files import load_suite
from datasets.cache import PROJECT
from sig.plugins import load_plugin
from sig.registry import metrics
from tests.benchmarks.commands import Call
from tests.documents import COMMANDS, DOCUMENTS, Block, find_block, list_blocks

SUITE = """
methods = ["ig-zero", "bshap", "random-attribution"]
[[tasks]]
name = "game"
kind = "two-feature"
budgets = [60]
metrics = ["spearman"]
"""


Runner = Callable[..., Run]


@pytest.fixture
def run(call: Call, registries: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs a suite in the test's folder; its records."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Run:
        code, _, errors = call("run", *arguments, "--workers", "1", "--wandb", "disabled", "--out", "run")
        assert code == 0, errors
        return read_run(tmp_path / "run")

    return run


def test_who_leads_is_as_published() -> None:
    published, readme = PROJECT / "results" / "default", (PROJECT / "README.md").read_text()
    block = readme.partition(BEGIN)[2].partition(END)[0]
    table = (published / "leaderboard.md").read_text().partition("## Who leads\n\n")[2].partition("\n\n")[0]
    assert len(table.splitlines()) > 8
    assert table in block
    manifest = read_manifest(published)
    assert (
        f"`{manifest.suite}`, published on {manifest.created:%Y-%m-%d}, scored at commit `{manifest.commit[:12]}`"
        in (block)
    )


def test_every_example_in_python_is_run_here() -> None:
    """By the tests below, which find them by these first lines."""
    run = {"# my_method.py", "# my_metric.py", "# wine_task.py", "import torch, torchvision"}
    run.add("from benchmarks.run.attributions import attributions")
    assert sorted(run) == sorted(block.text.splitlines()[0] for block in list_blocks("python"))


def test_a_method_of_your_own(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "my_method.py").write_text(find_block("# my_method.py"))
    (tmp_path / "suite.toml").write_text(re.sub(r"methods = .*", 'methods = ["*"]', SUITE))
    found = run("suite.toml", "--plugin", "my_method.py", "--methods", "my-ig")
    (mine,) = found.cells
    (allocations,) = found.allocations
    chosen = allocations.choose(60)
    assert chosen is not None
    assert (mine.label, mine.status, mine.options) == ("my-ig", "ok", chosen.options)
    assert mine.options["samples"] * mine.options["steps"] <= 30  # each goes forward and backward


def test_a_metric_of_your_own_scores_what_is_there(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    before = {cell.label: cell for cell in run("suite.toml").cells}
    (tmp_path / "my_metric.py").write_text(find_block("# my_metric.py"))
    found = run("suite.toml", "--plugin", "my_metric.py", "--metrics", "top-player")
    for cell in found.cells:
        assert cell.scores.keys() > before[cell.label].scores.keys()
        assert cell.cost == before[cell.label].cost  # of the attribution that was there
        assert set(cell.scores["top-player_bshap"]) <= {0.0, 1.0}
    (exact,) = [cell for cell in found.cells if cell.label == "bshap"]
    assert exact.scores["top-player_bshap"] == [1.0, 1.0]


def test_a_metric_of_your_own_by_hand(tmp_path: Path, registries: None) -> None:
    from sig import Explicand, Trial
    from sig.registry import Cost

    (tmp_path / "my_metric.py").write_text(find_block("# my_metric.py"))
    load_plugin(tmp_path / "my_metric.py")
    e = Explicand.of(lambda x: x, torch.eye(2))
    truth = torch.tensor([[3.0, 1.0], [2.0, 1.0]]).double()
    trial = Trial(e, torch.tensor([[0.5, -1.0], [0.1, 0.2]]), Cost(0.0, 0, 0, None), truth)
    assert metrics["top-player"](trial).tolist() == [1.0, 0.0]


def test_attributions_are_loaded_by_name(run: Runner, tmp_path: Path) -> None:
    name = "default"
    (tmp_path / "suite.toml").write_text(SUITE.replace('"game"', '"mnist"').replace('"bshap"', '"sig-game"'))
    run("suite.toml")
    (tmp_path / "results" / "runs").mkdir(parents=True)
    (tmp_path / "run").rename(tmp_path / "results" / "runs" / name)
    names: dict[str, object] = {}
    exec(find_block("from benchmarks.run.attributions"), names)
    assert names["digits"].shape == (2, 2)  # type: ignore[attr-defined]


def test_a_task_of_your_own_is_on_the_board(run: Runner, tmp_path: Path) -> None:
    code = find_block("# wine_task.py")
    assert len(code.splitlines()) <= 60
    (tmp_path / "wine_task.py").write_text(code)
    suite = find_block("# wine.toml", "toml")
    (tmp_path / "wine.toml").write_text(suite.replace('["*"]', '["bshap", "ig-zero", "random-attribution"]'))
    found = run("wine.toml", "--plugin", "wine_task.py", "--repetitions", "1")
    assert {cell.status for cell in found.cells} == {"ok"}
    board = (tmp_path / "run" / "leaderboard.md").read_text()
    assert "## wine" in board
    assert "accuracy" in board
    assert not (tmp_path / "run" / "claims.md").exists()  # it reproduces no paper


def test_a_model_of_your_own_without_the_harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(*, weights: str) -> nn.Module:
        """In place of a network to download, of which a row takes 50 milliseconds."""
        assert torchvision.models.ResNet18_Weights[weights]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            convolution = nn.Conv2d(3, 8, 16, stride=16)
            return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 10))

    monkeypatch.setattr(torchvision.models, "resnet18", small)
    monkeypatch.chdir(tmp_path)
    code = find_block("import torch, torchvision")
    names: dict[str, object] = {}
    exec(code, names)
    result = names["result"]
    table = result.table  # type: ignore[attr-defined]
    assert list(table.index) == ["ig-zero", "sig-game", "captum/KernelShap", "random-attribution"]
    assert table["iaccuracy"].between(0, 1).all()
    assert table["rows"].tolist()[:3] == [100, 100, 98]
    picture = matplotlib.image.imread(tmp_path / "attributions.png")
    assert picture.std() > 0.1


# ---- suites ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", list_blocks("toml"), ids=str)
def test_suites_load(block: Block, tmp_path: Path, registries: None) -> None:
    (tmp_path / "wine_task.py").write_text(find_block("# wine_task.py"))
    load_plugin(tmp_path / "wine_task.py")
    file = tmp_path / "suite.toml"
    file.write_text(block.text)
    assert load_suite(str(file)).tasks


# ---- commands ----------------------------------------------------------------------------------------------------

BENCHMARKS = ".venv/bin/python -m benchmarks "
OWN_COMMANDS = [command for command in COMMANDS if command.text.startswith(BENCHMARKS)]
OTHERS = re.compile(r"(make|bash|pip install|export|\.venv/bin/(pre-commit|python -m (pytest|training|datasets)))\b")


def test_every_other_command_is_of_a_kind_that_is_checked() -> None:
    """``tests/test_docs.py`` checks these."""
    assert OWN_COMMANDS
    assert [command for command in COMMANDS if command not in OWN_COMMANDS and not OTHERS.match(command.text)] == []


@pytest.mark.parametrize("command", OWN_COMMANDS, ids=str)
def test_commands_of_the_project_parse(command: Block) -> None:
    """Command, options and the types of values are what the command line takes, names of suites, methods, .. exist."""
    name, *arguments = shlex.split(command.text.removeprefix(BENCHMARKS))
    parsed = typer.main.get_command(cli.app).commands[name].make_context(name, arguments).params  # type: ignore[attr-defined]
    if name == "list":
        assert parsed["what"] in list(cli.ListTopic)
    if name == "run" and not parsed["suite"].endswith(".toml"):
        methods, tasks = (parsed[chosen].split(",") if parsed[chosen] else [] for chosen in ("methods", "tasks"))
        load_suite(parsed["suite"]).restricted(methods=methods, tasks=tasks)
    for published in (value for value in arguments if value.startswith("results/")):
        assert (PROJECT / published).is_dir()


def test_options_that_are_named_exist() -> None:
    """In any command of the project's, or of a module that documents name."""
    commands = typer.main.get_command(cli.app).commands.values()  # type: ignore[attr-defined]
    known = {option for command in commands for parameter in command.params for option in parameter.opts}
    named = {option for file in DOCUMENTS for option in re.findall(r"`(--[a-z-]+)", file.read_text(encoding="utf-8"))}
    assert named - known == {"--resume"}  # of ``python -m training.imagenette``


@pytest.mark.parametrize("command", [one for one in OWN_COMMANDS if " list " in one.text], ids=str)
def test_what_can_be_listed_is(command: Block, call: Call) -> None:
    code, printed, _ = call(*shlex.split(command.text.removeprefix(BENCHMARKS)))
    assert code == 0
    assert "ig-zero" in printed
