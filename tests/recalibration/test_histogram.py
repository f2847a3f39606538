"""A constant for each bin, against pixels sorted and cut one by one."""

import json
import math

import numpy as np
import pytest
import torch

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import level_logits
from aslp_lib.recalibration import Histogram

UNFITTED = {"bins": 15, "edges": (), "values": ()}


def drawn(levels, seed=0, bumps=()):
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 60, levels) * (rng.random(levels) < 0.8)
    for level, pixels in bumps:
        n[level] = pixels
    foreground = rng.binomial(n, rng.random(levels))
    return Counts(np.stack([n - foreground, foreground])[None])


def by_pixels(counts, bins):
    """(levels,) share of foreground in a level's bin: levels share one if as many ends of bins are
    reached before them, in pixels sorted one by one."""
    background, foreground = counts.pooled.tolist()
    pixels = [
        (v, y)
        for v in range(counts.grey_levels)
        for y, column in enumerate((background, foreground))
        for _ in range(column[v])
    ]

    def ends_before(level):
        before = sum(v < level for v, _ in pixels)
        return sum(before * bins >= b * len(pixels) for b in range(1, bins))

    which = [ends_before(v) for v in range(counts.grey_levels)]
    labels = {b: [y for v, y in pixels if which[v] == b] for b in which}
    return [np.mean(labels[b]) if labels[b] else math.nan for b in which]


@pytest.mark.parametrize("bins", [1, 2, 15])
@pytest.mark.parametrize("bumps", [(), ((0, 900),), ((0, 900), (31, 900)), ((17, 5000),)])
def test_bins_are_those_of_sorted_pixels(bins, bumps):
    counts = drawn(32, seed=len(bumps), bumps=bumps)
    fitted = Histogram(bins).fit(counts)
    after = torch.sigmoid(fitted.apply(torch.from_numpy(level_logits(32)))).numpy()
    there = counts.pooled.sum(axis=0) > 0
    expected = np.array(by_pixels(counts, bins), dtype=float)
    half = 0.5 / 31
    np.testing.assert_allclose(after[there], expected.clip(half, 1 - half)[there], rtol=1e-9)
    assert 1 <= len(fitted.values) <= bins


def test_by_hand():
    """Of 16 pixels a third is reached with level 1, two thirds only with the last one."""
    table = np.array([[[4, 1, 3, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1, 0, 5]]])
    fitted = Histogram(3).minimise(Counts(table))
    assert fitted.edges == pytest.approx([(math.log(1 / 6) + math.log(2 / 5)) / 2])
    assert fitted.values == pytest.approx([math.log(1 / 5), math.log(6 / 4)])
    after = fitted.apply(torch.tensor([-math.inf, fitted.edges[0], 0.0, math.inf]))
    assert after.tolist() == pytest.approx([math.log(0.2)] * 2 + [math.log(1.5)] * 2)


def test_bins_of_spread_levels_hold_equally_many():
    table = np.zeros((1, 2, 4096), np.int64)
    table[0, 0], table[0, 1] = 3, np.arange(4096) % 7
    counts = Counts(table)
    fitted = Histogram().fit(counts)
    assert len(fitted.values) == 15
    levels = torch.bucketize(
        torch.from_numpy(level_logits(4096)), torch.tensor(fitted.edges).double()
    )
    mass = np.bincount(levels, counts.pooled.sum(axis=0)) / counts.pixels
    np.testing.assert_allclose(mass, 1 / 15, atol=9 / counts.pixels)


def test_values_may_fall_and_means_are_right_in_each_bin():
    """Labels against the logits: the bins tell, and what is predicted is then right on average."""
    rng = np.random.default_rng(0)
    n = rng.integers(1, 50, 256)
    foreground = rng.binomial(n, np.linspace(0.9, 0.1, 256))
    counts = Counts(np.stack([n - foreground, foreground])[None])
    fitted = Histogram().fit(counts)
    assert (np.diff(fitted.values) < 0).mean() > 0.9
    assert calibration.ece(fitted.apply_counts(counts)) < 2e-3
    assert calibration.ece(counts) > 0.3


@pytest.mark.parametrize(("label", "sign"), [(0, -1), (1, 1)])
def test_one_class_alone_is_as_sure_as_half_a_level(label, sign):
    table = np.zeros((1, 2, 256), np.int64)
    table[0, label, [3, 90, 200]] = 7
    fitted = Histogram().fit(Counts(table))
    after = fitted.apply(torch.tensor([-20.0, 0.0, 20.0]))
    assert after.tolist() == pytest.approx([sign * math.log(509)] * 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_it_keeps_shape_and_precision(dtype):
    fitted = Histogram().fit(drawn(4096))
    z = torch.linspace(-9, 9, 60, dtype=torch.float64).to(dtype).view(3, 1, 4, 5)
    after = fitted.apply(z)
    assert after.dtype == dtype and after.shape == z.shape
    which = np.searchsorted(np.float32(fitted.edges), z.float().numpy())
    torch.testing.assert_close(after, torch.tensor(fitted.values)[which].to(dtype))


@pytest.mark.fault("a logit is NaN where bins are looked up", "it stays NaN, to be refused")
def test_nan_stays_nan():
    fitted = Histogram(edges=(0.0,), values=(-1.0, 1.0))
    assert fitted.apply(torch.tensor([math.nan, 2.0])).isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"bins": 0}, "there are 0 bins"),
        ({"edges": (1.0,)}, "1 edges and 0 values"),
        ({"edges": (1.0,), "values": (1.0,)}, "1 edges and 1 values"),
        ({"bins": 1, "edges": (1.0,), "values": (1.0, 2.0)}, "of at most 1 bins"),
        ({"edges": (1.0, 1.0), "values": (1.0, 2.0, 3.0)}, "edges of bins must rise"),
        ({"edges": (math.nan,), "values": (1.0, 2.0)}, "edge of a bin is nan"),
        ({"edges": (0.0,), "values": (1.0, math.inf)}, "value of a bin is inf"),
    ],
)
def test_what_are_no_bins_is_refused(tmp_path, numbers, message):
    with pytest.raises(ValueError, match=message):
        Histogram(**numbers)
    path = tmp_path / "histogram.json"
    path.write_text(json.dumps({"kind": "histogram", "version": 1, **UNFITTED, **numbers}))
    with pytest.raises(ValueError, match=r"histogram\.json cannot be used"):
        Histogram.load(path)
