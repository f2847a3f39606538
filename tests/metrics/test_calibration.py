"""Every metric against a loop over pixels in float64, and against other libraries."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss
from torchmetrics.classification import MulticlassCalibrationError

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def maps(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Two images' levels and labels: random with ties, two-valued, of one class, or one pixel."""
    rng = np.random.default_rng(7)
    levels = rng.integers(0, 256, (2, 12, 15)).astype(np.uint8)
    labels = (rng.random((2, 12, 15)) < levels / 255).astype(np.uint8)
    if kind == "ties":
        levels = (levels // 51) * 51
    if kind == "certain":
        levels = np.where(levels > 100, 255, 0).astype(np.uint8)
    if kind == "background":
        labels[:] = 0
    if kind == "foreground":
        labels[:] = 1
    if kind == "one pixel":
        levels, labels = levels[:1, :1, :1], labels[:1, :1, :1]
    return levels, labels


KINDS = ["random", "ties", "certain", "background", "foreground", "one pixel"]


def counted(levels, labels) -> Counts:
    return Counts.join([Counts.from_map(m, y) for m, y in zip(levels, labels, strict=True)])


def pixels(levels, labels):
    """Confidence as an exact fraction's numerator over 255, and correctness, of every pixel."""
    v, y = levels.ravel().astype(int), labels.ravel().astype(int)
    return np.maximum(v, 255 - v), ((v >= 128) == y).astype(float), v / 255, y


def brute_bins(levels, labels, bins):
    """Yield (share, confidence, accuracy) of each bin with pixels, found by exact comparison."""
    numerator, correct, *_ = pixels(levels, labels)
    for k in range(bins):
        # k / bins < c / 255 <= (k + 1) / bins, in integers
        inside = (255 * k < bins * numerator) & (bins * numerator <= 255 * (k + 1))
        if inside.any():
            yield inside.mean(), (numerator[inside] / 255).mean(), correct[inside].mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bins", [1, 7, 10, 15])
def test_ece_and_oe_equal_a_loop_over_pixels(kind, bins):
    levels, labels = maps(kind)
    counts = counted(levels, labels)
    rows = list(brute_bins(levels, labels, bins))
    ece = sum(w * abs(a - c) for w, c, a in rows)
    oe = sum(w * c * max(c - a, 0) for w, c, a in rows)
    assert calibration.ece(counts, bins) == pytest.approx(ece, abs=1e-12)
    assert calibration.oe(counts, bins) == pytest.approx(oe, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_scores_equal_a_loop_over_pixels(kind):
    levels, labels = maps(kind)
    counts = counted(levels, labels)
    numerator, correct, p, y = pixels(levels, labels)
    assert calibration.accuracy(counts) == pytest.approx(correct.mean(), abs=1e-12)
    assert calibration.confidence(counts) == pytest.approx((numerator / 255).mean(), abs=1e-12)
    gap = (numerator / 255).mean() - correct.mean()
    assert calibration.gap(counts) == pytest.approx(gap, abs=1e-12)
    assert calibration.brier(counts) == pytest.approx(((p - y) ** 2).mean(), abs=1e-12)
    clipped = np.clip(p, 0.5 / 255, 1 - 0.5 / 255)
    nll = -np.mean(y * np.log(clipped) + (1 - y) * np.log(1 - clipped))
    assert calibration.nll(counts) == pytest.approx(nll, abs=1e-12)


def test_ece_equals_torchmetrics_on_the_same_definition():
    """Its two-class form bins the predicted class's confidence, as here, but into `[low, high)`:
    with 7, 11 or 13 bins no level lies on an edge. It sums in float32."""
    levels, labels = maps("random")
    p = torch.from_numpy(levels.astype(np.float32).ravel() / 255)
    y = torch.from_numpy(labels.ravel().astype(np.int64))
    for bins in (7, 11, 13):
        theirs = MulticlassCalibrationError(num_classes=2, n_bins=bins)(
            torch.stack([1 - p, p], 1), y
        )
        ours = calibration.ece(counted(levels, labels), bins)
        assert ours == pytest.approx(theirs.item(), abs=1e-5)


def test_brier_and_nll_equal_scikit_learn():
    levels, labels = maps("random")
    counts, (_, _, p, y) = counted(levels, labels), pixels(levels, labels)
    assert calibration.brier(counts) == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    clipped = np.clip(p, 0.5 / 255, 1 - 0.5 / 255)
    assert calibration.nll(counts) == pytest.approx(log_loss(y, clipped), abs=1e-12)


def test_a_diagram_by_hand():
    """Four pixels: 0.6 wrong, 0.8 right, 1.0 right and 1.0 wrong (levels 153, 204, 255, 255)."""
    levels = np.array([[153, 204, 255, 255]], np.uint8)
    labels = np.array([[0, 1, 1, 0]], np.uint8)
    counts = Counts.from_map(levels, labels)
    table = calibration.reliability(counts)
    assert table.pixels.tolist() == [0, 0, 0, 0, 0, 1, 0, 1, 0, 2]
    np.testing.assert_allclose(table.confidence[[5, 7, 9]], [0.6, 0.8, 1.0])
    np.testing.assert_allclose(table.accuracy[[5, 7, 9]], [0, 1, 0.5])
    assert np.isnan(table.accuracy[[0, 6]]).all()
    assert calibration.ece(counts) == pytest.approx((0.6 + 0.2 + 2 * 0.5) / 4)
    assert calibration.oe(counts) == pytest.approx((0.6 * 0.6 + 2 * 1.0 * 0.5) / 4)
    assert calibration.brier(counts) == pytest.approx((0.36 + 0.04 + 0 + 1) / 4)
    half = 0.5 / 255
    nll = -(math.log(0.4) + math.log(0.8) + math.log(1 - half) + math.log(half)) / 4
    assert calibration.nll(counts) == pytest.approx(nll)


def test_levels_on_an_edge_fall_into_the_lower_bin():
    """With 15 bins, level 153 / 255 = 9 / 15 exactly: bin 8, where float32 arithmetic errs."""
    counts = Counts.from_map(np.array([[153]], np.uint8), np.array([[1]], np.uint8))
    assert calibration.reliability(counts, bins=15).pixels.argmax() == 8


def test_swapping_the_classes_changes_nothing():
    levels, labels = maps("random")
    ours, swapped = counted(levels, labels), counted(255 - levels, 1 - labels)
    for score in (calibration.ece, calibration.oe, calibration.brier, calibration.nll):
        assert score(ours) == pytest.approx(score(swapped), abs=1e-12)


def test_nothing_to_measure():
    with pytest.raises(ValueError, match="no pixels"):
        calibration.ece(Counts(np.zeros((1, 2, 256), np.int64)))
    with pytest.raises(ValueError, match="bins is 0"):
        calibration.ece(counted(*maps("random")), bins=0)
