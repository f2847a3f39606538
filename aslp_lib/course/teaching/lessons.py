"""A committed notebook as a lesson: its sections, what they ask and answer, and what they draw.

A section is what stands under a heading of any level; an exercise ends with the cell that checks
it, and after it the section that it interrupted goes on. Whatever is not found is an error that
names the notebook and what was sought: a slide must not outlive what it was made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

FOLDER = Path("notebooks")
HEADING = re.compile(r"^(#{1,4}) (.+)$")
CONTROL = re.compile(r"^(\w+) = (?:predictions\.)?(?:Number|Choice)\(", re.MULTILINE)
ASKED = "Your prediction. "


class Picture(NamedTuple):
    """A figure of a notebook: a PNG in base64, and its description in words."""

    png: str
    alt: str


@dataclass
class Section:
    """What stands under a heading: text, code with its outputs."""

    heading: str
    level: int
    text: list[str] = field(default_factory=list)
    code: list[NotebookNode] = field(default_factory=list)


@dataclass
class Lesson:
    """A notebook: its file's name without the ending, its title and its sections by heading."""

    name: str
    title: str
    sections: dict[str, Section]

    def section(self, heading: str) -> Section:
        """Raises ValueError if the notebook has no such heading."""
        if heading not in self.sections:
            raise ValueError(
                f"{self.name} has no section {heading!r}: it has {', '.join(self.sections)}"
            )
        return self.sections[heading]

    def picture(self, heading: str, code: str) -> Picture:
        """The figure of the one cell of a section whose source contains `code`.

        Raises:
            ValueError: there is no such cell, or there are several, or it draws nothing.
        """
        found = [cell for cell in self.section(heading).code if code in cell.source]
        pictures = [
            Picture(output.data["image/png"].strip(), output.metadata["image/png"]["alt"])
            for cell in found
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        ]
        if len(found) != 1 or len(pictures) != 1:
            raise ValueError(
                f"{self.name}, {heading!r}: {len(found)} cells contain {code!r} and draw "
                f"{len(pictures)} pictures, but must be one with one"
            )
        return pictures[0]

    def question(self, prediction: str) -> str:
        """What the notebook asks, and among what: as it is shown where there is no kernel.

        Raises:
            ValueError: the notebook has no prediction of that name.
        """
        for section in self.sections.values():
            for cell in section.code:
                if prediction in CONTROL.findall(cell.source):
                    return str(cell.outputs[-1].data["text/plain"]).removeprefix(ASKED)
        raise ValueError(f"{self.name} has no prediction {prediction!r}")

    def answer(self, prediction: str) -> str:
        """The answer as the committed notebook prints it.

        Raises:
            ValueError: the notebook does not answer it, or prints it otherwise.
        """
        for section in self.sections.values():
            for cell in section.code:
                compared = re.findall(r"(\w+)\.against\(", cell.source)
                if prediction in compared:
                    printed = "".join(output.get("text", "") for output in cell.outputs)
                    answers = re.findall(r"Answer: (.+?)\.(?=\s|$)", printed)
                    if len(answers) == len(compared):
                        return answers[compared.index(prediction)]
                    raise ValueError(
                        f"{self.name} compares {compared} in one cell, which prints {answers}"
                    )
        raise ValueError(f"{self.name} has no answer to {prediction!r}")


def read(path: Path) -> Lesson:
    """A notebook's lesson.

    Raises:
        ValueError: two of its headings are alike.
    """
    sections: dict[str, Section] = {}
    open_sections: list[Section] = []
    for cell in nbformat.read(path, nbformat.NO_CONVERT).cells:
        if cell.cell_type == "markdown":
            fenced = False
            for line in cell.source.splitlines():
                fenced ^= line.startswith("```")
                heading = None if fenced else HEADING.match(line)
                if heading:
                    section = Section(heading[2], len(heading[1]))
                    if section.heading in sections:
                        raise ValueError(f"{path.name} has two sections {section.heading!r}")
                    sections[section.heading] = section
                    open_sections.append(section)
                else:
                    open_sections[-1].text.append(line)
        elif cell.cell_type == "code":
            open_sections[-1].code.append(cell)
            if "exercises.check(" in cell.source:
                del open_sections[-1]  # of the exercise; what it interrupted goes on
    return Lesson(path.stem, next(iter(sections)), sections)


def lessons(folder: Path = FOLDER) -> dict[str, Lesson]:
    """Every notebook by its number, "00" and so on.

    Raises:
        ValueError: there are none in `folder`.
    """
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise ValueError(
            f"there are no notebooks in {folder.resolve()}: call it where README.md is"
        )
    return {path.name[:2]: read(path) for path in paths}
