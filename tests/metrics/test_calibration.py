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
    return Counts.from_maps(levels, labels)


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


@pytest.mark.parametrize("of", ["prediction", "foreground"])
@pytest.mark.parametrize("bins", [1, 7, 15])
def test_the_bins_of_each_image_are_those_of_its_own_diagram(bins, of):
    table = np.random.default_rng(0).integers(0, 3, (4, 2, 256))
    table[1, :, 60:200] = 0  # empty bins
    found = calibration.image_bins(Counts(table), bins, of)
    for i, image in enumerate(table):
        oracle = calibration.reliability(Counts(image[None]), bins, of)
        np.testing.assert_array_equal(found.pixels[i], oracle.pixels)
        full = oracle.pixels > 0
        for ours, mean in (
            (found.confidence, oracle.confidence),
            (found.positive, oracle.accuracy),
        ):
            np.testing.assert_allclose(ours[i][full] / oracle.pixels[full], mean[full])
            assert (ours[i][~full] == 0).all()


def test_the_edges_of_a_diagram():
    levels, labels = maps("random")
    counts = counted(levels, labels)
    for bins in (1, 4, 10):
        edges = calibration.reliability(counts, bins).edges
        np.testing.assert_allclose(edges, np.linspace(0, 1, bins + 1))


def test_a_diagram_of_equal_mass_by_hand():
    """Eight pixels, 0.6, 0.8 and 1.0: two, two and four. Each of two bins holds four."""
    levels = np.array([[153, 153, 204, 204, 255, 255, 255, 255]], np.uint8)
    labels = np.array([[0, 1, 1, 1, 1, 1, 1, 0]], np.uint8)
    table = calibration.reliability_equal_mass(Counts.from_map(levels, labels), bins=2)
    assert table.pixels.tolist() == [4, 4]
    np.testing.assert_allclose(table.edges, [0.6, 0.8, 1.0])
    np.testing.assert_allclose(table.confidence, [0.7, 1.0])
    np.testing.assert_allclose(table.accuracy, [0.75, 0.75])
    np.testing.assert_allclose(table.share, [0.5, 0.5])


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
    for score in (calibration.ece, calibration.ece_equal_mass):
        with pytest.raises(ValueError, match="bins is -1"):
            score(counted(*maps("random")), bins=-1)
    with pytest.raises(ValueError, match="bins is 257, but must be 1 to 256"):
        calibration.check_bins(257)
    calibration.check_bins(256)


def forecasts(levels, labels, of):
    """(numerator of confidence over 255, outcome) of every pixel."""
    numerator, correct, _, y = pixels(levels, labels)
    if of == "prediction":
        return numerator, correct
    return levels.ravel().astype(int), y.astype(float)


def brute_equal_mass(levels, labels, bins, of):
    """Bins of equal mass by repeating every pixel `bins` times: then they split evenly. Pixels of
    one level have no order, so each carries its level's mean outcome."""
    numerator, outcome = forecasts(levels, labels, of)
    for v in np.unique(numerator):
        outcome[numerator == v] = outcome[numerator == v].mean()
    order = np.argsort(numerator, kind="stable").repeat(bins)
    for part in np.split(order, bins):
        yield (numerator[part] / 255).mean(), outcome[part].mean()


