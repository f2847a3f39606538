"""The book, built and read: its links, and in a real browser its formulas, explorers, search, width
and colours, without a network.

Skipped where Sphinx or, for what needs it, Chromium is not installed.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from filelock import FileLock
from notebook_files import ROOT, cells

from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.live import FOLDER

pytest.importorskip("sphinx", reason="`make test-book` installs what the book is built with")
pytestmark = pytest.mark.slow

PARTS = 4
"""Parts of the pages, which several processes may share."""
ALIKE = ("_modules/", "genindex", "py-modindex", "index.html", "notebooks/solutions/")
"""Pages that are alike, or a copy."""
KINDS = (
    "README.html",
    "CLAIMS.html",
    "notebooks/04_sc_bce.html",
    "notebooks/03_label_perturbation.html",
    "notebooks/solutions/solutions.html",
    "docs/api/aslp_lib.aslp.html",
    "_modules/aslp_lib/aslp/loss.html",
    "genindex.html",
    "search.html",
)
"""A page of each kind."""
EXPLORERS = [n for n in LESSONS if (FOLDER.parent / "lessons" / n / "explorer.py").exists()]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """The folder of a fresh build, as `make book` makes it: a warning is an error.

    The processes of pytest-xdist, whose folders lie in one, share it.
    """
    folder = tmp_path_factory.getbasetemp()
    out = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "book"
    with FileLock(out.with_suffix(".lock")):
        if not out.exists():
            half = tmp_path_factory.mktemp("built") / "book"
            words = ["-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-c", "docs", "."]
            options = {"env": os.environ | {"OMP_NUM_THREADS": "1"}, "capture_output": True}
            result = subprocess.run([sys.executable, *words, half], cwd=ROOT, text=True, **options)
            assert result.returncode == 0, result.stderr
            half.rename(out)
    return out


def soup(path: Path):
    """The elements of a page."""
    from bs4 import BeautifulSoup

    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def read(path: Path) -> tuple[set[str], set[str], set[str]]:
    """What a page links to, what it loads, and where it may be linked at."""
    html = soup(path)
    loading = html.find_all(["img", "script", "link"])
    return (
        {each["href"] for each in html.find_all("a", href=True)},
        {each.get("src") or each.get("href") for each in loading} - {None},
        {each["id"] for each in html.find_all(id=True)},
    )


@pytest.fixture(scope="module")
def names(book) -> list[str]:
    """The places of the pages in the folder."""
    paths = [path.relative_to(book) for path in sorted(book.rglob("*.html"))]
    return [path.as_posix() for path in paths if "_static" not in path.parts]


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(names, book):
    pages, wrong = {name: read(book / name) for name in names}, []
    for name, (links, loaded, _) in pages.items():
        for link in links | loaded:
            target, anchor = urldefrag(link)
            if scheme := urlparse(link).scheme:
                wrong += [f"{name} loads {link}"] * (link in loaded and scheme != "data")
                continue
            path = (book / name).parent / unquote(urlparse(target).path) if target else book / name
            place = Path(os.path.normpath(path))
            there = pages.get(place.relative_to(book).as_posix())
            if not place.is_file() or (there and anchor and unquote(anchor) not in there[2]):
                wrong.append(f"{name}: {link}")
    assert not wrong, "\n".join(wrong)


TABLE = re.compile(r"^\|.*\n\|-.*(?:\n\|.*)+", re.MULTILINE)
"""A table in Markdown."""


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_table_that_a_cell_prints_has_its_cells_on_the_page(book, lesson):
    """Cell by cell, since a page with the raw Markdown looks sound to every other test."""
    name = f"notebooks/{LESSONS[lesson].notebook}"
    outputs = [output for cell in cells(ROOT / f"{name}.ipynb") for output in cell.outputs]
    printed = ["".join(output.get("data", {}).get("text/markdown", "")) for output in outputs]
    tables = [table.split("\n") for text in printed for table in TABLE.findall(text)]
    written = [[len(row.split("|")) - 2 for row in rows if row[1] != "-"] for rows in tables]

    shown = soup(book / f"{name}.html").select(".cell_output table.table")
    assert [[len(row.select("th, td")) for row in table.select("tr")] for table in shown] == written


def test_the_sidebar_has_the_numbers_of_the_lessons(book):
    html = soup(book / "README.html")
    for notebook, title in LESSONS.values():
        link = html.select_one(f"nav.bd-links a[href='notebooks/{notebook}.html']")
        assert link.text.startswith(f"{notebook.partition('_')[0]} {title}")


@pytest.fixture(scope="module")
def address(book):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(book))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


STILL = "document.getAnimations().every(a => a.playState !== 'running')"
"""Colours fade from one theme to the other: what is read in between is neither's."""


