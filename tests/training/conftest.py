"""A cache of its own for every test, so that none finds another's checkpoints."""

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTRIBUTION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
