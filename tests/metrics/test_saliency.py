import numpy as np
import pytest

from aslp_lib.metrics import saliency
from aslp_lib.metrics.counts import Counts


def images(seed=3, n=4):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, (n, 9, 11)).astype(np.uint8)
    labels = (rng.random((n, 9, 11)) < levels / 400).astype(np.uint8)
    return levels, labels


def counted(levels, labels):
    return Counts.join([Counts.from_map(m, y) for m, y in zip(levels, labels, strict=True)])


def brute_f(level_map, label_map):
    """F at 256 thresholds by the definition; 0 where precision + recall is 0."""
    curve = np.zeros(256)
    for t in range(256):
        found = level_map >= t
        true = (found & (label_map == 1)).sum()
        precision = true / found.sum() if found.any() else 0.0
        recall = true / label_map.sum()
        if precision + recall > 0:
            curve[t] = 1.3 * precision * recall / (0.3 * precision + recall)
    return curve


def test_mae_is_the_mean_over_images_of_their_means():
    levels, labels = images()
    oracle = np.mean([np.abs(m / 255.0 - y).mean() for m, y in zip(levels, labels, strict=True)])
    assert saliency.mae(counted(levels, labels)) == pytest.approx(oracle, abs=1e-12)


def test_images_weigh_the_same_whatever_their_size():
    small, large = np.zeros((2, 2), np.uint8), np.full((20, 20), 255, np.uint8)
    zeros = [np.zeros_like(small), np.zeros_like(large)]
    assert saliency.mae(counted([small, large], zeros)) == pytest.approx(0.5)


def test_f_equals_the_definition_at_every_threshold():
    levels, labels = images()
    oracle = np.mean([brute_f(m, y) for m, y in zip(levels, labels, strict=True)], axis=0)
    counts = counted(levels, labels)
    np.testing.assert_allclose(saliency.f_curve(counts), oracle, atol=1e-12)
    assert saliency.max_f(counts) == pytest.approx(oracle.max())
    assert saliency.mean_f(counts) == pytest.approx(oracle.mean())


def test_a_map_that_finds_nothing_scores_zero():
    counts = Counts.from_map(np.zeros((3, 3), np.uint8), np.eye(3, dtype=np.uint8))
    curve = saliency.f_curve(counts)
    assert curve[1:].tolist() == [0.0] * 255
    assert curve[0] == pytest.approx(1.3 * (1 / 3) / (0.3 / 3 + 1))


def test_images_without_foreground_have_no_f():
    levels, labels = images()
    blank = np.zeros_like(labels[:1])
    with_blank = counted(np.concatenate([levels, levels[:1]]), np.concatenate([labels, blank]))
    assert saliency.max_f(with_blank) == pytest.approx(saliency.max_f(counted(levels, labels)))
    assert np.isnan(saliency.max_f(counted(levels[:1], blank)))
