"""Images and whole sets, degraded: by whose draws, and at which size.

All is computed at the size of the items that a set loads.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from aslp_lib.data.base import SaliencySet, derived_seed
from aslp_lib.data.degradations import DEGRADATIONS, Degradation, Item


def degrade(
    images: Tensor, masks: Tensor, name: str, *, seed: int, which: Sequence[int] | None = None
) -> tuple[Tensor, Tensor]:
    """A set's images and masks, degraded.

    What becomes of an image depends on the seed, on its number in the set and, where two are mixed,
    on how many there are: not on which others are asked for, or in what order.

    >>> images, masks = torch.zeros(3, 3, 8, 8).byte(), torch.ones(3, 1, 8, 8).byte()
    >>> noisy, same = degrade(images, masks, "noise3", seed=0)
    >>> bool(noisy.any()), bool((same == masks).all())
    (True, True)

    Args:
        images: (N, 3, H, W) uint8, the whole set.
        masks: (N, 1, H, W) uint8 in {0, 1}.
        name: one of `DEGRADATIONS`.
        seed: 0 or more.
        which: the numbers of the images to return, in this order; all, unless given.

    Returns:
        Images (n, 3, H, W) uint8 and masks (n, 1, H, W) uint8 in {0, 1}.

    Raises:
        ValueError: no such degradation; other tensors than these; one image, where two are mixed.
        IndexError: a number that the set does not have.
    """
    _check(images, masks)
    degradation = _named(name, len(images))
    chosen = range(len(images)) if which is None else which
    changed = [
        _degraded(degradation, lambda i: (images[i], masks[i]), len(images), number, seed)
        for number in chosen
    ]
    if not changed:
        return images[:0], masks[:0]
    pictures, labels = zip(*changed, strict=True)
    return torch.stack(pictures), torch.stack(labels)


class Degraded(SaliencySet):
    """A set, each of its images degraded when it is loaded.

    It exists at the size of the set's items alone, so that its predicted maps are measured there
    too, not at the size of any file. Sets of different names have draws of their own, so that what
    is fitted on one degraded set has not seen the noise of another.

    Args:
        dataset: the set; what augments it is left out.
        degradation: a name of `DEGRADATIONS`.
        seed: 0 or more.

    Raises:
        ValueError: no such degradation; a set of soft masks; one image, where two are mixed.
    """

    def __init__(self, dataset: SaliencySet, degradation: str, seed: int = 0) -> None:
        super().__init__(f"{dataset.name}, {degradation}", dataset.stems)
        self.dataset, self.degradation = dataset, _named(degradation, len(dataset))
        self.draws = derived_seed(seed, zlib.crc32(dataset.name.encode()))
        if dataset.soft_masks:
            raise ValueError(
                f"the set {dataset.name} has soft masks, but only masks of 0 and 1 are degraded: "
                "load it without them"
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
        if known is None or not self.degradation.whole:
            raise AttributeError(f"nobody knows the posterior of {self.name}")

        def item(index: int) -> Item:
            truth = torch.from_numpy(known[index])[None]
            return torch.zeros(3, *truth.shape[1:], dtype=torch.uint8), truth

        return np.stack([self._changed(item, i)[1][0].numpy() for i in range(len(self))])

    def _changed(self, load: Callable[[int], Item], index: int) -> Item:
        return _degraded(self.degradation, load, len(self), index, self.draws)


def _degraded(
    degradation: Degradation, load: Callable[[int], Item], count: int, number: int, seed: int
) -> Item:
    """Image `number` of `count`, which `load` gives by their numbers."""
    if not 0 <= number < count:
        raise IndexError(f"there is no image {number}: the set has {count}, from 0 on")
    rng = np.random.default_rng(derived_seed(seed, number))
    if not degradation.mixes:
        return degradation.change(rng, load(number))
    other = int(rng.integers(count - 1))
    return degradation.change(rng, load(number), load(other + (other >= number)))


def _named(name: str, images: int) -> Degradation:
    """The degradation of a name, for a set of so many images."""
    if name not in DEGRADATIONS:
        raise ValueError(f"there is no degradation {name!r}: choose of {', '.join(DEGRADATIONS)}")
    if DEGRADATIONS[name].mixes and images < 2:
        raise ValueError(f"{name} mixes two images of a set, but this one has {images}")
    return DEGRADATIONS[name]


def _check(images: Tensor, masks: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"images are {images.dtype} of shape {tuple(images.shape)}, but must be uint8 (0 to "
            "255) of shape (N, 3, H, W)"
        )
    count, _, height, width = images.shape
    if masks.dtype != torch.uint8 or masks.shape != (count, 1, height, width):
        raise ValueError(
            f"masks are {masks.dtype} of shape {tuple(masks.shape)}, but must be uint8 of shape "
            f"{(count, 1, height, width)}, as the images are"
        )
    if masks.numel() and masks.max() > 1:
        raise ValueError(f"masks go to {int(masks.max())}, but must hold 0 and 1 alone")
