"""Data in the paper's layout: `Train/NAME/{Image,GT}`, `Test/NAME/{Image,GT}`, two lists."""

import operator
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aslp_lib.checks import require
from aslp_lib.data.image_set import DataSplits, ImageSet, resized
from aslp_lib.files import read, require_exists
from aslp_lib.maps.listing import (
    CLASS_SUFFIXES,
    SUFFIXES,
    Attempt,
    find_images,
    read_list,
    refuse,
    refuse_repeated,
    refuse_unprintable,
)
from aslp_lib.maps.read import (
    IGNORED,
    Grey,
    read_image,
    read_mask_grey_levels,
    refuse_other_size,
    require_ignored_label,
    stored_size,
)
from aslp_lib.maps.slabs import open_mask

TRAIN = Path("Train/DUTS-TR")
LISTS = {prefix: (f"{prefix}Train.txt", f"{prefix}Validation.txt") for prefix in ("", "DUTS-TR-")}
"""Names of the lists of training and validation images, by their prefix."""
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
WITHOUT_TEST_SETS = "train needs none, and neither does predict RUN --images DIR --out DIR"
"""What can be done without test sets, for messages."""
VALIDATION_SHARE = 1000 / 10553
"""Share of DUTS-TR that the authors use for validation."""


class Folder(ImageSet):
    """Data set of images and masks on disk, matched by stem.

    Args:
        name, soft_masks: see `ImageSet`.
        images: path of each image by its stem.
        masks: path of each mask by its stem. None: the images show no object, and all masks are
            background, or the first class.
        size: side S of the items. Images and soft masks are resized to (S, S) bilinearly, binary
            masks to the nearest pixel. None: an augmentation resizes them.
        grey: masks are thresholded at 128. "refuse" raises an error if more than 10 % of a mask's
            pixels are grey; "threshold" accepts them, for masks that average several annotators.
        ignore_index: grey level of masks whose pixels are ignored, see `open_mask`; None if there
            are none. Soft masks cannot have it.
        classes: names of the classes of the masks, which are then class ids; see `open_mask`.

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
        grey: Grey = "refuse",
        ignore_index: int | None = None,
        soft_masks: bool = False,
        classes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, sorted(images), soft_masks=soft_masks)
        if not images:
            raise ValueError(f"the set {name} is empty; expected images. See docs/own_folders.md.")
        if masks is not None:
            refuse(f"images of {name} without a mask (add it)", images.keys() - masks.keys())
        self.images, self.masks, self.size, self.grey = images, masks, size, grey
        self.ignore_index, self.classes = ignore_index, classes
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
                refuse_other_size(self.images[stem], size, self._mask_size(self.masks[stem]))

        with ThreadPoolExecutor() as pool:
            list(pool.map(check, self.stems))

    def _mask_size(self, path: Path) -> tuple[int, ...]:
        if path.suffix.lower() == ".npy":
            return open_mask(path, classes=len(self.classes)).shape
        return stored_size(path)

    def mask(self, index: int) -> np.ndarray:
        if self.masks is None:
            return np.zeros(self.shape(index), np.uint8)
        path = self.masks[self.stems[index]]
        return open_mask(path, self.grey, self.ignore_index, len(self.classes)).whole()

    def mask_grey_levels(self, index: int) -> np.ndarray:
        if self.masks is None:
            return self.mask(index)
        return read_mask_grey_levels(self.masks[self.stems[index]], self.grey)

    def stored(self, index: int) -> tuple[bytes, bytes]:
        stem = self.stems[index]
        mask = b"" if self.masks is None else read(self.masks[stem])
        return read(self.images[stem]), mask


def paper_layout(
    root: Path,
    size: int,
    *,
    limit: int | None = None,
    validation_share: float = VALIDATION_SHARE,
    own_size: bool = False,
    soft_masks: bool = False,
    **reading: Any,
) -> DataSplits:
    """Load the sets of a folder in the paper's layout, with the test sets that it contains, if any.

    The images of all folders in `Train` are joined. The lists beside `Train` say which of them are
    for training and which for validation. Without lists, they are split in a way that depends on
    their sorted stems and `validation_share` alone.

    Args:
        root: folder with `Train` and `Test`.
        size: see `Folder`.
        limit: use only this many images of each set, the first ones.
        validation_share: share of the images for validation if there are no lists.
        own_size: training images keep their own size, and an augmentation must resize them.
        soft_masks: use soft masks for training; see `Folder`.
        reading: `grey`, `ignore_index` and `classes`, see `Folder`.

    Raises:
        FileNotFoundError: a folder or list is missing.
        ValueError: images, masks and lists do not match, folders of `Train` share a stem, or a
            share is given although there are lists; the message names them.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part, mode in (("Image", "RGB"), ("GT", "L")):
    ...         for name in ("Train/leaves", "Test/SOD"):
    ...             (Path(folder) / name / part).mkdir(parents=True)
    ...             for stem in "abc":
    ...                 Image.new(mode, (8, 6)).save(Path(folder) / name / part / f"{stem}.png")
    ...     data = paper_layout(Path(folder), size=4)
    >>> len(data.train), len(data.validation), list(data.tests)
    (2, 1, ['SOD'])
    """
    root = Path(root)
    folders, notes = _with_images(find_folders(root, "Train"))
    require_sets(root, "Train", folders)
    images_of = {folder: find_images(folder / "Image") for folder in folders}
    refuse_shared_stems(images_of)
    images, masks = dict[str, Path](), dict[str, Path]()
    for folder, of_folder in images_of.items():
        masks_of_folder = find_masks(folder, reading.get("classes"))
        images |= of_folder
        masks |= {stem: masks_of_folder[stem] for stem in of_folder if stem in masks_of_folder}
    place = f"{' and '.join(f'Train/{folder.name}' for folder in folders)} in {root}"
    lists = read_lists(root, images)
    tests, notes_on_tests = paper_tests(root, size, limit=limit, **reading)
    if lists and validation_share != VALIDATION_SHARE:
        raise ValueError(
            f"validation_share is {validation_share}; expected the default, as there are lists in "
            f"{root}. Leave it out, or remove the lists."
        )
    if not lists:
        lists = _split(root, sorted(images), validation_share)
        place += ", split at random"

    def part(name: str, side: int | None, soft_masks: bool = False) -> Folder:
        selected = {stem: images[stem] for stem in sorted(lists[name])[:limit]}
        return Folder(name, selected, masks, side, soft_masks=soft_masks, **reading)

    return DataSplits(
        origin=place,
        train=part("train", None if own_size else size, soft_masks),
        validation=part("validation", size),
        tests=tests,
        notes=notes + notes_on_tests,
    )


def paper_tests(
    root: Path, size: int, *, limit: int | None = None, **reading: Any
) -> tuple[dict[str, ImageSet], list[str]]:
    """Load the test sets in `root / "Test"`, of which there may be none.

    Args:
        root, size, limit: see `paper_layout`.
        reading: `grey`, `ignore_index` and `classes`, see `Folder`.

    Returns:
        The sets by name, those of the paper first, and notes on those that are left out.

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
    folders, notes = _with_images(find_folders(root, "Test"))
    tests: dict[str, ImageSet] = {}
    for path in folders:
        images = dict(list(find_images(path / "Image").items())[:limit])
        masks = None if without_masks(path) else find_masks(path, reading.get("classes"))
        if masks is not None and limit is None:
            refuse(f"masks of {path.name} without an image (add it)", masks.keys() - images.keys())
        tests[path.name] = Folder(path.name, images, masks, size, **reading)
    return tests, [*missing_sets(root), *notes]


