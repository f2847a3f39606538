"""Isotonic regression against scikit-learn's, and histogram binning against pixels that are sorted
and cut one by one."""

import math

import numpy as np
import pytest
import torch
from sklearn.isotonic import IsotonicRegression

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import Histogram, Isotonic


def drawn(levels, seed, shares):
    """Few pixels a level, some none, so that neighbours violate the order."""
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 60, levels) * (rng.random(levels) < 0.8)
    foreground = rng.binomial(n, shares)
    return Counts(np.stack([n - foreground, foreground])[None])


def rising(levels, seed=0):
    return drawn(levels, seed, np.linspace(0.05, 0.8, levels))


def changed_levels(fitted, levels):
    return torch.sigmoid(fitted(torch.from_numpy(grey_level_logits(levels)))).numpy()


@pytest.mark.parametrize(("levels", "seed"), [(16, 0), (256, 1), (4096, 2)])
def test_isotonic_is_scikit_learn_s(levels, seed):
    counts = rising(levels, seed)
    background, foreground = counts.pooled
    pixels = background + foreground
    there = pixels > 0
    solver = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    solver.fit(np.arange(levels)[there], foreground[there] / pixels[there], pixels[there])
    expected = solver.predict(np.arange(levels))
    half = 0.5 / (levels - 1)
    after = changed_levels(Isotonic().fit(counts), levels)
    np.testing.assert_allclose(after[there], expected.clip(half, 1 - half)[there], rtol=1e-9)
    first, last = np.flatnonzero(there)[[0, -1]]
    np.testing.assert_array_equal(after[:first], after[first])
    np.testing.assert_array_equal(after[last:], after[last])


@pytest.mark.parametrize("kind", [Isotonic, Histogram])
@pytest.mark.parametrize(("label", "sign"), [(0, -1), (1, 1)])
def test_one_class_alone_is_as_confident_as_half_a_level(kind, label, sign):
    table = np.zeros((1, 2, 256), np.int64)
    table[0, label, [3, 90, 200]] = 7
    fitted = kind().fit(Counts(table))
    after = fitted(torch.tensor([-20.0, 0.0, 20.0]))
    assert after.tolist() == pytest.approx([sign * math.log(509)] * 3)
    assert fitted.describe() == {Isotonic: "one step", Histogram: "3 bins"}[kind]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_steps_and_bins_are_looked_up_as_numpy_does(dtype):
    counts = rising(4096)
    z = torch.linspace(-9, 9, 60, dtype=torch.float64).to(dtype).view(3, 1, 4, 5)
    isotonic, histogram = Isotonic().fit(counts), Histogram().fit(counts)
    assert len(histogram.values) == 15
    assert len(isotonic.logits) <= 2 * len(set(isotonic.values.tolist()))  # the ends of steps alone
    expected = np.interp(z.double(), isotonic.logits, isotonic.values)
    atol = 40 * torch.finfo(dtype).eps
    np.testing.assert_allclose(isotonic(z).double(), expected, atol=atol)
    which = np.searchsorted(histogram.edges.float().numpy(), z.float().numpy())
    expected = histogram.values[which].to(dtype)
    torch.testing.assert_close(histogram(z), expected)


def by_pixels(counts, bins):
    """(levels,) share of foreground in a level's bin: levels share one if as many ends of bins are
    reached before them, in pixels sorted one by one."""
    columns = enumerate(counts.pooled.T.tolist())
    pixels = [(v, y) for v, pair in columns for y, n in enumerate(pair) for _ in range(n)]

    def ends_before(level):
        before = sum(v < level for v, _ in pixels)
        return sum(before * bins >= b * len(pixels) for b in range(1, bins))

    which = [ends_before(v) for v in range(counts.grey_levels)]
    labels = {b: [y for v, y in pixels if which[v] == b] for b in which}
    return np.array([np.mean(labels[b]) if labels[b] else math.nan for b in which])


@pytest.mark.parametrize("bins", [1, 2, 15])
@pytest.mark.parametrize("bumps", [(), ((0, 900),), ((0, 900), (31, 900)), ((17, 5000),)])
def test_bins_are_those_of_sorted_pixels(bins, bumps):
    counts = drawn(32, len(bumps), np.random.default_rng(0).random(32))
    for level, pixels in bumps:
        counts.table[0, :, level] = pixels // 3, pixels - pixels // 3
    fitted = Histogram(bins).fit(counts)
    there = counts.pooled.sum(axis=0) > 0
    half = 0.5 / 31
    expected = by_pixels(counts, bins).clip(half, 1 - half)
    np.testing.assert_allclose(changed_levels(fitted, 32)[there], expected[there], rtol=1e-9)
    assert 1 <= len(fitted.values) <= bins


def test_a_step_of_the_last_grey_level_alone_goes_on_beyond_it():
    for signs in (1, -1):
        levels, labels = np.uint8([[0, 1, 254, 255]]), np.uint8([[0, 1, 0, 1]])
        counts = Counts.from_map(levels, labels)
        ends = signs * counts.logits[0, -1], signs * 60.0, signs * 1e30
        at, *beyond = Isotonic().fit(counts)(torch.tensor([ends]))[0].tolist()
        assert beyond == [at, at]


@pytest.mark.fault
def test_the_largest_logits_that_can_be_counted_are_fitted():
    """They exceed the largest parameter."""
    logits = np.array([[-3e38, -2.0, 2.0, 3e38]])
    counts = Counts.from_floats(logits, np.uint8([[0, 1, 0, 1]]), logits=True)
    low, *middle, high = Isotonic().fit(counts)(torch.from_numpy(logits))[0].tolist()
    assert middle == [0, 0]  # one of two pixels is foreground
    assert low == -high < -8
