import csv
import io
import re

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.board.aggregate import aggregate
from benchmarks.board.report import write_report
from benchmarks.board.tables import format_interval, format_number, format_seconds
from benchmarks.run.records import RecordError, read_run
from tests.benchmarks.run_maker import RunMaker, papers_run, small_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("small") / "run").write()


@pytest.fixture(scope="module")
def report(folder):
    return write_report(folder)


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """The leaderboard of a run of the ICG paper's tasks."""
    folder = papers_run(tmp_path_factory.mktemp("papers") / "run").write()
    write_report(folder)
    return (folder / "leaderboard.md").read_text()


@pytest.fixture
def markdown(report):
    return (report.board.run.directory / "leaderboard.md").read_text()


@pytest.fixture
def tex(report):
    return (report.board.run.directory / "leaderboard.tex").read_text()


def printed(report) -> str:
    stream = io.StringIO()
    Console(width=120, file=stream, color_system=None).print(report)
    return stream.getvalue()


def table_lines(markdown: str, heading: str) -> list[str]:
    section = markdown.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]


def test_what_is_written(report, folder):
    names = {file.relative_to(folder).as_posix() for file in report.files}
    written = {"leaderboard.md", "leaderboard.csv", "leaderboard.tex", "claims.md", "reproduction.md"}
    assert written | {"figures/frontier.png"} <= names
    assert all(file.stat().st_size > 0 for file in report.files)


def test_claims_of_an_earlier_report_do_not_stay(tmp_path):
    maker = RunMaker(tmp_path / "run", {"icg": "a"}, {"task": {"repetitions": 1, "budgets": [5]}})
    folder = maker.write()
    (folder / "claims.md").write_text("of other tasks")
    write_report(folder)
    assert not (folder / "claims.md").exists()


def test_markdown_opens_with_where_the_numbers_come_from(markdown):
    opening = markdown.split("## How to read it")[0]
    for text in (
        "# Board: made-up",
        "A run made by hand.",
        "scored from 2026-01-02 03:04 to 2026-01-02 03:04 UTC; last run started 2026-01-02 03:04 UTC, finished",
        "0123456789ab with uncommitted changes",
        "Device: cpu",
        "torch 2.6.0, numpy 2.1.0",
        "35 ok, 3 skipped, 4 failed, 0 missing",
    ):
        assert text in opening
    assert "Incomplete" not in markdown


def test_markdown_table_of_a_task(markdown):
    lines = table_lines(markdown, "pictures")
    assert lines[0] == (
        r"| rank | method | iaccuracy ↓ | spread | iaccuracy\_mean ↓ | 100%\_right ↑ | rows | seconds | units | note |"
    )
    assert re.match(r"\| 1\.5 \[1, 2\] \| sig-game \| \*\*0\.200 \[0\.1\d\d, 0\.2\d\d\]\*\* \| 0\.000 \|", lines[2])
    assert lines[3].startswith("| 1.5 [1, 2] | icg | **0.200** | 0.000 |")
    assert "| 3 | ig-zero | 0.500 | 0.000 | 0.500 | 0.500 (3 undefined) | 80 | 0.5 | 12 |  |" in lines
    assert (
        "| 4 | random-attribution (control) | 0.900 | 0.000 | 0.900 | 0.100 (3 undefined) | 0 | 0.5 | 12 |  |" in lines
    )
    assert lines[-1].endswith(r"| 8 | failed 1 of 3: ValueError: 5 % of &lt;x\|y> |")


