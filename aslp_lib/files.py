"""Atomic writing of files and folders: they appear complete or not at all.

Each file or folder is written beside its target, as `.aslp-RANDOM.partial`, and renamed when it is
complete. An error or Ctrl-C removes the partial. A killed process leaves it; `Run.held`, whose lock
shows that no process works on the run any more, removes it there.
"""

import csv
import errno
import io
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PARTIAL = f".aslp-{16 * '[0-9a-f]'}.partial"
"""Glob pattern of files and folders that are being written."""
FORMULA = re.compile(r"'*[=+@-]")
"""Beginning of a text that a spreadsheet would take for a formula, possibly after apostrophes."""
MAX_BYTES = 2**30
"""Largest size of a file that is read as a whole, or of its content after decompression."""


def read(path: Path) -> bytes:
    """Read a regular file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the path is a folder, a pipe or a device, whose content might never end, or the
            file has more than `MAX_BYTES`.
    """
    status = os.stat(path)  # noqa: PTH116 - pathlib's stat is slower
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(
            f"not a regular file: {path}; expected no folder, pipe or device. Replace it."
        )
    if status.st_size > MAX_BYTES:
        raise ValueError(
            f"{path} has {status.st_size >> 20} MiB; expected at most {MAX_BYTES >> 20} MiB. "
            "Replace it."
        )
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib's open is slower
        return file.read()


def require_exists(noun: str, path: Path, expected: str) -> None:
    """Raise FileNotFoundError if there is no folder or no regular file.

    Args:
        noun: "folder" for a folder; otherwise what the file is, such as "file" or "list".
        expected: what was expected and what to do, for the message.

    >>> require_exists("file", Path("none.csv"), "a table. Check the path.")
    Traceback (most recent call last):
    FileNotFoundError: there is no file none.csv; expected a table. Check the path.
    """
    if not (path.is_dir() if noun == "folder" else path.is_file()):
        raise FileNotFoundError(f"there is no {noun} {path}; expected {expected}")


def write(path: Path, content: str | bytes) -> None:
    """Write a file atomically: under another name first, then renamed to `path`.

    A replaced file keeps its mode, links are followed to their targets, and missing folders are
    created, but not inside a `whole_folder`: what is missing there has been removed meanwhile.

    Raises:
        OSError: the file cannot be written, for example because the disk is full. A previous
            version of the file is untouched.
    """
    target = _followed(path)
    try:
        if not any(parent.match(PARTIAL) for parent in target.parents):
            target.parent.mkdir(parents=True, exist_ok=True)
        with _partial(target) as partial:
            with partial.open("xb") as file:
                with suppress(OSError):  # there is no target, or the file system has no modes
                    shutil.copymode(target, partial)
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
    except OSError as error:
        previous = "; its last version is untouched" if target.exists() else ""
        reason = f"could not write {path} ({error.strerror}){previous}"
        raise OSError(error.errno, reason) from error


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder, which is renamed to `target` at the end and removed on an error.

    A link is followed to its target.

    Raises:
        OSError: `target` exists and is not an empty folder, perhaps because another process has
            made it meanwhile, or cannot be created.
    """
    target = _followed(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _partial(target) as partial:
        partial.mkdir()
        yield partial
        partial.rename(target)


def remove(path: Path) -> None:
    """Remove a file or a folder, ignoring errors."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


@contextmanager
def locked(path: Path, busy: str, patience: float = 0) -> Iterator[None]:
    """Hold the lock of a lock file; the system releases it when the process ends.

    Args:
        busy: message of the error if another process holds the lock.
        patience: seconds to wait for the lock.

    Raises:
        RuntimeError: another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=patience):
            yield
    except Timeout:
        raise RuntimeError(busy) from None


def check_output(flag: str, path: Path, suffixes: Sequence[str] = ()) -> None:
    """Check before a long computation that its output file can be written.

    The check leaves no file behind.

    Args:
        flag: command-line option that names the file, such as `--out`, for messages.
        suffixes: accepted suffixes; any, if there are none.

    Raises:
        ValueError: the path is a folder, a pipe or a device, or has another suffix.
        OSError: the file cannot be written; the message says why.
    """
    target = _followed(path)
    if target.exists() and not target.is_file():
        raise ValueError(f"{flag} is a folder or a device: {path}; expected a file. Choose one.")
    if suffixes and path.suffix not in suffixes:
        raise ValueError(f"{flag} has another suffix: {path}; expected {' or '.join(suffixes)}.")
    _check_writable(flag, path, target)


def check_new_folder(flag: str, path: Path) -> None:
    """Check before a long computation that its output folder can be created.

    Args:
        flag: command-line option that names the folder, for messages.

    Raises:
        FileExistsError: the path exists and is not an empty folder.
        OSError: the folder cannot be created; the message says why.
    """
    target = _followed(path)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(f"{flag} exists: {path}; expected a new or an empty folder. Use one.")
    _check_writable(flag, path, target)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table atomically as CSV; floats have 6 significant digits.

    A text that a spreadsheet would take for a formula, such as a label `=1+1` or `+mixup`, gets an
    apostrophe before it; so does such a text after apostrophes, so that no two texts become one.
    """
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(header)
    for row in rows:
        table.writerow(map(_cell, row))
    write(path, buffer.getvalue())


def _cell(value: object) -> object:
    """Return the content of a CSV table's cell."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def _followed(path: Path) -> Path:
    """Return the absolute path after following links; it need not exist."""
    return Path(os.path.realpath(path))


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`, and remove what is left there."""
    partial = target.with_name(f".aslp-{secrets.token_hex(8)}.partial")
    try:
        yield partial
    finally:
        remove(partial)


def _check_writable(flag: str, path: Path, target: Path) -> None:
    """Raise OSError if `target` cannot be created or replaced."""
    folder = next(parent for parent in target.parents if parent.exists())
    try:
        if target.is_file() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "the file is read-only")
        # Creating a file is a better test than the folder's mode; this one vanishes when closed.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = f"{flag} cannot be written: {path} ({folder}: {error.strerror}). Choose another."
        raise OSError(error.errno, reason) from error
