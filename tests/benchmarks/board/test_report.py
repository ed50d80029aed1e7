import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from benchmarks.board import leaderboard, properties
from benchmarks.board.aggregate import Board, aggregate
from benchmarks.board.content import Supplement
from benchmarks.board.figures import Drawing
from benchmarks.board.formats import make_markdown_environment, make_rich
from benchmarks.board.report import write_report
from benchmarks.board.tables import (
    format_interval,
    format_number,
    format_rank_range,
    format_score,
    format_seconds,
    make_table,
)
from benchmarks.run.storage import RecordError, read_run
from tests.benchmarks.run_maker import RunMaker, papers_run, small_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("small") / "run").write()


@pytest.fixture(scope="module")
def report(folder):
    return write_report(folder)


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """The leaderboard of a run with checks of certainty-aware models."""
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
    Console(width=100, file=stream, color_system=None).print(report)
    return stream.getvalue()


def table_lines(markdown: str, heading: str) -> list[str]:
    section = markdown.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]


def test_what_is_written(report, folder):
    names = {file.relative_to(folder).as_posix() for file in report.files}
    texts = {f"leaderboard.{kind}" for kind in ("md", "html", "csv", "tex")}
    drawn = {f"figures/{name}.svg" for name in ("sweep-samples", "curves-pictures", "frontier", "runtime", "agreement")}
    assert names == texts | drawn | {"figures/saliency-pictures.png"}
    assert all(file.stat().st_size > 0 for file in report.files)


def supplement_page(board: Board, drawn: Mapping[str, str]) -> Supplement:
    figure = Figure()
    figure.subplots().plot([0, 1])
    suite = board.run.manifest.suite.name
    return Supplement(
        [Drawing("own", "A figure of its own.", figure)],
        {"What a rival_says": f"Drawn before: {', '.join(drawn)}.\n\n| a |\n| --- |\n"},
        {"own.md": f"# Own: {suite}\n"},
    )


def test_a_supplement_is_shown_beside_the_leaderboard(tmp_path, folder):
    directory = small_run(tmp_path / "run").write()
    report = write_report(directory, supplement_page)
    markdown = (directory / "leaderboard.md").read_text()
    assert (directory / "own.md").read_text() == "# Own: made-up\n"
    section = markdown.split("\n## What a rival\\_says\n")[1].split("\n## ")[0]
    drawn = "sweep-samples, curves-pictures, frontier, runtime, agreement, saliency-pictures"
    assert section == f"\nDrawn before: {drawn}.\n\n| a |\n| --- |\n"
    assert markdown.index("## pictures") < markdown.index("## What a rival") < markdown.index("## Failed and skipped")
    assert markdown.endswith("![A figure of its own.](figures/own.svg)\n\nA figure of its own.\n\n")
    assert {directory / "own.md", directory / "figures" / "own.svg"} <= set(report.files)
    assert all(file.stat().st_size > 0 for file in report.files)
    plain = (folder / "leaderboard.md").read_text()  # nothing else is changed
    assert markdown.replace(section, "").replace("\n## What a rival\\_says\n", "").startswith(plain)


def test_what_an_earlier_report_wrote_does_not_stay(tmp_path):
    directory = small_run(tmp_path / "run").write()
    write_report(directory, supplement_page)
    (directory / "notes.md").write_text("of the user")
    (directory / "figures" / "mine.svg").touch()
    kept = {file.name for file in write_report(directory).files} | {"notes.md", "mine.svg"}
    kinds = (".md", ".html", ".svg", ".png", ".csv", ".tex")
    left = {file.name for file in directory.rglob("*") if file.suffix in kinds}
    assert left == kept


def test_templates_of_others_come_before_the_board_s_and_may_use_them(tmp_path):
    text = '{% import "macros.md.j2" as macros %}{{ macros.show(table) }}{{ "a_b" | markdown }}'
    (tmp_path / "page.md.j2").write_text(text)
    table = make_table("t", ["x|y"], [["1"]], ["a note"])
    page = make_markdown_environment(tmp_path).get_template("page.md.j2").render(table=table)
    assert page.split() == ["|", "x\\|y", "|", "|", "---", "|", "|", "1", "|", "-", "a", "note", "a\\_b"]
    (tmp_path / "leaderboard.md.j2").write_text("mine")
    assert make_markdown_environment(tmp_path).get_template("leaderboard.md.j2").render() == "mine"


