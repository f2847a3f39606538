"""Files and folders that are either whole or not there.

They are made beside their place under a name of ours alone, `.aslp-HOST-PID-RANDOM.partial`, and
renamed. What a killed process leaves behind is known by that name, and so is whose it was.
"""

from __future__ import annotations

import csv
import io
import os
import platform
import re
import secrets
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = re.compile(r"\.aslp-([0-9a-f]{8})-(\d{1,9})-[0-9a-f]{8}\.partial")
"""Of what is being made: this machine's number, the process's, a random one."""


def partial_beside(path: Path) -> Path:
    """A new name beside `path`, to make it under."""
    return path.with_name(f".aslp-{_host()}-{os.getpid()}-{secrets.token_hex(4)}.partial")


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole: to a temporary name first, then renamed over the old one.

    Raises:
        OSError: it could not be written (a full disk); what was there before is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    partial = partial_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException as error:
        _remove(partial)
        if not isinstance(error, OSError):
            raise  # Ctrl-C
        raise OSError(
            error.errno, f"could not write {path} ({error.strerror}); its last version is untouched"
        ) from error


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` at the end, or is gone if something goes wrong.

    What processes that are no more left beside `target` is removed first.

    Raises:
        OSError: `target` is there and is not an empty folder, or cannot be made.
    """
    discard_dead(target.parent)
    partial = partial_beside(target)
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(target)
    except BaseException:
        _remove(partial)
        raise


def discard_partials(folder: Path) -> None:
    """Remove all that was being made in a folder and below: for who alone works there."""
    # Listed first: what is removed may hold more of them.
    for path in list(folder.rglob(".aslp-*.partial")):
        if PARTIAL.fullmatch(path.name):
            _remove(path)


def taken(target: Path) -> bool:
    """Whether something is in the way of a `whole_folder`, other than what a killed process left
    half made in it."""
    discard_dead(target)
    return target.exists() and not (target.is_dir() and not any(target.iterdir()))


def discard_dead(folder: Path) -> None:
    """Remove what processes of this machine that are no more were making in a folder."""
    for path in folder.glob(".aslp-*.partial"):
        found = PARTIAL.fullmatch(path.name)
        if found and found[1] == _host() and not _alive(int(found[2])):
            _remove(path)


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _alive(process: int) -> bool:
    if os.name != "posix":  # there the signal 0 ends it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _remove(path: Path) -> None:
    """A file or a folder, as far as it can be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table whole; floats with 6 significant digits."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(header)
    for row in rows:
        table.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])
    write(path, buffer.getvalue())
