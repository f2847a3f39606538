"""Finding image files by stem, and reading lists of stems."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from aslp_lib.files import read, require_exists

SUFFIXES = (".jpg", ".jpeg", ".png")
"""Suffixes of photographs and their masks."""
MAP_SUFFIXES = (*SUFFIXES, ".tif", ".tiff", ".npy", ".npz")
"""Suffixes of maps, and of the masks that they are scored against."""
CONTROL = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, surrogates, and separators of lines and paragraphs."""
DIRECTION = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Unicode bidirectional classes of characters that change the direction of the text after them, so
that a name may look like another one."""


def find_images(folder: Path, suffixes: Collection[str] = SUFFIXES) -> dict[str, Path]:
    """Find the image files of a folder, or other files by their suffixes.

    Returns:
        The path of each image by its stem, sorted.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: two files share a stem, or a name holds control characters.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.png", "a.JPG", "notes.txt"):
    ...         (Path(folder) / name).touch()
    ...     [(stem, path.name) for stem, path in find_images(Path(folder)).items()]
    [('a', 'a.JPG'), ('b', 'b.png')]
    """
    paths: dict[str, Path] = {}
    for path in image_files(folder, suffixes):
        if (first := paths.setdefault(path.stem, path)) != path:
            raise ValueError(f"{first} and {path} share one stem; expected one file. Remove one.")
    refuse_unprintable(f"files in {folder}", paths)
    return paths


def image_files(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """Return the sorted paths of the files with these suffixes, without hidden ones.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    require_exists("folder", folder, "one with images. See Dataset/README.md for the layout.")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    return [path for path in paths if not path.name.startswith(".")]


def read_list(path: Path) -> list[str]:
    r"""Read a list of stems, one per line; the suffix of an image file is removed.

    Raises:
        ValueError: the list is empty or not in UTF-8, a stem is repeated, or a line is not the bare
            name of a file: it holds control characters, or names another folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "list.txt"
    ...     _ = path.write_text("one.jpg\ntwo\n")
    ...     read_list(path)
    ['one', 'two']
    """
    try:
        text = read(path).decode("utf-8-sig")  # with or without the byte order mark of Windows
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8 ({error.reason}). Save it as UTF-8.") from error
    # splitlines would also split names at rarer characters, such as U+2028.
    lines = [line.strip() for line in text.split("\n")]
    refuse_unprintable(f"lines of {path}", lines)
    elsewhere = {line for line in lines if line.startswith(".") or "/" in line or "\\" in line}
    refuse(f"lines of {path} are not bare file names (remove the folder)", elsewhere)
    stems = [Path(line).stem if line.lower().endswith(SUFFIXES) else line for line in lines if line]
    if not stems:
        raise ValueError(f"the list {path} is empty; expected one stem per line. Fill it.")
    refuse_repeated(f"stems repeated in {path} (keep one line each)", stems)
    return stems


def refuse_empty(folder: Path, images: Collection[object]) -> None:
    """Raise ValueError if a folder has no images."""
    if not images:
        raise ValueError(f"there are no images in {folder}; expected JPEG or PNG files. Add them.")


def refuse_unprintable(noun: str, names: Iterable[str]) -> None:
    """Raise ValueError if names hold control characters or are not in UTF-8.

    Lists and tables have one name per line, in UTF-8.

    Args:
        noun: description of the names for the message, such as "lines of list.txt".
    """
    unprintable = [name for name in names if not name.isprintable()]
    odd = {ascii(name) for name in unprintable if has_control_characters(name)}
    refuse(f"{noun} with control characters, or not in UTF-8 (rename them)", odd)


def has_control_characters(name: str) -> bool:
    r"""Return whether a name breaks a line, cannot be encoded, or changes the text around it.

    >>> [has_control_characters(name) for name in ("Größe 1", "two\nlines", "\u202egnp.exe")]
    [False, True, True]
    """
    return any(
        unicodedata.category(character) in CONTROL
        or unicodedata.bidirectional(character) in DIRECTION
        for character in name
    )


def refuse_repeated(noun: str, stems: Iterable[str]) -> None:
    """Raise ValueError, with the message of `counted`, if stems occur more than once.

    >>> refuse_repeated("stems repeated", ["b", "a", "b"])
    Traceback (most recent call last):
    ValueError: 1 stems repeated: b
    """
    refuse(noun, {stem for stem, n in Counter(stems).items() if n > 1})


def refuse(noun: str, stems: set[str]) -> None:
    """Raise ValueError, with the message of `counted`, if there are any stems.

    >>> refuse("images without a mask", {"b", "a"})
    Traceback (most recent call last):
    ValueError: 2 images without a mask: a, b
    """
    if stems:
        raise ValueError(counted(noun, stems))


def counted(noun: str, names: Collection[str]) -> str:
    """Describe a collection by its size, a noun and its first names.

    >>> counted("stems in both lists", ["c", "a", "b"])
    '3 stems in both lists: a, b, c'
    """
    return f"{len(names)} {noun}: {', '.join(sorted(names)[:5])}{', ...' if len(names) > 5 else ''}"
