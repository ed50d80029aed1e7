"""Running a suite: what is planned, who works on it, and what is kept on disk."""

from pathlib import Path
from typing import Final

RUNS: Final = Path("results", "runs")  # where runs are kept, a folder for each suite
