import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from benchmarks.board.aggregate import aggregate
from benchmarks.board.report import write_report
from benchmarks.papers.claims import Claim
from benchmarks.papers.ledger import VERDICTS, Entry, state
from benchmarks.papers.supplement import PAPERS, fill_line, supplement_report
from benchmarks.run.records import read_run
from tests.benchmarks.papers.outcomes import WHATEVER_THE_RUN, without_papers
from tests.benchmarks.run_maker import RunMaker, certainty_run, papers_run, small_run

ENTRIES = [(paper.name, entry) for paper in PAPERS for entry in paper.entries]


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """The folder of a report on the tasks of the ICG paper."""
    folder = papers_run(tmp_path_factory.mktemp("papers") / "run").write()
    write_report(folder, supplement_report)
    return folder


@pytest.fixture(scope="module")
def ledger(papers):
    return (papers / "reproduction.md").read_text()


@pytest.fixture(scope="module")
def games(tmp_path_factory):
    return supplement_of(small_run(tmp_path_factory.mktemp("games") / "run"))


def supplement_of(maker):
    return supplement_report(aggregate(read_run(maker.write())), [])


# --- what the papers say


def test_each_entry_stands_once():
    keys = [(paper, entry.item, entry.says) for paper, entry in ENTRIES]
    assert len(set(keys)) == len(keys)
    assert {paper for paper, _, _ in keys} == {"SIG", "ES", "ICG"}


def test_every_entry_says_something_in_whole_words():
    for _, entry in ENTRIES:
        assert entry.says or entry.asked
        assert not any(text.endswith(".") for text in (entry.says, entry.reading, entry.asked))
        assert isinstance(entry.by, Claim) or not entry.asked


# --- reproduction.md


def test_the_ledger_is_whole(ledger):
    rows = [line for line in ledger.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
    assert len(rows) == len(ENTRIES) + 3 * 2
    assert {verdict for row in rows for verdict in re.findall(r"\*\*(.*?)\*\* \|", row)} <= set(VERDICTS)
    assert re.findall("^- \\*([a-z ]*)\\*: ", ledger, flags=re.MULTILINE) == list(VERDICTS)
    assert re.findall("^- \\*\\*(.*?)\\*\\*: ", ledger, flags=re.MULTILINE) == ["SIG", "ES", "ICG"]


def test_links_lead_somewhere(ledger, papers):
    links = set(re.findall(r"\]\((.*?)\)", ledger))
    headings = re.findall(r"^## (.*)$", (papers / "leaderboard.md").read_text(), flags=re.MULTILINE)
    anchors = {f"leaderboard.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    assert {link for link in links if "#" in link} <= anchors
    assert all((papers / link).exists() for link in links if "#" not in link)
    assert {"claims.md", "figures/local-minimum.png", "leaderboard.md#tables-of-the-papers"} <= links


def test_counts_and_readings(ledger):
    assert "14 held, 2 not held" in ledger
    assert "| Gaussian noise is noisy. *Reading:* ICG leaves less" in ledger


def test_what_is_only_asked_here_is_told_as_such(games):
    ledger = games.pages["reproduction.md"]
    assert "| Not claimed by the paper, but asked here: SIG beats other methods at equal cost. |" in ledger
    assert "sizes drawn uniformly. *Reading:* put to the test is that Algorithm 1 as printed beats drawing" in ledger


def test_a_run_without_records_says_nothing(tmp_path):
    task = {"repetitions": 2, "budgets": [5], "reproduces": ["SIG", "ES", "ICG"]}
    found = supplement_of(RunMaker(tmp_path / "run", {"ig-zero": "a"}, {"game": task}))
    verdicts = set(re.findall(r"\*\*([a-z ]+)\*\* \|", found.pages["reproduction.md"]))
    assert verdicts == {"not in this run", *WHATEVER_THE_RUN}
    assert (found.drawings, found.sections, list(found.pages)) == ([], {}, ["reproduction.md"])


def test_an_unfinished_run_says_so(tmp_path):
    folder = small_run(tmp_path / "run").write(finished=False)
    ledger = supplement_report(aggregate(read_run(folder)), []).pages["reproduction.md"]
    assert "> **Incomplete:** the run has not finished" in ledger


def test_links_are_to_figures_that_were_drawn_of_tasks_looked_at(tmp_path):
    board = aggregate(read_run(small_run(tmp_path / "run").write()))
    figures = ["curves-pictures", "curves-mine", "sweep-samples", "other"]

    def links(verdict, *see):
        return fill_line(Entry("a", "b", state(verdict, "c"), see), board, figures).links

    assert links("reading", "sweep-samples", "sweep-fraction", "claims", "curves-{task}") == {
        "sweep-samples": "figures/sweep-samples.png",
        "claims": "claims.md",
        "curves-pictures": "figures/curves-pictures.png",  # "mine" is no task of this board
    }
    assert links("not in this run", "claims") == {}


# --- the rest of the report


def test_claims_are_a_page_and_a_section(games):
    row = "| game | spearman with game ↑ | sig-game | ig-zero | 0.100 | 0.000 | held | 0.100 / 0.100 | no | 99 / 99 |"
    assert row in games.sections["What the papers claim, measured"]
    assert row in games.pages["claims.md"]
    assert games.pages["claims.md"].startswith("# What the papers claim, measured: made-up\n\nScores are")
    assert "### SIG beats IG with a single baseline (SIG)" in games.pages["claims.md"]


def test_bounds_stand_with_their_reading(papers):
    section = (papers / "claims.md").read_text().split("### Expected gradients never find")[1].split("\n### ")[0]
    assert "| snacks | localisation | expected-gradients | 0.000 [0.000, 0.030] | below 0.1 | held | 120 |" in section
    assert "Reading: their largest attribution lies on one in less than one picture of ten." in section


def test_tables_of_the_papers_are_a_section(papers, games):
    section = (papers / "leaderboard.md").read_text().split("\n## Tables of the papers\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (.*)", section, flags=re.MULTILINE) == ["ICG, Table 1 (bumps)", "ICG, Table 2 (minimum)"]
    assert "| SHAP (closed form) | -0.092 | 0.658 |" in section
    assert list(games.sections) == ["What the papers claim, measured"]


def test_markdown_tables_are_whole(papers):
    for page in ("leaderboard.md", "claims.md"):
        for block in re.findall(r"(?:^\|.*\n)+", (papers / page).read_text(), flags=re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_figures_of_the_papers_are_drawn_and_not_blank(games, tmp_path):
    certainty = supplement_of(certainty_run(tmp_path / "run")).drawings
    names = [drawing.name for drawing in (*games.drawings, *certainty)]
    assert names == ["spearman", "network-against-reward", "information-absence", "damage-training", "local-minimum"]
    for drawing in (*games.drawings, *certainty):
        stream = io.BytesIO()
        drawing.figure.savefig(stream, format="png", dpi=50)
        stream.seek(0)
        pixels = imread(stream)[..., :3].reshape(-1, 3)
        assert len(np.unique(pixels.round(2), axis=0)) > 20
        assert (pixels < 0.95).any(axis=1).mean() > 0.01
        assert drawing.caption.startswith(" ".join(drawing.figure.get_suptitle().split()))


# --- evidence


@pytest.mark.parametrize("make", [small_run, certainty_run, papers_run])
def test_nothing_is_said_of_a_run_whose_tasks_reproduce_nothing(tmp_path, make):
    found = supplement_of(without_papers(make(tmp_path / "run")))
    assert (*found.drawings, *found.sections, *found.pages) == ()
