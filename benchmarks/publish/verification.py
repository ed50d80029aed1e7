"""What a verification found: level by level, each difference with both values and its likely cause."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from benchmarks.run.records import Document

Name = Literal["integrity", "derive", "rescore", "retrain"]
Cause = Literal["data", "model", "method", "metric", "processor", "package", "record", "report", "suite", "chance"]
CAUSES: Final[Mapping[Cause, str]] = {
    "data": "other data, or other code that makes the problem of it",
    "model": "another trained model",
    "method": "other code of the method",
    "metric": "other code of the metric",
    "processor": "another processor or device, or other settings of it",
    "package": "other versions of Python or of packages",
    "record": "a record that is not what this code gives",
    "report": "a page or picture that is not what the records give",
    "suite": "another suite, lock or manifest",
    "chance": "models that differ by more than those of the published run",
}


class Difference(Document):
    """One thing that is not as published.

    Attributes:
        where: the file, or the cell and its score, or the statement.
        published, found: both values.
        cause: the likely one, a key of ``CAUSES``.
        why: what speaks for it.
    """

    where: str
    published: str
    found: str
    cause: Cause
    why: str

    def __str__(self) -> str:
        return f"{self.where}: published {self.published}, found {self.found}; likely cause: {self.cause} ({self.why})"


class Level(Document):
    """What a level found.

    Attributes:
        checked: how many of what.
        differences: in the order of the suite.
        largest: the largest difference of a score that was found, differences within the tolerance included.
        notes: what is not a difference, but worth knowing.
        seconds: that it took.
    """

    name: Name
    checked: dict[str, int]
    differences: list[Difference] = Field(default_factory=list)
    largest: dict[str, float] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        checked = " and ".join(f"{count:,} {what}" for what, count in self.checked.items())
        found = f"{len(self.differences):,} differ" if self.differences else "as published"
        return f"{self.name}: {checked}: {found} ({self.seconds:.1f} s)"


class Verification(Document):
    """What became of verifying a published suite; ``passed`` where no level found a difference."""

    results: str
    suite: str
    commit: str
    passed: bool
    levels: list[Level]

    @property
    def first(self) -> Difference | None:
        """The first difference of the first level that found any."""
        return next((difference for level in self.levels for difference in level.differences), None)
