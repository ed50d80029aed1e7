import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client

from benchmarks import cli
from benchmarks.run.cluster import start_local_cluster
from benchmarks.run.suite import Suite
from benchmarks.run.suite_files import load_suite
from sig import plugins
from tests.benchmarks.commands import Call
from tests.leftovers import nothing_registered

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture
def registries() -> Iterator[None]:
    """Whatever a test registers is gone after it."""
    with nothing_registered():
        yield


@pytest.fixture
def toy(registries: None) -> Path:
    """The toy plug-in, loaded."""
    plugins.load_plugin(TOY)
    return TOY


@pytest.fixture
def suite_of(toy: Path, tmp_path: Path) -> Callable[..., Suite]:
    """Writes a suite file and loads it."""

    def load(text: str, name: str = "mine") -> Suite:
        file = tmp_path / f"{name}.toml"
        file.write_text(text)
        return load_suite(str(file))

    return load


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Two workers, shared by the tests of a file."""
    with start_local_cluster(2) as client:
        yield client


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command; returns its exit code, what it printed, and the lines on stderr."""

    def call(*arguments: str | Path) -> tuple[object, str, list[str]]:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, arguments)])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # which typer replaces
        capsys.readouterr()
        code: object = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err.splitlines()

    return call
