"""What becomes of the labelled nuclei in the regions that a network predicts."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label as connected_regions

FEWEST = 5
"""Smallest number of interior pixels of a nucleus."""


def fates(
    labels: Iterable[NDArray[np.integer]], predictions: Iterable[NDArray[np.integer]]
) -> dict[str, float]:
    """Divide the labelled nuclei into those with their own, with a shared and without a region.

    A nucleus and a region are connected pixels of the interior, class 1, at least `FEWEST`. The
    region of a nucleus covers at least half of its interior.

    Args:
        labels: class of each pixel of each image, (H, W).
        predictions: predicted class of each pixel.

    Returns:
        fate -> its share of the labelled nuclei. The last entry counts the regions of no nucleus,
        relative to the number of labelled nuclei.
    """
    fate, unowned = [], 0
    for label, prediction in zip(labels, predictions, strict=True):
        (nuclei, n), (regions, m) = (connected_regions(x == 1) for x in (label, prediction))
        overlap = np.zeros((n + 1, m + 1), dtype=int)
        np.add.at(overlap, (nuclei.ravel(), regions.ravel()), 1)
        sizes = overlap.sum(axis=1)
        overlap[:, overlap.sum(axis=0) < FEWEST] = 0
        overlap[:, 0] = 0  # no region
        large = np.flatnonzero(sizes >= FEWEST)
        large = large[large > 0]
        region = overlap[large].argmax(axis=1)
        covered = 2 * overlap[large, region] >= sizes[large]
        shared = np.bincount(region[covered], minlength=m + 1)[region] > 1
        n_regions = int(overlap[:, 1:].any(axis=0).sum())
        unowned += n_regions - len(np.unique(region[covered]))
        fate.append(np.where(covered, np.where(shared, 1, 0), 2))
    counts = np.bincount(np.concatenate(fate), minlength=3)
    shares = np.append(counts, unowned) / counts.sum()
    names = ("own region", "shared region", "no region", "regions of no nucleus")
    return dict(zip(names, shares.tolist(), strict=True))
