"""Everything that is wrong with a folder in the paper's layout, found at once."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from aslp_lib.data.folders import (
    TEST_SETS,
    TEXTURES,
    TRAIN,
    TRAIN_LIST,
    VALIDATION_LIST,
    refuse_other_size,
)
from aslp_lib.data.images import Grey, read_image, read_mask
from aslp_lib.data.listing import SUFFIXES, counted, read_list, refuse, refuse_unprintable

SIZES = {
    TRAIN.name: 10553,
    "DUTS-TE": 5019,
    "DUT-OMRON": 5168,
    "PASCAL-S": 850,
    "SOD": 300,
    "ECSSD": 1000,
    "HKU-IS": 4447,
    TEXTURES: 500,
}
"""How many images the sets have as their authors give them."""


@dataclass
class Found:
    """What there is and what is wrong with it.

    Args:
        images: how many of each set.
        problems: what must be mended, each with its path and what to do.
        notes: what may be as it should.
    """

    images: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def attempt(self, check: Callable[..., Any], *arguments: object) -> Any:
        """What a check returns; None, and a problem more, where it refuses."""
        try:
            return check(*arguments)
        except (ValueError, OSError) as error:
            self.problems.append(str(error))
            return None


def check_data(root: Path, grey: Grey = "refuse", progress: bool = True) -> Found:
    """Look at every file under `root`.

    Every image and mask is decoded. Two images are the same if their decoded pixels are; this is a
    problem between what trains, what validates and the tests, and else a note.

    Args:
        grey: as `Folder`.

    Raises:
        FileNotFoundError: there is no folder `root`.
    """
    found = Found()
    same: dict[bytes, list[tuple[str, Path]]] = defaultdict(list)
    for folder in _folders(root, found):
        for path, digest in _check_set(folder, grey, found, progress):
            same[digest].append((folder.name, path))
    part_of = _check_lists(root, found)
    for places in same.values():
        if len(places) > 1:
            parts = [part_of.get(p.stem, s) if s == TRAIN.name else s for s, p in places]
            _say_same(list(zip(parts, (path for _, path in places), strict=True)), found)
    return found


def _folders(root: Path, found: Found) -> list[Path]:
    """That of training, then the test sets, known ones first."""
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}: see Dataset/README.md for the layout")
    folders = sorted(path for path in (root / "Test").glob("[!.]*") if path.is_dir())
    there = [path for path in folders if not path.name.endswith(".partial")]
    known = [*TEST_SETS, TEXTURES]
    if not there:
        found.problems.append(f"there is no test set in {root / 'Test'}: see Dataset/README.md")
    if missing := [name for name in known if name not in [path.name for path in there]]:
        found.notes.append(f"not in {root / 'Test'}: {', '.join(missing)}")
    return [root / TRAIN, *sorted(there, key=lambda path: (*known, path.name).index(path.name))]


def _check_set(folder: Path, grey: Grey, found: Found, progress: bool) -> list[tuple[Path, bytes]]:
    """Check a set's files; its readable images and the SHA-256 of their decoded pixels."""
    name = folder.name
    images = _files(folder / "Image", found)
    # Textures have no object: their masks need not be on disk.
    blank = name == TEXTURES and not (folder / "GT").is_dir()
    masks = {} if blank else _files(folder / "GT", found)
    found.images[name] = len(images)
    if not blank:
        found.attempt(refuse, f"images in {folder} without a mask (add it)", images.keys() - masks)
        found.attempt(refuse, f"masks in {folder} without an image (add it)", masks.keys() - images)
    if (expected := SIZES.get(name, len(images))) != len(images):
        found.notes.append(f"{name} has {len(images)} images, its authors' {expected}")

    def look(stem: str) -> tuple[list[str], bytes | None, bool | None]:
        own = Found()
        image = own.attempt(read_image, images[stem]) if stem in images else None
        mask = own.attempt(read_mask, masks[stem], grey) if stem in masks else None
        if image is not None and mask is not None:
            own.attempt(refuse_other_size, images[stem], image.shape[:2], mask.shape)
        digest = None
        if image is not None:
            digest = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()
        return own.problems, digest, None if mask is None else bool(mask.any())

    stems = sorted(images.keys() | masks)
    pictures: list[tuple[Path, bytes]] = []
    objects: dict[bool, list[str]] = {True: [], False: []}
    with ThreadPoolExecutor() as pool:
        looked = tqdm(pool.map(look, stems), name, len(stems), disable=not progress, leave=False)
        for stem, (problems, digest, has_object) in zip(stems, looked, strict=True):
            found.problems += problems
            if digest is not None:
                pictures.append((images[stem], digest))
            if has_object is not None:
                objects[has_object].append(stem)
    if name == TEXTURES:
        what = f"masks of {folder} show an object (textures have none)"
        found.attempt(refuse, what, {*objects[True]})
    elif blank_masks := objects[False]:
        found.notes.append(counted(f"masks of {name} are all background", blank_masks))
    return pictures


def _files(folder: Path, found: Found) -> dict[str, Path]:
    """Stem -> image file, as `find_images`, which stops at what is wrong."""
    if not folder.is_dir():
        found.problems.append(f"there is no folder {folder}: see Dataset/README.md for the layout")
        return {}
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    images = [path for path in paths if path.suffix.lower() in SUFFIXES]
    if not images:
        found.problems.append(f"{folder} holds no images (jpg, png): put them there")
    if others := {path.name for path in paths} - {path.name for path in images}:
        found.notes.append(counted(f"files in {folder} are no images", others))
    found.attempt(refuse_unprintable, f"files in {folder}", [path.stem for path in images])
    times = Counter(path.stem for path in images)
    twice = {stem for stem, n in times.items() if n > 1}
    found.attempt(refuse, f"stems of several files in {folder} (remove all but one)", twice)
    return {path.stem: path for path in images}


def _check_lists(root: Path, found: Found) -> dict[str, str]:
    """Stem of DUTS-TR -> "train" or "validation", as far as there are lists."""
    paths = {"train": root / TRAIN_LIST, "validation": root / VALIDATION_LIST}
    if not any(path.exists() for path in paths.values()):
        found.notes.append(f"no {TRAIN_LIST} in {root}: a fixed split is made")
        return {}
    stems = {name: found.attempt(read_list, path) or [] for name, path in paths.items()}
    there = {p.stem for p in (root / TRAIN / "Image").glob("*") if p.suffix.lower() in SUFFIXES}
    for name, path in paths.items():
        found.attempt(refuse, f"stems of {path} not in {TRAIN / 'Image'}", {*stems[name]} - there)
    both = {*stems["train"]} & {*stems["validation"]}
    found.attempt(refuse, f"stems both in {TRAIN_LIST} and {VALIDATION_LIST}", both)
    return {stem: name for name, listed in stems.items() for stem in listed}


def _say_same(places: list[tuple[str, Path]], found: Found) -> None:
    """Where the same picture lies."""
    parts = {part for part, _ in places}
    where = ", ".join(f"{path} ({part})" for part, path in places)
    if len(parts) > 1 and parts & {"train", "validation", TRAIN.name}:
        found.problems.append(f"the same picture is {where}: keep it out of all but one")
    else:
        found.notes.append(f"the same picture is {where}")
