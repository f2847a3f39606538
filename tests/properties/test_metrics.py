"""Every score of any maps is that of a slow reference implementation."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn import metrics

from aslp_lib.metrics import SCORES, calibration, saliency, scores
from aslp_lib.metrics.accumulator import CountsAccumulator
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import per_image

BINS = st.integers(1, 30)
OF = st.sampled_from(["prediction", "foreground"])


@st.composite
def tables(draw):
    """Counts of 4 to 24 grey levels, some of an image's pixels in one class alone."""
    levels = 4 * draw(st.integers(1, 6))
    shape = (draw(st.integers(1, 4)), 2, levels)
    table = draw(arrays(np.int64, shape, elements=st.integers(0, 5)))
    table[:, draw(st.integers(0, 1)), draw(st.integers(0, levels - 1))] += 1  # none is empty
    return Counts(table)


@st.composite
def maps(draw):
    """(maps, masks), (N, H, W): grey levels of a few values or many, masks of any shape."""
    shape = draw(array_shapes(min_dims=3, max_dims=3, max_side=6))
    grey = st.one_of(st.integers(0, 255), st.sampled_from([0, 85, 127, 128, 255]))
    return (
        draw(arrays(np.uint8, shape, elements=grey)),
        draw(arrays(np.uint8, shape, elements=st.integers(0, 1))),
    )


def pixels(counts):
    """(level, label, how many) of the pooled pixels."""
    for (v, y), n in np.ndenumerate(counts.pooled.T):
        if n:
            yield v, y, int(n)


def forecasts(counts, of):
    """(confidence, outcome, how many), exact."""
    top = counts.grey_levels - 1
    for v, y, n in pixels(counts):
        if of == "foreground":
            yield Fraction(v, top), y, n
        else:
            yield Fraction(max(v, top - v), top), int((2 * v > top) == y), n


def binned(counts, bins, of):
    """(share, confidence, accuracy, pixels) of each bin (low, high] with pixels, exact."""
    of_bin: dict[int, list] = {}
    for confidence, outcome, n in forecasts(counts, of):
        of_bin.setdefault(max(math.ceil(confidence * bins) - 1, 0), []).append(
            (confidence, outcome, n)
        )
    whole = sum(n for rows in of_bin.values() for _, _, n in rows)
    for rows in of_bin.values():
        size = sum(n for _, _, n in rows)
        yield (
            Fraction(size, whole),
            sum(c * n for c, _, n in rows) / size,
            Fraction(sum(o * n for _, o, n in rows), size),
            size,
        )


@pytest.mark.claim(
    "network",
    "OE is the overconfidence error over the same bins",
    "confidence: In which direction? The overconfidence error",
)
@pytest.mark.claim(
    "network", "ECE uses 10 bins of equal width", "confidence: How large is the error? ECE by hand"
)
@given(tables(), BINS, OF)
def test_binned_errors_are_those_of_exact_fractions(counts, bins, of):
    rows = list(binned(counts, bins, of))
    expected = {
        calibration.ece: sum(w * abs(c - a) for w, c, a, _ in rows),
        calibration.oe: sum(w * c * max(c - a, 0) for w, c, a, _ in rows),
        calibration.mce: max(abs(c - a) for _, c, a, _ in rows),
        calibration.squared_error_debiased: sum(
            w * ((c - a) ** 2 - (a * (1 - a) / (n - 1) if n > 1 else 0)) for w, c, a, n in rows
        ),
    }
    for score, value in expected.items():
        assert score(counts, bins, of) == pytest.approx(float(value), abs=1e-12)
    root = math.sqrt(max(float(expected[calibration.squared_error_debiased]), 0))
    assert calibration.ece_debiased(counts, bins, of) == pytest.approx(root, abs=1e-6)


@pytest.mark.parametrize("bins", [7, 11, 13])
@given(drawn=maps())
def test_ece_equals_torchmetrics_on_the_same_definition(drawn, bins):
    """Its two-class form bins the predicted class's confidence, as here, but into `[low, high)`:
    with these bins no level but 0 and 255 lies on an edge. It sums in float32."""
    # Imported here, as it loads transformers: only one of pytest-xdist's workers has to.
    from torchmetrics.classification import BinaryAccuracy, MulticlassCalibrationError

    levels, labels = drawn[0].clip(1, 254), drawn[1]
    counts = Counts.from_maps(levels, labels)
    p, y = torch.from_numpy(levels.ravel() / 255).float(), torch.from_numpy(labels.ravel())
    both = torch.stack([1 - p, p], 1), y.long()
    theirs = {
        calibration.ece: MulticlassCalibrationError(2, n_bins=bins)(*both),
        calibration.mce: MulticlassCalibrationError(2, n_bins=bins, norm="max")(*both),
    }
    for score, value in theirs.items():
        assert score(counts, bins) == pytest.approx(value.item(), abs=1e-5)
    assert calibration.accuracy(counts) == pytest.approx(BinaryAccuracy()(p, y).item())