def open_page(page, url: str) -> None:
    page.goto(url)
    page.evaluate("window.MathJax?.startup?.promise")  # all formulas are set
    page.wait_for_function(STILL)


SEEN = """() => ({
  formulas: document.querySelectorAll(".math").length,
  typeset: document.querySelectorAll(".math > mjx-container").length,
  errors: document.querySelectorAll("mjx-merror, [data-mml-node=merror]").length,
  raw: [...document.querySelectorAll(".math")].filter(m => /\\\\[([]/.test(m.textContent)).length,
  wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_on_a_telephone(watched, serious, address, names, part):
    """No error, no page to scroll sideways, formulas that are set, nothing grave that axe finds;
    of pages that are alike, one."""
    page, formulas = watched(viewport=PHONE), 0
    once = [name for name in names if name in KINDS or not name.startswith(ALIKE)]
    for name in once[part::PARTS]:
        open_page(page, address + name)
        seen = page.evaluate(SEEN)
        formulas += seen["typeset"]
        if seen["typeset"] != seen["formulas"] or seen["errors"] or seen["raw"]:
            page.wrong.append(f"{name}: formulas: {seen}")
        if seen["wider"] > 0:
            page.wrong.append(f"{name} is {seen['wider']} pixels wider than the screen")
        page.wrong += serious(page, rules={"color-contrast": {"enabled": False}})
    assert not page.wrong, "\n".join(page.wrong)
    assert formulas


@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing_grave_on_a_desk(watched, serious, address, name):
    page = watched(viewport=DESK, color_scheme="dark")
    open_page(page, address + name)
    for colours in ("dark", "light"):
        page.emulate_media(color_scheme=colours)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{colours}'")
        page.wait_for_function(STILL)
        assert page.wrong + serious(page) == []


@pytest.mark.parametrize("lesson", EXPLORERS)
def test_the_explorers_of_a_page_opened_as_a_file(watched, book, lesson):
    """A theme's style sheet may hide a control or a figure; a page may lack a script."""
    page = watched(viewport=DESK)
    open_page(page, (book / f"notebooks/{LESSONS[lesson].notebook}.html").as_uri())
    explorers = page.locator(".live", has=page.get_by_role("slider")).all()
    assert explorers
    for explorer in explorers:
        words, slider = explorer.get_by_role("status"), explorer.get_by_role("slider").first
        before = words.inner_text()
        slider.press("End")
        slider.press("ArrowLeft")
        assert words.inner_text() != before
        for picture in explorer.locator("svg, canvas").all():
            assert picture.bounding_box()["height"] > 40
        assert explorer.bounding_box()["width"] > 500
    assert page.wrong == []


LESSON = "notebooks/01_confidence_and_calibration.html"
"""A page with five predictions and the learner's diagram."""
SHOWN = "predicted background: confidence 87 %, accuracy 90 %"
"""Text of an answer's cell on that page."""
EXPLAINED = "Predicted foreground is overconfident by 13 points"
"""Text of the explanation of that answer."""


@pytest.fixture
def expect():
    return pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def lesson(watched, book):
    """Function that opens the page of the lesson from its file."""

    def open_file(**options):
        page = watched(**({"viewport": DESK} | options))
        open_page(page, (book / LESSON).as_uri())
        return page

    return open_file


def question(page, words="What is the accuracy where measured gap predicts foreground?"):
    return page.locator(".prediction", has_text=words)