def test_what_a_report_says_is_made_once_for_all_formats(tmp_path, monkeypatch):
    made: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        make = getattr(module, name)

        def counted(*args: Any) -> Any:
            made[name] += 1
            return make(*args)

        monkeypatch.setattr(module, name, counted)

    for module, name in ((properties, "make_properties_frame"), (leaderboard, "make_task_table")):
        count(module, name)
    monkeypatch.setattr("benchmarks.board.report.figures.draw", lambda _: [])
    printed(write_report(small_run(tmp_path / "run").write()))
    assert made == {"make_properties_frame": 1, "make_task_table": 2}  # tasks


def test_markdown_says_where_the_numbers_come_from(markdown):
    assert markdown.startswith("# Leaderboard: made-up\n\nA run made by hand.\n")
    origin = markdown.split("## Where the numbers come from")[1]
    for text in (
        "scored from 2026-01-02 03:04 to 2026-01-02 03:04 UTC; last run started 2026-01-02 03:04 UTC, finished",
        "0123456789ab with uncommitted changes",
        "Device: cpu",
        "Processor: A processor (AVX2; bfloat16 is not native; 1 thread)",
        "torch 2.6.0, numpy 2.1.0",
        "35 ok, 3 skipped, 4 failed, 0 missing",
    ):
        assert text in origin
    assert "Incomplete" not in markdown


def test_markdown_opens_with_who_leads_after_a_short_legend(markdown):
    opening = markdown.split("\n## ")[0].splitlines()
    assert 3 <= sum(line.startswith("- ") for line in opening) <= 6
    assert markdown.index("## Who leads") < markdown.index("## game") < markdown.index("## How to read it")
    lines = table_lines(markdown, "Who leads")
    assert lines[0] == "| task | score | leading | how sure |"
    assert lines[2].startswith("| game | spearman\\_game ↑ | sig-game 0.9")
    assert lines[2].endswith("; 3 models: too few to tell ties |")


def test_markdown_table_of_a_task(markdown):
    lines = table_lines(markdown.split("<details>")[1], "pictures")
    assert lines[0] == r"| rank | method | iaccuracy ↓ | iaccuracy\_mean ↓ | distance | allocation | cost |"
    assert [line.split(" | ")[1] for line in lines[2:]] == [
        "sig-game",
        "icg",
        "ig-zero",
        "(no better than a control:)",
        "random-attribution (control)",
        "broken",
    ]
    assert lines[2].endswith(" |  |  | 80 |")
    assert "- failed 1 of 3 (ValueError: 5 % of &lt;x\\|y>): broken." in markdown


def test_a_table_without_rows_is_left_out_but_not_its_notes():
    table = make_table("t", ["rank", "method"], [], ["skipped (no): m"], "No score judges here")
    shown = make_markdown_environment().from_string('{% import "macros.md.j2" as macros %}{{ macros.show(table) }}')
    assert shown.render(table=table).split("\n\n") == ["No score judges here", "- skipped (no): m\n"]
    assert [str(part) for part in make_rich(table)] == ["t\nNo score judges here", "skipped (no): m", ""]


@pytest.mark.parametrize("name", ["ig[/red]", "ig [ours]"])
def test_brackets_in_names_are_shown_on_a_terminal(name):
    table = make_table("t", ["task", name], [["game", "1"]])
    stream = io.StringIO()
    Console(width=100, file=stream).print(*make_rich(table))
    assert name in " ".join(stream.getvalue().split())


def test_markdown_has_other_scores_apart(markdown):
    details = markdown.split("## pictures")[1].split("<details>")[1].split("</details>")[0]
    lines = [line for line in details.splitlines() if line.startswith("|")]
    assert lines[0].startswith(
        r"| method | iaccuracy\_mean ↓ | 100%\_right ↑ | forward rows | backward rows | seconds |"
    )
    assert lines[4].startswith("| ig-zero | 0.5")
    assert lines[4].endswith(" | 80 | 0 | 0.5 |")
    assert r"- 100%\_right: undefined on 3 of 12 units." in details