@given(tables(), OF)
def test_bins_of_equal_mass_equal_a_loop_over_pixels(counts, of):
    """The sweep takes the last number of bins before accuracy falls from one to the next."""
    of_value: dict[Fraction, list] = {}
    for confidence, outcome, n in forecasts(counts, of):
        of_value.setdefault(confidence, []).extend([outcome] * n)
    # Pixels of one level have no order: each carries their mean.
    pixels = [(float(c), np.mean(of_value[c])) for c in sorted(of_value) for _ in of_value[c]]
    errors, swept = [], 0
    for bins in range(1, len(of_value) + 1):
        # Every pixel is repeated `bins` times: then they split evenly.
        c, a = np.repeat(pixels, bins, axis=0).reshape(bins, -1, 2).mean(1).T
        errors.append(np.abs(c - a).mean())
        ours = calibration.ece_equal_mass(counts, bins, of)
        assert ours == pytest.approx(errors[-1], abs=1e-9)
        if not swept and (np.diff(a) < -1e-12).any():
            swept = bins - 1
    expected = errors[(swept or len(errors)) - 1]
    assert calibration.ece_sweep(counts, of) == pytest.approx(expected, abs=1e-9)


@given(tables(), OF)
def test_scores_without_bins_are_those_of_exact_fractions(counts, of):
    rows, top = sorted(forecasts(counts, of)), counts.grey_levels - 1
    whole = sum(n for *_, n in rows)
    distances = [abs(sum((c - o) * n for c, o, n in rows if c <= at)) / whole for at, *_ in rows]
    assert calibration.ks(counts, of) == pytest.approx(float(max(distances)), abs=1e-12)
    square = sum((Fraction(v, top) - y) ** 2 * n for v, y, n in pixels(counts)) / whole
    assert calibration.brier(counts) == pytest.approx(float(square), abs=1e-12)
    means = [sum(each[i] * each[2] for each in forecasts(counts, "prediction")) for i in (0, 1)]
    assert calibration.confidence(counts) == pytest.approx(float(means[0] / whole), abs=1e-12)
    assert calibration.accuracy(counts) == pytest.approx(float(means[1] / whole), abs=1e-12)
    gap = float((means[0] - means[1]) / whole)
    assert calibration.gap(counts) == pytest.approx(gap, abs=1e-12)
    edge = 0.5 / top
    price = -sum(
        n * math.log(min(max(v / top if y else 1 - v / top, edge), 1 - edge))
        for v, y, n in pixels(counts)
    )
    assert calibration.nll(counts) == pytest.approx(price / whole, abs=1e-12)


def by_pixels(level_map, mask):
    """One image's scores from their definitions, threshold by threshold and pixel by pixel."""
    p, y = level_map / 255, mask.astype(float)
    f, e, pr = np.zeros(256), np.zeros(256), np.zeros((2, 256))
    for t in np.unique([0, *(level_map.ravel().astype(int) + 1)]):  # those between find the same
        found = level_map >= t
        true = (found & (mask == 1)).sum()
        f[t:] = 0
        if true:
            precision, recall = true / found.sum(), true / mask.sum()
            f[t:] = 1.3 * precision * recall / (0.3 * precision + recall)
        if mask.all() or not mask.any():
            agree = (found == mask).astype(float)
        else:
            d, g = found - found.mean(), y - y.mean()
            agree = (2 * d * g / (d**2 + g**2 + np.spacing(1)) + 1) ** 2 / 4
        e[t:] = agree.sum() / max(mask.size - 1, 1)
        pr[0, t:], pr[1, t:] = true / max(found.sum(), 1), true / max(mask.sum(), 1)
    on = level_map.ravel() >= 128
    twice = math.ceil(min(Fraction(2 * int(level_map.sum(dtype=int)), mask.size), 255))
    return {
        "mae": np.abs(p - y).mean(),
        "e": e,
        "f": f if mask.any() else f + np.nan,
        "pr": pr if mask.any() else pr + np.nan,
        "iou": metrics.jaccard_score(mask.ravel(), on) if mask.any() else np.nan,
        "dice": metrics.f1_score(mask.ravel(), on) if mask.any() else np.nan,
        "adaptive_f": f[twice] if mask.any() else np.nan,
        "s_measure": structure(p, y),
    }


def structure(p, y):
    """S (Fan et al., 2017)."""
    if y.mean() in (0, 1):
        return p.mean() if y.all() else 1 - p.mean()

    def alike(x):
        return 2 * x.mean() / (x.mean() ** 2 + 1 + (x.std(ddof=1) if x.size > 1 else 0.0))

    whole = y.mean() * alike(p[y == 1]) + (1 - y.mean()) * alike(1 - p[y == 0])
    row, column = (round(axis.mean()) + 1 for axis in np.nonzero(y))
    region = 0.0
    for rows, columns in product(
        (slice(row), slice(row, None)), (slice(column), slice(column, None))
    ):
        x, g = p[rows, columns].ravel(), y[rows, columns].ravel()
        if x.size:
            free = max(x.size - 1, 1)
            spread = (x.var() + g.var()) * x.size / free
            above = 4 * x.mean() * g.mean() * ((x - x.mean()) * (g - g.mean())).sum() / free
            below = (x.mean() ** 2 + g.mean() ** 2) * spread
            ssim = above / below if abs(above) > 1e-15 else float(below < 1e-15)
            region += x.size / p.size * ssim
    return max(0.0, (whole + region) / 2)


