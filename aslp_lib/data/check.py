"""Check a data folder in the paper's layout, and report all problems at once."""

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


def check_data(root: Path, grey: Grey = "refuse", progress: bool = True) -> CheckResult:
    """Check every file of a folder in the paper's layout.

    Every image and mask is decoded. Two images count as duplicates if their decoded pixels are
    equal. An image of the training or validation set that also occurs in another set is a problem;
    any other duplicate is a note.

    Args:
        root: folder with `Train` and `Test`.
        grey: see `Folder`.

    Raises:
        FileNotFoundError: there is no folder `root`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = check_data(Path(folder), progress=False)
    >>> len(result.problems)  # no Image, no GT, no test set
    3
    """
    result = CheckResult()
    copies: dict[bytes, list[tuple[str, Path]]] = defaultdict(list)
    for folder in _folders(root, result):
        for path, digest in _check_set(folder, grey, result, progress):
            copies[digest].append((folder.name, path))
    part_of = _check_lists(root, result)
    for files in copies.values():
        if len(files) > 1:
            parts = [part_of.get(p.stem, s) if s == TRAIN.name else s for s, p in files]
            _report_duplicates(list(zip(parts, (path for _, path in files), strict=True)), result)
    return result


def _folders(root: Path, result: CheckResult) -> list[Path]:
    """Return the folder of the training set, then those of the test sets, known ones first."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"there is no folder {root}; expected the paper's layout. See Dataset/README.md."
        )
    folders = sorted(path for path in (root / "Test").glob("[!.]*") if path.is_dir())
    tests = [path for path in folders if not path.name.endswith(".partial")]
    known = [*TEST_SETS, TEXTURES]
    if not tests:
        result.problems.append(
            f"there is no test set in {root / 'Test'}; expected one or more. See Dataset/README.md."
        )
    if missing := [name for name in known if name not in [path.name for path in tests]]:
        result.notes.append(f"missing from {root / 'Test'}: {', '.join(missing)}")
    return [root / TRAIN, *sorted(tests, key=lambda path: (*known, path.name).index(path.name))]


def _check_set(
    folder: Path, grey: Grey, result: CheckResult, progress: bool
) -> list[tuple[Path, bytes]]:
    """Check the files of a set; return its readable images and the SHA-256 of their pixels."""
    name = folder.name
    images = _files(folder / "Image", result)
    # Textures show no object, so their masks are optional.
    blank = name == TEXTURES and not (folder / "GT").is_dir()
    masks = {} if blank else _files(folder / "GT", result)
    result.images[name] = len(images)
    if not blank:
        result.attempt(refuse, f"images in {folder} without a mask (add it)", images.keys() - masks)
        unused = masks.keys() - images
        result.attempt(refuse, f"masks in {folder} without an image (add it)", unused)
    if (published := SIZES.get(name, len(images))) != len(images):
        result.notes.append(f"{name} has {len(images)} images; the published set has {published}")

    def check_item(stem: str) -> tuple[list[str], bytes | None, bool | None]:
        item = CheckResult()
        image = item.attempt(read_image, images[stem]) if stem in images else None
        mask = item.attempt(read_mask, masks[stem], grey) if stem in masks else None
        if image is not None and mask is not None:
            item.attempt(refuse_other_size, images[stem], image.shape[:2], mask.shape)
        digest = None
        if image is not None:
            digest = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest()
        return item.problems, digest, None if mask is None else bool(mask.any())

    stems = sorted(images.keys() | masks)
    digests: list[tuple[Path, bytes]] = []
    objects: dict[bool, list[str]] = {True: [], False: []}
    with ThreadPoolExecutor() as pool:
        items = pool.map(check_item, stems)
        checked = tqdm(items, name, len(stems), disable=not progress, leave=False)
        for stem, (problems, digest, has_object) in zip(stems, checked, strict=True):
            result.problems += problems
            if digest is not None:
                digests.append((images[stem], digest))
            if has_object is not None:
                objects[has_object].append(stem)
    if name == TEXTURES:
        problem = f"masks of {folder} show an object (textures have none)"
        result.attempt(refuse, problem, {*objects[True]})
    elif blank_masks := objects[False]:
        result.notes.append(counted(f"masks of {name} are all background", blank_masks))
    return digests


def _files(folder: Path, result: CheckResult) -> dict[str, Path]:
    """Return the image files by stem; unlike `find_images`, go on after a problem."""
    if not folder.is_dir():
        result.problems.append(
            f"there is no folder {folder}; expected one with images. See Dataset/README.md for the "
            "layout."
        )
        return {}
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    images = [path for path in paths if path.suffix.lower() in SUFFIXES]
    if not images:
        result.problems.append(
            f"there are no images in {folder}; expected .jpg, .jpeg or .png files. Add the images."
        )
    if others := {path.name for path in paths} - {path.name for path in images}:
        result.notes.append(counted(f"files in {folder} are not images", others))
    result.attempt(refuse_unprintable, f"files in {folder}", [path.stem for path in images])
    times = Counter(path.stem for path in images)
    repeated = {stem for stem, n in times.items() if n > 1}
    problem = f"stems shared by several files in {folder} (keep one file each)"
    result.attempt(refuse, problem, repeated)
    return {path.stem: path for path in images}


def _check_lists(root: Path, result: CheckResult) -> dict[str, str]:
    """Check the lists; return "train" or "validation" for each stem that they name."""
    paths = {"train": root / TRAIN_LIST, "validation": root / VALIDATION_LIST}
    if not any(path.exists() for path in paths.values()):
        result.notes.append(f"no {TRAIN_LIST} in {root}: a fixed split will be used")
        return {}
    stems = {name: result.attempt(read_list, path) or [] for name, path in paths.items()}
    present = {p.stem for p in (root / TRAIN / "Image").glob("*") if p.suffix.lower() in SUFFIXES}
    for name, path in paths.items():
        absent = {*stems[name]} - present
        result.attempt(refuse, f"stems of {path} not in {TRAIN / 'Image'} (remove them)", absent)
    both = {*stems["train"]} & {*stems["validation"]}
    result.attempt(refuse, f"stems both in {TRAIN_LIST} and {VALIDATION_LIST} (remove one)", both)
    return {stem: name for name, listed in stems.items() for stem in listed}


def _report_duplicates(files: list[tuple[str, Path]], result: CheckResult) -> None:
    """Add a problem or a note about files with equal pixels, given with the set of each."""
    parts = {part for part, _ in files}
    places = ", ".join(f"{path} ({part})" for part, path in files)
    if len(parts) > 1 and parts & {"train", "validation", TRAIN.name}:
        result.problems.append(
            f"the same image occurs in several sets: {places}; expected it in only one. Remove the "
            "other files."
        )
    else:
        result.notes.append(f"the same image occurs in several files: {places}")
