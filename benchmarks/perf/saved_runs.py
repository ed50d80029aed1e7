"""Saved timings: the JSON files of pytest-benchmark, with what each hot path says about its peers in ``extra_info``."""

import statistics
from pathlib import Path
from typing import Annotated

import pydantic

NAME = "timings"

Seconds = Annotated[float, pydantic.Field(gt=0)]


class PerfError(ValueError):
    """Saved timings that cannot be used; the message is one line."""


class PeerTimes(pydantic.BaseModel):
    """Times of a peer for the same work.

    Attributes:
        seconds: of each of its turns.
        detail: the settings it was tuned to.
        at_least: the smallest ratio (peer / ours) that is good enough, None when any is.
        difference: largest absolute difference of its result from ours, None when both are random.
    """

    name: str
    seconds: list[Seconds] = pydantic.Field(min_length=1)
    detail: str = ""
    at_least: float | None = None
    difference: float | None = None

    @property
    def median(self) -> float:
        """The median over turns, in seconds."""
        return statistics.median(self.seconds)


class PeerFacts(pydantic.BaseModel):
    """Facts that are recorded with a hot path's own times: its peers, and ``at_most``, a limit in seconds."""

    peers: list[PeerTimes] = []
    at_most: float | None = None


class RoundTimes(pydantic.BaseModel):
    """The seconds of each round, and their median: the part of pytest-benchmark's statistics that is used."""

    median: Seconds
    data: list[Seconds] = pydantic.Field(min_length=1)


class HotPath(pydantic.BaseModel):
    """One timing; ``group`` is the hot path's name."""

    group: str
    stats: RoundTimes
    extra_info: PeerFacts


class SavedRun(pydantic.BaseModel):
    """One run of the timings."""

    datetime: pydantic.AwareDatetime
    benchmarks: list[HotPath]


def read_runs(directory: Path) -> dict[str, SavedRun]:
    """The runs saved below a folder by their number, the oldest first.

    Raises:
        PerfError: when a file there holds something else.
    """
    runs = {file.stem.split("_")[0]: _load(file) for file in sorted(directory.glob(f"*/*_{NAME}.json"))}
    return dict(sorted(runs.items(), key=lambda item: item[1].datetime))


def _load(file: Path) -> SavedRun:
    try:
        return SavedRun.model_validate_json(file.read_bytes())
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise PerfError(
            f"{str(file)!r} holds no timings, {where}: {first['msg']}; delete it, or run `make timings` in its place"
        ) from None