@given(maps())
def test_saliency_scores_are_those_of_a_loop_over_pixels(drawn):
    levels, labels = drawn
    counts = Counts.from_maps(levels, labels)
    rows = [by_pixels(m, y) for m, y in zip(levels, labels, strict=True)]
    for name in ("mae", "iou", "dice", "s_measure"):
        expected = [row[name] for row in rows]
        np.testing.assert_allclose(per_image(counts, SCORES[name].function), expected, atol=1e-6)
    adaptive = per_image(counts, saliency.adaptive_f)
    np.testing.assert_allclose(adaptive, [r["adaptive_f"] for r in rows], atol=1e-9)
    f, e, pr = (np.array([r[name] for r in rows]) for name in ("f", "e", "pr"))
    np.testing.assert_allclose(saliency.f_curves(counts), f, atol=1e-9)
    np.testing.assert_allclose(per_image(counts, saliency.max_f), f.max(axis=1), atol=1e-9)
    np.testing.assert_allclose(saliency.e_curves(counts), e, atol=1e-6)
    np.testing.assert_allclose(saliency.precision_recall_curves(counts), pr, atol=1e-9)
    size, ours = labels[0].size, scores(counts)
    if labels.any():
        f, (p, r) = np.nanmean(f, axis=0), np.nanmean(pr, axis=0)
        best = np.max(1.3 * p * r / np.maximum(0.3 * p + r, 1e-12))
        assert ours["max_f_mean_pr"] == pytest.approx(best)
        assert (ours["max_f"], ours["mean_f"]) == pytest.approx((f.max(), f.mean()))
    e = e.mean(axis=0)
    assert (ours["max_e"], ours["mean_e"]) == pytest.approx((e.max(), e.mean()), abs=1e-6)
    for name, value in ours.items():
        if name != "nll" and not math.isnan(value):
            most = size / max(size - 1, 1) if name in ("max_e", "mean_e") else 1
            assert -1 - 1e-9 <= value <= most + 1e-9, name
            assert name == "gap" or value >= -1e-9, name


@given(maps())
def test_curves_of_pooled_pixels_are_those_of_scikit_learn_and_of_each_threshold(drawn):
    levels, labels = drawn
    counts = Counts.from_maps(levels, labels)
    assume(0 < labels.mean() < 1)
    pixels = labels.ravel(), levels.ravel()
    assert saliency.auc(counts) == pytest.approx(metrics.roc_auc_score(*pixels), abs=1e-12)
    average = metrics.average_precision_score(*pixels)
    assert saliency.average_precision(counts) == pytest.approx(average, abs=1e-12)
    on, off = levels[labels == 1], levels[labels == 0]
    false, true = saliency.roc(counts)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert len(false) == len(true) == 257
    thresholds = np.arange(255, -1, -1)
    np.testing.assert_allclose(true[1:], (on >= thresholds[:, None]).mean(axis=1))
    np.testing.assert_allclose(false[1:], (off >= thresholds[:, None]).mean(axis=1))
    precision, recall = saliency.precision_recall(counts)
    for i, t in enumerate(thresholds):
        found = (levels >= t).sum()
        share = (on >= t).sum() / found if found else 1.0
        assert precision[i] == pytest.approx(share)
        assert recall[i] == pytest.approx((on >= t).mean())


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=3, max_side=5),
        elements=st.floats(0, 1, width=32),
    ),
    st.sampled_from([4, 8, 256, 4096]),
    st.data(),
)
def test_probabilities_are_counted_one_by_one_in_any_batches(p, levels, data):
    """Some pixels ignored; batches may be empty, and all of them are the whole."""
    labels = data.draw(arrays(np.int64, p.shape, elements=st.sampled_from([0, 1, 255])))
    oracle = np.zeros((len(p), 2, levels), np.int64)
    for i, (row, own) in enumerate(zip(p, labels, strict=True)):
        for value, y in zip(row.ravel(), own.ravel(), strict=True):
            if y != 255:
                oracle[i, y, int(np.rint(value * np.float32(levels - 1)))] += 1
    oracle = oracle[oracle.any(axis=(1, 2))]
    found = CountsAccumulator(levels, ignore_index=255)
    p = np.where(labels == 255, np.float32(np.nan), p)  # what is left out may be broken
    cuts = sorted(data.draw(st.lists(st.integers(0, len(p)), max_size=3)))
    for low, high in zip([0, *cuts], [*cuts, len(p)], strict=True):
        found.update(torch.from_numpy(p[low:high]), torch.from_numpy(labels[low:high]))
    np.testing.assert_array_equal(found.counts.table, oracle)
    if oracle.any():
        assert found.compute() == pytest.approx(scores(Counts(oracle)), nan_ok=True)
