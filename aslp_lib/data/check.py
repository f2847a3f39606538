"""Check a data folder in the paper's layout, and report all problems at once."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.contrib.concurrent import thread_map

from aslp_lib.data.folders import (
    TEXTURES,
    TRAIN,
    TRAIN_LIST,
    VALIDATION_LIST,
    find_test_folders,
)
from aslp_lib.files import require_exists
from aslp_lib.maps import listing
from aslp_lib.maps.read import IGNORED, Grey, read_image, read_mask, refuse_other_size

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
"""Number of images of each set, as published by its authors."""


@dataclass
class CheckResult:
    """The result of a check.

    Args:
        images: number of images of each set.
        problems: problems that must be fixed, each with its path and what to do.
        notes: findings that may be intended and need no correction.
    """

    images: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def attempt(self, check: Callable[..., Any], *arguments: object) -> Any:
        """Call a check; if it raises an error, add the message to `problems` and return None."""
        try:
            return check(*arguments)
        except (ValueError, OSError) as error:
            self.problems.append(str(error))
            return None

    def refuse(self, noun: str, names: Collection[str]) -> None:
        """Add a problem if there are any names; its message is that of `counted`."""
        if names:
            self.problems.append(listing.counted(noun, names))


def check_data(
    root: Path, grey: Grey = "refuse", ignore_index: int | None = None, progress: bool = True
) -> CheckResult:
    """Check every file of a folder in the paper's layout.

    Every image and mask is decoded. Two images count as duplicates if their decoded pixels are
    equal. An image of the training or validation set that also occurs in another set is a problem;
    any other duplicate is a note.

    Args:
        root: folder with `Train` and `Test`.
        grey, ignore_index: see `Folder`.

    Raises:
        FileNotFoundError: there is no folder `root`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = check_data(Path(folder), progress=False)
    >>> len(result.problems)  # no Image, no GT, no test set
    3
    """
    result = CheckResult()
    require_exists("folder", root, "the paper's layout. See Dataset/README.md.")
    folders, result.notes = find_test_folders(root)
    tests = [path for path in folders if path.suffix != ".partial"]
    if not tests:
        result.problems.append(
            f"there is no test set in {root / 'Test'}; expected one or more. See Dataset/README.md."
        )
    copies: dict[bytes, list[tuple[str, Path]]] = defaultdict(list)
    reading, any_ignored = (grey, ignore_index), False
    for folder in (root / TRAIN, *tests):
        digests, ignored = _check_set(folder, reading, result, progress)
        for path, digest in digests.items():
            copies[digest].append((folder.name, path))
        any_ignored |= ignored > 0
        if ignored > 0:
            result.notes.append(f"{folder.name}: {ignored:.1%} of the pixels are ignored")
    if ignore_index is not None and not any_ignored:
        result.problems.append(
            f"no mask has a pixel of grey level {ignore_index}; expected some. Correct "
            "--ignore-index, or leave it out."
        )
    part_of = _check_lists(root, result)
    for files in copies.values():
        if len(files) > 1:
            parts = [part_of.get(p.stem, s) if s == TRAIN.name else s for s, p in files]
            _report_duplicates(list(zip(parts, (path for _, path in files), strict=True)), result)
    return result


def _check_set(
    folder: Path, reading: tuple[Grey, int | None], result: CheckResult, progress: bool
) -> tuple[dict[Path, bytes], float]:
    """Check the files of a set.

    Returns:
        The SHA-256 of the pixels of each readable image, and the share of pixels to ignore.
    """
    name = folder.name
    images = _files(folder / "Image", result)
    # Textures show no object, so their masks are optional.
    blank = name == TEXTURES and not (folder / "GT").is_dir()
    masks = {} if blank else _files(folder / "GT", result)
    result.images[name] = len(images)
    if not blank:
        result.refuse(f"images in {folder} without a mask (add it)", images.keys() - masks)
        result.refuse(f"masks in {folder} without an image (add it)", masks.keys() - images)
    if (published := SIZES.get(name, len(images))) != len(images):
        result.notes.append(f"{name} has {len(images)} images; the published set has {published}")

    digests: dict[str, bytes] = {}
    has_object: dict[str, bool] = {}
    ignored: dict[str, tuple[int, int]] = {}

    def check_item(stem: str) -> list[str]:
        item = CheckResult()
        image = item.attempt(read_image, images[stem]) if stem in images else None
        mask = item.attempt(read_mask, masks[stem], *reading) if stem in masks else None
        if image is not None:
            digests[stem] = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()
        if mask is not None:
            has_object[stem] = bool((mask == 1).any())
            ignored[stem] = np.count_nonzero(mask == IGNORED), mask.size
        if image is not None and mask is not None:
            item.attempt(refuse_other_size, images[stem], image.shape[:2], mask.shape)
        return item.problems

    stems = sorted(images.keys() | masks)
    for problems in thread_map(check_item, stems, desc=name, disable=not progress, leave=False):
        result.problems += problems
    if name == TEXTURES:
        objects = {stem for stem, present in has_object.items() if present}
        result.refuse(f"masks of {folder} show an object (textures have none)", objects)
    elif blank_masks := [stem for stem, present in has_object.items() if not present]:
        result.notes.append(listing.counted(f"masks of {name} are all background", blank_masks))
    pixels, all_pixels = np.sum([*ignored.values(), (0, 0)], axis=0)
    return {images[s]: digests[s] for s in stems if s in digests}, pixels / max(all_pixels, 1)


def _files(folder: Path, result: CheckResult) -> dict[str, Path]:
    """Return the image files by stem; unlike `find_images`, go on after a problem."""
    images = result.attempt(listing.image_files, folder)
    if images is None:
        return {}
    result.attempt(listing.refuse_empty, folder, images)
    if others := {path.name for path in folder.glob("[!.]*")} - {path.name for path in images}:
        result.notes.append(listing.counted(f"files in {folder} are not images", others))
    stems = [path.stem for path in images]
    result.attempt(listing.refuse_unprintable, f"files in {folder}", stems)
    problem = f"stems shared by several files in {folder} (keep one file each)"
    result.attempt(listing.refuse_repeated, problem, stems)
    return {path.stem: path for path in images}


def _check_lists(root: Path, result: CheckResult) -> dict[str, str]:
    """Check the lists; return "train" or "validation" for each stem that they name."""
    paths = {"train": root / TRAIN_LIST, "validation": root / VALIDATION_LIST}
    if not any(path.exists() for path in paths.values()):
        result.notes.append(f"no {TRAIN_LIST} in {root}: a fixed split will be used")
        return {}
    stems = {name: result.attempt(listing.read_list, path) or [] for name, path in paths.items()}
    files = (root / TRAIN / "Image").glob("*")
    present = {path.stem for path in files if path.suffix.lower() in listing.SUFFIXES}
    for name, path in paths.items():
        absent = {*stems[name]} - present
        result.refuse(f"stems of {path} not in {TRAIN / 'Image'} (remove them)", absent)
    both = {*stems["train"]} & {*stems["validation"]}
    result.refuse(f"stems both in {TRAIN_LIST} and {VALIDATION_LIST} (remove one)", both)
    return {stem: name for name, listed in stems.items() for stem in listed}


def _report_duplicates(files: list[tuple[str, Path]], result: CheckResult) -> None:
    """Add a problem or a note about files with equal pixels, given with the set of each."""
    parts = {part for part, _ in files}
    places = ", ".join(f"{path} ({part})" for part, path in files)
    if len(parts) > 1 and parts & {"train", "validation", TRAIN.name}:
        result.problems.append(
            f"the same image occurs in several sets: {places}; expected it in one. Remove the rest."
        )
    else:
        result.notes.append(f"the same image occurs in several files: {places}")
