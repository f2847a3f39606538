"""A deck as one HTML page that loads nothing: pictures within it, a few lines of JavaScript.

Right, Space or Page Down shows what a slide still hides (the answer, the picture), then the next
slide; Left or Page Up goes back. Without JavaScript, and in print, everything shows.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from html import escape

from aslp_lib.course.teaching.lessons import Lesson, Picture
from aslp_lib.course.teaching.markdown import to_html
from aslp_lib.course.teaching.slides import Slide

HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
"""
STYLE = """
body { margin: 0; font: 1.9vmax/1.35 system-ui, sans-serif; color: #111; background: #fff }
section { box-sizing: border-box; height: 100vh; padding: 3vh 5vw 2vh; display: flex;
  flex-direction: column; break-after: page }
section[hidden] { display: none }
h1, h2 { margin: 0 0 2vh; font-size: 1.5em; outline: none }
section.first { justify-content: center }
.content { flex: 1; display: flex; flex-direction: column; gap: 2vh; min-height: 0 }
.beside .content { flex-direction: row; gap: 3vw }
.beside .text { flex: 1 }
.text > :first-child { margin-top: 0 }
figure { margin: 0; flex: 1; min-height: 30vh; display: flex; justify-content: center;
  align-items: center }
figure img { width: 100%; height: 100%; object-fit: contain }
.beside figure { flex: 0 0 54vw }
.plain .content { font-size: 1.3em; justify-content: center }
.display { text-align: center; font-size: 1.2em }
.ask, .answer { border-left: .3em solid #0072b2; padding-left: .6em; margin: .6em 0 }
.answer { border-color: #b34700; font-weight: bold }
pre { font-size: .8em; background: #f2f2f2; padding: .6em; overflow: auto }
table { border-collapse: collapse; margin: auto }
td, th { padding: .2em 1em; border-bottom: 1px solid #999 }
footer { font-size: .6em; color: #555; min-height: 6vh; align-content: end }
nav { position: fixed; right: 2vw; bottom: 1.5vh; font-size: .7em }
nav button { font: inherit; padding: .3em .8em }
.later { visibility: hidden }
@media print { nav { display: none }
  section[hidden] { display: flex } .later { visibility: visible } @page { size: A4 landscape } }
"""
SCRIPT = """
const slides = [...document.querySelectorAll("section")], place = document.querySelector("output");
const pending = slide => [...slide.querySelectorAll(".later")];
const hide = slide => slide.querySelectorAll("[data-later]").forEach(e => e.classList.add("later"));
let at = 0;
function show(number) {
  at = Math.max(0, Math.min(number, slides.length - 1));
  slides.forEach((slide, i) => slide.hidden = i !== at);
  place.textContent = `${at + 1} of ${slides.length}`;
  history.replaceState(null, "", `#${at + 1}`);
  slides[at].querySelector("h1, h2").focus();
}
function next() {
  const left = pending(slides[at]);
  left.forEach(element => element.classList.remove("later"));
  if (!left.length) show(at + 1);
}
const keys = { ArrowRight: next, " ": next, PageDown: next, ArrowLeft: () => show(at - 1),
  PageUp: () => show(at - 1), Home: () => show(0), End: () => show(slides.length - 1) };
addEventListener("keydown", event => {
  const pressed = event.target.matches("button") && event.key === " ";
  if (keys[event.key] && !pressed && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    keys[event.key]();
  }
});
document.querySelector("#back").onclick = () => show(at - 1);
document.querySelector("#next").onclick = next;
document.querySelector("nav").hidden = false;
slides.forEach(hide);
show(Number(location.hash.slice(1) || 1) - 1);
"""
NAV = """\
<nav hidden><button id="back" type="button">Back</button>
<output></output> <button id="next" type="button">Next</button></nav>
"""
WIDE = 1.7
"""A picture as wide as this, by its height, stands under the words; others beside them."""


def is_wide(picture: Picture) -> bool:
    """By the size in the PNG's header."""
    width, height = struct.unpack(">II", base64.b64decode(picture.png[:64])[16:24])
    return width >= WIDE * height


def section(slide: Slide, lesson: Lesson) -> str:
    """A slide's HTML.

    Raises:
        ValueError: its notebook lacks what it names.
    """
    lesson.section(slide.section)
    text, figure, kind = to_html(slide.words), "", "plain"
    if slide.ask:
        text += f'<p class="ask">{escape(lesson.question(slide.ask))}</p>'
        text += f'<p class="answer" data-later>{escape(lesson.answer(slide.ask))}</p>'
    if slide.picture:
        picture = lesson.picture(slide.section, slide.picture)
        later = " data-later" if slide.ask else ""
        source = f"data:image/png;base64,{''.join(picture.png.split())}"
        figure = f'<figure{later}><img alt="{escape(picture.alt)}" src="{source}"></figure>'
        kind = "under" if is_wide(picture) else "beside"
    return (
        f'<section class="{kind}">\n<h2 tabindex="-1">{escape(slide.title or slide.section)}</h2>\n'
        f'<div class="content"><div class="text">{text}</div>{figure}</div>\n'
        f"<footer>{escape(lesson.title)}: {escape(slide.section)}</footer>\n</section>\n"
    )


def deck(title: str, slides: Sequence[Slide], taught: dict[str, Lesson]) -> str:
    """The page of a deck.

    Raises:
        ValueError: a notebook lacks what a slide names.
    """
    first = (
        f'<section class="first">\n<h1 tabindex="-1">{escape(title)}</h1>\n'
        "<p>Adaptive Stochastic Label Perturbation: a course.</p>\n</section>\n"
    )
    sections = "".join(section(slide, taught[slide.notebook]) for slide in slides)
    body = f"<main>\n{first}{sections}</main>\n{NAV}<script>{SCRIPT}</script>"
    return f"{HEAD.format(title=escape(title), style=STYLE)}<body>\n{body}\n</body>\n</html>\n"


SHEET = """
@page { size: A4; margin: 9mm }
body { font: 8.3pt/1.28 system-ui, sans-serif; color: #111; max-width: 192mm; margin: auto }
h1 { font-size: 13pt; margin: 0 } h2 { font-size: 10pt; margin: 5pt 0 2pt } p, ul { margin: 2pt 0 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .8pt 4pt; border-bottom: .4pt solid #999 }
"""


def sheet(title: str, markdown: str) -> str:
    """A page of Markdown for print on A4."""
    head = HEAD.format(title=escape(title), style=SHEET)
    return f"{head}<body><main>\n{to_html(markdown)}</main></body>\n</html>\n"