def find_masks(folder: Path, classes: object = ()) -> dict[str, Path]:
    """Find the masks of a set by their stems; those of class ids may be arrays."""
    return find_images(folder / "GT", CLASS_SUFFIXES if classes else SUFFIXES)


def find_folders(root: Path, part: str) -> list[Path]:
    """Find the folders in `root / part`, complete or not, those of the paper's test sets first.

    Raises:
        ValueError: the name of a folder has control characters.
    """
    folders = sorted(path for path in (root / part).glob("[!.]*") if path.is_dir())
    refuse_unprintable(f"folders in {root / part}", [path.name for path in folders])
    return sorted(folders, key=lambda path: (*TEST_SETS, path.name).index(path.name))


def missing_sets(root: Path) -> list[str]:
    """Return notes on the paper's test sets that are missing, if any of its sets is there.

    >>> missing_sets(Path("mydata"))
    []
    """
    missing = [name for name in TEST_SETS if not (root / "Test" / name).is_dir()]
    none = len(missing) == len(TEST_SETS) and not (root / TRAIN).is_dir()
    note = f"not in {root / 'Test'}, so left out: {', '.join(missing)}"
    return [note] if missing and not none else []


def require_sets(root: Path, part: str, sets: Collection[object]) -> None:
    """Raise FileNotFoundError if there are no sets in `root / part`.

    >>> require_sets(Path("mydata"), "Test", [])
    Traceback (most recent call last):
    FileNotFoundError: there is no test set in mydata/Test; expected folders such as \
mydata/Test/NAME/Image and mydata/Test/NAME/GT. See docs/own_folders.md; train needs none, and \
neither does predict RUN --images DIR --out DIR.
    """
    if not sets:
        kind = {"Train": "training", "Test": "test"}[part]
        folder = root / part / "NAME"
        raise FileNotFoundError(
            f"there is no {kind} set in {root / part}; expected folders such as {folder / 'Image'} "
            f"and {folder / 'GT'}. See docs/own_folders.md"
            + (f"; {WITHOUT_TEST_SETS}." if part == "Test" else ".")
        )


