"""What every data set here is: an ordered list of stems, each with an image and a binary mask."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm.auto import tqdm

Augment = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""A random change of an image and its mask together, as torchvision's v2 transforms make it."""

SizeOf = Literal["network", "image"]
"""What decides at which size something is done: the network's input, or each image as stored."""


class SaliencySet(Dataset[tuple[Tensor, Tensor, int]]):
    """Items `(image, label, index)`; the index names the image's alpha.

    `image` is (3, S, S) uint8, `label` (1, S, S) float in {0, 1}, or of soft masks in [0, 1].
    Augmentation draws from
    (seed, epoch, index) alone, so an item does not depend on how many workers load it or in what
    order, and a resumed run sees what an unbroken one would have seen.

    Args:
        name: the set's name, for messages, tables and folders.
        stems: one name an image, in the order of the indices.
        augment: of the training set, or None.
        soft_masks: `load` gives masks with their grey levels, 0 to 255, instead of {0, 1}.
    """

    def __init__(
        self,
        name: str,
        stems: Sequence[str],
        augment: Augment | None = None,
        seed: int = 0,
        *,
        soft_masks: bool = False,
    ) -> None:
        self.name, self.stems, self.soft_masks = name, list(stems), soft_masks
        self.augment, self.seed = augment, seed
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._cached: list[tuple[Tensor, Tensor]] | None = None

    def __len__(self) -> int:
        return len(self.stems)

    @property
    def epoch(self) -> int:
        """What augmentation draws from besides the seed and the index."""
        return int(self._epoch.item())

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def share_epoch(self) -> None:
        """Let worker processes that start from now on, and live from epoch to epoch, see it. Not
        without any: it takes shared memory, which a container may have none of."""
        self._epoch.share_memory_()

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        image, mask = self.loaded(index)
        if self.augment is not None:
            from torchvision import tv_tensors  # twice as long to import as torch

            # As torch.random.fork_rng, which takes longer than a flip.
            before = torch.default_generator.get_state()
            torch.default_generator.manual_seed(derived_seed(self.seed, self.epoch, index))
            # What torchvision knows as a mask it resizes to the nearest pixel.
            kind = tv_tensors.Image if self.soft_masks else tv_tensors.Mask
            image, mask = self.augment(tv_tensors.Image(image), kind(mask))
            torch.default_generator.set_state(before)
        label = mask.as_subclass(Tensor).float()
        return image.as_subclass(Tensor), label / 255 if self.soft_masks else label, index

    def load(self, index: int) -> tuple[Tensor, Tensor]:
        """Image (3, S, S) and mask (1, S, S), uint8, before augmentation."""
        raise NotImplementedError

    def loaded(self, index: int) -> tuple[Tensor, Tensor]:
        """As `load`, but from memory where `cache` keeps it."""
        return self.load(index) if self._cached is None else self._cached[index]

    def shape(self, index: int) -> tuple[int, int]:
        """(H, W) of the image as it is stored: the size of its predicted map."""
        raise NotImplementedError

    def check_files(self) -> None:
        """Raise ValueError if files cannot be used, as far as their headers tell; nothing is
        decoded, so that a training may be preceded by it. A set without files has none to check."""

    def mask(self, index: int) -> np.ndarray:
        """(H, W) uint8 in {0, 1} at the stored size: what a predicted map is measured against."""
        raise NotImplementedError

    def mask_grey_levels(self, index: int) -> np.ndarray:
        """(H, W) uint8 at the stored size: the mask before it is cut to {0, 1}, 0 to 255."""
        return 255 * self.mask(index)

    def stored(self, index: int) -> tuple[bytes, bytes]:
        """What image and mask are made from: the items' own bytes, unless they lie in files."""
        image, mask = self.load(index)
        return image.numpy().tobytes(), mask.numpy().tobytes()

    def fingerprints(self) -> dict[str, tuple[str, str]]:
        """Stem -> the first 16 hex digits of the SHA-256 of what its image and its mask are made
        from: 250 MB a second and more, of files that lie in memory."""

        def of(index: int) -> tuple[str, str]:
            image, mask = (hashlib.sha256(each).hexdigest()[:16] for each in self.stored(index))
            return image, mask

        with ThreadPoolExecutor() as pool:
            return dict(zip(self.stems, pool.map(of, range(len(self))), strict=True))

    def cache(self, progress: bool = False) -> None:
        """Load all items once and keep them in memory (4 bytes a pixel each)."""
        with ThreadPoolExecutor() as pool:
            items, number = pool.map(self.load, range(len(self))), len(self)
            name = f"reading {self.name}"
            self._cached = [*tqdm(items, name, number, disable=not progress, leave=False)]


@dataclass(frozen=True)
class DataSplits:
    """All that a run trains, validates and tests on.

    Args:
        origin: where it comes from, in words.
        tests: test sets by name.
        notes: what the user should be told: lists made up, sets not found.
    """

    origin: str
    train: SaliencySet
    validation: SaliencySet
    tests: dict[str, SaliencySet]
    notes: list[str] = field(default_factory=list)


def derived_seed(*parts: int) -> int:
    """One seed from several numbers, well mixed."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
