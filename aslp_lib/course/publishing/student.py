"""The archive that a class is given: `make student`.

`build/aslp-student.zip` holds the course without outputs and without solutions, the library, and
the assignments that `nbgrader generate_assignment` has released (module `assignments`). The same
project gives the same bytes.

In a git checkout, only files that git tracks are packed: what else lies in these folders, such as
an exam, is the teacher's own. Elsewhere, as in an unpacked archive, nothing tells the two apart:
all files are packed, and a note says so.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import nbformat

from aslp_lib import console
from aslp_lib.course.publishing.assignments import GRADING
from aslp_lib.course.publishing.copies import COURSE, without_outputs
from aslp_lib.files import write

BUILD = Path("build")
ZIP = BUILD / "aslp-student.zip"

KEPT = (
    "CITATION.cff", "LICENSE", "LICENSE-text", "Makefile", "README.md", "environment.yml",
    "main_ASLP.py", "pyproject.toml", "Dataset/*.md", "Dataset/*.py", "Dataset/*.txt",
    "aslp_lib/**/*.py", "aslp_lib/py.typed", "aslp_lib/course/recorded/*",
    "benchmarks/README.md", "benchmarks/results/**/*", "docs/*.md", "docs/*.png", "docs/*.svg",
    "examples/*.py",
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

If your teacher gave out assignments, they are in `my-notebooks/assignments/`. Each of them says how
it is graded.

The notebooks' checks compute what is right, so the library that they use, `aslp_lib`, holds the
answers. It takes no skill to find them there, and nothing is learned from it: a wrong answer gets a
hint instead.
"""


def main() -> None:
    """Write the archive.

    Raises:
        ValueError: this is not the project's folder.
        RuntimeError: git cannot list its files.
        OSError: it cannot be written.
    """
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
    """Names in the archive and what is in them. Raises as `main`."""
    tracked = _tracked()

    def files(pattern: str) -> list[Path]:
        found = [path for path in Path().glob(pattern) if path.is_file()]
        return [path for path in found if tracked is None or path.as_posix() in tracked]

    for pattern in KEPT:
        found = files(pattern)
        if not found:
            raise ValueError(f"there is no {pattern} in {Path.cwd()}: call it where README.md is")
        yield from ((path.as_posix(), path.read_bytes()) for path in found)
    for path in files(f"{COURSE}/*.ipynb"):
        notebook = without_outputs(nbformat.read(path, nbformat.NO_CONVERT))
        yield path.as_posix(), f"{nbformat.writes(notebook)}\n".encode()
    for path in GRADING.glob("release/*/*.ipynb"):
        yield f"notebooks/assignments/{path.name}", path.read_bytes()
    yield "START.md", README.encode()


def _tracked() -> set[str] | None:
    """The files that git tracks here; None where this is no git checkout, which is told.

    Raises:
        RuntimeError: it is one, but git cannot list its files.
    """
    if not Path(".git").exists():
        print(
            "note: this folder is no git checkout, so files of your own are packed too, such as an "
            f"exam in docs/. Compare what {ZIP} holds.",
            file=sys.stderr,
        )
        return None
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True)
    if listed.returncode:
        raise RuntimeError(
            f"git cannot list the files of {Path.cwd()} ({listed.stderr.decode().strip()}); "
            "expected a list, so that only the project's own files are packed. Make `git ls-files` "
            "work here."
        )
    return set(listed.stdout.decode(errors="surrogateescape").split("\0"))


if __name__ == "__main__":
    sys.exit(console.run(main))
