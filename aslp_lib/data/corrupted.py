"""Whole sets of corrupted images."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch

from aslp_lib.data.base import SaliencySet, derived_seed
from aslp_lib.data.corruptions import CORRUPTIONS, Item


class Corrupted(SaliencySet):
    """A set, each of its images corrupted when it is loaded.

    It exists at the size of the set's items alone, so that its predicted maps are measured there
    too, not at the size of any file. Sets of different names have draws of their own, so that what
    is fitted on one corrupted set has not seen the noise of another.

    Args:
        dataset: the set; what augments it is left out.
        corruption: a name of `CORRUPTIONS`.
        seed: 0 or more.

    Raises:
        ValueError: no such corruption; a set of soft masks; one image, where two are mixed.
    """

    def __init__(self, dataset: SaliencySet, corruption: str, seed: int = 0) -> None:
        super().__init__(f"{dataset.name}, {corruption}", dataset.stems)
        if corruption not in CORRUPTIONS:
            raise ValueError(
                f"there is no corruption {corruption!r}: choose of {', '.join(CORRUPTIONS)}"
            )
        self.dataset, self.corruption = dataset, CORRUPTIONS[corruption]
        self.draws = derived_seed(seed, zlib.crc32(dataset.name.encode()))
        if dataset.soft_masks:
            raise ValueError(
                f"the set {dataset.name} has soft masks, but only masks of 0 and 1 are corrupted: "
                "load it without them"
            )
        if self.corruption.mixes and len(dataset) < 2:
            raise ValueError(
                f"{corruption} mixes two images of a set, but {dataset.name} has {len(dataset)}"
            )

    def load(self, index: int) -> Item:
        return self._changed(self.dataset.loaded, index)

    def shape(self, index: int) -> tuple[int, int]:
        height, width = self.mask(index).shape
        return height, width

    def mask(self, index: int) -> np.ndarray:
        _, mask = self.loaded(index)
        return mask[0].numpy()

    def check_files(self) -> None:
        self.dataset.check_files()

    @cached_property
    def posterior(self) -> np.ndarray:
        """(images, H, W) `P(y = 1 | x)`, moved as the masks are, where it is known.

        Raises:
            AttributeError: it is not known of the set itself, or not of what is left of its images.
        """
        known = getattr(self.dataset, "posterior", None)
        if known is None or not self.corruption.whole:
            raise AttributeError(f"nobody knows the posterior of {self.name}")

        def item(index: int) -> Item:
            truth = torch.from_numpy(known[index])[None]
            return torch.zeros(3, *truth.shape[1:], dtype=torch.uint8), truth

        return np.stack([self._changed(item, i)[1][0].numpy() for i in range(len(self))])

    def _changed(self, load: Callable[[int], Item], index: int) -> Item:
        """The corrupted form of an image, which `load` gives by its number."""
        rng = np.random.default_rng(derived_seed(self.draws, index))
        if not self.corruption.mixes:
            return self.corruption.change(rng, load(index))
        other = int(rng.integers(len(self) - 1))
        return self.corruption.change(rng, load(index), load(other + (other >= index)))
