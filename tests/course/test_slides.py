"""The slides, made from the committed notebooks; those in `browser` drive them."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from aslp_lib.course.teaching import __main__ as making
from aslp_lib.course.teaching import lessons as reading
from aslp_lib.course.teaching import page
from aslp_lib.course.teaching.lessons import Lesson, Picture, Section
from aslp_lib.course.teaching.markdown import formula, to_html
from aslp_lib.course.teaching.slides import Slide, sessions

ROOT = Path(__file__).parents[2]
LESSONS = reading.lessons(ROOT / "notebooks")
SESSIONS = sessions()
SLIDES = [slide for slides in SESSIONS.values() for slide in slides]
WORDS = 60


class Page(HTMLParser):
    """What a page says and shows: a list of sections, each with its heading, words and pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: list[dict] = []
        self.addresses: list[str] = []
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        self.addresses += [own[name] for name in ("src", "href", "srcset", "data") if name in own]
        if tag == "section":
            self.sections.append({"heading": "", "words": "", "alts": [], "formulas": 0})
        if tag == "img":
            kind = "formulas" if own.get("class") == "formula" else "alts"
            if kind == "formulas":
                self.sections[-1]["formulas"] += 1
            self.sections[-1]["alts"].append(own.get("alt", ""))
        if tag not in ("img", "meta", "br"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag  # each is closed where it should be

    def handle_data(self, text):
        if "footer" in self.inside or "section" not in self.inside:
            return
        if {"h1", "h2"} & set(self.inside):
            self.sections[-1]["heading"] += text
        self.sections[-1]["words"] += text


@pytest.fixture(scope="module")
def decks():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return making.decks()


def test_there_is_a_deck_for_the_class_and_one_for_each_session(decks):
    assert list(decks) == ["class", *(f"session_{n}" for n in range(1, len(SESSIONS) + 1))]
    shown = [[slide for slide in SLIDES if slide.in_class], *SESSIONS.values()]
    for text, slides in zip(decks.values(), shown, strict=True):
        assert len(Page(text).sections) == 1 + len(slides) >= 10


def test_slides_are_in_the_notebooks_order():
    places = [(s.notebook, list(LESSONS[s.notebook].sections).index(s.section)) for s in SLIDES]
    assert places == sorted(places)


def test_each_slide_has_a_heading_few_words_and_alt_text(decks):
    for text in decks.values():
        sections = Page(text).sections
        assert len({section["heading"] for section in sections}) == len(sections)
        for section in sections:
            assert section["heading"].strip()
            words = len(section["words"].split()) + section["formulas"]
            assert words <= WORDS, (section["heading"], words)
            assert all(alt.strip() for alt in section["alts"])


def test_a_page_names_no_address_but_its_own_pictures(decks, monkeypatch):
    monkeypatch.chdir(ROOT)
    sheet = page.sheet("Cheat sheet", making.SHEET.read_text(encoding="utf-8"))
    for text in [*decks.values(), sheet]:
        assert Page(text if text is not sheet else f"<section>{text}</section>").addresses
        for address in Page(f"<section>{text}</section>").addresses:
            assert re.match(r"data:image/(png|svg\+xml);base64,", address), address[:80]
        assert "http://" not in text and "https://" not in text and "url(" not in text
        assert "default-src 'none'" in text


def numbers(text: str) -> set[str]:
    """As they are written, but for zeros at the end and the sign."""
    found = re.findall(r"\d[\d,]*(?:\.\d+)?", text)
    return {n.rstrip("0").rstrip(".") if "." in n else n.rstrip(",") for n in found}


def told(section: Section) -> str:
    """All that a section of a notebook says: text, code, what is printed, pictures' alt text."""
    parts = [*section.text]
    for cell in section.code:
        parts.append(cell.source)
        for output in cell.outputs:
            parts += [output.get("text", ""), str(output.get("data", {}).get("text/plain", ""))]
    return "\n".join(parts)


@pytest.mark.parametrize("slide", SLIDES, ids=lambda s: f"{s.notebook} {s.title or s.section}")
def test_numbers_in_a_slide_s_words_stand_in_its_section(slide):
    section = LESSONS[slide.notebook].section(slide.section)
    assert numbers(slide.words) <= numbers(told(section))


def test_make_slides_writes_the_decks_and_the_sheet(decks, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(making, "OUT", tmp_path / "slides")
    monkeypatch.setattr(making, "decks", lambda: decks)
    making.main()
    names = sorted(path.stem for path in (tmp_path / "slides").iterdir())
    assert names == sorted([*decks, "cheat_sheet"])
    assert capsys.readouterr().out.count(".html") == len(names)


class TestPage:
    """Of a lesson made here."""

    @pytest.fixture
    def lesson(self):
        cell = nbformat.v4.new_code_cell('guess = Choice("Which?", ["<a>", "b"])')
        cell.outputs = [
            nbformat.v4.new_output(
                "display_data", {"text/plain": "Your prediction. Which? <a> / b"}
            )
        ]
        said = nbformat.v4.new_code_cell('print(guess.against("<a>"))')
        said.outputs = [nbformat.v4.new_output("stream", name="stdout", text="Answer: <a>.\n")]
        return Lesson("01_x", "01 X", {"One": Section("One", 2, [], [cell, said])})

    def test_question_shows_and_answer_waits(self, lesson):
        html = page.section(Slide("01", "One", "*so*", ask="guess"), lesson)
        assert "<em>so</em>" in html and "Which? &lt;a&gt; / b" in html
        assert '<p class="answer" data-later>&lt;a&gt;</p>' in html

    def test_a_title_replaces_the_heading(self, lesson):
        assert ">Two</h2>" in page.section(Slide("01", "One", title="Two"), lesson)

    def test_a_wide_picture_stands_under_the_words(self):
        for width, wide in ((200, True), (120, False)):
            drawn = io.BytesIO()
            Image.new("L", (width, 100)).save(drawn, "PNG")
            png = base64.b64encode(drawn.getvalue()).decode()
            assert page.is_wide(Picture(png, "")) is wide


class TestMarkdown:
    def test_formulas_are_pictures_with_their_tex(self):
        html = to_html("so $a < b$ is\n\n$$\n\\frac{1}{2}\n$$\n\n| x |\n|---|\n| $y$ |\n")
        assert html.count('class="formula"') == 3 and "$" not in html
        assert 'alt="a &lt; b"' in html and 'class="display"' in html and "<td>" in html

    def test_a_formula_is_drawn_the_same_each_time(self):
        formula.cache_clear()
        first = formula(r"\alpha")
        formula.cache_clear()
        assert formula(r"\alpha") == first

    def test_what_cannot_be_drawn_is_named(self):
        with pytest.raises(ValueError, match=r"the formula \$\\nothing\$ cannot be drawn"):
            formula(r"\nothing")
