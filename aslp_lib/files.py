"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole: to a temporary name first, then renamed over the old one.

    Raises:
        OSError: it could not be written (a full disk); what was there before is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OSError(
            error.errno, f"could not write {path} ({error.strerror}); its last version is untouched"
        ) from error


def discard_halves(folder: Path) -> None:
    """Remove what processes that were killed while they wrote left in a folder."""
    for partial in folder.glob(".*.partial"):
        partial.unlink(missing_ok=True)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table whole; floats with 6 significant digits."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(header)
    for row in rows:
        table.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])
    write(path, buffer.getvalue())
