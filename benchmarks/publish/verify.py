"""Verify a published suite, stage by stage: that it is whole, that its pages follow from its records, that its scores
follow from its models, and that what it says holds for other models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Final

from rich.console import Console

from benchmarks.board.aggregate import aggregate
from benchmarks.publish.derive import check_derived
from benchmarks.publish.difference import Difference, Stage
from benchmarks.publish.integrity import check_integrity, list_lacking, require_methods
from benchmarks.publish.manifest import MODELS, PUBLISHED, PublishedManifest, check_files, read_manifest
from benchmarks.publish.rescore import PERTURBED, check_scores, draw_cells, rescore
from benchmarks.publish.retrain import compare_retrained, draw_anew
from benchmarks.run.cluster import start_local_cluster
from benchmarks.run.executor import execute
from benchmarks.run.progress import RunProgress
from benchmarks.run.records import Document, Run
from benchmarks.run.runner import run_suite
from benchmarks.run.storage import RecordError, read_run
from benchmarks.run.worker import Setting
from datasets.digest import hash_file

STAGES: Final = ("integrity", "derive", "rescore")


@dataclass(frozen=True)
class Extent:
    """The stages to be verified, and how much of them.

    Attributes:
        stages: of ``STAGES``.
        cells: how many are scored again; None for all.
        retrained: folder for a run of newly trained models, which goes on from what is there; None for none.
        workers: processes.
    """

    stages: tuple[str, ...] = STAGES
    cells: int | None = 200
    retrained: Path | None = None
    workers: int = 1


class Verification(Document):
    """The findings of all stages; ``passed`` where no stage found a difference."""

    results: str
    suite: str
    commit: str
    passed: bool
    stages: list[Stage]

    @property
    def first(self) -> Difference | None:
        """The first difference of the first stage that found any."""
        return next((difference for stage in self.stages for difference in stage.differences), None)


def verify(directory: Path, extent: Extent, setting: Setting, console: Console) -> Verification:
    """Verify a published suite; each stage is told on the console as it ends.

    Raises:
        RecordError: when the folder is no published suite.
        NotVerifiable: when a method of it is not registered.
    """
    return _Verifier(directory, extent, setting, console).run()


@dataclass
class _Verifier:
    directory: Path
    extent: Extent
    setting: Setting
    console: Console
    stages: list[Stage] = field(default_factory=list)

    def run(self) -> Verification:
        manifest = _require_published(self.directory)
        try:
            run = read_run(self.directory)
        except (RecordError, OSError) as error:  # nothing else can be verified of it
            unreadable = _blame_unreadable(self.directory, manifest, error)
            self._take("integrity", lambda: unreadable)
            return self._conclude(manifest)
        require_methods(self.directory, run.manifest.suite)
        checks: Mapping[str, Callable[[], Stage]] = {
            "integrity": lambda: check_integrity(self.directory, run),
            "derive": lambda: check_derived(self.directory),
            "rescore": lambda: self._rescore(run),
        }
        for name in self.extent.stages:
            self._take(name, checks[name])
            if list_lacking(self.directory, run):  # other stages start from all records
                return self._conclude(manifest)
        if self.extent.retrained is not None:
            folder = self.extent.retrained
            self._take("retrain", lambda: self._retrain(run, folder))
        return self._conclude(manifest)

    def _take(self, name: str, check: Callable[[], Stage]) -> None:
        start = perf_counter()
        with self.console.status(f"{name} .."):
            stage = check().model_copy(update={"seconds": round(perf_counter() - start, 2)})
        self.stages.append(stage)
        self.console.print(str(stage), style="red" if stage.differences else "green", highlight=False, soft_wrap=True)
        for note in stage.notes:
            self.console.print(f"  {note}", style="dim", highlight=False, markup=False, soft_wrap=True)

    def _rescore(self, run: Run) -> Stage:
        digest = hash_file(self.directory / PUBLISHED)
        setting = replace(
            self.setting,
            models=(self.directory / MODELS).resolve(),
            plugins=(*self.setting.plugins, PERTURBED),
        )
        cells = draw_cells(run.cells, self.extent.cells, digest)
        with start_local_cluster(self.extent.workers) as client, RunProgress(len(cells), self.console) as progress:
            rerun = rescore(run, cells, lambda groups: execute(client, groups, setting), progress)
        return check_scores(rerun, setting)

    def _retrain(self, run: Run, folder: Path) -> Stage:
        suite = draw_anew(run.manifest.suite)
        run_suite(suite, folder, workers=self.extent.workers, console=self.console, setting=self.setting)
        return compare_retrained(aggregate(run), aggregate(read_run(folder)))

    def _conclude(self, manifest: PublishedManifest) -> Verification:
        return Verification(
            results=str(self.directory),
            suite=manifest.suite,
            commit=manifest.commit,
            passed=not any(stage.differences for stage in self.stages),
            stages=self.stages,
        )


def _require_published(directory: Path) -> PublishedManifest:
    file = directory / PUBLISHED
    if not file.exists():
        raise RecordError(file, "no such file, expected a published suite (python -m benchmarks publish RUN)")
    return read_manifest(directory)


def _blame_unreadable(directory: Path, manifest: PublishedManifest, error: RecordError | OSError) -> Stage:
    where, why = (
        (error.where, error.why) if isinstance(error, RecordError) else (str(error.filename), str(error.strerror))
    )
    unreadable = Difference(where=where, was="records", now=why, cause="record", why="it can't be read")
    differences = [*check_files(directory), unreadable]
    return Stage(name="integrity", checked={"files": len(manifest.files)}, differences=differences)
