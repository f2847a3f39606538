"""Finding image files by stem, and reading lists of stems."""

import operator
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from aslp_lib.files import read, require_exists

SUFFIXES = (".jpg", ".jpeg", ".png")
"""Suffixes of photographs and their masks."""
CLASS_SUFFIXES = (*SUFFIXES, ".npy")
"""Suffixes of masks of class ids."""
IMAGE_SUFFIXES = (*SUFFIXES, ".tif", ".tiff", ".gif", ".webp")
"""Suffixes of all images that `read_image` reads."""
MAP_SUFFIXES = (*SUFFIXES, ".tif", ".tiff", ".npy", ".npz")
"""Suffixes of maps, and of the masks that they are scored against."""
CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, separators of lines and paragraphs, surrogates, and characters that change
the direction of the text after them, so that a name may look like another one."""
Attempt = Callable[..., Any]
"""Function that calls a check with its arguments. `operator.call` lets the first error through;
`CheckResult.attempt` of data/check.py collects the errors of all checks."""


def find_images(
    folder: Path, suffixes: Collection[str] = SUFFIXES, attempt: Attempt = operator.call
) -> dict[str, Path]:
    """Find the image files of a folder, or other files by their suffixes; skip hidden files.

    Args:
        attempt: makes the checks of names, see `Attempt`.

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
    require_exists("folder", folder, "one with images. See docs/own_folders.md for the layout.")
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    paths = sorted(path for path in visible if path.suffix.lower() in suffixes)
    stems = [path.stem for path in paths]
    attempt(refuse_unprintable, f"files in {folder}", stems)
    repeated = f"stems shared by several files in {folder} (keep one file each)"
    attempt(refuse_repeated, repeated, stems)
    return dict(zip(stems, paths, strict=True))


def other_files(folder: Path, suffixes: Collection[str] = SUFFIXES) -> set[str]:
    """Return the names of the files and folders that `find_images` leaves out, without hidden ones.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a.png", "b.bmp", ".hidden"):
    ...         (Path(folder) / name).touch()
    ...     other_files(Path(folder))
    {'b.bmp'}
    """
    return {path.name for path in folder.glob("[!.]*") if path.suffix.lower() not in suffixes}


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


def refuse_unprintable(noun: str, names: Iterable[str]) -> None:
    """Raise ValueError if names hold control characters or are not in UTF-8.

    Lists and tables have one name per line, in UTF-8.

    Args:
        noun: description of the names for the message, such as "lines of list.txt".
    """
    odd = {ascii(name) for name in names if has_control_characters(name)}
    refuse(f"{noun} with control characters, or not in UTF-8 (rename them)", odd)


def has_control_characters(name: str) -> bool:
    r"""Return whether a name breaks a line, cannot be encoded, or changes the text around it.

    >>> [has_control_characters(name) for name in ("Größe 1", "two\nlines", "\u202egnp.exe")]
    [False, True, True]
    """
    return CONTROL.search(name) is not None


def refuse_repeated(noun: str, stems: Iterable[str]) -> None:
    """Raise ValueError, with the message of `counted`, if stems occur more than once.

    >>> refuse_repeated("stems repeated", ["b", "a", "b"])
    Traceback (most recent call last):
    ValueError: stems repeated: b
    """
    refuse(noun, {stem for stem, n in Counter(stems).items() if n > 1})


def refuse(noun: str, stems: set[str]) -> None:
    """Raise ValueError, with the message of `counted`, if there are any stems.

    >>> refuse("images without a mask", {"b", "a"})
    Traceback (most recent call last):
    ValueError: images without a mask: a, b
    """
    if stems:
        raise ValueError(counted(noun, stems))


def counted(noun: str, names: Collection[str]) -> str:
    """Describe a collection by a noun, its first names and the number of the others.

    >>> counted("stems in both lists", "gfedcba")
    'stems in both lists: a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{noun}: {', '.join(sorted(names)[:5])}{more}"
