"""Data in the paper's layout: `Train/DUTS-TR/{Image,GT}`, `Test/NAME/{Image,GT}`, two lists."""

from __future__ import annotations

import operator
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aslp_lib.checks import require
from aslp_lib.data.base import Augment, DataSplits, SaliencySet, SizeOf, resized
from aslp_lib.files import read, require_exists
from aslp_lib.maps.listing import Attempt, find_images, read_list, refuse, refuse_unprintable
from aslp_lib.maps.read import (
    IGNORED,
    Grey,
    read_image,
    read_mask,
    read_mask_grey_levels,
    refuse_other_size,
    stored_size,
)

TRAIN = Path("Train/DUTS-TR")
TRAIN_LIST, VALIDATION_LIST = "DUTS-TR-Train.txt", "DUTS-TR-Validation.txt"
TEXTURES = "DTD_Texture_500"
TEST_SETS = {
    "DUTS-TE": 5019,
    "DUT-OMRON": 5168,
    "PASCAL-S": 850,
    "SOD": 300,
    "ECSSD": 1000,
    "HKU-IS": 4447,
    TEXTURES: 500,
}
"""Number of images of each test set of the paper, as published by its authors."""
VALIDATION_SHARE = 1000 / 10553
"""Share of DUTS-TR that the authors use for validation."""


class Folder(SaliencySet):
    """Data set of images and masks on disk, matched by stem.

    Args:
        name, augment, seed, soft_masks: see `SaliencySet`.
        images: path of each image by its stem.
        masks: path of each mask by its stem. None: the images show no object, and all masks are
            background.
        size: side S of the items. Images and soft masks are resized to (S, S) bilinearly, binary
            masks to the nearest pixel. None: `augment` resizes them.
        grey: masks are thresholded at 128. "refuse" raises an error if more than 10 % of a mask's
            pixels are grey; "threshold" accepts them, for masks that average several annotators.
        ignore_index: grey level of masks whose pixels are ignored, see `read_mask`; None if there
            are none. Soft masks cannot have it.

    Raises:
        ValueError: there are no images, or images without a mask; the message names them.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image, mask = Path(folder) / "a.jpg", Path(folder) / "a.png"
    ...     Image.new("RGB", (8, 6)).save(image)
    ...     Image.new("L", (8, 6), 255).save(mask)
    ...     dataset = Folder("one", {"a": image}, {"a": mask}, size=4)
    ...     pixels, label, index = dataset[0]
    >>> pixels.shape, label.mean().item()
    (torch.Size([3, 4, 4]), 1.0)
    """

    def __init__(
        self,
        name: str,
        images: dict[str, Path],
        masks: dict[str, Path] | None,
        size: int | None,
        *,
        augment: Augment | None = None,
        seed: int = 0,
        grey: Grey = "refuse",
        ignore_index: int | None = None,
        soft_masks: bool = False,
    ) -> None:
        super().__init__(name, sorted(images), augment, seed, soft_masks=soft_masks)
        if not images:
            raise ValueError(f"the set {name} is empty; expected images. See Dataset/README.md.")
        if masks is not None:
            refuse(f"images of {name} without a mask (add it)", images.keys() - masks.keys())
        self.images, self.masks, self.size, self.grey = images, masks, size, grey
        self.ignore_index = ignore_index
        self.ignored = None if masks is None or ignore_index is None else IGNORED

    def load(self, index: int) -> tuple[Tensor, Tensor]:
        path = self.images[self.stems[index]]
        image = read_image(path)
        mask = self.mask_grey_levels(index) if self.soft_masks else self.mask(index)
        refuse_other_size(path, image.shape[:2], mask.shape)
        pixels, labels = torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(mask)[None]
        if self.size is None:
            return pixels, labels
        return resized(pixels, labels, self.size, soft_masks=self.soft_masks)

    def shape(self, index: int) -> tuple[int, int]:
        return stored_size(self.images[self.stems[index]])

    def check_files(self) -> None:
        def check(stem: str) -> None:
            size = stored_size(self.images[stem])
            if self.masks is not None:
                refuse_other_size(self.images[stem], size, stored_size(self.masks[stem]))

        with ThreadPoolExecutor() as pool:
            list(pool.map(check, self.stems))

    def mask(self, index: int) -> np.ndarray:
        if self.masks is None:
            return np.zeros(self.shape(index), np.uint8)
        return read_mask(self.masks[self.stems[index]], self.grey, self.ignore_index)

    def mask_grey_levels(self, index: int) -> np.ndarray:
        if self.masks is None:
            return np.zeros(self.shape(index), np.uint8)
        return read_mask_grey_levels(self.masks[self.stems[index]], self.grey)

    def stored(self, index: int) -> tuple[bytes, bytes]:
        stem = self.stems[index]
        mask = b"" if self.masks is None else read(self.masks[stem])
        return read(self.images[stem]), mask


