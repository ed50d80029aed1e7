"""Runs on Weights & Biases (W&B) of what has been computed before; ``training.tracking`` has those of trainings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.tracking import Tracking, forgiven, load_wandb, start_run

if TYPE_CHECKING:
    import pandas as pd
    import wandb


class TrackedRun:
    """A run whose failures are warned about and never raised. Without a W&B run in it every call does nothing."""

    def __init__(self, run: "wandb.Run | None" = None) -> None:
        self._run = run

    def log(self, values: Mapping[str, Any]) -> None:
        """Add one point to the history."""
        self._try(lambda run: run.log(dict(values)))

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Set summary values."""
        self._try(lambda run: run.summary.update(dict(values)))

    def log_series(self, frame: "pd.DataFrame") -> None:
        """Log one point for each row, the columns drawn against the index; none of them goes to the summary."""
        axis = str(frame.index.name)
        self._try(lambda run: run.define_metric(axis, summary="none", hidden=True))
        for name in frame.columns:
            self._define(str(name), axis)
        for x, values in frame.iterrows():
            self.log({axis: x, **values.dropna()})

    def log_table(self, name: str, frame: "pd.DataFrame") -> None:
        plain = frame.astype(object).where(frame.notna(), None)
        self._try(lambda run: run.log({name: load_wandb().Table(dataframe=plain, allow_mixed_types=True)}))

    def log_picture(self, name: str, file: Path) -> None:
        """Log a picture; one in SVG as a page, since W&B has no other place for it."""
        self._try(lambda run: run.log({name: _make_media(file)}))

    def upload(self, name: str, kind: str, files: Sequence[Path], *, base: Path) -> None:
        """Keep files as an artifact, and as files of the run for servers that drop what artifacts contain.

        Their names are their paths below ``base``.
        """
        self._try(lambda run: run.log_artifact(_artifact(name, kind, files, base)))
        for file in files:
            self._save(file, base)

    def _define(self, name: str, axis: str) -> None:
        self._try(lambda run: run.define_metric(name, step_metric=axis, summary="none"))

    def _save(self, file: Path, base: Path) -> None:
        self._try(lambda run: run.save(str(file), base_path=str(base), policy="now", glob=False))

    def _try(self, action: Callable[["wandb.Run"], object]) -> None:
        if self._run is not None:
            with forgiven():
                action(self._run)


def _make_media(file: Path) -> Any:
    if file.suffix == ".svg":
        return load_wandb().Html(file.read_text(encoding="utf-8"), data_is_not_path=True)
    return load_wandb().Image(str(file))


@contextmanager
def tracked_run(
    tracking: Tracking, *, name: str, job_type: str, config: Mapping[str, Any], tags: Sequence[str] = ()
) -> Iterator[TrackedRun]:
    """A run that lasts as long as the block, and counts as failed where the block raises.

    It is meant for what has been computed before, so nothing of this process or machine goes with it.
    """
    nothing = {"x_disable_stats": True, "x_disable_meta": True, "x_save_requirements": False}
    with start_run(tracking, name, job_type, config, tags, **nothing) as run:
        yield TrackedRun(run)


def _artifact(name: str, kind: str, files: Sequence[Path], base: Path) -> "wandb.Artifact":
    artifact: wandb.Artifact = load_wandb().Artifact(name, type=kind)
    for file in files:  # neither copied to W&B's staging folder nor to its cache, which lie outside the run's folder
        artifact.add_file(str(file), name=str(file.relative_to(base)), policy="immutable", skip_cache=True)
    return artifact
