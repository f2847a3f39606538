"""Training with corruption augmentation, for distribution shifts that can be named in advance.

It follows training on noise against corruptions (Rusak et al., ECCV 2020), with all corruptions of
`CORRUPTIONS`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aslp_lib.data.corruptions import CORRUPTIONS, Item
from aslp_lib.maps.read import IGNORED
from aslp_lib.methods.method import Batch, Draws, Method, MethodOptions
from aslp_lib.ranges import Share

CHOICES = tuple(CORRUPTIONS.values())
"""Corruptions to choose from, with equal probability."""


@dataclass(frozen=True)
class CorruptionAugmentationOptions(MethodOptions):
    """Corruption augmentation."""

    share: Share = 0.5
    """Probability that an image is replaced by a corrupted copy, in [0, 1]."""


class CorruptionAugmentation(Method[CorruptionAugmentationOptions]):
    """BCE on a batch in which corrupted copies replace images with probability `share`.

    In each epoch, the corruption is drawn again, uniformly from `CORRUPTIONS`. If it mixes two
    images, the other one is the previous image of the batch. Images are corrupted on the host,
    so on a GPU each step waits for the previous one.
    """

    name, label = "corruption_augmentation", "corruption augmentation"
    multiclass = True
    hard_masks = True

    def prepare(self, images: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Batch:
        """Corrupt some images of a batch, and their masks with them."""
        items = _items(images, labels)
        originals = [*items]
        for row in (draws.uniform < self.options.share).nonzero().flatten().tolist():
            rng = np.random.default_rng(draws.seed(draws.images[row]))
            corruption = CHOICES[rng.integers(len(CHOICES))]
            mixed_with = [originals[row - 1]] if corruption.mixes else []
            items[row] = corruption.change(rng, items[row], *mixed_with)
        new_images, new_masks = (torch.stack(tensors) for tensors in zip(*items, strict=True))
        new_labels = new_masks.to(labels)
        return new_images.to(images.device), new_labels.masked_fill(new_labels == IGNORED, math.nan)


def _items(images: Tensor, labels: Tensor) -> list[Item]:
    """Split a batch into pairs of image and mask, on the host."""
    masks = labels.cpu().nan_to_num(IGNORED).to(torch.uint8)
    return list(zip(images.cpu(), masks, strict=True))
