"""Publish a run: its records, the models they were scored on and its report, with a manifest, in one folder.

All is written to the side and takes the place of what was published before in the end, so that a run is published as a
whole or not at all.
"""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.board.report import write_report
from benchmarks.papers.supplement import supplement_report
from benchmarks.publish import NotPublishable
from benchmarks.publish.manifest import (
    MODELS,
    PUBLISHED,
    SOURCES,
    PublishedManifest,
    check_files,
    list_models,
    read_manifest,
    write_manifest,
)
from benchmarks.publish.photographs import blame_photographs, withhold_photographs
from benchmarks.publish.readme import README, SUITE, fill_readme
from benchmarks.run import RESULTS
from benchmarks.run.fields import Provenance
from benchmarks.run.records import AllocationRecord, CellRecord, ProblemRecord, Run, count_failed
from benchmarks.run.storage import ARCHIVE, read_run, write_archive
from benchmarks.run.suite import SuiteError
from benchmarks.run.suite_files import load_suite, suite_names
from datasets.cache import PROJECT
from training.store.published import DamagedModel, MissingModel, collect_models


def publish_run(directory: Path, to: Path | None = None) -> tuple[Path, PublishedManifest]:
    """Publish a run in the folder ``to``, by default ``results/<suite>``, in the place of what is there.

    Photographs in which others have rights are withheld (``benchmarks.publish.photographs``); the run keeps them. A
    ``directory`` that is published itself is published once more: its records, models and contributed sources stay, its
    report is written again, as this commit does. Suite ``default`` in its own folder says in README who leads.

    Returns:
        The folder, and its manifest.

    Raises:
        NotPublishable: when the checkout has uncommitted changes outside that folder, when the run is not finished, not
            of this commit or not of the whole suite, or anything in it failed, or a model of it is no longer there, or
            it would show photographs all the same;
            when what is published is no longer as its manifest says.
        RecordError: when the folder holds no readable run.
        OSError: when the new folder cannot be written.
    """
    restore(directory.resolve())
    run = read_run(directory)
    to = (to or RESULTS / run.manifest.suite.name).resolve()
    restore(to)
    head = _git("rev-parse", "HEAD")
    is_published = all((directory / name).exists() for name in (ARCHIVE, PUBLISHED))
    before = read_manifest(directory) if is_published else None
    of_run = _blame_published(directory) if before else _blame_run(run, head)
    reasons = [*_blame_target(to, run.manifest.suite.name), *_blame_checkout(to), *of_run]
    if reasons:
        raise NotPublishable(f"{directory} cannot be published: {'; '.join(reasons)}")
    new = beside(to, "new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        commits = (before.commit, head) if before and before.commit != head else (head, "")
        manifest = _write(run, new, directory if before else None, to / MODELS, *commits)
        put_in_place(to, new)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    if manifest.suite == SUITE and to == PROJECT.resolve() / RESULTS / SUITE:
        fill_readme(to, PROJECT.resolve() / README)
    return to, manifest


def _write(
    run: Run, directory: Path, before: Path | None, published_models: Path, commit: str, report_commit: str
) -> PublishedManifest:
    """Write all of a publication; ``before`` is the folder of the one whose models and sources stay as they are."""
    write_archive(withhold_photographs(run), directory)
    if before is None:
        _collect_models(run, directory / MODELS, published_models)
    else:
        for kept in (name for name in (MODELS, SOURCES) if (before / name).is_dir()):
            shutil.copytree(before / kept, directory / kept)
    write_report(directory, supplement_report)
    return write_manifest(directory, run, commit, report_commit)


def _collect_models(run: Run, to: Path, published_models: Path) -> None:
    try:
        collect_models(list_models(run), to, published_models)
    except (MissingModel, DamagedModel) as error:
        raise NotPublishable(f"{run.directory} cannot be published: {error}") from None


# ---- into place --------------------------------------------------------------------------------------------------


def beside(to: Path, what: str) -> Path:
    """A hidden folder on the same disk, which git ignores."""
    return to.with_name(f".{to.name}.{what}")


def put_in_place(to: Path, new: Path) -> None:
    """Put the new folder in place; the old one is aside only in between, where ``restore`` finds it."""
    old = beside(to, "old")
    if (old / PUBLISHED).exists():  # left by one that was killed after the new one was in place
        shutil.rmtree(old)
    if to.exists():
        to.rename(old)
    new.rename(to)
    shutil.rmtree(old, ignore_errors=True)


def restore(to: Path) -> None:
    """Put back what ``put_in_place`` has left aside, if it was killed before the new one was in place."""
    old = beside(to, "old")
    if (old / PUBLISHED).exists() and not to.exists():
        old.rename(to)


# ---- reasons not to ----------------------------------------------------------------------------------------------


def _blame_target(to: Path, suite: str) -> Iterator[str]:
    """The reason where not the same suite, published before, would be replaced."""
    if to.exists() and (not (to / "leaderboard.md").exists() or (to / "problems").exists()):
        yield f"{to} is no published suite, and would be replaced; name a new folder with --to"
    elif (to / PUBLISHED).exists() and (there := read_manifest(to).suite) != suite:
        yield f"{to} holds suite {there!r}, which {suite!r} would replace; name another folder with --to"


def _blame_checkout(to: Path) -> Iterator[str]:
    """The reason where the checkout is not its commit; what publishing writes may differ."""
    root = PROJECT.resolve()
    written = [README, *([to.relative_to(root).as_posix()] if to.is_relative_to(root) else [])]
    changed = _git("status", "--porcelain", "--", ".", *(f":(exclude){path}" for path in written)).splitlines()
    if changed:
        names = ", ".join(line[3:] for line in changed[:3]) + (" .." if len(changed) > 3 else "")
        yield f"the checkout has uncommitted changes ({names}); commit them, then run the suite again with --fresh"


def _blame_published(directory: Path) -> Iterator[str]:
    if differences := check_files(directory):
        more = f"; and {len(differences) - 1} more" if len(differences) > 1 else ""
        yield f"it is not as it was published, {differences[0]}{more}; restore it: git checkout -- {directory}"


def _blame_run(run: Run, commit: str) -> Iterator[str]:
    if run.missing or run.manifest.finished_at is None:
        missing = f", {len(run.missing)} records are missing" if run.missing else ""
        yield f"the run is not finished{missing}; run the suite again to go on"
    if failed := count_failed(run):
        yield f"{failed}; put right what failed, or leave it out of the suite, and run it again"
    records: list[ProblemRecord | AllocationRecord | CellRecord] = [*run.problems, *run.allocations, *run.cells]
    others = Counter(where for record in records if (where := _describe(record.provenance)) != commit[:12])
    if others:
        counts = ", ".join(f"{count} of {where}" for where, count in others.most_common(3))
        yield (
            f"of {len(records)} records {others.total()} are not of this commit {commit[:12]} ({counts}); "
            "run the suite again with --fresh"
        )
    if lines := list(blame_photographs(run)):
        yield f"{', '.join(lines)} may hold photographs in which others have rights; publish a suite without that task"
    suite = run.manifest.suite
    if suite.name in suite_names() and not _is_current(run):
        yield (
            f"it is not of the whole suite {suite.name!r} as it is now; run that without --methods, --tasks, --metrics "
            "and --repetitions"
        )


def _is_current(run: Run) -> bool:
    try:
        return load_suite(run.manifest.suite.name) == run.manifest.suite
    except SuiteError:
        return False


def _describe(where: Provenance) -> str:
    if where.commit is None:
        return "no commit"
    return where.commit[:12] + (" with uncommitted changes" if where.dirty else "")


def _git(*arguments: str) -> str:
    """The output of git on the project's checkout.

    Raises:
        NotPublishable: where it is none, or has no commit.
    """
    command = ["git", "-C", str(PROJECT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotPublishable("git is not there, which says what commit this is; install it") from None
    if done.returncode:
        raise NotPublishable(
            f"{PROJECT} is not a git checkout with a commit ({done.stderr.strip()}); publish from a clone"
        )
    return done.stdout.rstrip()