def paper_layout(
    root: Path,
    size: int,
    *,
    augment: Augment | None = None,
    seed: int = 0,
    limit: int | None = None,
    grey: Grey = "refuse",
    ignore_index: int | None = None,
    augment_at: SizeOf = "network",
    soft_masks: bool = False,
) -> DataSplits:
    """Load the sets of a folder in the paper's layout, with the test sets that it contains.

    The lists beside `Train/` say which images are for training and which for validation. Without
    lists, the images are split in the authors' proportions, in a way that depends on the sorted
    stems alone.

    Args:
        root: folder with `Train` and `Test`.
        size, augment, seed, grey, ignore_index: see `Folder`.
        limit: use only this many images of each set, the first ones.
        augment_at: "network" resizes training images before `augment`; with "image", `augment`
            gets them at their own size and must resize them.
        soft_masks: use soft masks for training; see `Folder`.

    Raises:
        FileNotFoundError: a folder or list is missing, or there is no test set.
        ValueError: images, masks and lists do not match; the message names them.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part, mode in (("Image", "RGB"), ("GT", "L")):
    ...         for name in ("Train/DUTS-TR", "Test/SOD"):
    ...             (Path(folder) / name / part).mkdir(parents=True)
    ...             for stem in "abc":
    ...                 Image.new(mode, (8, 6)).save(Path(folder) / name / part / f"{stem}.png")
    ...     data = paper_layout(Path(folder), size=4)
    >>> len(data.train), len(data.validation), list(data.tests)
    (2, 1, ['SOD'])
    """
    root = Path(root)
    reading: dict[str, Any] = {"grey": grey, "ignore_index": ignore_index}
    images, masks = (find_images(root / TRAIN / kind) for kind in ("Image", "GT"))
    lists = read_lists(root, images)
    tests, notes = paper_tests(root, size, limit=limit, **reading)
    if not lists:
        lists = _split(root, sorted(images))
        notes.append(
            f"no {TRAIN_LIST} in {root}: split {len(images)} images into {len(lists['train'])} for "
            f"training and {len(lists['validation'])} for validation; the run's folder keeps the "
            "lists"
        )

    def part(name: str, side: int | None = size, **training: Any) -> Folder:
        selected = {stem: images[stem] for stem in sorted(lists[name])[:limit]}
        return Folder(name, selected, masks, side, seed=seed, **reading, **training)

    side = None if augment is not None and augment_at == "image" else size
    return DataSplits(
        origin=f"the paper's layout in {root}",
        train=part("train", side, augment=augment, soft_masks=soft_masks),
        validation=part("validation"),
        tests=tests,
        notes=notes,
    )


