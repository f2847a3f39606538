"""The archive of the course for students: `aslp student`, or `make student` in a clone.

It holds the notebooks without outputs and without solutions, the library, and the assignments that
`nbgrader generate_assignment` has released (module `assignments`). The archive is reproducible: the
same inputs give the same bytes.

In a git checkout, untracked files are left out, because they may be the teacher's own, such as an
exam; only released assignments are always included. In a clone without git, tracked and untracked
files cannot be distinguished: all of them are packed, and a note is printed.
"""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import nbformat

from aslp_lib.course.material import PACKAGE, PACKED, ROOT, course_files
from aslp_lib.course.publishing.assignments import GRADING
from aslp_lib.course.publishing.copies import for_learners
from aslp_lib.files import read, write


def pack(archive: Path) -> None:
    """Write the archive.

    Raises:
        FileNotFoundError: the course's files are missing.
        RuntimeError: git cannot list the project's files.
        OSError: the archive cannot be written.
    """
    content = dict(_content())
    buffer = io.BytesIO()
    # The archive is not compressed, because compressed bytes differ between versions of zlib.
    with ZipFile(buffer, "w", ZIP_STORED) as file:
        for name in sorted(content):
            entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            file.writestr(entry, content[name])
    write(archive, buffer.getvalue())


def _content() -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the files in the archive; see `pack` for exceptions."""
    tracked = _tracked_files()
    for name, path in _files():
        if "solutions/" in name or (tracked is not None and name not in tracked):
            continue
        content = read(path)
        if path.suffix == ".ipynb":
            notebook = for_learners(nbformat.reads(content, nbformat.NO_CONVERT))
            content = f"{nbformat.writes(notebook)}\n".encode()
        yield name, content
    for path in GRADING.glob("release/*/*.ipynb"):
        yield f"notebooks/assignments/{path.name}", read(path)
    yield "START.md", read(Path(__file__).with_name("START.md"))


def _files() -> Iterator[tuple[str, Path]]:
    """Yield the names and paths of the course's files and of the library's."""
    yield from course_files()
    for path in PACKAGE.rglob("*"):
        if path.is_file() and PACKED not in path.parents and path.suffix != ".pyc":
            yield path.relative_to(PACKAGE.parent).as_posix(), path


def _tracked_files() -> set[str] | None:
    """List the files that git tracks; return None if all files are the project's.

    Raises:
        RuntimeError: this is a git checkout, but git cannot list its files.
    """
    if ROOT == PACKED:
        return None
    if not (ROOT / ".git").exists():
        print(
            f"note: {ROOT} is not a git checkout, so files of your own are packed too, such as an "
            "exam in docs/. Check the contents of the archive.",
            file=sys.stderr,
        )
        return None
    result = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True)
    if result.returncode:
        raise RuntimeError(
            f"git cannot list the files of {ROOT} ({result.stderr.decode().strip()}); "
            "expected a list, so that only the project's own files are packed. Make `git ls-files` "
            "work there."
        )
    return set(result.stdout.decode(errors="surrogateescape").split("\0"))
