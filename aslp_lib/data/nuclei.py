"""The data set of real images: cell nuclei under the microscope, BBBC038 (CC0).

The task is to segment nuclei in stained tissue (histology), where they are dark on a bright
background. It is ambiguous, because nuclei out of focus are labelled inconsistently. The crops of
histology come from 29 fields of view: 10 are always for testing, and a seed divides the others
between training and validation. Other kinds of microscopy are shifted test sets. `nuclei3` has the
same crops with three classes. docs/nuclei.md describes the data.
"""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aslp_lib.data.image_set import DataSplits, ImageSet, derived_seed, resized

SIZE = 64
"""Side of the stored crops in pixels."""
FILE = Path(__file__).with_name("nuclei.npz")
CLASSES = ("background", "interior", "boundary")
"""Classes of `nuclei3`. The boundary is the outermost ring of pixels inside a nucleus."""
TRAINING = ("histology_train", "histology_validation")
"""Parts of the file whose fields a seed divides between training and validation."""
SHIFTED = {"fluorescence": True, "rare_formats": True, "brightfield": False, "pink": False}
"""Parts that are shifted test sets, and whether they are inverted to show dark nuclei too."""
VALIDATION_FIELDS = 6
TRAINING_CROPS = (150, 170)
"""Smallest and largest number of crops for training: fields differ in size, so that an unlucky
draw would leave too few, and seeds would not be comparable."""
SPLIT = 38
"""Number from which the seed of the split is derived."""


class Nuclei(ImageSet):
    """Crops of microscopy images with annotated nuclei, held in memory.

    Args:
        name: see `ImageSet`.
        parts: names of the parts of the file, one after another.
        size: side S of the items. Images are resized to (S, S) bilinearly, masks to the nearest
            pixel. Masks and maps are still compared at the stored size.
        fields: fields of view whose crops are used. None: all.
        inverted: show the image as `255 - image`.
        limit: largest number of crops.
        classes: `CLASSES`, or nothing for masks of nuclei and background.

    Attributes:
        images: (N, 3, S, S) uint8, with equal channels.
        masks: (N, 1, S, S) uint8 in {0, 1}, or in {0, 1, 2} with classes.
        crops: (N, 64, 64) uint8, the grey levels at the stored size.
        labels: (N, 64, 64) uint8: 0 background, 1 interior of a nucleus, 2 its inner boundary.
        groups: (N,) int64, number of the field of view that each crop is from.

    >>> nuclei = Nuclei("pink", ["pink"], size=32)
    >>> nuclei.images.shape, nuclei.labels.shape, nuclei.shape(0)
    (torch.Size([8, 3, 32, 32]), (8, 64, 64), (64, 64))
    """

    def __init__(
        self,
        name: str,
        parts: Sequence[str],
        size: int = SIZE,
        *,
        fields: np.ndarray | None = None,
        inverted: bool = False,
        limit: int | None = None,
        classes: tuple[str, ...] = (),
    ) -> None:
        grey, labels, field = (_of_parts(parts, key) for key in ("image", "label", "field"))
        kept = np.flatnonzero(np.isin(field, field if fields is None else fields))[:limit]
        stems = [stem for part in parts for stem in _stems(part)]
        super().__init__(name, [stems[i] for i in kept])
        self.groups, self.labels = field[kept].astype(np.int64), labels[kept]
        self.classes = classes
        self.crops = 255 - grey[kept] if inverted else grey[kept]
        images = torch.from_numpy(self.crops)[:, None]
        masks = torch.from_numpy(self._shown(self.labels))[:, None]
        if size != SIZE:
            images, masks = resized(images, masks, size)
        self.images, self.masks = images.repeat(1, 3, 1, 1), masks

    def load(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.masks[index]

    def mask(self, index: int) -> np.ndarray:
        return self._shown(self.labels[index])

    def _shown(self, labels: np.ndarray) -> np.ndarray:
        """Return the masks of labels: the classes themselves, or nuclei and background."""
        return labels if self.classes else (labels > 0).view(np.uint8)

    def stored(self, index: int) -> tuple[bytes, bytes]:
        return self.crops[index].tobytes(), self.mask(index).tobytes()


def nuclei(
    size: int = SIZE,
    *,
    data_seed: int = 0,
    limit: int | None = None,
    classes: tuple[str, ...] = (),
) -> DataSplits:
    """Load the nuclei: 150 to 170 training crops, a validation set and five test sets.

    The set `test` holds 120 crops of histology from 10 fields of view, whatever the seed.
    `data_seed` draws 6 of the other 19 fields for validation. Tiles of a field resemble each other,
    so no field is in two sets.

    The other test sets are shifted. `fluorescence` and `rare_formats` (fluorescence of other
    experiments) are inverted, so that all sets show dark nuclei on a bright background.
    `brightfield` holds grey smears. `pink` holds another stain, but only 8 crops of one field: too
    few to compare methods on.

    Args:
        size: side of the items in pixels; see `Nuclei`.
        data_seed: seed of the split into training and validation.
        limit: largest number of crops in each set, the first ones.
        classes: see `Nuclei`.

    >>> data = nuclei()
    >>> len(data.train), len(data.validation)
    (153, 71)
    >>> {name: len(test) for name, test in data.tests.items()}
    {'test': 120, 'fluorescence': 300, 'rare_formats': 60, 'brightfield': 48, 'pink': 8}
    """
    train, validation = _split(data_seed)
    crops = partial(Nuclei, size=size, limit=limit, classes=classes)
    shifted = {part: crops(part, [part], inverted=inverted) for part, inverted in SHIFTED.items()}
    return DataSplits(
        origin=f"the real set nuclei{len(classes) or ''} (BBBC038, split {data_seed})",
        train=crops("train", TRAINING, fields=train),
        validation=crops("validation", TRAINING, fields=validation),
        tests={"test": crops("test", ["histology_test"]), **shifted},
    )


nuclei3 = partial(nuclei, classes=CLASSES)
"""Load the nuclei with the classes `CLASSES`; all else is that of `nuclei`."""


def _split(data_seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the fields of view for training and those for validation."""
    fields, crops = np.unique(_of_parts(TRAINING, "field"), return_counts=True)
    rng = np.random.default_rng(derived_seed(data_seed, SPLIT))
    fewest, most = TRAINING_CROPS
    while True:
        order = rng.permutation(len(fields))
        validation, train = order[:VALIDATION_FIELDS], order[VALIDATION_FIELDS:]
        if fewest <= crops[train].sum() <= most:
            return fields[train], fields[validation]


def _stems(part: str) -> list[str]:
    """Name the crops of a part by part, source image, and corner (row, column) in that image."""
    sources, corners = _read()[f"{part}_source"], _read()[f"{part}_corner"]
    pairs = zip(sources, corners, strict=True)
    return [f"{part}_{source.decode()}_{row:03}_{column:03}" for source, (row, column) in pairs]


def _of_parts(parts: Sequence[str], key: str) -> np.ndarray:
    """Return an array of several parts, one after another."""
    return np.concatenate([_read()[f"{part}_{key}"] for part in parts])


@cache
def _read() -> dict[str, np.ndarray]:
    """Read the arrays of the file once a process; Dataset/Prepare_Nuclei.py documents them."""
    with np.load(FILE, allow_pickle=False) as file:
        return dict(file)
