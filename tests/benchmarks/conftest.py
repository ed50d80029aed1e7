import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client

from benchmarks import cli
from benchmarks.run.cluster import start_local_cluster
from benchmarks.run.suite import Suite
from benchmarks.run.suite_files import load_suite
from datasets.problem import tasks
from sig import plugins, registry
from tests.benchmarks.commands import Call

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture(scope="session", autouse=True)
def discovered() -> None:
    """What is there already is registered before anything here adds to it, and so survives its removal."""
    for known in (registry.methods, registry.metrics, tasks):
        list(known)


@pytest.fixture
def registries(discovered: None) -> Iterator[None]:
    """Whatever a test registers is gone after it."""
    before = [(known._entries, set(known._entries)) for known in (registry.methods, registry.metrics, tasks)]
    yield
    for entries, names in before:
        for name in entries.keys() - names:
            del entries[name]
    plugins._import_file.cache_clear()


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


@pytest.fixture(scope="session")
def cluster() -> Iterator[Client]:
    """Two workers, shared."""
    with start_local_cluster(2) as client:
        yield client


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command; returns its exit code, what it printed, and the lines on stderr."""

    def call(*arguments: str | Path) -> tuple[object, str, list[str]]:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err.splitlines()

    return call
