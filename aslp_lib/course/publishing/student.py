"""Create the archive of the course for students: `make student`.

`build/aslp-student.zip` holds the notebooks without outputs and without solutions, the library, and
the assignments that `nbgrader generate_assignment` has released (module `assignments`). The archive
is reproducible: the same inputs give the same bytes.

In a git checkout, untracked files are left out, because they may be the teacher's own, such as an
exam; only released assignments are always included. Without git, tracked and untracked files cannot
be distinguished: all of them are packed, and a note is printed.
"""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import nbformat

from aslp_lib import console
from aslp_lib.course.publishing.assignments import GRADING
from aslp_lib.course.publishing.copies import COURSE, for_learners
from aslp_lib.files import write

BUILD = Path("build")
ZIP = BUILD / "aslp-student.zip"

INCLUDED = (
    "CITATION.cff", "LICENSE*", "Makefile", "README.md", "environment.yml", "main_ASLP.py",
    "pyproject.toml", "Dataset/*.md", "Dataset/*.py", "Dataset/*.txt", "aslp_lib/**/*.py",
    "aslp_lib/**/*.j2", "aslp_lib/**/*.mplstyle", "aslp_lib/py.typed", "aslp_lib/data/*.npz",
    "aslp_lib/course/recorded/*", "aslp_lib/course/lessons/**/*.json",
    "aslp_lib/course/**/*.js", "aslp_lib/course/live/live.css",
    "benchmarks/README.md", "benchmarks/results/**/*", "docs/*.md", "docs/*.png", "docs/*.svg",
    "examples/*.py",
)  # fmt: skip
"""Patterns of the files that the notebooks and their environment need, and of the pages that
README.md links to. Notebooks show the records under `benchmarks/`."""

README = """\
# Start here

You need Python 3.11 or newer and GNU make. Run this command in this folder:

    make lab

The first run installs the dependencies into `.venv`. Every run opens your own copies of the
notebooks, in `my-notebooks/`. `README.md` describes each notebook and explains how to use an
existing environment. `docs/cheat_sheet.md` lists the equations on one page. The archive leaves out
the tests, the solution notebooks and the pages for teachers and contributors.

If your teacher gave out assignments, they are in `my-notebooks/assignments/`. Each of them explains
how it is graded.

The automatic checks need the correct answers, so the code in `aslp_lib` contains them. Try each
exercise before you look: after a wrong answer you get a hint.
"""


def main() -> None:
    """Write the archive.

    Raises:
        ValueError: the working directory is not the project's folder.
        RuntimeError: git cannot list the project's files.
        OSError: the archive cannot be written.
    """
    content = dict(_archive_content())
    buffer = io.BytesIO()
    # The archive is not compressed, because compressed bytes differ between versions of zlib.
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name in sorted(content):
            entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, content[name])
    write(ZIP, buffer.getvalue())
    print(ZIP)


def _archive_content() -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the files in the archive; see `main` for exceptions."""
    tracked = _tracked_files()

    def files(pattern: str) -> list[Path]:
        paths = [path for path in Path().glob(pattern) if path.is_file()]
        return [path for path in paths if tracked is None or path.as_posix() in tracked]

    for pattern in INCLUDED:
        paths = files(pattern)
        if not paths:
            raise ValueError(
                f"no {pattern} in {Path.cwd()}; expected the project's files. Run this in the "
                "project's folder."
            )
        yield from ((path.as_posix(), path.read_bytes()) for path in paths)
    for path in files(f"{COURSE}/*.ipynb"):
        notebook = for_learners(nbformat.read(path, nbformat.NO_CONVERT))
        yield path.as_posix(), f"{nbformat.writes(notebook)}\n".encode()
    for path in GRADING.glob("release/*/*.ipynb"):
        yield f"notebooks/assignments/{path.name}", path.read_bytes()
    yield "START.md", README.encode()


def _tracked_files() -> set[str] | None:
    """List the files that git tracks here; outside a git checkout, print a note and return None.

    Raises:
        RuntimeError: this is a git checkout, but git cannot list its files.
    """
    if not Path(".git").exists():
        print(
            "note: this folder is not a git checkout, so files of your own are packed too, such as "
            f"an exam in docs/. Check the contents of {ZIP}.",
            file=sys.stderr,
        )
        return None
    result = subprocess.run(["git", "ls-files", "-z"], capture_output=True)
    if result.returncode:
        raise RuntimeError(
            f"git cannot list the files of {Path.cwd()} ({result.stderr.decode().strip()}); "
            "expected a list, so that only the project's own files are packed. Make `git ls-files` "
            "work here."
        )
    return set(result.stdout.decode(errors="surrogateescape").split("\0"))


if __name__ == "__main__":
    sys.exit(console.run(main))
