import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import cli


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str, list[str]]]:
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
