"""Folders of predicted maps of several methods, compared on the masks of several test sets."""

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from aslp_lib.evaluation.scores import Results
from aslp_lib.maps.count import (
    AS_IT_IS,
    ReadOptions,
    count_folders,
    find_files,
    no_files,
    require_ignored,
)
from aslp_lib.maps.listing import MAP_SUFFIXES, find_images, has_control_characters
from aslp_lib.metrics.classes import AnyCounts

MASK_FOLDERS = ("gt", "mask", "masks")
"""Names of mask folders whose parent folder carries the name of the set (`SOD/GT`)."""


def count_methods(
    methods: Mapping[str, Sequence[Path]],
    sets: Mapping[str, Path],
    reading: ReadOptions = AS_IT_IS,
    valid: Mapping[str, Path] = {},
) -> list[Results]:
    """Count the pixels of every method's maps on every set, for every seed.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("ours", "masks"):
    ...         Path(folder, name).mkdir()
    ...         Image.new("L", (4, 2), 255).save(Path(folder, name, "image.png"))
    ...     maps, masks = {"ours": [Path(folder, "ours")]}, {"SOD": Path(folder, "masks")}
    ...     (results,) = count_methods(maps, masks, ReadOptions(weighted_f=False))
    >>> results["SOD"]["ours"].pixels
    8

    Args:
        methods: method label -> folders of maps, one per seed. Maps lie in `FOLDER/SET/STEM.png`,
            or in `FOLDER/STEM.png` if there is only one set.
        sets: set name -> folder of masks.
        reading: how maps and masks are read.
        valid: set name -> folder of masks of the pixels to count; all pixels of other sets count.

    Returns:
        The counts of each seed.

    Raises:
        FileNotFoundError: a folder does not exist.
        ValueError: maps or masks cannot be used, see `count_folders`; the methods differ in their
            number of seeds; two seeds of a method have equal counts; or no pixel of any mask has
            the grey level to ignore.
    """
    for folder in (*sets.values(), *valid.values()):  # before counting, which may take an hour
        find_files("masks", folder)
    numbers = {label: len(folders) for label, folders in methods.items()}
    if len(set(numbers.values())) > 1:
        raise ValueError(
            "the methods differ in their number of seeds: "
            f"{', '.join(f'{label} has {number}' for label, number in numbers.items())}; expected "
            "as many folders of each, in the order of the seeds. Correct --maps."
        )
    paths = {
        (name, label): [maps_folder(folder, name, len(sets)) for folder in folders]
        for name in sets
        for label, folders in methods.items()
    }
    counts = {
        (name, label): [count_folders(p, sets[name], reading, valid=valid.get(name)) for p in seeds]
        for (name, label), seeds in paths.items()
    }
    require_ignored([part for parts in counts.values() for part in parts], reading)
    for (name, label), seeds in counts.items():
        _refuse_copies(label, paths[name, label], seeds)
    return [
        {name: {label: counts[name, label][seed] for label in methods} for name in sets}
        for seed in range(max(numbers.values(), default=0))
    ]


def parse_methods(words: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """Parse the folders of maps that a user typed: label of the method -> folders, one per seed.

    A word is `LABEL=DIR`, `LABEL=DIR,DIR,...` with a folder for each seed, or `DIR` alone, where
    the folder's name becomes the label.

    >>> methods = parse_methods(["maps/bce", "ASLP=maps/aslp_mc"])
    >>> list(methods)
    ['bce', 'ASLP']
    >>> [folder.name for folder in parse_methods(["ASLP=maps/s0,maps/s1"])["ASLP"]]
    ['s0', 's1']

    Raises:
        ValueError: two methods have the same label, a label cannot be printed in a table, or a
            method names a folder twice, in whatever spelling.
    """
    methods: dict[str, tuple[Path, ...]] = {}
    for word in words:
        label, text = _label(word)
        if label is None and "," in word and not Path(word).exists():
            raise ValueError(
                f"{word!r} names several folders without a label; expected LABEL=DIR,DIR,... for "
                "the seeds of a method. Correct --maps."
            )
        parts = text.split(",") if label is not None and not Path(text).exists() else [text]
        if "" in parts or len({Path(part).resolve() for part in parts}) < len(parts):
            raise ValueError(
                f"the folders of {label} are {text!r}; expected different folders, one for each "
                "seed, also after links are followed, with commas between them. Correct --maps."
            )
        name = _absolute(text).name if label is None else label
        _add(methods, name, tuple(map(Path, parts)), "maps")
    return methods


def parse_sets(words: Sequence[str]) -> dict[str, Path]:
    """Parse the folders of masks that a user typed: name of the set -> folder.

    A word is `LABEL=DIR`, or `DIR` alone, where the set takes the name of the folder, or of its
    parent if the folder is called as one of `MASK_FOLDERS`. Symbolic links are not followed.

    >>> list(parse_sets(["Test/SOD/GT", "masks/ECSSD", "pink=masks/3"]))
    ['SOD', 'ECSSD', 'pink']

    Raises:
        ValueError: two sets have the same name, or a name cannot be printed in a table.
    """
    sets: dict[str, tuple[Path, ...]] = {}
    for word in words:
        label, folder = _label(word)
        path = _absolute(folder)
        name = path.parent.name if path.name.lower() in MASK_FOLDERS else path.name
        _add(sets, name if label is None else label, (Path(folder),), "masks")
    return {name: folder for name, (folder,) in sets.items()}


def _label(word: str) -> tuple[str | None, str]:
    """Split `LABEL=REST`; the label is None if there is none, or if the word is a folder's name."""
    label, separator, rest = word.partition("=")
    return (label, rest) if separator and not Path(word).exists() else (None, word)


def _absolute(path: str) -> Path:
    """Return the absolute path without following links, whose names the user chose."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (`absolute` would keep "..")


def _add(folders: dict[str, tuple[Path, ...]], name: str, new: tuple[Path, ...], kind: str) -> None:
    """Add one or several folders under their name in tables.

    Raises:
        ValueError: the name is taken, is empty or has control characters.
    """
    text = ",".join(map(str, new))
    if name in folders:
        raise ValueError(
            f"{','.join(map(str, folders[name]))} and {text} are both called {name}; expected "
            f"different names. Give one of them another name: --{kind} LABEL={text}"
        )
    if not name.strip() or has_control_characters(name):
        raise ValueError(
            f"{name!r} cannot be a name in tables; expected a name that is not empty and has no "
            f"line breaks or control characters. Give another name: --{kind} LABEL={text}"
        )
    folders[name] = new


def _refuse_copies(label: str, folders: Sequence[Path], seeds: Sequence[AnyCounts]) -> None:
    """Raise ValueError if two seeds of a method have the same counts of every image.

    A copy would narrow the intervals over seeds.
    """
    for (first, one), (second, other) in combinations(zip(folders, seeds, strict=True), 2):
        if one.names == other.names and np.array_equal(one.table, other.table):
            raise ValueError(
                f"{first} and {second} hold the same maps of {label}; expected maps of different "
                "seeds, because a copy tells nothing about their spread. Leave one out."
            )


def maps_folder(folder: Path, name: str, sets: int) -> Path:
    """Return the folder with a method's maps of one set.

    Args:
        folder: folder of the method.
        name: name of the set.
        sets: number of sets; a single one may have its maps in `folder` itself.

    Raises:
        ValueError: there are no maps.
    """
    places = [folder / name, folder][: 2 if sets == 1 else 1]
    for place in places:
        if place.is_dir() and find_images(place, MAP_SUFFIXES):
            return place
    raise no_files("maps", places, folder)
