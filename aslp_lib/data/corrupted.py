"""Data sets of corrupted images."""

import zlib
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch

from aslp_lib.checks import require_name
from aslp_lib.data.corruptions import CORRUPTIONS, Item
from aslp_lib.data.image_set import ImageSet, derived_seed


class Corrupted(ImageSet):
    """A data set whose images are corrupted when they are loaded.

    Images have the size of the set's items, and predicted maps are evaluated at that size, not at
    the size of the files. Sets of different names use different random numbers, so that a method
    fitted on one corrupted set has not seen the noise of another.

    Args:
        dataset: the set to corrupt, without its augmentation.
        corruption: a key of `CORRUPTIONS`.
        seed: seed of the random numbers, 0 or more.

    Raises:
        ValueError: there is no such corruption, the set has soft masks, or the corruption mixes two
            images but the set has one.

    >>> from aslp_lib.data.shapes import Shapes
    >>> noisy = Corrupted(Shapes("test", images=2, seed=1), "noise2")
    >>> noisy.name, len(noisy), noisy[0][0].shape
    ('test, noise2', 2, torch.Size([3, 48, 48]))
    """

    def __init__(self, dataset: ImageSet, corruption: str, seed: int = 0) -> None:
        super().__init__(f"{dataset.name}, {corruption}", dataset.stems)
        require_name("corruption", corruption, CORRUPTIONS)
        self.dataset, self.corruption = dataset, CORRUPTIONS[corruption]
        self.groups, self.ignored = dataset.groups, dataset.ignored
        self.classes = dataset.classes
        self.draws = derived_seed(seed, zlib.crc32(dataset.name.encode()))
        if dataset.soft_masks:
            raise ValueError(f"the set {dataset.name} has soft masks; expected masks of 0 and 1.")
        if self.corruption.mixes and len(dataset) == 1:
            raise ValueError(
                f"the set {dataset.name} has one image; expected more, as {corruption} mixes two."
            )

    def load(self, index: int) -> Item:
        return self._corrupted(self.dataset.loaded, index)

    @cached_property
    def posterior(self) -> np.ndarray:
        """True posterior `P(y = 1 | x)`, (images, H, W), transformed as the masks are.

        Raises:
            AttributeError: the posterior of the clean set is unknown, or the corruption cuts off or
                covers a part of the image.
        """
        clean = getattr(self.dataset, "posterior", None)
        if clean is None or not self.corruption.whole:
            raise AttributeError(
                f"the true posterior of the set {self.name} is unknown; expected a set with a "
                "known posterior, and a corruption that keeps the whole image"
            )

        def item(index: int) -> Item:
            posterior = torch.from_numpy(clean[index])[None]
            return torch.zeros(3, *posterior.shape[1:], dtype=torch.uint8), posterior

        return np.stack([self._corrupted(item, i)[1][0].numpy() for i in range(len(self))])

    def _corrupted(self, load: Callable[[int], Item], index: int) -> Item:
        """Corrupt the image `index`; `load` returns images by their index."""
        rng = np.random.default_rng(derived_seed(self.draws, index))
        if not self.corruption.mixes:
            return self.corruption.change(rng, load(index))
        other = int(rng.integers(len(self) - 1))
        return self.corruption.change(rng, load(index), load(other + (other >= index)))
