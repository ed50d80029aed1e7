"""``leaderboard.html`` in headless Chromium, which ``make browser`` installs.

Playwright starts it without its sandbox, so that root can run it, and without all that it does in the background.
"""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.board.report import write_report
from benchmarks.papers.supplement import supplement_report
from benchmarks.publish.compare import Pair, compare_pair
from benchmarks.publish.compare_page import render_comparison
from tests.benchmarks.publish.test_compare import make_run
from tests.benchmarks.run_maker import certainty_run, small_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here; install it: make browser")
READY = "html[data-ready=yes]"
NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = small_run(tmp_path_factory.mktemp("small") / "run").write()
    write_report(folder, supplement_report)
    return (folder / "leaderboard.html").as_uri()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Opens a page with a hash; whatever goes to the console, or asks for anything but the file, fails the test."""
    said, asked, visited, contexts = [], [], [], []
    report = address

    def visit(hash_="", *, address=report, **options) -> Page:
        visited.append(address)
        context = chromium.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        page: Page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address + hash_)
        if options.get("java_script_enabled", True):
            page.locator(READY).wait_for(state="attached")  # its policy forbids to evaluate functions
        return page

    yield visit
    for context in contexts:
        context.close()
    assert said == []
    assert {url.partition("#")[0] for url in asked if not url.startswith(("data:", "blob:"))} == set(visited)


def names(page, task):
    return [name.split("\n")[0].strip() for name in page.locator(f"#table-{task} tbody th:visible").all_inner_texts()]


def open_every_board(page):
    """Press the button; the tables are made a moment after their boards are open."""
    page.locator(".every").get_by_role("button").click()
    for task in ("game", "pictures"):
        expect(page.locator(f"#table-{task}.dataTable")).to_be_visible()


def test_a_board_sorts_from_the_best_as_python_ordered_it(visit):
    page = visit("#board-pictures")
    assert names(page, "pictures")[2:] == ["ig-zero", "random-attribution control", "broken"]
    score = page.locator("#table-pictures thead th", has_text="iaccuracy").first
    score.click()
    expect(score).to_have_attribute("aria-sort", "ascending")
    assert names(page, "pictures")[2:] == ["ig-zero", "random-attribution control", "broken"]
    score.click()
    expect(score).to_have_attribute("aria-sort", "descending")
    assert names(page, "pictures")[:3] == ["broken", "random-attribution control", "ig-zero"]
    assert "pictures.order=2:desc" in page.url


def test_filters_and_search_are_in_the_address_and_come_back(visit):
    page = visit("#board-game")
    assert names(page, "game") == ["sig-game", "ig-zero", "random-attribution control"]
    board = page.locator("#board-game")
    board.locator("[data-filter=budget]").select_option("10")
    assert names(page, "game") == ["sig-game", "ig-zero"]
    board.locator("[data-filter=budget]").select_option("")
    assert len(names(page, "game")) == 5
    board.locator("[data-filter=control]").select_option("no")
    assert len(names(page, "game")) == 4
    board.locator("[data-filter=family]").select_option("integrated-gradients")
    assert names(page, "game") == ["ig-zero", "ig-zero"]
    board.locator("[data-filter=family]").select_option("")
    board.get_by_role("searchbox").fill("sig")
    page.wait_for_url(lambda url: "game.q=sig" in url)
    assert names(page, "game") == ["sig-game", "sig-game"]
    again = visit("#" + page.url.partition("#")[2])
    assert names(again, "game") == ["sig-game", "sig-game"]
    assert again.locator("#board-game [data-filter=control]").input_value() == "no"
    assert again.locator("#board-game [data-filter=budget]").input_value() == ""
    assert again.locator("#board-game").get_by_role("searchbox").input_value() == "sig"


def test_filters_of_every_board_hold_where_a_board_does_not_say_its_own(visit):
    page = visit("#boards")
    every, game = page.locator(".every"), page.locator("#board-game")
    every.locator("[data-filter=control]").select_option("no")
    open_every_board(page)
    assert names(page, "game") == ["sig-game", "ig-zero"]
    assert names(page, "pictures")[2:] == ["ig-zero", "broken"]
    game.locator("[data-filter=control]").select_option("")
    assert names(page, "game")[-1] == "random-attribution control"
    again = visit("#" + page.url.partition("#")[2])
    open_every_board(again)
    assert names(again, "game")[-1] == "random-attribution control"
    assert names(again, "pictures")[2:] == ["ig-zero", "broken"]
    assert again.locator("#board-pictures [data-filter=control]").input_value() == "no"
    every = again.locator(".every")
    every.locator("[data-filter=q]").fill("zero")
    every.locator("[data-filter=budget]").select_option("")
    assert names(again, "pictures") == ["ig-zero"]
    assert names(again, "game") == ["ig-zero", "ig-zero"]
    every.locator("[data-filter=q]").fill("")
    every.locator("[data-filter=budget]").select_option("headline")
    every.locator("[data-filter=control]").select_option("yes")
    assert names(again, "game") == names(again, "pictures") == ["random-attribution control"]


def test_boards_of_one_family_of_tasks_are_shown_alone(visit, tmp_path):
    folder = certainty_run(tmp_path / "run").write()
    write_report(folder, supplement_report)
    address = (folder / "leaderboard.html").as_uri()
    page = visit("#boards", address=address)
    family = page.locator("#board-minimum").get_attribute("data-family")
    page.locator(".every [data-filter=tasks]").select_option(family)
    again = visit("#" + page.url.partition("#")[2], address=address)
    for shown in (page, again):
        expect(shown.locator("#board-minimum")).to_be_visible()
        expect(shown.locator("#board-probability")).to_be_hidden()


def test_figures_are_drawn(visit):
    page = visit("#figure-runtime")
    figure = page.locator("#figure-runtime img")
    assert figure.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400
    picture = np.asarray(Image.open(io.BytesIO(figure.screenshot())).convert("L"), dtype=float)
    assert picture.std() > 5


def test_a_row_opens_by_keyboard_and_from_an_address(visit):
    page = visit("#board-pictures")
    link = page.locator("#table-pictures a.open", has_text="sig-game")
    assert link.get_attribute("aria-expanded") == "false"
    link.focus()
    page.keyboard.press("Enter")
    detail = page.locator("#detail-pictures--sig-game")
    assert detail.is_visible()
    assert link.get_attribute("aria-expanded") == "true"
    assert "python -m benchmarks run made-up --tasks pictures --methods sig-game" in detail.inner_text()
    assert detail.locator("img").count() == 2  # an attribution of each input
    again = visit("#" + page.url.partition("#")[2])
    assert again.locator("#table-pictures #detail-pictures--sig-game").is_visible()
    again.locator("#table-pictures a.open", has_text="sig-game").click()
    assert not again.locator("#detail-pictures--sig-game").is_visible()
    assert "open" not in again.url.partition("#")[2]


def test_what_is_shown_can_be_saved(visit):
    page = visit("#game.q=sig-game")
    board = page.locator("#board-game")
    with page.expect_download() as saved:
        board.get_by_role("button", name="CSV").click()
    assert saved.value.suggested_filename == "game.csv"
    rows = [row for row in csv.reader(io.StringIO(saved.value.path().read_text(encoding="utf-8-sig"))) if row]
    assert [row[1].strip() for row in rows] == ["method", "sig-game"]
    with page.expect_download() as saved:
        board.get_by_role("button", name="JSON").click()
    (row,) = json.loads(saved.value.path().read_text(encoding="utf-8"))
    assert list(row) == [cell.strip() for cell in rows[0]]
    assert row["method"].strip() == "sig-game"
    assert row["cost (rows)"] == "99"


def test_two_methods_stand_side_by_side(visit):
    page = visit("#pictures")
    gallery = page.locator(".gallery")
    gallery.get_by_label("with").select_option("icg")
    shown = gallery.locator(".shown .maps")
    assert shown.count() == 4
    assert shown.nth(0).locator("figcaption").all_inner_texts() == ["input", "input"]
    assert shown.nth(2).locator("figcaption").all_inner_texts() == ["icg", "icg"]
    differences = shown.nth(3).locator(".difference")
    assert differences.count() == 2
    assert darkness(page, differences.first) < 1
    gallery.get_by_label("Compare").select_option("icg")
    assert darkness(page, differences.first) == 1  # a map and itself differ nowhere


def darkness(page, place):
    """The share of the pixels inside the frame that are black on the screen."""
    pixels = np.asarray(Image.open(io.BytesIO(place.screenshot())).convert("RGB"))[3:-3, 3:-3]
    return (pixels.max(2) == 0).mean()


def test_two_runs_stand_side_by_side(visit, tmp_path):
    pair = Pair.read(make_run(tmp_path / "a", 0.3), make_run(tmp_path / "b", 0.7))
    file = tmp_path / "compare.html"
    file.write_text(render_comparison(pair, compare_pair(pair)), encoding="utf-8")
    page = visit(address=file.as_uri(), bypass_csp=True)
    rows = page.locator("table.sides tbody tr")
    methods = [row.locator("th").inner_text().split()[0] for row in rows.all()]
    assert methods == ["steady", "mover", "random-attribution"]
    assert "higher" in rows.nth(1).inner_text()
    page.locator("table.sides thead th", has_text="change").first.click()
    assert rows.first.locator("th").inner_text() == "mover"
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_it_is_readable_without_javascript(visit):
    page = visit(java_script_enabled=False)
    assert page.locator(".filters:visible").count() == 0
    page.locator("#board-game > summary").click()
    assert names(page, "game") == ["sig-game", "ig-zero", "random-attribution control"]
    page.locator("#board-game summary", has_text="Every row").click()
    assert page.locator("#detail-game--sig-game").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [NARROW, WIDE], ids=["phone", "desktop"])
def test_it_fits_and_passes_the_automatic_check_of_accessibility(visit, viewport, scheme):
    page = visit("#game.open=sig-game&pictures.open=icg", viewport=viewport, color_scheme=scheme, bypass_csp=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    for details in page.locator("details:not(.rows)").all():
        details.evaluate("element => { element.open = true }")
    page.wait_for_timeout(200)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.slow  # measures, so that it needs a machine that does nothing else
def test_the_first_paint_takes_less_than_a_second(visit):
    paints = "Math.max(...performance.getEntriesByType('paint').map((paint) => paint.startTime))"
    assert min(visit().evaluate(paints) for _ in range(5)) < 1000  # the first of a browser's pages takes longer