def test_a_prediction_by_keyboard_is_kept_and_drawn(lesson, expect, serious):
    page = lesson()
    place, answer = question(page), page.locator("main").get_by_text(SHOWN).first
    expect(answer).to_be_hidden()
    place.get_by_label("Your number (50 to 100 %)").focus()
    page.keyboard.type("67")
    page.keyboard.press("Tab")
    page.keyboard.type("60")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    words = "Answer: 66 %. You said 67 % and were 60 % confident of being within ±3: inside."
    expect(place.get_by_role("status")).to_have_text(words)
    expect(place.get_by_role("status")).to_be_focused()
    expect(answer).to_be_visible()
    expect(page.get_by_text(EXPLAINED)).to_be_visible()
    assert page.get_by_text("It errs by 0.73 on 27 % of the pixels").is_hidden()
    # Whatever else is in the storage.
    keep = "([key, value]) => localStorage.setItem('aslp-prediction: ' + key, value)"
    for n in range(12):
        item = {"said": 1, "confidence": 40 + 5 * n, "right": n % 2 == 0}
        page.evaluate(keep, [f"{n}?", json.dumps(item)])
    for n, damaged in enumerate(["", "{", "null", "7", '{"said": 1}', '{"said": 1, "right": 1}']):
        page.evaluate(keep, [f"damaged {n}", damaged])
    choice = json.dumps({"said": "BCE", "confidence": 70, "right": True})
    page.evaluate(keep, ["What is BCE's mean confidence in the wrong pixels of nuclei?", choice])
    page.reload()
    expect(place.get_by_role("status")).to_have_text(words)
    expect(answer).to_be_visible()
    expect(question(page, "wrong pixels").get_by_role("button")).to_have_text("Show the answer")
    drawn = page.locator(".live", has_text="Wilson's 95 % interval")
    expect(drawn).to_contain_text("All (14): mean confidence 67 %")
    expect(drawn.get_by_role("img")).to_have_attribute("aria-label", re.compile("Least confident"))
    assert page.wrong + serious(page, context=".prediction, .live:has(svg)") == []
    drawn.get_by_role("button", name="Forget all my predictions").press("Enter")
    expect(page.locator(".live", has_text="No predictions yet")).to_be_visible()
    page.reload()
    expect(answer).to_be_hidden()


NO_STORAGE = """Object.defineProperty(window, "localStorage",
    {get() { throw new DOMException("denied", "SecurityError"); }})"""


@pytest.mark.fault
def test_without_storage_an_answer_is_compared_but_not_kept(watched, expect, book):
    page = watched(viewport=DESK)
    page.add_init_script(NO_STORAGE)
    open_page(page, (book / LESSON).as_uri())
    place = question(page)
    for box in place.get_by_role("spinbutton").all():
        box.fill("60")
    place.get_by_role("button").click()
    expect(place.get_by_role("status")).to_contain_text("within ±3: outside.")
    expect(page.locator(".live", has_text="No predictions yet")).to_be_visible()


def test_without_javascript_and_on_paper_the_whole_page_can_be_read(lesson, expect):
    bare, printed = lesson(java_script_enabled=False), lesson()
    expect(bare.get_by_text(SHOWN).first).to_be_visible()
    expect(bare.get_by_text("Your prediction. What is the accuracy where")).to_be_visible()
    printed.emulate_media(media="print")
    printed.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(printed.get_by_text(SHOWN).first).to_be_visible()
    expect(printed.get_by_text(EXPLAINED)).to_be_visible()


NEXT_ANSWER = """place => [...document.querySelectorAll(".tag_answer")].find(
    each => place.closest(".cell").compareDocumentPosition(each) & 4)  // that follows it"""


def test_each_answer_is_hidden_until_it_is_asked_for(watched, book):
    """On every page of the course, one question after the other."""
    page, questions = watched(viewport=DESK), 0
    for path in sorted((book / "notebooks").glob("*.html")):
        open_page(page, path.as_uri())
        for place in page.locator(".prediction").all():
            answer = place.evaluate_handle(NEXT_ANSWER).as_element()
            assert not answer.is_visible()
            place.get_by_role("button").click()
            assert answer.is_visible()
            assert place.get_by_role("status").inner_text().startswith("Answer: ")
            questions += 1
        assert page.locator(".not-yet").count() == 0
    assert questions >= 60
    assert page.wrong == []
