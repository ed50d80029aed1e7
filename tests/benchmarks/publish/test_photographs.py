"""Publishing a run whose task shows photographs in which others have rights."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from jaxtyping import Float
from PIL import Image
from scipy.stats import pearsonr
from torch import Tensor, nn

from benchmarks.publish import NotPublishable, publish
from benchmarks.publish.derive import check_derived
from benchmarks.publish.manifest import check_files
from benchmarks.publish.photographs import ALIKE, measure_likeness, withhold_photographs
from benchmarks.publish.publish import publish_run
from benchmarks.publish.rescore import check_scores, rescore
from benchmarks.publish.tolerance import CellPair, compare_problems
from benchmarks.run.cells import Group, plan
from benchmarks.run.executor import Finished
from benchmarks.run.fields import EncodedArray
from benchmarks.run.progress import RunProgress
from benchmarks.run.records import CellRecord, Manifest, ProblemRecord, Run
from benchmarks.run.storage import RUN_MANIFEST, read_run, write
from benchmarks.run.suite import Suite
from benchmarks.run.worker import CellResult, Setting, prepare, run_cells
from datasets.problem import PHOTOGRAPHS, Problem, task
from sig.explicand import Explicand
from sig.registry import method
from tests.benchmarks.run_maker import WHEN

SUITE = """
methods = ["ig-zero", "gives-back", "input-magnitude"]
repetitions = 1
[[tasks]]
name = "photographs"
kind = "toy-photographs"
budgets = [20]
metrics = ["completeness"]
"""
SIDE = 12


def make_pictures(seed: int) -> Float[Tensor, "6 3 12 12"]:
    coarse = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, SIDE, mode="bilinear")


def toy_photographs(*, seed: int) -> Problem:
    """Smooth pictures in colour, for a linear model."""
    pictures = make_pictures(seed)
    weights = torch.randn(3 * SIDE**2, 2, generator=torch.Generator().manual_seed(seed))
    e = Explicand(
        model=lambda x: x.flatten(1) @ weights,
        inputs=pictures,
        target=torch.zeros(6, dtype=torch.long),
        background=pictures[:2],
        players=torch.zeros(3, SIDE, SIDE, dtype=torch.long),
    )
    return Problem(e, provenance={PHOTOGRAPHS: "ab" * 32}, shown=tuple(range(6)))


def gives_back(e: Explicand, *, generator: torch.Generator) -> Tensor:
    """The explicand upside down in brightness: no method, and no control by its own account."""
    return 2 - 3 * e.inputs


@pytest.fixture
def run(registries: None, suite_of: Callable[..., Suite], repository: Path) -> Run:
    """Of the repository's commit, on disk."""
    task("toy-photographs")(toy_photographs)
    method("gives-back", family="mine", source="mine", gradient=False)(gives_back)
    suite = suite_of(SUITE, "photographs")
    found = list(run_here(plan(suite)))
    problems = [record for record in found if isinstance(record, ProblemRecord)]
    cells = [result.record for result in found if isinstance(result, CellResult)]
    files = [[record.file for record in records] for records in (problems, cells)]
    manifest = Manifest(suite=suite, problems=files[0], cells=files[1], started_at=WHEN, finished_at=WHEN)
    head = git(repository, "rev-parse", "HEAD")
    return save(Run(repository / "results" / "runs" / "mine", manifest, problems, [], cells, []), head)


def run_here(groups: Sequence[Group]) -> Iterator[Finished]:
    """``execute`` in this process."""
    for group in groups:
        yield prepare(group.problem, Setting())
        yield from run_cells(group.problem, group.cells, Setting())


def save(run: Run, commit: str) -> Run:
    records: list[ProblemRecord | CellRecord] = [*run.problems, *run.cells]
    for record in records:
        where = record.provenance.model_copy(update={"commit": commit, "dirty": False})
        write(record.model_copy(update={"provenance": where}), run.directory / record.file)
    write(run.manifest, run.directory / RUN_MANIFEST)
    return read_run(run.directory)


