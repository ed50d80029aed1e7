"""The folder for whatever can be made or downloaded again."""

import os
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def cache_directory() -> Path:
    """``$ATTRIBUTION_CACHE`` where it is set, otherwise ``.cache`` below the project's root. It need not exist yet."""
    return Path(os.environ.get("ATTRIBUTION_CACHE") or PROJECT / ".cache")