def test_markdown_tables_are_whole(markdown, papers):
    for block in re.findall(r"(?:^\|.*\n)+", markdown + papers, flags=re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1


def test_methods_without_a_score_are_told_with_the_reason(markdown):
    game = markdown.split("## game")[1].split("<details>")[0]
    assert "- skipped (the model is not certainty-aware): icg." in game
    lines = table_lines(markdown, "Failed and skipped")
    assert lines[2:] == [
        r"| failed | ValueError: 5 % of &lt;x\|y> | broken | game, pictures | 4 |",
        "| skipped | the model is not certainty-aware | icg | game | 3 |",
    ]


def test_checks_go_from_the_smallest_to_the_largest(markdown):
    lines = table_lines(markdown, "Checks of the trained models")
    assert lines[2:] == ["| game | 3 | r2 0.970 to 0.990 |", "| pictures | 3 | accuracy 0.980 |"]
    assert "lower is better" not in markdown.split("## Checks")[1].split("\n## ")[0]


def test_checks_say_which_way_is_good_and_tasks_of_the_same_models_stand_together(papers):
    checks = papers.split("## Checks of the trained models")[1].split("\n## ")[0]
    assert r"| snacks, snacks-logit, space | 4 | accuracy 0.991 to 0.992" in checks
    assert r"neutrality\_gap 0.020 to 0.023" in checks
    assert (
        r"neutrality\_gap: how far mean predictions at certainty 0 are from the class frequencies; lower is" in checks
    )


def test_figures_are_linked_and_there(markdown, folder):
    links = re.findall(r"\]\((figures/.*?)\)", markdown)
    assert set(links) == {f"figures/{file.name}" for file in (folder / "figures").iterdir()}
    assert len(links) == 6


def test_tex_escapes_and_uses_booktabs(tex):
    body = re.sub(r"^%.*\n", "", tex, flags=re.MULTILINE)
    assert r"100\%\_right" not in body  # only the first two judging columns have space
    assert r"iaccuracy\_mean $\downarrow$" in body
    assert r"5 \% of \textless{}x\textbar{}y\textgreater{}" in body
    assert not re.search(r"(?<!\\)[%_#]", body)
    assert body.count(r"\toprule") == body.count(r"\bottomrule") == body.count(r"\begin{table}") >= 3
    assert re.search(r"& ig-zero & 0\.5\S* .*& 80 \\\\\n", body)


def test_tex_environments_and_braces_are_balanced(tex):
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", tex):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    body = re.sub(r"\\[{}]", "", tex)
    assert body.count("{") == body.count("}")
    assert body.count("$") % 2 == 0


def test_tex_rows_have_one_cell_for_each_column(tex):
    for columns, rows in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", tex, flags=re.DOTALL):
        found = {len(re.findall(r"(?<!\\)&", line)) + 1 for line in rows.splitlines() if line.endswith(r"\\")}
        assert found == {len(columns)}
        assert len(columns) <= 6


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


def test_what_is_printed_fits_in_100_columns(report):
    text = printed(report)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    assert text.index("Who leads") < text.index("rank ")
    assert re.search(r"\n1-\d +sig-game +0\.\d+ \[", text)
    assert "skipped (the model is not certainty-aware): icg" in text


def test_rows_of_a_task_are_printed_on_one_line_each(tmp_path):
    families = {f"expected-certainty-gradients-{i}": "certainty-gradients" for i in range(3)}
    task = {"repetitions": 6, "budgets": [100, 20000]}
    maker = RunMaker(tmp_path / "run", families, {"burnt-snacks-probability": task})
    spent: dict[str, Any] = {
        "budget": 20000,
        "rows": 20000,
        "options": {"samples": 1000, "steps": 10},
        "distance": 0.62,
    }
    for repetition in range(6):
        for i, label in enumerate(families):
            scores: list[float | None] = [0.5 + 0.1 * i + 0.01 * repetition]
            columns = {"iaccuracy": scores, "iaccuracy_mean": scores}
            maker.cell("burnt-snacks-probability", repetition, label, columns, **spent)
    lines = printed(write_report(maker.write())).splitlines()
    for i in range(3):
        (row,) = [line for line in lines if re.match(rf"[\d-]+ +expected-certainty-gradients-{i}† ", line)]
        assert re.search(r"\[[\d.]+, [\d.]+\]\*? +\d\.\d+\*? +0\.62 1,000 x 10 20,000 *$", row)


def test_what_failed_is_printed_last(report, tmp_path):
    last = " ".join(printed(report).split("leaderboard.csv")[-1].split())
    reason = "ValueError: 5 % of <x|y>"
    assert last == f"Failed: 3 cells of game, of broken: {reason} Failed: 1 cell of pictures, of broken: {reason}"
    maker = RunMaker(tmp_path / "run", {"a": "made-up", "b": "made-up"}, {"t": {"repetitions": 2, "budgets": [5]}})
    for repetition in range(2):
        maker.cell("t", repetition, "a", {"100%_right": [0.5]}, budget=5)
        maker.cell("t", repetition, "b", status="skipped", reason="it has no meaning here")
    assert "Failed" not in printed(write_report(maker.write()))


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
    assert "- missing: ig-zero." in markdown
    assert "records/game/0/ig-zero-10-" in markdown.split("## Missing records")[1]
    assert "Incomplete: 9 of 48 records" in printed(report)


def test_an_interrupted_run_without_records(tmp_path):
    maker = RunMaker(
        tmp_path / "run", {"ig-zero": "integrated-gradients"}, {"game": {"repetitions": 2, "budgets": [5]}}
    )
    report = write_report(maker.write(finished=False))
    assert "the run has not finished" in (tmp_path / "run" / "leaderboard.md").read_text()
    assert "missing: ig-zero." in printed(report)
    assert not list((tmp_path / "run" / "figures").iterdir())


def test_no_run(tmp_path):
    with pytest.raises(RecordError, match="run the suite first"):
        write_report(tmp_path)


def test_numbers_as_text():
    values = (None, float("nan"), 0.0, 0.12345, -0.0001, 12.3456, 12345.6)
    assert [format_number(value) for value in values] == ["-", "-", "0.000", "0.123", "-1.0e-04", "12.35", "12,346"]
    assert [format_seconds(value) for value in (0.00012345, 1.26)] == ["0.00012", "1.3"]
    assert format_interval(0.5, 0.25, 0.75) == "0.500 [0.250, 0.750]"
    assert format_interval(0.5, 0.5, 0.5) == "0.500"


@pytest.mark.parametrize(
    ("mean", "low", "high", "text"),
    [
        (0.9671, 0.9612, 0.9734, "0.967 [0.961, 0.973]"),  # two digits of a width of 0.012
        (0.54, 0.2, 1.02, "0.54 [0.20, 1.02]"),
        (12.34, 10.1, 15.2, "12.3 [10.1, 15.2]"),
        (1234.5, 1200.0, 1270.0, "1,234 [1,200, 1,270]"),
        (0.00001, -0.1, 0.1, "0.00 [-0.10, 0.10]"),
        (-0.001, -0.1, 0.1, "0.00 [-0.10, 0.10]"),  # not minus zero
        (2e-8, 1e-8, 3e-8, "2.0e-08 [1.0e-08, 3.0e-08]"),
        (0.2, 0.2, 0.2, "0.200"),
        (0.2, 0.2 - 1e-12, 0.2 + 1e-12, "0.2000"),
        (0.2, float("nan"), float("nan"), "0.200"),
        (float("nan"), float("nan"), float("nan"), "-"),
        (None, None, None, "-"),
    ],
)
def test_scores_have_as_many_decimals_as_their_interval_justifies(mean, low, high, text):
    assert format_score(mean, low, high) == text
    assert format_score(mean, low, high, interval=False) == text.split(" [")[0]


def test_places_as_text():
    assert [format_rank_range(*ends) for ends in ((1.0, 4.0), (3.0, 3.0), (1.5, 2.5), (float("nan"),) * 2)] == [
        "1-4",
        "3",
        "1-3",
        "-",
    ]
