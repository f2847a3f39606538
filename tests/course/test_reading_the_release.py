"""The equal-mass bins of the release."""

import numpy as np
import pytest

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

FOUR = np.array([[204, 230, 153, 179]], np.uint8), np.array([[1, 0, 1, 1]], np.uint8)
"""Foreground probabilities 0.8, 0.9, 0.6 and 0.7; the second prediction is wrong."""


def release_bins(maps, masks, bins):
    """Return (pixels, sum of their confidences, correct pixels) of each bin.

    Bin k extends from edge k - 1 to edge k + 1, and includes both ends. Where m edges coincide,
    each of the bins that begin there takes the first m-th part of the pixels of every image.
    """
    pixels = [
        [(max(int(v), 255 - int(v)), (v >= 128) == y) for v, y in zip(m.flat, t.flat, strict=True)]
        for m, t in zip(maps, masks, strict=True)
    ]
    ranked = sorted(c for image in pixels for c, _ in image)
    edges = [ranked[round(k * len(ranked) / bins)] for k in range(bins)]
    rows = []
    for k in range(bins):
        low = edges[k - 1] if k else 0
        high = edges[k + 1] if k + 1 < bins else 255
        shared, taken = max(edges.count(low), 1), []
        for image in pixels:
            inside = [pixel for pixel in image if low <= pixel[0] <= high]
            taken += inside[: len(inside) // shared]
        rows.append((len(taken), sum(c for c, _ in taken) / 255, sum(r for _, r in taken)))
    return np.array(rows)


def ece_of_bins(rows):
    """Divide by the number of counts, so that the weights of the bins add up to 1."""
    return np.abs(rows[:, 1] - rows[:, 2]).sum() / rows[:, 0].sum()


@pytest.mark.claim("release", "The authors' bins of equal mass count some pixels twice")
def test_equal_mass_counts_each_pixel_once_and_says_otherwise():
    counts = Counts.from_map(*FOUR)
    gaps = np.abs(np.array([153, 179, 204, 230]) / 255 - [1, 1, 1, 0])
    assert calibration.ece_equal_mass(counts, 4) == pytest.approx(gaps.mean())
    rows = release_bins(*FOUR, 4)
    assert rows[:, 0].tolist() == [2, 3, 3, 2]  # four pixels
    assert abs(ece_of_bins(rows) - gaps.mean()) > 0.05


def test_the_ece_stays_plausible_although_most_pixels_are_counted_twice():
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 256, (3, 20, 20)).astype(np.uint8)
    masks = (255 * rng.random(maps.shape) < 0.5 * maps + 64).astype(np.uint8)
    rows = release_bins(maps, masks, 10)
    assert rows[:, 0].sum() > 1.9 * maps.size
    once = calibration.ece_equal_mass(Counts.from_maps(maps, masks), 10)
    assert once > 0.05 and abs(ece_of_bins(rows) / once - 1) < 0.25
