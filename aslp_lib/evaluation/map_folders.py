"""Anyone's maps: several methods' folders against several sets' masks, scored alike."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from aslp_lib.data.listing import find_images
from aslp_lib.evaluation.scores import Results
from aslp_lib.prediction.maps import AS_IT_IS, ReadOptions, count_folders

MASK_FOLDERS = ("gt", "mask", "masks")
"""Folders of masks that carry their set's name one level up (`SOD/GT`)."""


def count_methods(
    methods: Mapping[str, Path],
    sets: Mapping[str, Path],
    reading: ReadOptions = AS_IT_IS,
    *,
    progress: bool = True,
) -> Results:
    """Counts of every method on every set.

    Args:
        methods: label -> folder of maps: `FOLDER/SET/STEM.png`, or for one set `FOLDER/STEM.png`.
        sets: name -> folder of masks.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: as `count_folders`.
    """
    # First of all: a missing folder is told before an hour of counting.
    for folder in sets.values():
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}: --masks needs folders of masks")
    places = {
        name: {label: _maps(folder, name, len(sets)) for label, folder in methods.items()}
        for name in sets
    }
    return {
        name: {
            label: count_folders(folder, sets[name], reading, progress=progress)
            for label, folder in folders.items()
        }
        for name, folders in places.items()
    }


def parse_methods(words: Sequence[str]) -> dict[str, Path]:
    """Folders of maps as typed: `DIR`, called as the folder is, or `LABEL=DIR`.

    Raises:
        ValueError: two of one label; a label that cannot stand in a table.
    """
    methods: dict[str, Path] = {}
    for word in words:
        label, separator, folder = word.partition("=")
        labelled = separator and not Path(word).exists()
        path = Path(folder if labelled else word)
        name = label if labelled else _as_written(path).name
        if name in methods:
            raise ValueError(
                f"two methods are called {name}: name them, --maps FIRST={methods[name]} "
                f"SECOND={path}"
            )
        _refuse_unprintable(name, f"--maps LABEL={path}")
        methods[name] = path
    return methods


def parse_sets(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders of masks by their sets' names: a set is called as its folder, or as its parent if it
    is a `GT`. Links are not followed.

    Raises:
        ValueError: two of one name; a name that cannot stand in a table.
    """
    sets: dict[str, Path] = {}
    for folder in folders:
        whole = _as_written(folder)
        name = whole.parent.name if whole.name.lower() in MASK_FOLDERS else whole.name
        if name in sets:
            raise ValueError(
                f"{sets[name]} and {folder} are both called {name}: rename one, or give a link to "
                f"it under another name (ln -s {whole} OTHER; --masks OTHER). Maps of several sets "
                "lie in folders of their names"
            )
        _refuse_unprintable(name, "a link to the folder that has a printable name")
        sets[name] = folder
    return sets


def _as_written(path: Path) -> Path:
    """The whole path, links not followed: who links a folder under another name means that."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (`absolute` would keep "..")


def _refuse_unprintable(name: str, remedy: str) -> None:
    """Raise ValueError on a name that would break a line or that no file can hold."""
    categories = {unicodedata.category(character) for character in name}
    if not name.strip() or categories & {"Cc", "Cs", "Zl", "Zp"}:
        raise ValueError(
            f"{name!r} cannot be a name in tables, it is empty or has line breaks or control "
            f"characters: give {remedy}"
        )


def _maps(folder: Path, name: str, sets: int) -> Path:
    """Where a method's maps of a set lie."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: --maps needs folders of maps")
    if (folder / name).is_dir():
        return folder / name
    if sets > 1:
        raise FileNotFoundError(
            f"there is no folder {folder / name}: with several sets, each method's folder needs "
            "one of each set's name"
        )
    if not find_images(folder):
        raise ValueError(f"there are no maps in {folder}, and no folder {name}")
    return folder
