"""Cells under a microscope, made from a seed: another kind of dense binary data of known truth.

A cell is a bright disc whose border is out of focus, in each image by another width w. With d the
distance of a pixel to the nearest cell's centre, in radii of that cell, the image shows the profile
`sigmoid((1 - d) / w)`. Whoever annotates it draws all borders at the same d = 1 + b, generously or
tightly as it happens, and b is logistic with scale w: the blurrier an image, the further annotators
disagree. So `P(y = 1 | x) = sigmoid((1 - d) / w)`, the profile itself, which the camera's noise
hides a little. Pixels outside the round field of view are black and have no label.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

SIZE = 32
UNLABELLED = 255
MIDDLE, SCALE = 0.4, 0.2
BLACK = -MIDDLE / SCALE
"""Of standardised images."""
BLUR = (0.05, 0.5)
"""Narrowest and widest border, in radii of a cell."""


@dataclass(frozen=True)
class Cells:
    """Images with their masks and their truth.

    Args:
        images: (N, 1, S, S), standardised: `(grey - 0.4) / 0.2` of grey values in [0, 1].
        masks: (N, 1, S, S) uint8: 1 a cell, 0 none, 255 outside the field of view.
        posterior: (N, 1, S, S) in [0, 1], `P(y = 1 | x)`; 0 outside the field of view.
    """

    images: Tensor
    masks: Tensor
    posterior: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def labelled(self) -> Tensor:
        """(N, 1, S, S) boolean: the pixels within the field of view."""
        return self.masks != UNLABELLED


def draw_cells(
    images: int,
    seed: int,
    *,
    size: int = SIZE,
    cells: tuple[int, int] = (1, 4),
    light: float = 1.0,
    noise: float = 0.06,
) -> Cells:
    """Images of cells, in double precision, so that a training on them can be repeated anywhere.

    Args:
        images: how many.
        seed: fixes the images and masks, on every machine.
        size: side in pixels.
        cells: fewest and most cells of an image; some may lie over others.
        light: strength of the lamp; the sets of one seed differ in nothing else by it.
        noise: standard deviation of the camera's noise.
    """
    drawn = [
        _draw(np.random.default_rng([seed, i]), size, cells, light, noise) for i in range(images)
    ]
    pictures, masks, posteriors = (
        torch.from_numpy(np.stack(each)[:, None]) for each in zip(*drawn, strict=True)
    )
    return Cells(pictures, masks, posteriors)


def spoiled(cells: Cells, seed: int = 0) -> dict[str, Cells]:
    """The same cells, worse to see: under dimmer lamps, with more of the camera's noise, and out of
    focus. Masks and truth stay.

    Args:
        seed: of the noise.
    """
    x = cells.images
    draws = np.random.default_rng(seed).standard_normal(tuple(x.shape))
    changed = {f"lamp {light}": light * (x - BLACK) + BLACK for light in (0.8, 0.6, 0.4)}
    changed |= {f"noise {sigma}": x + sigma * torch.from_numpy(draws) for sigma in (0.3, 0.6)}
    changed |= {
        f"focus {k}": avg_pool2d(x, 2 * k + 1, 1, k, count_include_pad=False) for k in (1, 2)
    }
    return {name: replace(cells, images=each) for name, each in changed.items()}


def _draw(
    rng: np.random.Generator, size: int, cells: tuple[int, int], light: float, noise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One (S, S) image, its mask and its posterior."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    width, bias = rng.uniform(*BLUR), rng.logistic()
    nearest = np.full((size, size), np.inf)
    for _ in range(rng.integers(cells[0], cells[1] + 1)):
        column, row = rng.uniform(0.25, 0.75, 2)
        radius = rng.uniform(0.1, 0.2)
        nearest = np.minimum(nearest, np.hypot(x - column, y - row) / radius)
    posterior = np.exp(-np.logaddexp(0, (nearest - 1) / width))  # 0 where there is no cell
    picture = light * (0.25 + 0.5 * posterior) + noise * rng.standard_normal((size, size))
    mask = (nearest < 1 + width * bias).astype(np.uint8)
    outside = np.hypot(x - 0.5, y - 0.5) > 0.5
    picture, posterior = (np.where(outside, 0.0, each) for each in (picture, posterior))
    mask[outside] = UNLABELLED
    return (picture.clip(0, 1) - MIDDLE) / SCALE, mask, posterior
