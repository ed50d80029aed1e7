"""Who leads, between the markers of README."""

from pathlib import Path

import pytest

from benchmarks.board.report import write_report
from benchmarks.publish import NotPublishable
from benchmarks.publish.manifest import read_manifest, write_manifest
from benchmarks.publish.readme import BEGIN, END, fill_readme
from benchmarks.run.storage import read_run, write_archive
from tests.benchmarks.run_maker import RunMaker

AROUND = f"# Title\n\n{BEGIN}\n{{}}{END}\n\nThe rest.\n"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of one task, published in ``results/mine`` of a folder."""
    root = tmp_path_factory.mktemp("project")
    maker = RunMaker(root / "run", {"a|b": "x", "rest": "x"}, {"t": {"budgets": [100], "repetitions": 2}})
    for repetition in (0, 1):
        maker.problem("t", repetition)
        maker.cell("t", repetition, "a|b", {"100%_right": [0.75]})
        maker.cell("t", repetition, "rest", {"100%_right": [0.5]})
    run, folder = read_run(maker.write()), root / "results" / "mine"
    write_archive(run, folder)
    write_report(folder)
    write_manifest(folder, run, "0123456789abcdef")
    return folder


@pytest.fixture
def readme(published: Path) -> Path:
    file = published.parents[1] / "README.md"
    file.write_text(AROUND.format("old\n"))
    return file


def test_the_block_names_the_leaders_and_what_they_come_from(published: Path, readme: Path) -> None:
    fill_readme(published, readme)
    text = readme.read_text()
    before, after = AROUND.split("{}")
    assert text.startswith(before)
    assert text.endswith(after)
    assert "old" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| t |")]
    assert "a\\|b 0.75, rest 0.50" in row  # escaped as in the report, whose table it is
    assert row in (published / "leaderboard.md").read_text()
    assert "Suite `made-up`" in text
    assert "`0123456789ab`" in text
    assert f"{read_manifest(published).created:%Y-%m-%d}" in text
    assert "](results/mine/figures/frontier.svg)" in text
    for link in ("leaderboard.md", "leaderboard.html", "figures/frontier.svg"):
        assert f"(results/mine/{link})" in text
        assert (published / link).is_file()


def test_filling_it_again_changes_nothing(published: Path, readme: Path) -> None:
    fill_readme(published, readme)
    first = readme.read_text()
    fill_readme(published, readme)
    assert readme.read_text() == first


@pytest.mark.parametrize(
    "text", ["# Title\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"], ids=repr
)
def test_without_both_markers_once_in_order_nothing_is_written(published: Path, readme: Path, text: str) -> None:
    readme.write_text(text)
    with pytest.raises(NotPublishable, match=r"is published, but .*README\.md has no block .* put them in, then"):
        fill_readme(published, readme)
    assert readme.read_text() == text
