"""The few sets of maps on which scores meet other libraries and loops over pixels."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Grey levels and labels, (images, H, W) uint8 each, by what is special about them."""
    rng = np.random.default_rng(7)
    levels = rng.integers(0, 256, (3, 12, 15)).astype(np.uint8)
    labels = (rng.random(levels.shape) < levels / 330).astype(np.uint8)
    block, corner = np.zeros_like(labels), np.zeros_like(labels)
    block[:, 2:7, 3:9] = 1
    corner[:, 0, 0] = 1
    pair = corner.copy()
    pair[:, 0, 1] = 1
    return {
        "random": (levels, labels),
        "ties": (levels // 51 * 51, labels),
        "faint": (levels // np.uint8([[[4]], [[1]], [[1]]]), labels),
        "block": (levels, block),
        "first pixel": (levels, corner),
        "two pixels": (levels, pair),
        "all but one": (levels, 1 - corner),
        "right": (255 * block, block),
        "wrong": (255 - 255 * block, block),
        "background": (levels, np.zeros_like(labels)),
        "foreground": (levels, np.ones_like(labels)),
        "one pixel": (levels[:1, :1, :1], labels[:1, :1, :1]),
    }
