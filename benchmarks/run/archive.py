"""A run in a few small files, to be published.

A folder of them holds what a run's folder does (``benchmarks.run.records``), attributions aside::

    run.json.xz                  the run's manifest
    problems.jsonl.xz            a ``ProblemRecord`` a line
    splits.jsonl.xz              a ``SplitRecord`` a line
    records/<method>.jsonl.xz    the ``CellRecord`` of each cell of a method, a line each

Lines are records as they are in a run's folder, in the order of the manifest. ``xz -dc`` shows the files, and
``pandas.read_json(file, lines=True, precise_float=True)`` reads them. Nothing is rounded, and the same records give the
same bytes.
"""

import lzma
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.run.records import (
    CellRecord,
    Manifest,
    Model,
    ProblemRecord,
    RecordError,
    Run,
    SplitRecord,
    parse,
    slugify,
    write_atomically,
)

MANIFEST: Final = "run.json.xz"
PROBLEMS: Final = "problems.jsonl.xz"
SPLITS: Final = "splits.jsonl.xz"
CELLS: Final = "records"

R = TypeVar("R", ProblemRecord, SplitRecord, CellRecord)


def write_archive(run: Run, directory: Path) -> list[Path]:
    """Write all records of a run into a folder, each file atomically; the files, the manifest last."""
    by_method = sorted(run.cells, key=lambda cell: slugify(cell.label))  # cells of one method stay in order
    files = [
        _write_lines(run.problems, directory / PROBLEMS),
        _write_lines(run.splits, directory / SPLITS),
        *(
            _write_lines(cells, directory / CELLS / f"{name}.jsonl.xz")
            for name, cells in groupby(by_method, key=lambda cell: slugify(cell.label))
        ),
    ]
    return [*files, _write_lines([run.manifest], directory / MANIFEST)]


def read_archive(directory: Path) -> Run:
    """What ``write_archive`` has written, in the order of the manifest; records that are not there are ``missing``.

    Raises:
        RecordError: when a file is damaged or of another version.
        OSError: when a file cannot be read.
    """
    manifest = parse(Manifest, _decompress(directory / MANIFEST), str(directory / MANIFEST))
    cells = sorted((directory / CELLS).glob("*.jsonl.xz"))
    missing: list[str] = []
    return Run(
        directory,
        manifest,
        _order(_read_all(ProblemRecord, [directory / PROBLEMS]), manifest.problems, missing),
        _order(_read_all(SplitRecord, [directory / SPLITS]), manifest.splits, missing),
        _order(_read_all(CellRecord, cells), manifest.cells, missing),
        missing,
    )


def _write_lines(records: Iterable[Model], file: Path) -> Path:
    lines = "".join(f"{record.model_dump_json()}\n" for record in records)
    write_atomically(lzma.compress(lines.encode(), preset=6 | lzma.PRESET_EXTREME), file)
    return file


def _read_all(model: type[R], files: Iterable[Path]) -> Iterator[R]:
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
        raise RecordError(f"{file}: {error}; the archive is damaged, restore the file") from None


def _order(records: Iterable[R], files: Sequence[str], missing: list[str]) -> list[R]:
    """The records of these files, in their order; files without one are added to ``missing``."""
    found = {record.file: record for record in records}
    missing += [file for file in files if file not in found]
    return [found[file] for file in files if file in found]