def test_markdown_tables_are_whole(markdown, papers):
    for block in re.findall(r"(?:^\|.*\n)+", markdown + papers, flags=re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1


def test_methods_without_a_score_stand_last_with_the_reason(markdown):
    lines = table_lines(markdown, "game")
    assert "| - | icg | - | - | - | - | - | - | 0 | skipped: the model is not certainty-aware |" in lines[-2:]
    assert any(
        "| game | broken | failed | 3 | ValueError" in line for line in table_lines(markdown, "Failed and skipped")
    )
    assert "| game | icg | skipped | 3 | the model is not certainty-aware |" in markdown


def test_checks_give_smallest_mean_and_largest(markdown):
    lines = table_lines(markdown, "Checks of the trained models")
    assert "| game | r2 | 0.970 | 0.980 | 0.990 | 3 |" in lines
    assert "| pictures | accuracy | 0.980 | 0.980 | 0.980 | 3 |" in lines
    assert "lower is better" not in markdown.split("## Overall")[0].split("## Checks")[1]


def test_checks_say_which_way_is_good(papers):
    checks = papers.split("## Checks of the trained models")[1].split("## Overall")[0]
    assert r"| minimum | neutrality\_gap | 0.020 | 0.021 | 0.023 | 4 |" in checks
    assert (
        r"neutrality\_gap: how far mean predictions at certainty 0 are from the class frequencies; lower is" in checks
    )


def test_tables_of_the_papers(papers, markdown):
    section = papers.split("\n## Tables of the papers\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (.*)", section, flags=re.MULTILINE) == ["ICG, Table 1 (bumps)", "ICG, Table 2 (minimum)"]
    assert "| SHAP (closed form) | -0.092 | 0.658 |" in section
    assert "Tables of the papers" not in markdown


def test_claims_are_a_file_and_a_section(markdown, folder):
    row = "| game | spearman with game ↑ | sig-game | ig-zero | 0.100 | 0.000 | held | 0.100 / 0.100 | no | 99 / 99 |"
    assert row in markdown
    assert row in (folder / "claims.md").read_text()
    assert "### SIG beats IG with a single baseline (SIG)" in markdown


def test_bounds_stand_with_their_reading(papers):
    section = papers.split("### Expected gradients never find")[1].split("\n### ")[0]
    assert "| snacks | localisation | expected-gradients | 0.000 [0.000, 0.030] | below 0.1 | held | 120 |" in section
    assert "Reading: their largest attribution lies on one in less than one picture of ten." in section


def test_figures_are_linked_and_there(markdown, folder):
    links = re.findall(r"\]\((figures/.*?)\)", markdown)
    assert set(links) == {f"figures/{file.name}" for file in (folder / "figures").glob("*.png")}
    assert len(links) >= 7


def test_tex_escapes_and_uses_booktabs(tex):
    body = re.sub(r"^%.*\n", "", tex)
    assert r"100\%\_right" not in body  # only the first two judging columns have space
    assert r"iaccuracy\_mean $\downarrow$" in body
    assert r"5 \% of \textless{}x\textbar{}y\textgreater{}" in body
    assert not re.search(r"(?<!\\)[%_#]", body)
    assert body.count(r"\toprule") == body.count(r"\bottomrule") == body.count(r"\begin{table}") == 3
    assert r"3 & ig-zero & 0.500 & 0.500 & 80 & 0.5 \\" in body


def test_tex_rows_have_one_cell_for_each_column(tex):
    for columns, rows in re.findall(r"\\begin\{tabular\}\{(l+)\}(.*?)\\end\{tabular\}", tex, flags=re.DOTALL):
        found = {len(re.findall(r"(?<!\\)&", line)) + 1 for line in rows.splitlines() if line.endswith(r"\\")}
        assert found == {len(columns)}


def test_csv_keeps_full_precision(folder):
    text = (folder / "leaderboard.csv").read_text()
    assert len({len(line) for line in csv.reader(io.StringIO(text))}) == 1
    table = pd.read_csv(io.StringIO(text))
    board = aggregate(read_run(folder))
    keys = ["task", "method", "budget", "column"]
    read = table.dropna(subset="column").fillna({"budget": 0}).set_index(keys)["mean"]
    kept = board.summary.fillna({"budget": 0}).set_index(keys)["mean"]
    assert read.to_dict() == kept.to_dict()


def test_csv_has_a_row_for_a_method_without_a_score(folder):
    table = pd.read_csv(folder / "leaderboard.csv")
    row = table[(table["task"] == "game") & (table["method"] == "icg")].iloc[0]
    assert (row["skipped"], row["reason"]) == (3, "the model is not certainty-aware")
    assert pd.isna(row["mean"])


def test_what_is_printed_fits_in_120_columns(report):
    text = printed(report)
    assert max(map(len, text.splitlines())) <= 120
    assert "…" not in text
    assert re.search(r"1\.5 \[1, 2\] +sig-game +0\.200 \[0\.\d+, 0\.\d+\]\*", text)
    assert "icg: skipped: the model is not certainty-aware" in text


def test_equal_records_give_equal_reports(report, folder):
    def texts() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in report.files}

    before = texts()
    write_report(folder)
    assert texts() == before


def test_an_incomplete_run_says_so_on_top(tmp_path):
    folder = small_run(tmp_path / "run").write(without=["ig-zero"], finished=False)
    report = write_report(folder)
    markdown = (folder / "leaderboard.md").read_text()
    assert markdown.index("> **Incomplete:** 9 of 48 records") < markdown.index("A run made by hand.")
    assert "9 missing" in markdown
    assert "| - | ig-zero | - | - | - | - | - | - | 0 | missing |" in markdown
    assert "records/game/0/ig-zero-10-" in markdown.split("## Missing records")[1]
    assert "Incomplete: 9 of 48 records" in printed(report)


def test_an_interrupted_run_without_records(tmp_path):
    maker = RunMaker(
        tmp_path / "run", {"ig-zero": "integrated-gradients"}, {"game": {"repetitions": 2, "budgets": [5]}}
    )
    report = write_report(maker.write(finished=False))
    assert "the run has not finished" in (tmp_path / "run" / "leaderboard.md").read_text()
    assert "ig-zero: missing" in printed(report)
    assert not list((tmp_path / "run" / "figures").iterdir())


def test_figures_of_an_earlier_report_go(folder):
    (folder / "figures" / "old.png").touch()
    write_report(folder)
    assert not (folder / "figures" / "old.png").exists()


def test_no_run(tmp_path):
    with pytest.raises(RecordError, match="run the suite first"):
        write_report(tmp_path)


def test_numbers_as_text():
    values = (None, float("nan"), 0.0, 0.12345, -0.0001, 12.3456, 12345.6)
    assert [format_number(value) for value in values] == ["-", "-", "0.000", "0.123", "-1.0e-04", "12.35", "12,346"]
    assert [format_seconds(value) for value in (0.00012345, 1.26)] == ["0.00012", "1.3"]
    assert format_interval(0.5, 0.25, 0.75) == "0.500 [0.250, 0.750]"
    assert format_interval(0.5, 0.5, 0.5) == "0.500"
