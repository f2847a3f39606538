import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

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


def brute_e(level_map, label_map):
    """E at 256 thresholds, pixel by pixel (Fan et al., 2018)."""
    curve = np.zeros(256)
    for t in range(256):
        binary = (level_map >= t).astype(float)
        if label_map.all():
            enhanced = binary
        elif not label_map.any():
            enhanced = 1 - binary
        else:
            d, g = binary - binary.mean(), label_map - label_map.mean()
            enhanced = (2 * d * g / (d**2 + g**2 + np.spacing(1)) + 1) ** 2 / 4
        curve[t] = enhanced.sum() / (label_map.size - 1)
    return curve


def test_e_equals_the_definition_at_every_threshold():
    levels, labels = images()
    labels[1] = 0
    labels[2] = 1
    oracle = np.mean([brute_e(m, y) for m, y in zip(levels, labels, strict=True)], axis=0)
    counts = counted(levels, labels)
    np.testing.assert_allclose(saliency.e_curve(counts), oracle, atol=1e-9)
    assert saliency.max_e(counts) == pytest.approx(oracle.max())
    assert saliency.mean_e(counts) == pytest.approx(oracle.mean())


def test_adaptive_f_uses_twice_the_mean():
    levels, labels = images()
    oracle = []
    for m, y in zip(levels // 2, labels, strict=True):
        found = m >= min(2 * m.mean(), 255)
        true = (found & (y == 1)).sum()
        precision, recall = true / max(found.sum(), 1), true / y.sum()
        f = 1.3 * precision * recall / (0.3 * precision + recall) if true else 0.0
        oracle.append(f)
    assert saliency.adaptive_f(counted(levels // 2, labels)) == pytest.approx(np.mean(oracle))


def test_iou_by_the_definition():
    levels, labels = images()
    pairs = [(m >= 128, y == 1) for m, y in zip(levels, labels, strict=True)]
    oracle = np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs])
    assert saliency.iou(counted(levels, labels)) == pytest.approx(oracle)


def test_auc_and_average_precision_equal_scikit_learn():
    levels, labels = images()
    counts, p, y = counted(levels, labels), levels.ravel() / 255, labels.ravel()
    assert saliency.auc(counts) == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    ap = average_precision_score(y, p)
    assert saliency.average_precision(counts) == pytest.approx(ap, abs=1e-12)


def test_curves_of_one_class_are_undefined():
    counts = counted(np.full((1, 3, 3), 9, np.uint8), np.zeros((1, 3, 3), np.uint8))
    for score in (saliency.auc, saliency.average_precision, saliency.iou, saliency.adaptive_f):
        assert np.isnan(score(counts))
    assert saliency.mean_e(counts) > 0


def test_agreement_with_pysodmetrics():
    """Where the extra `saliency` is installed. Its maps are min-max normalised: these span 0 to 255
    already, and every mask has foreground."""
    sod = pytest.importorskip("py_sod_metrics", reason="the extra 'saliency' is not installed")
    levels, labels = images(n=6)
    levels[:, 0, 0], levels[:, 0, 1] = 0, 255
    theirs = {name: getattr(sod, name)() for name in ("MAE", "Fmeasure", "Emeasure")}
    for metric in theirs.values():
        for m, y in zip(levels, labels, strict=True):
            metric.step(pred=m, gt=255 * y)
    counts = counted(levels, labels)
    f, e = theirs["Fmeasure"].get_results()["fm"], theirs["Emeasure"].get_results()["em"]
    assert saliency.mae(counts) == pytest.approx(theirs["MAE"].get_results()["mae"], abs=1e-6)
    # Their thresholds run from 255 down.
    np.testing.assert_allclose(saliency.f_curve(counts), f["curve"][::-1], atol=1e-6)
    np.testing.assert_allclose(saliency.e_curve(counts), e["curve"][::-1], atol=1e-6)
    assert saliency.adaptive_f(counts) == pytest.approx(f["adp"], abs=1e-6)
