"""Folders of predicted maps of several methods, compared on the masks of several test sets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from aslp_lib.evaluation.scores import Results
from aslp_lib.files import require_exists
from aslp_lib.maps.count import (
    AS_IT_IS,
    ReadOptions,
    count_folders,
    find_maps,
    require_ignored,
)
from aslp_lib.maps.listing import has_control_characters

MASK_FOLDERS = ("gt", "mask", "masks")
"""Names of mask folders whose parent folder carries the name of the set (`SOD/GT`)."""


def count_methods(
    methods: Mapping[str, Path],
    sets: Mapping[str, Path],
    reading: ReadOptions = AS_IT_IS,
    valid: Mapping[str, Path] = MappingProxyType({}),
) -> Results:
    """Count the pixels of every method's maps on every set.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("ours", "masks"):
    ...         Path(folder, name).mkdir()
    ...         Image.new("L", (4, 2), 255).save(Path(folder, name, "image.png"))
    ...     maps, masks = {"ours": Path(folder, "ours")}, {"SOD": Path(folder, "masks")}
    ...     results = count_methods(maps, masks, ReadOptions(weighted_f=False))
    >>> results["SOD"]["ours"].pixels
    8

    Args:
        methods: method label -> folder of maps. Maps lie in `FOLDER/SET/STEM.png`, or in
            `FOLDER/STEM.png` if there is only one set.
        sets: set name -> folder of masks.
        reading: how maps and masks are read.
        valid: set name -> folder of masks of the pixels to count; all pixels of other sets count.

    Raises:
        FileNotFoundError: a folder does not exist.
        ValueError: maps or masks cannot be used, see `count_folders`; or no pixel of any mask has
            the grey level to ignore.
    """
    # Every folder is checked first, because counting may take an hour.
    for kind, given in (("masks", sets), ("maps", methods), ("valid-masks", valid)):
        for folder in given.values():
            require_exists("folder", folder, f"a folder of {kind}. Correct --{kind}.")
    folders = {
        name: {label: _maps(folder, name, len(sets)) for label, folder in methods.items()}
        for name in sets
    }
    results = {
        name: {
            label: count_folders(path, sets[name], reading, valid=valid.get(name))
            for label, path in paths.items()
        }
        for name, paths in folders.items()
    }
    require_ignored([c for by_method in results.values() for c in by_method.values()], reading)
    return results


def parse_methods(words: Sequence[str]) -> dict[str, Path]:
    """Parse the folders of maps that a user typed: label of the method -> folder.

    A word is `LABEL=DIR`, or `DIR` alone, where the folder's name becomes the label.

    >>> list(parse_methods(["maps/bce", "ASLP=maps/calibration"]))
    ['bce', 'ASLP']

    Raises:
        ValueError: two methods have the same label, or a label cannot be printed in a table.
    """
    methods: dict[str, Path] = {}
    for word in words:
        label, separator, folder = word.partition("=")
        labelled = separator and not Path(word).exists()
        path = Path(folder if labelled else word)
        name = label if labelled else _absolute(path).name
        _add(methods, name, path, f"--maps LABEL={path}")
    return methods


def parse_sets(folders: Sequence[Path]) -> dict[str, Path]:
    """Name the sets of the given mask folders: name of the set -> folder.

    A set takes the name of its folder, or of the parent folder if the folder is called as one of
    `MASK_FOLDERS`. Symbolic links are not followed, so that a link can rename a set.

    >>> list(parse_sets([Path("Test/SOD/GT"), Path("masks/ECSSD")]))
    ['SOD', 'ECSSD']

    Raises:
        ValueError: two sets have the same name, or a name cannot be printed in a table.
    """
    sets: dict[str, Path] = {}
    for folder in folders:
        path = _absolute(folder)
        name = path.parent.name if path.name.lower() in MASK_FOLDERS else path.name
        _add(sets, name, folder, f"ln -s {path} OTHER; --masks OTHER")
    return sets


def _absolute(path: Path) -> Path:
    """Return the absolute path without following links, whose names the user chose."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (`absolute` would keep "..")


def _add(folders: dict[str, Path], name: str, folder: Path, remedy: str) -> None:
    """Add a folder under its name in tables.

    Raises:
        ValueError: the name is taken, is empty or has control characters.
    """
    if name in folders:
        raise ValueError(
            f"{folders[name]} and {folder} are both called {name}; expected different names. Give "
            f"one of them another name: {remedy}"
        )
    if not name.strip() or has_control_characters(name):
        raise ValueError(
            f"{name!r} cannot be a name in tables; expected a name that is not empty and has no "
            f"line breaks or control characters. Give another name: {remedy}"
        )
    folders[name] = folder


def _maps(folder: Path, name: str, sets: int) -> Path:
    """Return the folder with a method's maps of one set."""
    if sets > 1:
        require_exists("folder", folder / name, "a subfolder named after each set.")
    if (folder / name).is_dir():
        return folder / name
    find_maps(folder)  # raises ValueError if there are none
    return folder
