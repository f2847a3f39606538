"""Make the slides and the cheat sheet for print: `python -m aslp_lib.course.teaching`."""

from __future__ import annotations

import sys
from pathlib import Path

from aslp_lib import console
from aslp_lib.course.teaching import page
from aslp_lib.course.teaching.lessons import lessons
from aslp_lib.course.teaching.slides import sessions
from aslp_lib.files import write

SHEET = Path("docs") / "cheat_sheet.md"
OUT = Path("build") / "slides"


def decks() -> dict[str, str]:
    """Each deck's page by its file's name: the one class, and the five sessions.

    Raises:
        ValueError: a notebook lacks what a slide names.
    """
    taught, held = lessons(), sessions()
    shown = [slide for slides in held.values() for slide in slides if slide.in_class]
    pages = {"class": page.deck("As sure as it is right", shown, taught)}
    for number, (title, slides) in enumerate(held.items(), start=1):
        pages[f"session_{number}"] = page.deck(title, slides, taught)
    return pages


def main() -> None:
    sheet = page.sheet("Cheat sheet", SHEET.read_text(encoding="utf-8"))
    for name, text in (decks() | {"cheat_sheet": sheet}).items():
        write(OUT / f"{name}.html", text)
        print(OUT / f"{name}.html")


if __name__ == "__main__":
    sys.exit(console.run(main))
