"""The bins of the release, against slow loops; test_release.py has its training."""

import numpy as np
import pytest

from aslp_lib.course.lessons.release import release_spans
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

FOUR = np.array([[204, 230, 153, 179]], np.uint8), np.array([[1, 0, 1, 1]], np.uint8)
"""Foreground probabilities 0.8, 0.9, 0.6 and 0.7; the second prediction is wrong."""


def by_loops(maps, masks, bins):
    """Return (pixels, sum of their confidences, correct pixels) of each bin."""
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
    return rows


@pytest.mark.claim(
    "release",
    "The authors' bins of equal mass count some pixels twice",
    "release: Bins",
)
def test_equal_mass_counts_each_pixel_once_and_says_otherwise():
    counts = Counts.from_map(*FOUR)
    gaps = np.abs(np.array([153, 179, 204, 230]) / 255 - [1, 1, 1, 0])
    assert calibration.ece_equal_mass(counts, 4) == pytest.approx(gaps.mean())
    assert abs(release_spans(*FOUR, 4).ece - gaps.mean()) > 0.05


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bins", [2, 3, 10])
def test_bins_are_those_of_a_slow_loop(seed, bins):
    """Many pixels have a confidence of 1, so that edges of bins coincide."""
    rng = np.random.default_rng(seed)
    maps = rng.choice([0, 1, 30, 90, 127, 128, 200, 255], (3, 5, 7)).astype(np.uint8)
    masks = rng.integers(0, 2, maps.shape, dtype=np.uint8)
    rows = np.array(by_loops(maps, masks, bins))
    spans = release_spans(maps, masks, bins)
    np.testing.assert_array_equal(spans.pixels, rows[:, 0])
    filled = rows[:, 0] > 0
    np.testing.assert_allclose(spans.confidence[filled], (rows[:, 1] / rows[:, 0])[filled])
    np.testing.assert_allclose(spans.accuracy[filled], (rows[:, 2] / rows[:, 0])[filled])
    gaps = np.abs(rows[:, 1] - rows[:, 2]).sum() / rows[:, 0].sum()
    assert spans.ece == pytest.approx(gaps)
    assert spans.times_counted == pytest.approx(rows[:, 0].sum() / maps.size)
