"""Running a suite: what is planned, who works on it, and what is kept on disk."""

from pathlib import Path
from typing import Final

RESULTS: Final = Path("results")  # where suites are published, a folder for each
RUNS: Final = RESULTS / "runs"  # where runs are kept, likewise
