"""What stands in ``leaderboard.html``, read as a browser without JavaScript reads it."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest

from benchmarks.board.page.render import _is_clean
from benchmarks.board.report import write_report
from benchmarks.board.tables import format_rank_range, format_score
from benchmarks.papers.supplement import supplement_report
from benchmarks.publish.derive import _compare_pages
from benchmarks.run.records import CellRecord, ProblemRecord
from benchmarks.run.storage import read_run
from tests.benchmarks.run_maker import WHERE, small_run

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Element:
    def __init__(self, name, attributes):
        self.name, self.attributes, self.children, self.text = name, attributes, [], ""

    def all(self, name="", **attributes):
        """Every element below this one of that name that has these attributes."""
        for child in self.children:
            has = all(child.attributes.get(key.rstrip("_")) == value for key, value in attributes.items())
            if has and child.name == (name or child.name):
                yield child
            yield from child.all(name, **attributes)

    def one(self, name="", **attributes):
        (found,) = self.all(name, **attributes)
        return found

    def words(self):
        own = [self.text, *(child.words() for child in self.children)]
        return re.sub(r"\s+", " ", " ".join(own)).strip()


class Tree(HTMLParser):
    """Strict about what is left open or closed twice."""

    def __init__(self, text):
        super().__init__()
        self.root = Element("", {})
        self.path = [self.root]
        self.feed(text)
        self.close()
        assert self.path == [self.root]

    def handle_starttag(self, name, attributes):
        assert len(attributes) == len(dict(attributes)), (name, attributes)
        element = Element(name, dict(attributes))
        self.path[-1].children.append(element)
        if name not in VOID:
            self.path.append(element)

    def handle_startendtag(self, name, attributes):
        self.path[-1].children.append(Element(name, dict(attributes)))

    def handle_endtag(self, name):
        assert self.path.pop().name == name, name

    def handle_data(self, text):
        self.path[-1].text += text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = small_run(tmp_path_factory.mktemp("small") / "run").write()
    write_report(folder, supplement_report)
    return folder


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "leaderboard.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Tree(text).root


def test_it_is_one_file_that_loads_nothing(page, text):
    sources = [
        element.attributes[key] for element in page.all() for key in ("src", "srcset") if key in element.attributes
    ]
    sources += [element.attributes["href"] for element in page.all("link")]
    assert sources
    assert all(source.startswith("data:") for source in sources)
    style = "".join(element.text for element in page.all("style"))
    assert all(url.startswith("data:") for url in re.findall(r"url\(['\"]?([^)]*)", style))
    assert "@import" not in style
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert page.one("script", type="text/plain").text.count("</script") == 0


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(page):
    ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    links = [element.attributes["href"] for element in page.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


def test_every_table_has_a_caption_and_headers_and_whole_rows(page):
    tables = list(page.all("table"))
    assert len(tables) > 5
    for table in tables:
        assert table.one("caption").words()
        (head,) = table.one("thead").all("tr")
        assert all(cell.attributes["scope"] == "col" and cell.words() for cell in head.children)
        for row in table.one("tbody").all("tr"):
            assert len(row.children) == len(head.children)
            assert sum(cell.attributes.get("scope") == "row" for cell in row.children) == 1


def test_pictures_have_texts_and_drawings_are_hidden_or_named(page):
    pictures = list(page.all("img"))
    assert pictures
    assert all(picture.attributes["alt"] for picture in pictures)
    for drawing in page.all("svg"):
        named = drawing.attributes.get("role") == "img" and drawing.attributes.get("aria-label")
        assert named or drawing.attributes.get("aria-hidden") == "true"
    assert all(element.words() for name in ("h1", "h2", "h3", "summary", "button") for element in page.all(name))


def test_the_numbers_are_those_of_the_csv_file(page, folder):
    rows = list(csv.DictReader(io.StringIO((folder / "leaderboard.csv").read_text(encoding="utf-8"))))
    checked = 0
    for row in rows:
        line = next(page.all("tr", id=f"{row['task']}--{row['method']}"), None)
        board = page.one("table", id=f"table-{row['task']}")
        header = [cell.words().split(" ")[0] for cell in next(board.one("thead").all("tr")).children]
        if row["headline"] != "True" or row["column"] not in header:
            continue
        assert line is not None
        mean, low, high = (float(row[name]) for name in ("mean", "low", "high"))
        assert line.children[header.index(row["column"])].words() == format_score(mean, low, high)
        if row["rank_range"] and row["column"] == header[2]:
            assert line.children[0].words() == format_rank_range(float(row["rank_low"]), float(row["rank_high"]))
        checked += 1
    assert checked == 3 * 2 + 4 * 2 + 1  # "game": three methods, two scores; "pictures": four, two; "broken": one


def test_order_is_python_s(page):
    """Lower is better in "pictures": 0.2 of two methods, 0.5, 0.9 of the control, 0.95."""
    rows = list(page.one("table", id="table-pictures").one("tbody").all("tr"))
    names = [row.one("th").words() for row in rows]
    assert set(names[:2]) == {"icg", "sig-game"}
    assert names[2:4] == ["ig-zero", "random-attribution control"]
    assert [row.children[2].attributes["data-order"] for row in rows][:4] == ["0", "0", "2", "3"]
    assert rows[3].attributes["class"] == "control"
    game = list(page.one("table", id="table-game").one("tbody").all("tr"))
    hidden = [row for row in game if "hidden" in row.attributes]
    assert [row.one("th").words() for row in hidden] == ["sig-game", "ig-zero"]  # at the smaller budget
    assert all(row.children[0].words() == "-" for row in hidden)


def test_a_row_opens_to_its_budgets_units_command_and_records(page, folder):
    detail = page.one("article", id="detail-game--sig-game")
    budgets = [[cell.words() for cell in row.children][:3] for row in detail.one("tbody").all("tr")]
    assert [row[0] for row in budgets] == ["100", "10"]
    assert [row[1].split(" ")[0] for row in budgets] == ["0.90", "0.60"]
    assert [row[2] for row in budgets] == ["99", "9"]
    words = detail.words()
    assert "0.900, 0.800, 1.000" in words  # the mean of each model
    assert "0.9, 0.8, 1" in words  # single explicands
    assert "python -m benchmarks run made-up --tasks game --methods sig-game --out results/runs/one-row" in words
    keys = [
        cell.key for cell in read_run(folder).cells if (cell.task, cell.label) == ("game", "sig-game") and cell.headline
    ]
    assert all(key in words for key in keys)
    assert len(keys) == 3


def test_what_failed_and_was_skipped_stands_with_its_reason(page):
    words = page.one("section", id="run").words()
    assert "the model is not certainty-aware" in words
    assert "ValueError: 5 % of <x|y>" in words
    assert "Where the numbers" not in words
    assert "0123456789ab with uncommitted changes" in words


def test_maps_stand_side_by_side(page):
    gallery = page.one("section", id="pictures").one("div", class_="gallery")
    inputs = list(gallery.all("details"))
    assert [element.one("summary").words() for element in inputs] == [
        "Input 1: output 3",
        "Input 2: output 4 (pred. 5)",
    ]
    for element in inputs:
        methods = [figure.attributes.get("data-method") for figure in element.all("figure")]
        assert methods == [None, "ig-zero", "sig-game", "icg", "random-attribution"]


def test_tex_of_a_board_is_a_table(page):
    (tex,) = [e.text for e in page.one("details", id="board-pictures").all("pre")]
    assert tex.count("\\begin{table}") == tex.count("\\end{table}") == tex.count("\\begin{tabular}") == 1
    (columns,) = re.findall(r"\\begin\{tabular\}\{([lr]+)\}", tex)
    rows = [line for line in tex.splitlines() if line.endswith("\\\\")]
    assert len(rows) == 1 + 5 + 1  # the header, the methods, the line above what is no better than the control
    assert all(line.count(" & ") == len(columns) - 1 for line in rows)
    plain = re.sub(r"\\[{}\\%&_#$]", "", tex)
    assert plain.count("{") == plain.count("}")


def test_whether_it_can_be_verified_stands_on_top(page, folder):
    records = len(read_run(folder).cells) + len(read_run(folder).problems)
    assert f"All {records} records are here, but not of one commit" in page.one("header").words()
    clean = WHERE.model_copy(update={"dirty": False})
    run = read_run(folder)
    records_of_run: list[ProblemRecord | CellRecord] = [*run.problems, *run.cells]
    for record in records_of_run:
        record.provenance = clean
    assert _is_clean(run)
    run.cells[3].provenance = clean.model_copy(update={"commit": "another"})
    assert not _is_clean(run)


def test_an_incomplete_run_says_so_first(tmp_path):
    folder = small_run(tmp_path / "run").write(without=["sig-game"])
    write_report(folder)
    root = Tree((folder / "leaderboard.html").read_text(encoding="utf-8")).root
    assert "Incomplete: 15 of" in root.one("header").words()


def test_pages_are_compared_by_their_text_and_the_pixels_in_it(folder, text, tmp_path):
    published, again = folder / "leaderboard.html", tmp_path / "again.html"
    again.write_text(text.replace("0.90", "0.91", 1), encoding="utf-8")
    found = _compare_pages(published, again)
    assert found is not None
    assert "is the first of 1 lines that differ" in found[2]
    addresses = re.findall(r"data:image/webp;base64,[^\"]+", text)
    other = next(address for address in addresses if address != addresses[0])
    again.write_text(text.replace(addresses[0], other), encoding="utf-8")
    found = _compare_pages(published, again)
    assert found is not None
    assert "pixels" in found[2] or "size" in found[2]
    again.write_text(text, encoding="utf-8")
    assert _compare_pages(published, again) is None
