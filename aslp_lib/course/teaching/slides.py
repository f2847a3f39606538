"""The slides of `slides.md`: each names its notebook, its section, and what it takes from there.

A heading of the first level is a session's title. A slide is a heading "NOTEBOOK: SECTION", a list
of options, which are fields of `Slide`, and Markdown with formulas. What is asked, answered and
drawn is the notebook's own; a notebook that changes so that a slide's section, question or picture
is gone stops the making of the deck. The words are short: a slide is spoken to, not read out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).with_name("slides.md")
SLIDE = re.compile(r"## (?P<notebook>\d\d): (?P<section>.+)\n\n(?P<options>(?:- \w+: .+\n)*)")
OPTION = re.compile(r"- (\w+): (.+)")


@dataclass(frozen=True)
class Slide:
    """One slide.

    Args:
        notebook: its number.
        section: the heading there; the slide's too, unless it has a `title` of its own.
        words: Markdown with formulas. A number in them stands in that section.
        ask: name of a prediction. Its answer, and the picture, come with a further press.
        picture: code of the cell that draws it.
        title: another heading.
        in_class: "yes" if the one class has it too.
    """

    notebook: str
    section: str
    words: str = ""
    ask: str = ""
    picture: str = ""
    title: str = ""
    in_class: str = ""


def sessions() -> dict[str, list[Slide]]:
    """The slides of each session, by its title."""
    parts = re.split(r"^# (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {title: _slides(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}


def _slides(text: str) -> list[Slide]:
    starts = list(SLIDE.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return [
        Slide(
            start["notebook"],
            start["section"],
            text[start.end() : end].strip(),
            **dict(OPTION.findall(start["options"])),
        )
        for start, end in zip(starts, ends, strict=True)
    ]
