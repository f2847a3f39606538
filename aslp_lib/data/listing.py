"""Which files there are: images of a folder by stem, and lists of stems."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from aslp_lib.files import read

SUFFIXES = (".jpg", ".jpeg", ".png")


def find_images(folder: Path) -> dict[str, Path]:
    """Stem -> file of the images in a folder, sorted. Raises FileNotFoundError, ValueError."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder}: see Dataset/README.md for the layout"
        )
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            if path.stem in found:
                raise ValueError(f"{found[path.stem]} and {path} share one stem: remove one")
            found[path.stem] = path
    refuse_unprintable(f"files in {folder}", found)
    return found


def read_list(path: Path) -> list[str]:
    """Stems of a list, one a line; a known image suffix is cut off.

    Raises:
        ValueError: the list is empty or is not UTF-8; a stem is there twice; a line is no name of a
            file: it holds control characters, or names a place, which could be anywhere.
    """
    try:
        text = read(path).decode("utf-8-sig")  # with or without the mark that Windows writes
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8 ({error.reason}): save it as UTF-8") from error
    # Not splitlines, which would cut a name at any of ten characters.
    lines = [line.strip() for line in text.split("\n")]
    refuse_unprintable(f"lines of {path}", lines)
    places = {line for line in lines if line.startswith(".") or "/" in line or "\\" in line}
    refuse(f"lines of {path} are no bare names of files, without a folder", places)
    stems = [Path(line).stem if line.lower().endswith(SUFFIXES) else line for line in lines if line]
    if not stems:
        raise ValueError(f"the list {path} is empty: put one stem a line, or remove it")
    refuse(f"stems twice in {path}", {stem for stem, n in Counter(stems).items() if n > 1})
    return stems


def refuse_unprintable(what: str, names: Iterable[str]) -> None:
    """Raise ValueError on names with control characters, as a newline, or of bytes that are no
    text: lists and tables have a name a line, in UTF-8."""

    def odd(name: str) -> bool:
        return any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in name)

    refuse(
        f"{what} with control characters, or not in UTF-8 (rename them)",
        {ascii(name) for name in names if not name.isprintable() and odd(name)},
    )


def refuse(what: str, stems: set[str]) -> None:
    """Raise ValueError if there are such stems; says how many and names the first."""
    if stems:
        raise ValueError(counted(what, stems))


def counted(what: str, names: Collection[str]) -> str:
    """How many names there are, of what, and the first of them."""
    return f"{len(names)} {what}: {', '.join(sorted(names)[:5])}{', ...' if len(names) > 5 else ''}"
