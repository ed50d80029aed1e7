"""Records on disk: in a run's folder, a file each, and in a few small files to be published.

A run's folder, by default ``results/runs/<suite>``::

    manifest.json                                      the suite as resolved, and the records that belong to it
    problems/<task>/<repetition>-<key>.json            one ``ProblemRecord`` for each task and repetition
    allocations/<task>/<method>-<key>.json             one ``AllocationRecord`` for each method with a budget
    records/<task>/<repetition>/<cell>.json            one ``CellRecord`` for each cell, <method>-<budget>-<key>
    attributions/<task>/<repetition>/<cell>.npz        its attribution (``benchmarks.run.attributions``)

All are written atomically. A record whose key no longer belongs to the plan stays on disk, unread.

An archive holds the same, attributions aside::

    run.json.xz                  the run's manifest
    problems.jsonl.xz            a ``ProblemRecord`` a line
    allocations.jsonl.xz         an ``AllocationRecord`` a line
    records/<method>.jsonl.xz    the ``CellRecord`` of each cell of a method, a line each

Lines are records as they are in a run's folder, in the order of the manifest. ``xz -dc`` shows the files, and
``pandas.read_json(file, lines=True, precise_float=True)`` reads them. Nothing is rounded, and the same records give the
same bytes.
"""

import lzma
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

import pydantic

from benchmarks.run.records import AllocationRecord, CellRecord, Document, Manifest, ProblemRecord, Run, slugify

RUN_MANIFEST: Final = "manifest.json"
ARCHIVE: Final = "run.json.xz"
PROBLEMS: Final = "problems.jsonl.xz"
ALLOCATIONS: Final = "allocations.jsonl.xz"
EARLIER_ALLOCATIONS: Final = "splits.jsonl.xz"  # as suites published before 0.2 have them
CELLS: Final = "records"

M = TypeVar("M", bound=Document)
R = TypeVar("R", ProblemRecord, AllocationRecord, CellRecord)


class RecordError(ValueError):
    """A record or a run folder that cannot be read: ``where``, which file, and ``why``, with the remedy."""

    def __init__(self, where: str | Path, why: str) -> None:
        super().__init__(where, why)
        self.where = str(where)
        self.why = why

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


def read_run(directory: Path) -> Run:
    """Read every record that the manifest lists, in its order: of a run's folder, or of a published suite.

    Raises:
        RecordError: when the folder holds no readable manifest, or a file of a published suite is damaged.
    """
    if (directory / ARCHIVE).exists():
        return read_archive(directory)
    file = directory / RUN_MANIFEST
    if not file.exists():
        raise RecordError(file, "no such file, expected a run's manifest; run the suite first")
    manifest = read(Manifest, file)
    problems, no_problems = _read_files(ProblemRecord, directory, manifest.problems)
    allocations, no_allocations = _read_files(AllocationRecord, directory, manifest.allocations)
    cells, no_cells = _read_files(CellRecord, directory, manifest.cells)
    return Run(directory, manifest, problems, allocations, cells, no_problems + no_allocations + no_cells)


def _read_files(model: type[M], directory: Path, files: Sequence[str]) -> tuple[list[M], list[str]]:
    found, missing = [], []
    for file in files:
        try:
            found.append(read(model, directory / file))
        except (RecordError, OSError):
            missing.append(file)
    return found, missing


def read(model: type[M], file: Path) -> M:
    """One record.

    Raises:
        RecordError: when the file is not such a record, in one line.
        OSError: when it cannot be read.
    """
    return parse(model, file.read_bytes(), str(file))


def parse(model: type[M], content: bytes, where: str) -> M:
    """A record from its JSON; ``where`` that is from, for messages.

    Raises:
        RecordError: when it is not such a record, in one line.
    """
    try:
        return model.model_validate_json(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "content"
        raise RecordError(where, f"{field}: {first['msg']}; the record is damaged or of another version") from None


def write(record: Document, file: Path) -> None:
    """Write a record as indented JSON, atomically."""
    write_atomically(record.model_dump_json(indent=1).encode(), file)


def write_atomically(content: bytes, file: Path) -> None:
    """Write a file so that it is at any time absent, the old one, or the new one in full.

    A temporary file in the same folder is written, flushed to the disk, and replaces the file in one step.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


# ---- an archive ------------------------------------------------------------------------------------------------------


def write_archive(run: Run, directory: Path) -> list[Path]:
    """Write all records of a run into a folder, each file atomically; the files, the manifest last."""
    by_method = sorted(run.cells, key=lambda cell: slugify(cell.label))  # cells of one method stay in order
    files = [
        _write_lines(run.problems, directory / PROBLEMS),
        _write_lines(run.allocations, directory / ALLOCATIONS),
        *(
            _write_lines(cells, directory / CELLS / f"{name}.jsonl.xz")
            for name, cells in groupby(by_method, key=lambda cell: slugify(cell.label))
        ),
    ]
    return [*files, _write_lines([run.manifest], directory / ARCHIVE)]


def read_archive(directory: Path) -> Run:
    """The run that ``write_archive`` has written, in the manifest's order; records that are not there are ``missing``.

    Raises:
        RecordError: when a file is damaged or of another version.
        OSError: when a file cannot be read.
    """
    manifest = parse(Manifest, _decompress(directory / ARCHIVE), str(directory / ARCHIVE))
    found = find_archive(directory)
    cells = sorted(found[CELLS].glob("*.jsonl.xz"))
    missing: list[str] = []
    return Run(
        directory,
        manifest,
        _order(_read_lines_of(ProblemRecord, [found[PROBLEMS]]), manifest.problems, missing),
        _order(
            _read_lines_of(AllocationRecord, [directory / ALLOCATIONS, directory / EARLIER_ALLOCATIONS]),
            manifest.allocations,
            missing,
        ),
        _order(_read_lines_of(CellRecord, cells), manifest.cells, missing),
        missing,
    )


def find_archive(directory: Path) -> dict[str, Path]:
    """The files of problems and allocations, and the folder of cells, each by the name that it has today."""
    earlier = directory / EARLIER_ALLOCATIONS
    found = {name: directory / name for name in (PROBLEMS, ALLOCATIONS, CELLS)}
    return {**found, ALLOCATIONS: earlier} if earlier.exists() else found


def _write_lines(records: Iterable[Document], file: Path) -> Path:
    lines = "".join(f"{record.model_dump_json()}\n" for record in records)
    write_atomically(lzma.compress(lines.encode(), preset=6 | lzma.PRESET_EXTREME), file)
    return file


def _read_lines_of(model: type[R], files: Iterable[Path]) -> Iterator[R]:
    for file in files:
        if file.exists():
            yield from _read_lines(model, file)


def _read_lines(model: type[R], file: Path) -> list[R]:
    lines = _decompress(file).splitlines()
    return [parse(model, line, f"{file}, line {number}") for number, line in enumerate(lines, 1)]


def _decompress(file: Path) -> bytes:
    try:
        return lzma.decompress(file.read_bytes())
    except lzma.LZMAError as error:
        raise RecordError(file, f"{error}; the archive is damaged, restore the file") from None


def _order(records: Iterable[R], files: Sequence[str], missing: list[str]) -> list[R]:
    """The records of these files, in their order; files without one are added to ``missing``."""
    found = {record.file: record for record in records}
    missing += [file for file in files if file not in found]
    return [found[file] for file in files if file in found]
