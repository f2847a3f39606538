"""Anyone's maps: several methods' folders against several sets' masks, scored alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aslp_lib.data.folders import find_images
from aslp_lib.evaluation.maps import AS_IT_IS, ReadOptions, count_folders
from aslp_lib.evaluation.scores import Results

MASK_FOLDERS = ("gt", "mask", "masks")
"""Folders of masks that carry their set's name one level up (`SOD/GT`)."""


def count_methods(
    methods: Mapping[str, Path],
    masks: Sequence[Path],
    reading: ReadOptions = AS_IT_IS,
    *,
    progress: bool = True,
) -> Results:
    """Counts of every method on every set.

    Args:
        methods: label -> folder of maps: `FOLDER/SET/STEM.png`, or for one set `FOLDER/STEM.png`.
        masks: one folder a set; the set is called as the folder, or as its parent if that is `GT`.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: as `count_folders`; two sets of one name.
    """
    sets: dict[str, Path] = {}
    for folder in masks:
        name = set_name(folder)
        if name in sets:
            raise ValueError(f"{sets[name]} and {folder} are both called {name}: rename one")
        sets[name] = folder
    places = {
        name: {label: _maps(folder, name, len(sets)) for label, folder in methods.items()}
        for name in sets
    }  # first of all: a missing folder is told before an hour of counting
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
        ValueError: two of one label.
    """
    methods: dict[str, Path] = {}
    for word in words:
        label, separator, folder = word.partition("=")
        path = Path(folder if separator and not Path(word).exists() else word)
        name = label if separator and not Path(word).exists() else path.resolve().name
        if name in methods:
            raise ValueError(
                f"two methods are called {name}: name them, --maps FIRST={methods[name]} "
                f"SECOND={path}"
            )
        methods[name] = path
    return methods


def set_name(masks: Path) -> str:
    """What a folder of masks is called."""
    whole = masks.resolve()
    return whole.parent.name if whole.name.lower() in MASK_FOLDERS else whole.name


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