def paper_tests(
    root: Path, size: int, *, limit: int | None = None, **reading: Any
) -> tuple[dict[str, SaliencySet], list[str]]:
    """Load the test sets in `root / "Test"`.

    Args:
        root, size, limit: see `paper_layout`.
        reading: `grey` and `ignore_index`, see `Folder`.

    Returns:
        The sets by name, those of the paper first, and notes on the missing ones.

    Raises:
        FileNotFoundError: there is no test set.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part, mode in (("Image", "RGB"), ("GT", "L")):
    ...         (Path(folder) / "Test" / "SOD" / part).mkdir(parents=True)
    ...         Image.new(mode, (8, 6)).save(Path(folder) / "Test" / "SOD" / part / "a.png")
    ...     tests, notes = paper_tests(Path(folder), size=4)
    >>> {name: len(test) for name, test in tests.items()}
    {'SOD': 1}
    """
    folders, notes = find_test_folders(root)
    complete = [p for p in folders if (p / "Image").is_dir() and p.suffix != ".partial"]
    if incomplete := sorted(path.name for path in folders if path not in complete):
        names = ", ".join(incomplete)
        notes.append(f"folders that are not test sets (no Image folder, or incomplete): {names}")
    require_tests(root, complete)
    tests: dict[str, SaliencySet] = {}
    for path in complete:
        images = dict(list(find_images(path / "Image").items())[:limit])
        masks = None if without_masks(path) else find_images(path / "GT")
        if masks is not None and limit is None:
            refuse(f"masks of {path.name} without an image (add it)", masks.keys() - images.keys())
        tests[path.name] = Folder(path.name, images, masks, size, **reading)
    return tests, notes


def find_test_folders(root: Path) -> tuple[list[Path], list[str]]:
    """Find the folders in `root / "Test"`, complete or not.

    Returns:
        Their paths, the sets of the paper first, and notes on those of the paper that are missing.

    Raises:
        ValueError: the name of a folder has control characters.
    """
    folders = sorted(path for path in (root / "Test").glob("[!.]*") if path.is_dir())
    names = [path.name for path in folders]
    refuse_unprintable(f"folders in {root / 'Test'}", names)
    missing = [name for name in TEST_SETS if name not in names]
    notes = [f"not in {root / 'Test'}, so left out: {', '.join(missing)}"] if missing else []
    return sorted(folders, key=lambda path: (*TEST_SETS, path.name).index(path.name)), notes


def require_tests(root: Path, folders: Collection[Path]) -> None:
    """Raise FileNotFoundError if there are no folders of test sets."""
    if not folders:
        raise FileNotFoundError(
            f"there is no test set in {root / 'Test'}; expected one or more. See Dataset/README.md."
        )


def without_masks(folder: Path) -> bool:
    """Return whether a set has no masks: textures show no object, so theirs are optional."""
    return folder.name == TEXTURES and not (folder / "GT").is_dir()


def read_lists(
    root: Path, images: Collection[str], attempt: Attempt = operator.call
) -> dict[str, list[str]]:
    """Read the lists of stems for "train" and for "validation"; return {} if there are no lists.

    Args:
        root: folder of the lists.
        images: stems of the images of `TRAIN`.
        attempt: reads and checks, see `Attempt`.

    Raises:
        FileNotFoundError: one of the lists is missing.
        ValueError: a list cannot be read, has stems of no image, or shares stems with the other.
    """

    def read_one(path: Path) -> list[str]:
        require_exists("list", path, "both lists or none. Add it.")
        return read_list(path)

    paths = {"train": root / TRAIN_LIST, "validation": root / VALIDATION_LIST}
    if not any(path.exists() for path in paths.values()):
        return {}
    lists = {part: attempt(read_one, path) or [] for part, path in paths.items()}
    for part, path in paths.items():
        absent = {*lists[part]} - {*images}
        attempt(refuse, f"stems of {path} not in {TRAIN / 'Image'} (remove them)", absent)
    both = {*lists["train"]} & {*lists["validation"]}
    attempt(refuse, f"stems both in {TRAIN_LIST} and {VALIDATION_LIST} (remove one)", both)
    return lists


def _split(root: Path, stems: list[str]) -> dict[str, list[str]]:
    """Split the stems of the training folder into those for training and for validation."""
    images = len(stems)
    require(f"the number of images in {root / TRAIN}", images, images > 1, "two or more. Add some.")
    count = max(1, round(VALIDATION_SHARE * images))
    order = np.random.default_rng(0).permutation(images)
    held_out = {stems[i] for i in order[:count]}
    return {"train": [s for s in stems if s not in held_out], "validation": sorted(held_out)}