def refuse_shared_stems(folders: Mapping[Path, Collection[str]]) -> None:
    """Raise ValueError if folders of training images share stems, which must tell images apart.

    >>> refuse_shared_stems({Path("Train/a"): ["1", "2"], Path("Train/b"): ["2", "3"]})
    Traceback (most recent call last):
    ValueError: stems that Train/a and Train/b share (rename the files in one of them): 2
    """
    names = " and ".join(map(str, folders))
    stems = [stem for each in folders.values() for stem in each]
    refuse_repeated(f"stems that {names} share (rename the files in one of them)", stems)


def require_labels(ignore_index: int | None, dataset: ImageSet) -> None:
    """Raise ValueError unless masks show an object and, with `ignore_index`, pixels to ignore.

    Masks of classes need not show any one of them. The masks are read only up to the first of each.
    """

    def any_mask_has(label: int) -> bool:
        return any((dataset.mask(i) == label).any() for i in range(len(dataset)))

    has_object = bool(dataset.classes) or any_mask_has(1)
    ignored = ignore_index is not None and any_mask_has(IGNORED)
    require_object(f"the set {dataset.name}", ignore_index, ignored, has_object)


def require_object(place: str, ignore_index: int | None, ignored: bool, has_object: bool) -> None:
    """Raise ValueError unless training masks of a place show an object and what is to be ignored.

    >>> require_object("mydata/Train", None, False, False)
    Traceback (most recent call last):
    ValueError: the number of masks with an object in mydata/Train is 0; expected one or more. \
Store the object as 255.
    """
    require_ignored_label(ignore_index, ignored, has_object)
    noun = f"the number of masks with an object in {place}"
    require(noun, 0, has_object, "one or more. Store the object as 255.")


def without_masks(folder: Path) -> bool:
    """Return whether a set has no masks: textures show no object, so theirs are optional."""
    return folder.name == TEXTURES and not (folder / "GT").is_dir()


def read_lists(
    root: Path, images: Collection[str], attempt: Attempt = operator.call
) -> dict[str, list[str]]:
    """Read the lists of stems for "train" and for "validation"; return {} if there are no lists.

    Args:
        root: folder of the lists.
        images: stems of the training images.
        attempt: reads and checks, see `Attempt`.

    Raises:
        FileNotFoundError: one of the lists is missing.
        ValueError: a list cannot be read, has stems of no image, or shares stems with the other;
            or there are lists with both kinds of names.
    """

    def read_one(path: Path) -> list[str]:
        require_exists("list", path, "both lists or none. Add it.")
        return read_list(path)

    pairs = [pair for pair in LISTS.values() if any((root / name).exists() for name in pair)]
    if not pairs:
        return {}
    others = {name for pair in pairs[1:] for name in pair if (root / name).exists()}
    attempt(refuse, f"lists in {root} beside {' and '.join(pairs[0])} (keep one pair)", others)
    paths = {"train": root / pairs[0][0], "validation": root / pairs[0][1]}
    lists = {part: attempt(read_one, path) or [] for part, path in paths.items()}
    for part, path in paths.items():
        absent = {*lists[part]} - {*images}
        attempt(refuse, f"stems of {path} not in {root / 'Train'} (remove them)", absent)
    both = {*lists["train"]} & {*lists["validation"]}
    attempt(refuse, f"stems both in {' and '.join(pairs[0])} (remove one)", both)
    return lists


def _with_images(folders: list[Path]) -> tuple[list[Path], list[str]]:
    """Select the folders of sets that hold images, and note the others."""
    complete = [p for p in folders if (p / "Image").is_dir() and p.suffix != ".partial"]
    others = [f"{path.parent.name}/{path.name}" for path in folders if path not in complete]
    note = "folders that are not data sets (no folder Image, or incomplete), so left out: "
    return complete, [note + ", ".join(others)] if others else []


def _split(root: Path, stems: list[str], share: float) -> dict[str, list[str]]:
    """Split the stems of the training images into those for training and for validation."""
    images = len(stems)
    expected = "two or more. Add some."
    require(f"the number of images in {root / 'Train'}", images, images > 1, expected)
    count = min(max(1, round(share * images)), images - 1)
    order = np.random.default_rng(0).permutation(images)
    held_out = {stems[i] for i in order[:count]}
    return {"train": [s for s in stems if s not in held_out], "validation": sorted(held_out)}
