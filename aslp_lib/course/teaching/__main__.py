"""Make the slides and the cheat sheet for print: `python -m aslp_lib.course.teaching`."""

from __future__ import annotations

import sys
from pathlib import Path

from aslp_lib import console
from aslp_lib.course.teaching import page
from aslp_lib.course.teaching.lessons import lessons
from aslp_lib.course.teaching.plans import CLASS, SESSIONS
from aslp_lib.course.teaching.slides import SLIDES
from aslp_lib.files import write

SHEET = Path("docs") / "cheat_sheet.md"
OUT = Path("build") / "slides"


def decks() -> dict[str, str]:
    """Each deck's page by its file's name: the one class, and the five sessions.

    Raises:
        ValueError: a notebook lacks what a slide names.
    """
    taught, pages = lessons(), {}
    plans = [("class", "As sure as it is right", CLASS)]
    plans += [(f"session_{n}", title, plan) for n, (title, plan) in enumerate(SESSIONS, start=1)]
    for name, title, plan in plans:
        own = [slide for slide in SLIDES if slide.section in plan.get(slide.notebook, ())]
        pages[name] = page.deck(title, own, taught)
    return pages


def main() -> None:
    sheet = page.sheet("Cheat sheet", SHEET.read_text(encoding="utf-8"))
    for name, text in (decks() | {"cheat_sheet": sheet}).items():
        write(OUT / f"{name}.html", text)
        print(OUT / f"{name}.html")


if __name__ == "__main__":
    sys.exit(console.run(main))
