"""Check a data folder in the paper's layout, and report all problems at once."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.contrib.concurrent import thread_map

from aslp_lib.checks import require
from aslp_lib.data import folders
from aslp_lib.files import require_exists
from aslp_lib.maps.listing import (
    CLASS_SUFFIXES,
    SUFFIXES,
    counted,
    find_images,
    other_files,
    refuse,
)
from aslp_lib.maps.read import IGNORED, Grey, read_image, refuse_other_size
from aslp_lib.maps.slabs import open_mask

SIZES = {
    folders.TRAIN.as_posix(): 10553,
    **{f"Test/{name}": images for name, images in folders.TEST_SETS.items()},
}
"""Number of images of each set of the paper, as published by its authors."""


@dataclass
class CheckResult:
    """The result of a check.

    Args:
        images: number of images of each set, by its folder, such as `Train/DUTS-TR`.
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


def check_data(
    root: Path,
    grey: Grey = "refuse",
    ignore_index: int | None = None,
    classes: tuple[str, ...] = (),
) -> CheckResult:
    """Check every file of a folder in the paper's layout.

    Every image and mask is decoded. Two images count as duplicates if their decoded pixels are
    equal. An image of the training or validation set that also occurs in another set is a problem;
    any other duplicate is a note.

    Args:
        root: folder with `Train` and `Test`.
        grey, ignore_index, classes: see `Folder`. A note names the share of each class.

    Raises:
        FileNotFoundError: there is no folder `root`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = check_data(Path(folder))
    >>> len(result.problems)  # no training set
    1
    """

    def read_labels(path: Path) -> np.ndarray:
        return open_mask(path, grey, ignore_index, len(classes)).whole()

    require_exists("folder", root, "one with Train/NAME/Image and GT. See docs/own_folders.md.")
    result = CheckResult(notes=folders.missing_sets(root))
    train, tests = (
        {path: _files(path / "Image", result) for path in paths if path.suffix != ".partial"}
        for paths in (folders.find_folders(root, part) for part in ("Train", "Test"))
    )
    result.attempt(folders.require_sets, root, "Train", train)
    result.attempt(folders.refuse_shared_stems, train)
    lists = folders.read_lists(root, {s for files in train.values() for s in files}, result.attempt)
    if not tests:
        result.notes.append(f"no test set in {root / 'Test'}: {folders.WITHOUT_TEST_SETS}")
    if not lists:
        result.notes.append(f"no {folders.LISTS[''][0]} in {root}: images are held out at random")
    part_of = {stem: part for part, stems in lists.items() for stem in stems}
    copies: dict[bytes, list[tuple[str, Path]]] = defaultdict(list)  # by their pixels
    # Numbers of pixels by their labels, see `_check_set`.
    drawn = {part: np.zeros(IGNORED + 1, int) for part in ("Train", "Test")}
    for folder, files in (train | tests).items():
        digests, pixels = _check_set(folder, files, read_labels, classes, result)
        drawn[folder.parent.name] += pixels
        for stem, digest in sorted(digests.items()):
            part = part_of.get(stem, "Train") if folder in train else _name(folder)
            copies[digest].append((part, files[stem]))
    ignored = any(pixels[IGNORED] for pixels in drawn.values())
    if train:
        place, pixels = str(root / "Train"), drawn["Train"]
        has_object = bool(classes or pixels[1] or not pixels.any())
        result.attempt(folders.require_object, place, ignore_index, ignored, has_object)
        number = sum(map(len, train.values()))
        expected = "two or more: one to train, one to validate. Add some."
        result.attempt(require, f"the number of images in {place}", number, number > 1, expected)
    for same in (files for files in copies.values() if len(files) > 1):
        parts, places = {part for part, _ in same}, [f"{path} ({part})" for part, path in same]
        if len(parts) > 1 and parts & {"train", "validation", "Train"}:
            result.problems.append(
                f"the same image occurs in several sets: {', '.join(places)}; expected it in one. "
                "Remove the rest."
            )
        else:
            result.notes.append(f"the same image occurs in several files: {', '.join(places)}")
    return result


def _check_set(
    folder: Path,
    images: dict[str, Path],
    read_labels: Callable[[Path], np.ndarray],
    classes: tuple[str, ...],
    result: CheckResult,
) -> tuple[dict[str, bytes], np.ndarray]:
    """Check the files of a set.

    Returns:
        The SHA-256 of the pixels of each readable image, and the numbers of pixels of the readable
        masks by their labels, 0 to `IGNORED`.
    """
    name, masks = _name(folder), dict[str, Path]()
    result.images[name] = len(images)
    if not folders.without_masks(folder):
        masks = _files(folder / "GT", result, CLASS_SUFFIXES if classes else SUFFIXES)
        missing, unused = images.keys() - masks, masks.keys() - images
        result.attempt(refuse, f"images in {folder} without a mask (add it)", missing)
        result.attempt(refuse, f"masks in {folder} without an image (add it)", unused)
    if (published := SIZES.get(name, len(images))) != len(images):
        result.notes.append(f"{name} has {len(images)} images; the published set has {published}")
    digests: dict[str, bytes] = {}
    labels: dict[str, np.ndarray] = {}

    def check_item(stem: str) -> list[str]:
        item = CheckResult()
        image = item.attempt(read_image, images[stem]) if stem in images else None
        mask = item.attempt(read_labels, masks[stem]) if stem in masks else None
        if image is not None:
            digests[stem] = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()
        if mask is not None:
            labels[stem] = np.bincount(mask.ravel(), minlength=IGNORED + 1)
        if image is not None and mask is not None:
            item.attempt(refuse_other_size, images[stem], image.shape[:2], mask.shape)
        return item.problems

    stems = sorted(images.keys() | masks)
    result.problems += chain(*thread_map(check_item, stems, desc=name, leave=False))
    pixels = sum(labels.values(), np.zeros(IGNORED + 1, int))
    if pixels[IGNORED]:
        share = pixels[IGNORED] / pixels.sum()
        result.notes.append(f"{name}: {share:.1%} of the pixels are ignored")
    if classes:
        shares = pixels[: len(classes)] / max(1, pixels[:IGNORED].sum())
        each = (f"{label} {share:.1%}" for label, share in zip(classes, shares, strict=True))
        result.notes.append(f"{name}: {', '.join(each)}")
        return digests, pixels
    with_object = {stem for stem, of_mask in labels.items() if of_mask[1]}
    if folder.name == folders.TEXTURES:
        noun = f"masks of {folder} show an object (textures have none)"
        result.attempt(refuse, noun, with_object)
    elif blank := labels.keys() - with_object:
        result.notes.append(counted(f"masks of {name} are all background", blank))
    return digests, pixels


def _name(folder: Path) -> str:
    """Return the name of the folder of a set, such as `Train/DUTS-TR`."""
    return f"{folder.parent.name}/{folder.name}"


def _files(
    folder: Path, result: CheckResult, suffixes: tuple[str, ...] = SUFFIXES
) -> dict[str, Path]:
    """Return the image files by stem, and go on after a problem."""
    images: dict[str, Path] | None = result.attempt(find_images, folder, suffixes, result.attempt)
    if images is None:
        return {}
    noun, expected = f"the number of images in {folder}", "JPEG or PNG files. Add them."
    result.attempt(require, noun, len(images), bool(images), expected)
    if others := other_files(folder, suffixes):
        result.notes.append(counted(f"files in {folder} are not images", others))
    return images
