"""The paper's folders: `Train/DUTS-TR/{Image,GT}`, `Test/NAME/{Image,GT}`, two lists of stems."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aslp_lib.data.base import Augment, DataSplits, SaliencySet, SizeOf
from aslp_lib.data.images import Grey, read_image, read_mask, read_mask_grey_levels, stored_size
from aslp_lib.data.listing import find_images, read_list, refuse
from aslp_lib.files import read

TRAIN = Path("Train/DUTS-TR")
TRAIN_LIST, VALIDATION_LIST = "DUTS-TR-Train.txt", "DUTS-TR-Validation.txt"
TEST_SETS = ("DUTS-TE", "DUT-OMRON", "PASCAL-S", "SOD", "ECSSD", "HKU-IS")
TEXTURES = "DTD_Texture_500"
VALIDATION_SHARE = 1000 / 10553
"""The release's split of DUTS-TR."""


class Folder(SaliencySet):
    """Images and masks on disk, matched by stem.

    Args:
        name, augment, seed, soft_masks: as `SaliencySet`.
        images: stem -> image file.
        masks: stem -> mask file; None for images without an object, whose masks are all background.
        size: side S of the items; images and masks are resized to (S, S), binary masks to the
            nearest pixel, soft ones as images. None: `augment` does it.
        grey: masks are cut at 128. One with more than 10 % of grey pixels is refused, unless this
            is "threshold" (masks that grade the agreement of several annotators).

    Raises:
        ValueError: no images, or images and masks that do not match; names them.
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
        soft_masks: bool = False,
    ) -> None:
        super().__init__(name, sorted(images), augment, seed, soft_masks=soft_masks)
        if not images:
            raise ValueError(
                f"the set {name} is empty: put its images where Dataset/README.md says"
            )
        if masks is not None:
            refuse(f"images of {name} without a mask", images.keys() - masks.keys())
        self.images, self.masks, self.size, self.grey = images, masks, size, grey

    def load(self, index: int) -> tuple[Tensor, Tensor]:
        # Here, so that reading maps and masks does without torchvision.
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2 import functional as TF

        path = self.images[self.stems[index]]
        image = read_image(path)
        mask = self.mask_grey_levels(index) if self.soft_masks else self.mask(index)
        refuse_other_size(path, image.shape[:2], mask.shape)
        pixels, labels = torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(mask)[None]
        if self.size is None:
            return pixels, labels
        side = [self.size, self.size]
        kind = InterpolationMode.BILINEAR if self.soft_masks else InterpolationMode.NEAREST
        return TF.resize(pixels, side, antialias=True), TF.resize(labels, side, interpolation=kind)

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
        return read_mask(self.masks[self.stems[index]], self.grey)

    def mask_grey_levels(self, index: int) -> np.ndarray:
        if self.masks is None:
            return super().mask_grey_levels(index)
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
    augment_at: SizeOf = "network",
    soft_masks: bool = False,
) -> DataSplits:
    """The paper's sets under `root`, as many test sets as are there.

    Train and validation come from the lists beside `Train/`; without lists, from a split of the
    release's proportions that depends on the sorted stems alone.

    Args:
        size, augment, seed, grey: as `Folder`.
        limit: use only the first so many images of each set.
        augment_at: whether training images are resized before they are augmented, or `augment`
            sees them as they are stored and resizes them itself.
        soft_masks: as `Folder`, for training.
    """
    root = Path(root)
    notes: list[str] = []
    images, masks = find_images(root / TRAIN / "Image"), find_images(root / TRAIN / "GT")
    if not images:
        raise ValueError(f"{root / TRAIN / 'Image'} holds no images (jpg, png)")
    train, validation = _split(root, sorted(images), notes)

    def part(name: str, stems: list[str], side: int | None = size, **training: Any) -> Folder:
        refuse(f"stems listed for {name}, but not in {TRAIN / 'Image'}", set(stems) - set(images))
        chosen = {stem: images[stem] for stem in sorted(stems)[:limit]}
        return Folder(name, chosen, masks, side, seed=seed, grey=grey, **training)

    own_size = augment is not None and augment_at == "image"
    side = None if own_size else size
    tests, more = paper_tests(root, size, limit=limit, grey=grey)
    return DataSplits(
        origin=f"the paper's layout in {root}",
        train=part("train", train, side, augment=augment, soft_masks=soft_masks),
        validation=part("validation", validation),
        tests=tests,
        notes=notes + more,
    )


def paper_tests(
    root: Path, size: int, *, limit: int | None = None, grey: Grey = "refuse"
) -> tuple[dict[str, SaliencySet], list[str]]:
    """The test sets under `root / "Test"` by name, and notes on those that are not there.

    Args:
        size, limit, grey: as `paper_layout`.
    """
    notes: list[str] = []
    tests: dict[str, SaliencySet] = {}
    present = sorted(p.parent.name for p in (root / "Test").glob("*/Image") if p.is_dir())
    present = [n for n in present if not n.startswith(".") and not n.endswith(".partial")]
    others = {p.name for p in (root / "Test").glob("[!.]*") if p.is_dir()} - set(present)
    if others:
        notes.append(f"no test sets (no Image folder, or half made): {', '.join(sorted(others))}")
    known = [name for name in (*TEST_SETS, TEXTURES) if name in present]
    for name in known + [name for name in present if name not in known]:
        tests[name] = _test_set(root / "Test" / name, size, limit, grey)
    if missing := [name for name in (*TEST_SETS, TEXTURES) if name not in present]:
        notes.append(f"not in {root / 'Test'}, so left out: {', '.join(missing)}")
    if not tests:
        raise FileNotFoundError(f"there is no test set in {root / 'Test'}: see Dataset/README.md")
    return tests, notes


def _split(root: Path, stems: list[str], notes: list[str]) -> tuple[list[str], list[str]]:
    paths = [root / TRAIN_LIST, root / VALIDATION_LIST]
    if all(path.exists() for path in paths):
        train, validation = (read_list(path) for path in paths)
        refuse(f"stems both in {TRAIN_LIST} and {VALIDATION_LIST}", set(train) & set(validation))
        return train, validation
    if any(path.exists() for path in paths):
        absent = next(path for path in paths if not path.exists())
        raise FileNotFoundError(f"{absent} is missing, but the other list is there: add it")
    held = max(1, round(VALIDATION_SHARE * len(stems)))
    if held == len(stems):
        raise ValueError(f"{root / TRAIN} holds one image: at least two are needed to validate")
    order = np.random.default_rng(0).permutation(len(stems))
    chosen = {stems[i] for i in order[:held]}
    notes.append(
        f"no {TRAIN_LIST} in {root}: split {len(stems)} images into {len(stems) - held} to train "
        f"and {held} to validate; the run's folder keeps the lists"
    )
    return [s for s in stems if s not in chosen], sorted(chosen)


def _test_set(root: Path, size: int, limit: int | None, grey: Grey) -> Folder:
    images = dict(list(find_images(root / "Image").items())[:limit])
    # Textures have no object: their masks need not be on disk.
    if root.name == TEXTURES and not (root / "GT").is_dir():
        return Folder(root.name, images, None, size)
    masks = find_images(root / "GT")
    if limit is None:
        refuse(f"masks of {root.name} without an image", masks.keys() - images.keys())
    return Folder(root.name, images, masks, size, grey=grey)


def refuse_other_size(path: Path, image: tuple[int, ...], mask: tuple[int, ...]) -> None:
    """Raise ValueError unless an image's (H, W) is its mask's."""
    if image != mask:
        advice = "turn one to match (EXIF counts)" if image == mask[::-1] else "resize one to match"
        (height, width), (rows, columns) = image, mask
        raise ValueError(
            f"{path} is {width} x {height}, but its mask is {columns} x {rows}: {advice}"
        )