def git(folder: Path, *arguments: str) -> str:
    known = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    done = subprocess.run(["git", "-C", folder, *known, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("results\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "All")
    monkeypatch.setattr(publish, "PROJECT", folder)
    monkeypatch.chdir(folder)
    return folder


def test_published_records_and_report_show_no_photograph(run: Run) -> None:
    to, _ = publish_run(run.directory, Path("published"))
    (problem,), (before,) = read_run(to).problems, run.problems
    assert before.shown_inputs is not None
    assert (problem.shown_inputs, problem.inputs_withheld) == (None, True)
    maps = {cell.label: cell.maps for cell in read_run(to).cells}
    assert [label for label, of in maps.items() if of is None] == ["gives-back", "input-magnitude"]
    assert maps["ig-zero"] is not None
    assert all(cell.maps is not None for cell in run.cells)
    assert [cell.scores for cell in read_run(to).cells] == [cell.scores for cell in run.cells]
    for name in ("leaderboard.md", "leaderboard.html"):
        assert "Photographs are withheld" in (to / name).read_text()
    assert read_run(run.directory) == run  # of which nothing is taken away


def test_what_is_published_does_not_depend_on_what_the_photographs_show(run: Run) -> None:
    _, one = publish_run(run.directory, Path("published"))
    (problem,) = run.problems
    others = EncodedArray.of(make_pictures(5)[:4])  # not alike, but in what looks like a photograph
    cells = [cell for cell in run.cells if cell.label == "ig-zero"]
    for directory, inputs in ((Path("a"), problem.shown_inputs), (Path("b"), others)):
        kept = run.manifest.model_copy(update={"cells": [cell.file for cell in cells]})
        shown = problem.model_copy(update={"shown_inputs": inputs})
        changed = replace(run, directory=directory, manifest=kept, problems=[shown], cells=cells)
        publish._write(changed, Path("of") / directory, None, Path("none"), one.commit, "")
    a, b = (
        {file.name: file.read_bytes() for file in (Path("of") / directory).rglob("*.*") if file.name != "manifest.json"}
        for directory in "ab"
    )
    assert len(a) > 8
    assert a == b


def test_what_is_published_verifies(run: Run) -> None:
    to, _ = publish_run(run.directory, Path("published"))
    published = read_run(to)
    assert check_files(to) == []
    assert check_derived(to).differences == []
    stage = check_scores(rescore(published, published.cells, run_here, Mock(spec=RunProgress)), Setting())
    assert stage.checked == {"problems": 1, "cells": 3}
    assert stage.differences == []


def test_other_data_and_other_maps_are_told_apart_all_the_same(run: Run) -> None:
    published = withhold_photographs(run)
    (problem,) = run.problems
    other = problem.model_copy(
        update={"provenance": problem.provenance.model_copy(update={"data": {PHOTOGRAPHS: "cd" * 32}})}
    )
    assert [one.where.partition(": ")[2] for one in compare_problems(published.problems[0], other)] == [
        "SHA-256 of its data and models"
    ]
    kept = next(cell for cell in published.cells if cell.maps is not None)
    assert kept.maps is not None
    again = kept.model_copy(update={"maps": EncodedArray.of_levels(-kept.maps.decode())})
    assert CellPair(kept, again).list_differences()
    assert not CellPair(kept, kept).list_differences()


def test_what_is_withheld_stays_so_when_it_is_published_once_more(run: Run) -> None:
    to, _ = publish_run(run.directory, Path("published"))
    before = read_run(to)
    publish_run(to, to)
    assert read_run(to) == before


def test_lists_as_long_as_pictures_are_refused(run: Run) -> None:
    (problem,) = run.problems
    series = {"pixels": {"value": [float(x) for x in make_pictures(0).flatten()[:1000]]}}
    write(problem.model_copy(update={"series": series}), run.directory / problem.file)
    with pytest.raises(NotPublishable, match="series 'pixels' of photographs may hold photographs in which others"):
        publish_run(run.directory, Path("published"))


def test_likeness_is_the_largest_correlation() -> None:
    rng = np.random.default_rng(0)
    pictures, maps = rng.random((2, 5, 4)), rng.standard_normal((2, 5, 4))
    pairs = [(a.ravel(), b.ravel()) for a, b in zip(pictures, maps, strict=True)]
    expected = max(abs(pearsonr(a, f(b))[0]) for a, b in pairs for f in (np.asarray, np.abs))
    assert measure_likeness(maps, pictures) == pytest.approx(expected)
    assert measure_likeness(2 - 3 * pictures, pictures) == pytest.approx(1)
    assert ALIKE < 1
    assert measure_likeness(0 * maps, pictures) == 0


def test_figures_of_pictures_in_colour_have_a_byte_for_a_pixel(run: Run) -> None:
    to, _ = publish_run(run.directory, Path("published"))
    with Image.open(to / "figures" / "saliency-photographs.png") as figure:
        assert figure.mode == "P"
