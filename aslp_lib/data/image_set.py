"""The base class of data sets: an ordered list of stems, each with an image and a mask."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm.contrib.concurrent import thread_map

from aslp_lib.maps.provenance import digest

Augment = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Random transform of an image and its mask together, such as a torchvision v2 transform."""

SizeOf = Literal["network", "image"]
"""Size at which something is computed: that of the network's input, or each image's own."""


class ImageSet(Dataset[tuple[Tensor, Tensor, int]]):
    """Base class of data sets with items `(image, label, index)`.

    `image` is (3, S, S) uint8. `label` is (1, S, S) float in {0, 1}, or in [0, 1] with soft masks,
    or a class id in a set with `classes`; it is NaN for pixels to ignore. `index` selects the
    image's alpha. Random numbers of the augmentation derive from (seed, epoch, index) alone. An
    item therefore does not depend on the number of workers or the order of loading, and a resumed
    training sees the same images as an uninterrupted one.

    Subclasses implement `load`. If the sizes of files differ from that of the items, they implement
    `shape` and `mask` too.

    Args:
        name: name of the set in messages, tables and folders.
        stems: name of each image, in the order of the indices.
        soft_masks: `load` returns masks with grey levels, 0 to 255, instead of {0, 1}.

    Attributes:
        augment: augmentation of the items, which a training set may have; None by default.
        seed: seed of the augmentation.
        epoch: number of the epoch, which augmentation derives its random numbers from; a tensor, so
            that processes can share it.
        ignored: `IGNORED` if masks may hold this label, for pixels to ignore; otherwise None.
        classes: names of the K classes of the masks; empty for masks of an object and its
            background.
        groups: group of each image, such as the field of view that it was cropped from, shape
            (images,). Scores of images of a group may be correlated. None if there are no groups.

    >>> class Black(ImageSet):
    ...     def load(self, index):
    ...         image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    ...         return image, image[:1]
    >>> image, label, index = Black("black", ["a", "b"])[1]
    >>> image.dtype, label.dtype, label.shape, index
    (torch.uint8, torch.float32, torch.Size([1, 4, 4]), 1)
    """

    augment: Augment | None = None
    seed = 0
    ignored: int | None = None
    classes: tuple[str, ...] = ()
    groups: np.ndarray | None = None

    def __init__(self, name: str, stems: Sequence[str], *, soft_masks: bool = False) -> None:
        self.name, self.stems, self.soft_masks = name, list(stems), soft_masks
        self.epoch = torch.zeros((), dtype=torch.int64)
        self._cached: list[tuple[Tensor, Tensor]] | None = None

    def __len__(self) -> int:
        return len(self.stems)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        image, mask = self.loaded(index)
        if self.augment is not None:
            from torchvision import tv_tensors  # here, as it takes twice as long to import as torch

            # The same as torch.random.fork_rng, which takes longer than a flip.
            state = torch.default_generator.get_state()
            torch.default_generator.manual_seed(derived_seed(self.seed, int(self.epoch), index))
            # torchvision resizes a Mask to the nearest pixel, but an Image bilinearly.
            kind = tv_tensors.Image if self.soft_masks else tv_tensors.Mask
            image, mask = self.augment(tv_tensors.Image(image), kind(mask))
            torch.default_generator.set_state(state)
        label = mask.as_subclass(Tensor).float()
        if self.soft_masks:
            label /= 255
        elif self.ignored is not None:
            label.masked_fill_(label == self.ignored, torch.nan)
        return image.as_subclass(Tensor), label, index

    def load(self, index: int) -> tuple[Tensor, Tensor]:
        """Load an image (3, S, S) and its mask (1, S, S), uint8, before augmentation."""
        raise NotImplementedError

    def loaded(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the result of `load`, from memory after `cache`."""
        return self.load(index) if self._cached is None else self._cached[index]

    def shape(self, index: int) -> tuple[int, int]:
        """Return the stored size (H, W) of an image, which is the size of its predicted map."""
        height, width = self.mask(index).shape
        return height, width

    def check_files(self) -> None:
        """Raise ValueError if the header of a file shows that it cannot be used.

        Nothing is decoded, so the check is fast enough to precede a run. Sets without files
        have nothing to check.
        """

    def mask(self, index: int) -> np.ndarray:
        """Return the mask at its stored size, which predicted maps are compared with.

        Returns:
            (H, W) uint8 in {0, 1}, or classes, and `IGNORED` for pixels to ignore.
        """
        return self.loaded(index)[1][0].numpy()

    def mask_grey_levels(self, index: int) -> np.ndarray:
        """Return the mask at its stored size before it is cut to {0, 1}.

        Returns:
            (H, W) uint8 grey levels, 0 to 255.
        """
        return 255 * self.mask(index)

    def stored(self, index: int) -> tuple[bytes, bytes]:
        """Return the bytes that `fingerprints` hashes: files, or pixels if there are no files."""
        image, mask = self.load(index)
        return image.numpy().tobytes(), mask.numpy().tobytes()

    def fingerprints(self) -> dict[str, str]:
        """Hash every image and mask, at 250 MB per second and more for files in the page cache.

        Returns:
            By stem, the first 8 hex digits of the SHA-256 of the image, then those of the mask.
        """

        def fingerprint(index: int) -> str:
            return "".join(digest(data)[:8] for data in self.stored(index))

        with ThreadPoolExecutor() as pool:
            return dict(zip(self.stems, pool.map(fingerprint, range(len(self))), strict=True))

    def cache(self, progress: bool = False) -> None:
        """Load all items once and keep them in memory, with 4 bytes per pixel."""
        name, indices = f"reading {self.name}", range(len(self))
        self._cached = thread_map(self.load, indices, desc=name, disable=not progress, leave=False)


@dataclass(frozen=True)
class DataSplits:
    """The training, validation and test sets of a run.

    Args:
        origin: description of the source, for the user.
        tests: test sets by name.
        notes: remarks for the user, such as missing sets.

    >>> from aslp_lib.data.shapes import shapes
    >>> data = shapes(limit=10)
    >>> len(data.train), len(data.validation), len(data.tests["shifted"])
    (10, 10, 10)
    """

    origin: str
    train: ImageSet
    validation: ImageSet
    tests: dict[str, ImageSet]
    notes: list[str] = field(default_factory=list)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, see `ImageSet`."""
        return self.train.classes


def resized(
    images: Tensor, masks: Tensor, size: int, *, soft_masks: bool = False
) -> tuple[Tensor, Tensor]:
    """Resize images and their masks to (size, size).

    Images and soft masks are resized bilinearly, other masks to the nearest pixel.

    >>> image = torch.zeros(3, 6, 8, dtype=torch.uint8)
    >>> [part.shape for part in resized(image, image[:1], 4)]
    [torch.Size([3, 4, 4]), torch.Size([1, 4, 4])]
    """
    # Imported here, so that sets of the right size work without torchvision.
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as TF

    side, kind = [size, size], "BILINEAR" if soft_masks else "NEAREST"
    small = TF.resize(masks, side, interpolation=InterpolationMode[kind])
    return TF.resize(images, side, antialias=True), small


def derived_seed(*parts: int) -> int:
    """Derive one 32-bit seed from several non-negative integers, by NumPy's `SeedSequence`.

    >>> derived_seed(0, 1) == derived_seed(0, 1), derived_seed(0, 1) == derived_seed(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
