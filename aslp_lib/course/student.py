"""What a class is given, as one file: `python -m aslp_lib.course.student` in the project's folder.

`build/aslp-student.zip` holds the course without outputs and without solutions, the library, and an
assignment on each notebook's exercises (`build/assignments/` holds those too, for who gives them
out one by one). The same project gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import nbformat

from aslp_lib.course.assignments import assignment
from aslp_lib.course.copies import COURSE, without_outputs
from aslp_lib.course.exercises import MODULES
from aslp_lib.files import write

BUILD = Path("build")
ZIP, ASSIGNMENTS = BUILD / "aslp-student.zip", BUILD / "assignments"

KEPT = (
    "CITATION.cff", "LICENSE", "LICENSE-text", "Makefile", "README.md", "environment.yml",
    "main_ASLP.py", "pyproject.toml", "Dataset/*.md", "Dataset/*.py", "Dataset/*.txt",
    "aslp_lib/**/*.py", "aslp_lib/py.typed", "aslp_lib/shipped/*", "benchmarks/README.md",
    "benchmarks/results/**/*", "docs/*.md", "docs/*.png",
)  # fmt: skip
"""What the notebooks need, environment included, and the pages that README.md leads to. Notebooks
show the records under `benchmarks/`."""

README = """\
# Start here

You need Python 3.11 or newer and GNU make. In this folder

    make lab

installs what the course needs into `.venv`, once, and opens the notebooks in copies of your own,
`my-notebooks/`. `README.md` says what each is about, and how to use an environment of your own; the
tests, the solutions and the pages for who teaches or changes the course are not in here.
`docs/cheat_sheet.md` has the equations on one page.

`my-notebooks/assignments/` has the exercises of each notebook, to be handed in; each says how it is
graded.

The notebooks' checks compute what is right, so the library that they use, `aslp_lib`, holds the
answers. It takes no skill to find them there, and nothing is learned from it: a wrong answer gets a
hint instead.
"""


def main() -> None:
    content = dict(_content())
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:  # compressed bytes differ between zlibs
        for name in sorted(content):
            entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, content[name])
    write(ZIP, buffer.getvalue())
    print(ZIP)


def _content() -> Iterator[tuple[str, bytes]]:
    """Names in the archive and what is in them.

    Raises:
        ValueError: this is not the project's folder.
    """
    for pattern in KEPT:
        found = [path for path in Path().glob(pattern) if path.is_file()]
        if not found:
            raise ValueError(f"there is no {pattern} in {Path.cwd()}: call it where README.md is")
        yield from ((path.as_posix(), path.read_bytes()) for path in found)
    for path in COURSE.glob("*.ipynb"):
        notebook = without_outputs(nbformat.read(path, nbformat.NO_CONVERT))
        yield path.as_posix(), f"{nbformat.writes(notebook)}\n".encode()
    for module in MODULES:
        text = f"{nbformat.writes(assignment(module))}\n"
        write(ASSIGNMENTS / f"{module.NOTEBOOK}.ipynb", text)
        yield f"notebooks/assignments/{module.NOTEBOOK}.ipynb", text.encode()
    yield "START.md", README.encode()


if __name__ == "__main__":
    main()
