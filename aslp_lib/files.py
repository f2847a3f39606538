"""Files and folders that are either whole or not there.

Each is made beside its place, as `.aslp-RANDOM.partial`, and renamed when it is whole. Until then
the process that makes it holds a lock on the file `.aslp-RANDOM.lock`. The system releases the lock
when the process ends, however it ends. So a lock that can be taken says that its process is dead,
in whatever container or on whatever machine it ran, and only then the partial is removed. A partial
without a lock file, as on a file system without locks, is never removed.
"""

from __future__ import annotations

import csv
import errno
import io
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

NAME = f".aslp-{16 * '[0-9a-f]'}"
"""Pattern of the names that are used here, without `.partial` and `.lock`."""


def read(path: Path) -> bytes:
    """Read a regular file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is a folder, a pipe or a device, which might never end.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a Path's own takes longer
        raise ValueError(f"not a regular file: {path}; expected one that ends. Replace it.")
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        return file.read()


def write(path: Path, content: str | bytes) -> None:
    """Write a file as a whole: under another name first, then renamed to `path`.

    A file that is replaced keeps its mode. A link is followed to its target. Missing folders are
    made. But what lies in a `whole_folder` becomes whole with it: there, the file is written under
    its own name, and a missing folder is one that something has removed, which is an error.

    Raises:
        OSError: it could not be written (a full disk); the file of before, if any, is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    target = _followed(path)
    within = any(parent.match(f"{NAME}.partial") for parent in target.parents)
    try:
        if within:
            _write(target, data)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with _partial(target) as partial:
            _write(partial, data, like=target)
            partial.replace(target)
    except OSError as error:
        before = "; its last version is untouched" if target.exists() and not within else ""
        reason = f"could not write {path} ({error.strerror}){before}"
        raise OSError(error.errno, reason) from error


@contextmanager
def whole_folder(target: Path, names: Iterable[str] = ()) -> Iterator[Path]:
    """A folder to fill, which becomes `target` at the end, or is gone if something goes wrong.

    What dead processes left beside `target` is removed first. A link is followed to its target.

    Args:
        names: files that must be in the folder at the end.

    Raises:
        OSError: `target` exists and is not an empty folder, or cannot be made; or something removed
            files of `names` while the folder was filled.
    """
    target = _followed(target)
    discard_dead(target.parent)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _partial(target) as partial:
        try:
            partial.mkdir()
            yield partial
            if gone := [name for name in names if not (partial / name).exists()]:
                raise OSError(
                    f"{len(gone)} files vanished while {target} was made, such as {gone[0]}. "
                    "Make it again."
                )
            partial.rename(target)
        except OSError as error:
            if str(partial) not in str(error):
                raise  # not about what is made here
            where = [str(error.strerror), *filter(None, [error.filename])]
            raise OSError(
                error.errno, *(str(each).replace(str(partial), str(target)) for each in where)
            ) from error


def discard_partials(folder: Path) -> None:
    """Remove what dead processes were making in a folder and below."""
    for path, _, _ in os.walk(folder):
        discard_dead(Path(path))


def discard_dead(folder: Path) -> None:
    """Remove what dead processes were making in a folder, but not below."""
    for lock_file in folder.glob(f"{NAME}.lock"):
        with suppress(OSError), lock_file.open("r+b") as lock:  # gone since, or another user's
            if _take(lock, wait=False):
                _remove(lock_file.with_suffix(".partial"))
                _remove(lock_file)


@contextmanager
def locked(path: Path, busy: str, patience: float = 0) -> Iterator[None]:
    """Hold the lock of a lock file, which ends with its process, however that ends.

    Args:
        busy: what to say if another process holds it.
        patience: seconds to wait for it.

    Raises:
        RuntimeError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=patience):
            yield
    except Timeout:
        raise RuntimeError(busy) from None


def check_output(flag: str, path: Path, suffixes: Sequence[str] = ()) -> None:
    """Check that a file can be written, before the work for it begins. Nothing is left behind.

    Args:
        flag: how the user named the file, such as `--out`.
        suffixes: those of its format; without any, the name is free.

    Raises:
        ValueError: it is a folder, a pipe or a device, or has another suffix.
        OSError: it cannot be written; says why.
    """
    target = _followed(path)
    if target.is_dir():
        example = path / f"scores{''.join(suffixes[:1])}"
        raise ValueError(
            f"{flag} is a folder: {path}; expected a file. Name one, such as {example}."
        )
    if suffixes and path.suffix not in suffixes:
        raise ValueError(f"{flag} has another suffix: {path}; expected {' or '.join(suffixes)}.")
    if target.exists() and not target.is_file():
        raise ValueError(f"{flag} is no regular file: {path}; expected one. Choose another name.")
    _check_writable(flag, path, target)


def check_new_folder(flag: str, path: Path) -> None:
    """Check that a `whole_folder` can be made, as `check_output` does for a file. What dead
    processes left half made in it is in nobody's way, and is removed.

    Raises:
        FileExistsError: something is there, other than an empty folder.
        OSError: it cannot be made; says why.
    """
    target = _followed(path)
    discard_dead(target)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(
            f"{flag} exists: {path}; expected a new or an empty folder. Choose another one."
        )
    _check_writable(flag, path, target)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table whole; floats with 6 significant digits."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(header)
    for row in rows:
        table.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])
    write(path, buffer.getvalue())


def _followed(path: Path) -> Path:
    """The absolute path that links lead to; nothing need be there."""
    return Path(os.path.realpath(path))


def _write(path: Path, data: bytes, like: Path | None = None) -> None:
    """Write data to the disk, with the mode of the file `like`, if there is one."""
    with path.open("wb") as file:
        if like is not None:
            with suppress(OSError):  # there is none, or the file system has no modes
                shutil.copymode(like, path)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A name beside `target` to make it under, with its lock held. What still has the name at the
    end is removed."""
    partial = target.with_name(f".aslp-{secrets.token_hex(8)}.partial")
    lock_file = partial.with_suffix(".lock")
    try:
        with lock_file.open("xb") as lock:
            # Waits for a process that took the lock since the line above, and found no partial.
            if not _take(lock, wait=True):
                _remove(lock_file)
            try:
                yield partial
            finally:
                _remove(partial)
    finally:
        _remove(lock_file)


def _take(lock: BinaryIO, *, wait: bool) -> bool:
    """Take the lock on an open file; False where another process has it, or there are no locks.

    flock, because its lock is the open file's: a thread does not share it with other threads, and
    forked children, such as workers that load data, keep it until the last of them has ended.
    """
    try:
        import fcntl  # not on Windows

        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True


def _remove(path: Path) -> None:
    """Remove a file or a folder, as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _check_writable(flag: str, path: Path, target: Path) -> None:
    """Raise OSError where `target` cannot be made or replaced."""
    folder = next(parent for parent in target.parents if parent.exists())
    try:
        if target.is_file() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "the file is read-only")
        # Not what the folder's mode says: the system's answer, which leaves nothing behind.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(
            error.errno,
            f"{flag} cannot be written: {path} ({folder}: {error.strerror}). Choose another place.",
        ) from error