OF = ["prediction", "foreground"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("bins", [1, 3, 10])
def test_equal_mass_equals_a_loop_over_pixels(kind, of, bins):
    levels, labels = maps(kind)
    oracle = np.mean([abs(a - c) for c, a in brute_equal_mass(levels, labels, bins, of)])
    ours = calibration.ece_equal_mass(counted(levels, labels), bins, of)
    assert ours == pytest.approx(oracle, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", OF)
def test_the_sweep_takes_the_last_monotone_number_of_bins(kind, of):
    levels, labels = maps(kind)
    best = None
    for bins in range(1, len(np.unique(forecasts(levels, labels, of)[0])) + 1):
        rows = np.array(list(brute_equal_mass(levels, labels, bins, of)))
        if (np.diff(rows[:, 1]) < -1e-12).any():
            break
        best = np.abs(rows[:, 0] - rows[:, 1]).mean()
    ours = calibration.ece_sweep(counted(levels, labels), of)
    assert ours == pytest.approx(best, abs=1e-9)


def one_by_one(counts, of):
    """The sweep as it is defined, a number of bins at a time."""
    found = calibration.forecast(counts, of)
    most = np.count_nonzero(found.pixels)
    for bins in range(2, most + 1):
        accuracy = calibration.reliability_equal_mass(counts, bins, of).accuracy
        if (np.diff(accuracy) < -1e-12).any():
            return bins - 1
    return most


@pytest.mark.parametrize("of", ["prediction", "foreground"])
@pytest.mark.parametrize("grey_levels", [4, 64, 256])
def test_several_numbers_of_bins_at_once_end_where_one_by_one_does(grey_levels, of):
    """From a set that is never monotone to one that always is."""
    rng = np.random.default_rng(8)
    ends = set()
    for noise in (0, 0.001, 0.01, 0.1, 1):
        rate = np.linspace(0, 1, grey_levels) + noise * rng.normal(size=grey_levels)
        pixels = rng.integers(0, 10**6, grey_levels) * (rng.random(grey_levels) < 0.9)
        foreground = np.rint(pixels * np.clip(rate, 0, 1)).astype(np.int64)
        counts = Counts(np.stack([pixels - foreground, foreground])[None])
        assert calibration.sweep_bins(counts, of) == one_by_one(counts, of)
        ends.add(calibration.sweep_bins(counts, of))
    assert len(ends) > 1


def test_the_sweep_takes_one_bin_where_the_surer_half_is_right_less_often():
    levels = np.array([[153] * 4 + [255] * 4], np.uint8)
    counts = Counts.from_map(levels, np.array([[1, 1, 1, 0, 1, 1, 0, 0]], np.uint8))
    assert calibration.sweep_bins(counts) == 1
    assert calibration.ece_sweep(counts) == pytest.approx(abs(0.8 - 5 / 8))


def test_the_sweep_uses_more_than_one_bin_where_accuracy_rises():
    """Two levels, the surer one right more often: two bins, and the error of each is seen."""
    levels = np.array([[153] * 10 + [255] * 10], np.uint8)
    labels = np.array([[1] * 5 + [0] * 5 + [1] * 9 + [0]], np.uint8)
    ours = calibration.ece_sweep(Counts.from_map(levels, labels))
    assert ours == pytest.approx((abs(0.6 - 0.5) + abs(1.0 - 0.9)) / 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", OF)
def test_the_foreground_s_equal_width_bins(kind, of):
    levels, labels = maps(kind)
    numerator, outcome = forecasts(levels, labels, of)
    ece = squared = worst = 0.0
    for k in range(10):
        inside = (255 * k < 10 * numerator) & (10 * numerator <= 255 * (k + 1))
        inside |= (numerator == 0) if k == 0 else False
        if n := inside.sum():
            c, a = (numerator[inside] / 255).mean(), outcome[inside].mean()
            ece += n / inside.size * abs(c - a)
            worst = max(worst, abs(c - a))
            squared += n / inside.size * ((c - a) ** 2 - (a * (1 - a) / (n - 1) if n > 1 else 0))
    counts = counted(levels, labels)
    assert calibration.ece(counts, of=of) == pytest.approx(ece, abs=1e-9)
    assert calibration.mce(counts, of=of) == pytest.approx(worst, abs=1e-9)
    assert calibration.squared_error_debiased(counts, of=of) == pytest.approx(squared, abs=1e-9)
    debiased = math.sqrt(max(squared, 0))
    assert calibration.ece_debiased(counts, of=of) == pytest.approx(debiased, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", OF)
def test_ks_is_the_largest_distance_of_the_running_sums(kind, of):
    levels, labels = maps(kind)
    numerator, outcome = forecasts(levels, labels, of)
    oracle = max(
        abs((numerator / 255 - outcome)[numerator <= v].sum()) / outcome.size
        for v in np.unique(numerator)
    )
    assert calibration.ks(counted(levels, labels), of) == pytest.approx(oracle, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_brier_s_parts(kind):
    levels, labels = maps(kind)
    counts, (_, _, p, y) = counted(levels, labels), pixels(levels, labels)
    means = {v: y[p == v].mean() for v in np.unique(p)}
    frequency = np.array([means[v] for v in p])
    parts = calibration.brier_parts(counts)
    assert parts.reliability == pytest.approx(((p - frequency) ** 2).mean(), abs=1e-9)
    assert parts.resolution == pytest.approx(((frequency - y.mean()) ** 2).mean(), abs=1e-9)
    assert parts.uncertainty == pytest.approx(y.var(), abs=1e-9)
    total = parts.reliability - parts.resolution + parts.uncertainty
    assert total == pytest.approx(calibration.brier(counts), abs=1e-9)


def test_debiasing_centres_a_calibrated_forecast_on_zero_where_ece_stays_above():
    """Pixels drawn from their own probabilities, 400 a set: the debiased squared error averages to
    0 within its standard error; the plain ECE cannot."""
    rng = np.random.default_rng(0)
    squared, plain = [], []
    for _ in range(2000):
        levels = rng.integers(0, 256, (20, 20)).astype(np.uint8)
        labels = (rng.random((20, 20)) < levels / 255).astype(np.uint8)
        counts = Counts.from_map(levels, labels)
        squared.append(calibration.squared_error_debiased(counts))
        plain.append(calibration.ece(counts))
    error = np.std(squared) / math.sqrt(len(squared))
    assert abs(np.mean(squared)) < 4 * error
    assert np.mean(plain) > 0.02


def test_an_unknown_reading_is_refused():
    with pytest.raises(ValueError, match="of is 'both'"):
        calibration.ece(counted(*maps("random")), of="both")
