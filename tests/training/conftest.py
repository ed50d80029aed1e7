"""A cache of its own for every test, so that none finds another's checkpoints, and trainings that take no time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datasets import mnist
from tests.short_training import few_digits, shorten_training


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    folder: Path = tmp_path / "cache"
    monkeypatch.setenv("ATTRIBUTION_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of a module's own, for what its tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def use_cache(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Turn to another cache, by its name."""
    return lambda name: monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / name))


@pytest.fixture
def short_training(monkeypatch) -> None:
    """Every task trains within a second, whatever comes of it."""
    shorten_training(monkeypatch)


@pytest.fixture(scope="session")
def few() -> mnist.Mnist:
    """The digits of ``short_training``."""
    return few_digits()
