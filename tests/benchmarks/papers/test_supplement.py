import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from benchmarks.board.aggregate import aggregate
from benchmarks.board.report import write_report
from benchmarks.papers.ledger import Item
from benchmarks.papers.supplement import PAPERS, fill_row, supplement_report
from benchmarks.papers.verdicts import VERDICTS, Finding
from benchmarks.run.storage import read_run
from tests.benchmarks.papers.findings import WHATEVER_THE_RUN, without_papers
from tests.benchmarks.papers.icg_run import icg_run
from tests.benchmarks.run_maker import RunMaker, certainty_run, small_run

ENTRIES = [(paper.name, entry) for paper in PAPERS for entry in paper.entries]


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """The folder of a report on the tasks of the ICG paper."""
    folder = icg_run(tmp_path_factory.mktemp("papers") / "run").write()
    write_report(folder, supplement_report)
    return folder


@pytest.fixture(scope="module")
def ledger(papers):
    return (papers / "reproduction.md").read_text()


@pytest.fixture(scope="module")
def games(tmp_path_factory):
    return supplement_of(small_run(tmp_path_factory.mktemp("games") / "run"))


def supplement_of(maker):
    return supplement_report(aggregate(read_run(maker.write())), {})


# --- what the papers say


def test_each_entry_stands_once():
    keys = [(paper, entry.item, entry.says) for paper, entry in ENTRIES]
    assert len(set(keys)) == len(keys)
    assert {paper for paper, _, _ in keys} == {"SIG", "ES", "ICG"}


def test_every_entry_says_something_in_whole_words():
    for _, entry in ENTRIES:
        assert entry.says
        assert not any(text.endswith(".") for text in (entry.says, entry.reading, entry.printed))


# --- reproduction.md


def test_the_ledger_is_whole(ledger):
    counts, *rest = re.findall(r"(?:^\|.*\n)+", ledger, flags=re.MULTILINE)
    rows = [line for block in rest for line in block.splitlines()]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
    assert len(rows) == len(ENTRIES) + 4 * 2  # a heading for each paper, and for what is asked beyond them
    assert {verdict for row in rows for verdict in re.findall(r"\*\*([a-z, ]+)\*\* \|", row)} <= set(VERDICTS)
    assert re.findall("^- \\*\\*(.*?)\\*\\*: ", ledger, flags=re.MULTILINE) == ["SIG", "ES", "ICG"]
    for paper, line in zip(PAPERS, counts.splitlines()[2:], strict=True):
        total, *by_verdict = [int(number or 0) for number in re.findall(r"\| *(\d*) (?=\|)", line.split(")")[1])]
        assert total == sum(by_verdict) == len(paper.says)


def test_links_lead_somewhere(ledger, papers):
    links = {link for link in re.findall(r"\]\((.*?)\)", ledger) if not link.startswith("#")}
    headings = re.findall(r"^## (.*)$", (papers / "leaderboard.md").read_text(), flags=re.MULTILINE)
    anchors = {f"leaderboard.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    assert {link for link in links if "#" in link} <= anchors
    assert all((papers / link).exists() for link in links if "#" not in link)
    assert {"claims.md", "figures/local-minimum.svg", "leaderboard.md#tables-of-the-papers"} <= links


def test_printed_numbers_readings_and_commands_stand_beside_what_was_measured(ledger):
    (row,) = (line for line in ledger.splitlines() if "At A, and BShap" in line or line.startswith("| Table 1, BShap"))
    assert "**Printed:**" in row
    assert "*Reading:*" in ledger
    assert "`python -m benchmarks run made-up --tasks " in ledger


def test_what_is_only_asked_here_stands_apart(games):
    ledger = games.pages["reproduction.md"]
    of_papers, own = ledger.split("## Critique and further questions")
    assert "is a misprint: its own equation has" in own
    assert "is a misprint: its own equation has" not in of_papers


def test_a_run_without_records_says_nothing(tmp_path):
    task = {"repetitions": 2, "budgets": [5], "reproduces": ["SIG", "ES", "ICG"]}
    found = supplement_of(RunMaker(tmp_path / "run", {"ig-zero": "a"}, {"game": task}))
    verdicts = set(re.findall(r"\*\*([a-z ]+)\*\* \|", found.pages["reproduction.md"]))
    assert verdicts == {"not in this run", "not held", *WHATEVER_THE_RUN}
    assert found.pages["reproduction.md"].count("**not held**") == 1  # SIG's Observation 3 needs no run
    assert (found.drawings, found.sections, list(found.pages)) == ([], {}, ["reproduction.md"])


def test_an_unfinished_run_says_so(tmp_path):
    folder = small_run(tmp_path / "run").write(finished=False)
    ledger = supplement_report(aggregate(read_run(folder)), {}).pages["reproduction.md"]
    assert "> **Incomplete:** the run has not finished" in ledger


def test_links_are_to_figures_that_were_drawn_of_tasks_looked_at(tmp_path):
    board = aggregate(read_run(small_run(tmp_path / "run").write()))
    figures = {name: f"figures/{name}.svg" for name in ("curves-pictures", "curves-mine", "sweep-samples", "other")}

    def links(verdict, *see):
        return fill_row(
            Item("a").measured("b", lambda board, tasks: Finding("c", verdict), see=see), board, figures
        ).links

    assert links("reading", "sweep-samples", "sweep-fraction", "claims", "curves-{task}") == {
        "sweep-samples": "figures/sweep-samples.svg",
        "claims": "claims.md",
        "curves-pictures": "figures/curves-pictures.svg",  # "mine" is no task of this board
    }
    assert links("not in this run", "claims") == {}


# --- the rest of the report


def test_claims_are_a_page(games):
    page = games.pages["claims.md"]
    assert page.startswith("# What the papers claim, measured: made-up\n\nScores are")
    section = page.split("rank correlation than the random, zero and mean baselines")[1].split("\n### ")[0]
    row = (
        "| game | spearman with game ↑ | sig-game | ig-zero | 0.100 | 0.250 | undecided | 3 | 0.100 / 0.100 | 99 / 99 |"
    )
    assert row in section  # the same gain on three models: the sign test gives 1/4


def test_bounds_stand_with_their_reading(papers):
    section = (papers / "claims.md").read_text().split("### In no case do expected gradients")[1].split("\n### ")[0]
    assert re.search(r"\| snacks \| localisation.* \| expected-gradients \| .* \| held \| 4 \|", section)
    assert "Reading: " in section


def test_tables_of_the_papers_are_a_section(papers, games):
    section = (papers / "leaderboard.md").read_text().split("\n## Tables of the papers\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (.*)", section, flags=re.MULTILINE) == ["ICG, Table 1 (bumps)", "ICG, Table 2 (minimum)"]
    assert "| SHAP | closed form | -0.092 | 0.658 |" in section
    assert list(games.sections) == []


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


@pytest.mark.parametrize("make", [small_run, certainty_run, icg_run])
def test_nothing_is_said_of_a_run_whose_tasks_reproduce_nothing(tmp_path, make):
    found = supplement_of(without_papers(make(tmp_path / "run")))
    assert (*found.drawings, *found.sections, *found.pages) == ()
