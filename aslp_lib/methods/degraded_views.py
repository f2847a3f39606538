"""Train on degraded views: the cheap cure for a shift that one can name in advance.

After training on noise against corruptions (Rusak et al., ECCV 2020), with all of `DEGRADATIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aslp_lib.data.degradations import DEGRADATIONS, Item
from aslp_lib.methods.base import Draws, Method

VIEWS = tuple(DEGRADATIONS.values())


@dataclass(frozen=True)
class DegradedViewsOptions:
    """Degraded views."""

    share: float = 0.5
    """Probability that an image is replaced by a view of it, in [0, 1]."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share is {self.share}, but is a probability and must lie in [0, 1]")


class DegradedViews(Method[DegradedViewsOptions]):
    """BCE of images, each of them with probability `share` replaced by a degraded view of itself:
    drawn anew in each epoch, all of `DEGRADATIONS` alike.

    Where two images are mixed, the other one is the one before it in the batch. Views are made on
    the host, so that on a GPU each step waits for the one before it.
    """

    name, label = "degraded_views", "degraded views"
    Options = DegradedViewsOptions
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
    degradation = VIEWS[rng.integers(len(VIEWS))]
    return degradation.change(rng, item, *([other] if degradation.mixes else []))


def _items(images: Tensor, labels: Tensor) -> list[Item]:
    """A batch's items, on the host."""
    held = labels.cpu()
    masks = held.to(torch.uint8)
    if (masks != held).any():
        raise ValueError(
            "labels lie between 0 and 1, but only masks of 0 and 1 are degraded: load the training "
            "set without soft masks"
        )
    return list(zip(images.cpu(), masks, strict=True))
