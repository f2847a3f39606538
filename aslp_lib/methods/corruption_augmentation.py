"""Train on corruption augmentation: the cheap cure for a shift that one can name in advance.

After training on noise against corruptions (Rusak et al., ECCV 2020), with all of `CORRUPTIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aslp_lib.data.corruptions import CORRUPTIONS, Item
from aslp_lib.methods.base import Draws, Method

VIEWS = tuple(CORRUPTIONS.values())


@dataclass(frozen=True)
class CorruptionAugmentationOptions:
    """Corruption augmentation."""

    share: float = 0.5
    """Probability that an image is replaced by a view of it, in [0, 1]."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share is {self.share}, but is a probability and must lie in [0, 1]")


class CorruptionAugmentation(Method[CorruptionAugmentationOptions]):
    """BCE of images, each of them with probability `share` replaced by a corrupted image of itself:
    drawn anew in each epoch, all of `CORRUPTIONS` alike.

    Where two images are mixed, the other one is the one before it in the batch. Views are made on
    the host, so that on a GPU each step waits for the one before it.
    """

    name, label = "corruption_augmentation", "corruption augmentation"
    Options = CorruptionAugmentationOptions
    hard_masks = True

    def prepare(
        self, images: Tensor, labels: Tensor, index: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Raises ValueError if labels are of soft masks."""
        # Processes wait for each other here: all must come, whatever they draw.
        others = _items(draws.partners(images), draws.partners(labels))
        replaced = (draws.uniform < self.options.share).tolist()
        views = [
            _view(draws.seed(image), item, other) if drawn else item
            for image, drawn, item, other in zip(
                draws.images, replaced, _items(images, labels), others, strict=True
            )
        ]
        seen, masks = (torch.stack(each) for each in zip(*views, strict=True))
        return seen.to(images.device), masks.to(labels)


def _view(seed: int, item: Item, other: Item) -> Item:
    rng = np.random.default_rng(seed)
    corruption = VIEWS[rng.integers(len(VIEWS))]
    return corruption.change(rng, item, *([other] if corruption.mixes else []))


def _items(images: Tensor, labels: Tensor) -> list[Item]:
    """A batch's items, on the host."""
    held = labels.cpu()
    masks = held.to(torch.uint8)
    if (masks != held).any():
        raise ValueError(
            "labels lie between 0 and 1; expected 0 and 1, since soft masks cannot be corrupted. "
            "Load the training set without soft masks."
        )
    return list(zip(images.cpu(), masks, strict=True))
