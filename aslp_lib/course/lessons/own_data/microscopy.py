"""Synthetic images of cells under a microscope: dense binary data with a known true posterior.

A cell is a bright disc whose border is out of focus, with a width w that differs between images.
With d the distance of a pixel to the centre of the nearest cell, in radii of that cell, the image
shows the profile `sigmoid((1 - d) / w)`. An annotator draws all borders of an image at the same
distance d = 1 + b, and b is logistic with scale w: the blurrier an image, the more annotators
disagree. Therefore `P(y = 1 | x) = sigmoid((1 - d) / w)`, which is the profile itself, slightly
hidden by the camera's noise. Pixels outside the round field of view are black and have no label.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SIZE = 32
UNLABELLED = 255
MIDDLE, SCALE = 0.4, 0.2
BLUR = (0.05, 0.5)
"""Smallest and largest width of a border, in radii of a cell."""
NOISE = 0.06
"""Standard deviation of the camera's noise."""


@dataclass(frozen=True)
class Cells:
    """Images with their masks and their true posterior.

    Args:
        images: (N, 1, S, S), standardised: `(grey - 0.4) / 0.2` of grey values in [0, 1].
        masks: (N, 1, S, S) uint8: 1 for a cell, 0 for background, 255 outside the field of view.
        posterior: (N, 1, S, S) in [0, 1], `P(y = 1 | x)`; 0 outside the field of view.
    """

    images: Tensor
    masks: Tensor
    posterior: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def labelled(self) -> Tensor:
        """Mask of the pixels within the field of view, (N, 1, S, S) boolean."""
        return self.masks != UNLABELLED


def draw_cells(
    images: int, seed: int, *, size: int = SIZE, cells: tuple[int, int] = (1, 4)
) -> Cells:
    """Draw images of cells, in double precision, so that training on them is reproducible.

    Args:
        images: number of images.
        seed: seed of the images and masks, which are the same on every machine.
        size: side of an image, in pixels.
        cells: smallest and largest number of cells in an image; cells may overlap.
    """
    samples = [_draw_image(np.random.default_rng([seed, i]), size, cells) for i in range(images)]
    arrays = (np.stack(parts)[:, None] for parts in zip(*samples, strict=True))
    return Cells(*map(torch.from_numpy, arrays))


def _draw_image(
    rng: np.random.Generator, size: int, cells: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw one (S, S) image, its mask and its posterior."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    width, bias = rng.uniform(*BLUR), rng.logistic()
    nearest = np.full((size, size), np.inf)
    for _ in range(rng.integers(cells[0], cells[1] + 1)):
        column, row = rng.uniform(0.25, 0.75, 2)
        radius = rng.uniform(0.1, 0.2)
        nearest = np.minimum(nearest, np.hypot(x - column, y - row) / radius)
    posterior = np.exp(-np.logaddexp(0, (nearest - 1) / width))  # 0 where there is no cell
    picture = 0.25 + 0.5 * posterior + NOISE * rng.standard_normal((size, size))
    mask = (nearest < 1 + width * bias).astype(np.uint8)
    outside = np.hypot(x - 0.5, y - 0.5) > 0.5
    picture, posterior = (np.where(outside, 0.0, values) for values in (picture, posterior))
    mask[outside] = UNLABELLED
    return (picture.clip(0, 1) - MIDDLE) / SCALE, mask, posterior
