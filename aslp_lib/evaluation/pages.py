"""Self-contained HTML pages of reports: a verdict, tables, figures and details, in this order.

Two pages of the same content differ only in their `<time>` element.
"""

import base64
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from aslp_lib import __version__
from aslp_lib.evaluation import figures
from aslp_lib.files import write

DPI = 110
"""Resolution of a figure on a page. Three methods on three sets stay below 2 MB."""
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


class Table(NamedTuple):
    """A table of a page.

    Args:
        caption: title of the table.
        head: titles of the columns.
        rows: cells of each row, as text, or as `Markup` for a cell with tags. The first two columns
            hold names instead of numbers.
        note: explanation below the table.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


class Row(NamedTuple):
    """A row of figures, which breaks into several lines where the page is narrow.

    Args:
        figures: name -> figure, whose label is its alt text.
        text: explanation below the figures.
        wide: True for figures that need twice the width of a panel.
        photographs: True for figures with photographs, whose colours a dark page must not invert.
    """

    figures: Mapping[str, Figure]
    text: str = ""
    wide: bool = False
    photographs: bool = False


class Section(NamedTuple):
    """A titled section of a page, with rows of figures, and a table before them if there is one."""

    title: str
    rows: Sequence[Row]
    table: Table | None = None


class Page(NamedTuple):
    """The content of a page. All text is escaped, except `Markup`.

    Args:
        title: title of the page.
        subject: sentences that say what was evaluated.
        verdict: title -> sentences with the conclusions, such as one for each method of a set.
        notes: remarks that a reader must know to interpret the numbers.
        scores: table of the main scores.
        more: further tables, each of which unfolds on a click.
        sections: sections with figures.
        details: sentences on details.
        appendix: tables of details, each of which unfolds on a click.
        settings: settings as text; empty if there are none.
        next: sentences that say what to do next.
    """

    title: str
    subject: str
    verdict: Mapping[str, Sequence[str]]
    scores: Table
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    more: Sequence[Table] = ()
    details: Sequence[str] = ()
    appendix: Sequence[Table] = ()
    settings: str = ""
    next: Sequence[str] = ()


def write_page(path: Path, page: Page) -> None:
    """Write a page, with its date and the versions of the software.

    >>> from tempfile import TemporaryDirectory
    >>> scores = Table("Scores", ["set", "method"], [])
    >>> page = Page("A < B", "Two methods.", {"SOD": ["B is better."]}, scores, sections=[])
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "report.html"
    ...     write_page(file, page)
    ...     "<h1>A &lt; B</h1>" in file.read_text("utf-8")
    True
    """
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy"))
    text = TEMPLATES.get_template("report.html.j2").render(
        page=page,
        time=datetime.now(UTC).replace(microsecond=0),
        versions=f"aslp_lib {__version__}, Python {platform.python_version()}, {versions}",
        picture=_picture,
    )
    write(path, text)


def write_figures(folder: Path, page: Page, suffix: Literal["pdf", "svg", "png"]) -> set[str]:
    """Write the figures of a page as `FOLDER/SECTION-NAME.SUFFIX`, replacing earlier ones.

    >>> from tempfile import TemporaryDirectory
    >>> figures_by_name = {"images, A/B": Figure(label="none")}
    >>> sections = [Section("SOD", [Row(figures_by_name)])]
    >>> page = Page("Report", "", {}, Table("Scores", [], []), sections)
    >>> with TemporaryDirectory() as folder:
    ...     written = write_figures(Path(folder), page, "svg")
    ...     written, written == {path.name for path in Path(folder).iterdir()}
    ({'SOD-images-A-B.svg'}, True)

    Args:
        folder: the folder, which is created if it is missing.
        page: the page.
        suffix: format of the files.

    Returns:
        The names of the files.
    """
    names: dict[str, str] = {}
    for section in page.sections:
        for title, figure in (pair for row in section.rows for pair in row.figures.items()):
            # Titles contain names of sets and methods, which may be long or have any characters.
            stem = re.sub(r"\W+", "-", f"{section.title[:40]} {title[:60]}").strip("-")
            while stem.casefold() in names:
                stem += "-2"
            names[stem.casefold()] = f"{stem}.{suffix}"
            write(folder / f"{stem}.{suffix}", figures.to_file(figure, suffix))
    return {*names.values()}


def bold(text: str) -> Markup:
    """Return text in bold, escaped.

    >>> bold("A < B")
    Markup('<b>A &lt; B</b>')
    """
    return Markup("<b>{}</b>").format(text)


def _picture(figure: Figure) -> dict[str, str | int]:
    """Return the attributes of a figure's `img` element."""
    width = figures.page_width(figure)
    return {
        "src": f"data:image/png;base64,{base64.b64encode(figures.to_png(figure, DPI)).decode()}",
        "alt": figures.alt(figure),
        "width": width,
        "height": round(width * figure.get_figheight() / figure.get_figwidth()),
    }
