"""Verify a published suite, level by level: that it is whole, that its pages follow from its records, that its scores
follow from its models, and that what it says holds for other models.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Final

from rich.console import Console

from benchmarks.board.aggregate import aggregate
from benchmarks.publish.derive import check_derived
from benchmarks.publish.integrity import blame_files, check_integrity, list_lacking, require_methods
from benchmarks.publish.manifest import PUBLISHED, PublishedManifest, read_manifest
from benchmarks.publish.publish import MODELS
from benchmarks.publish.rescore import draw_cells, rescore
from benchmarks.publish.retrain import compare_retrained, draw_anew
from benchmarks.publish.verification import Difference, Level, Name, Verification
from benchmarks.run.cluster import start_local_cluster
from benchmarks.run.progress import RunProgress
from benchmarks.run.records import Run
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import RecordError, read_run
from benchmarks.run.worker import Setting
from datasets.digest import hash_file

LEVELS: Final[tuple[Name, ...]] = ("integrity", "derive", "rescore")


@dataclass(frozen=True)
class Extent:
    """How much is verified.

    Attributes:
        levels: of ``LEVELS``.
        cells: how many are scored again; None for all.
        retrained: folder for a run of newly trained models, which goes on from what is there; None for none.
        workers: processes.
    """

    levels: tuple[Name, ...] = LEVELS
    cells: int | None = 200
    retrained: Path | None = None
    workers: int = 1


def verify(directory: Path, extent: Extent, setting: Setting, console: Console) -> Verification:
    """What the levels find, each told on the console as it ends.

    Raises:
        RecordError: when the folder is no published suite.
        NotVerifiable: when a method of it is not registered.
    """
    return _Verifying(directory, extent, setting, console).run()


@dataclass
class _Verifying:
    directory: Path
    extent: Extent
    setting: Setting
    console: Console
    levels: list[Level] = field(default_factory=list)

    def run(self) -> Verification:
        manifest = _require_published(self.directory)
        try:
            run = read_run(self.directory)
        except (RecordError, OSError) as error:  # nothing else can be verified of it
            unreadable = _tell_unreadable(self.directory, manifest, error)
            self._take("integrity", lambda: unreadable)
            return self._conclude(manifest)
        require_methods(self.directory, run.manifest.suite)
        steps: dict[Name, Callable[[], Level]] = {
            "integrity": lambda: check_integrity(self.directory, run),
            "derive": lambda: check_derived(self.directory),
            "rescore": lambda: self._rescore(run),
        }
        for name in self.extent.levels:
            self._take(name, steps[name])
            if list_lacking(self.directory, run):  # other levels start from all records
                return self._conclude(manifest)
        if self.extent.retrained is not None:
            folder = self.extent.retrained
            self._take("retrain", lambda: self._retrain(run, folder))
        return self._conclude(manifest)

    def _take(self, name: Name, check: Callable[[], Level]) -> None:
        start = perf_counter()
        with self.console.status(f"{name} .."):
            level = check().model_copy(update={"seconds": round(perf_counter() - start, 2)})
        self.levels.append(level)
        self.console.print(str(level), style="red" if level.differences else "green", highlight=False, soft_wrap=True)
        for note in level.notes:
            self.console.print(f"  {note}", style="dim", highlight=False, markup=False, soft_wrap=True)

    def _rescore(self, run: Run) -> Level:
        digest = hash_file(self.directory / PUBLISHED)
        setting = replace(self.setting, models=(self.directory / MODELS).resolve())
        cells = draw_cells(run.cells, self.extent.cells, digest)
        with start_local_cluster(self.extent.workers) as client, RunProgress(len(cells), self.console) as progress:
            return rescore(run, cells, client, setting, progress)

    def _retrain(self, run: Run, folder: Path) -> Level:
        suite = draw_anew(run.manifest.suite)
        run_suite(suite, folder, workers=self.extent.workers, console=self.console, setting=self.setting)
        return compare_retrained(aggregate(run), aggregate(read_run(folder)))

    def _conclude(self, manifest: PublishedManifest) -> Verification:
        return Verification(
            results=str(self.directory),
            suite=manifest.suite,
            commit=manifest.commit,
            passed=not any(level.differences for level in self.levels),
            levels=self.levels,
        )


def _require_published(directory: Path) -> PublishedManifest:
    file = directory / PUBLISHED
    if not file.exists():
        raise RecordError(f"{file}: no such file, expected a published suite (python -m benchmarks publish RUN)")
    return read_manifest(directory)


def _tell_unreadable(directory: Path, manifest: PublishedManifest, error: Exception) -> Level:
    where, _, found = str(error).partition(": ")
    unreadable = Difference(where=where, published="records", found=found, cause="record", why="it can't be read")
    differences = [*blame_files(directory, manifest), unreadable]
    return Level(name="integrity", checked={"files": len(manifest.files)}, differences=differences)
